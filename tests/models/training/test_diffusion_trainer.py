"""The shared trainer: what it descends, what it keeps, and what it refuses."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from driftline.models.snapshot import pack, unpack  # noqa: E402
from driftline.models.training.diffusion_trainer import DiffusionTrainer  # noqa: E402
from driftline.models.training.sampler import sample  # noqa: E402
from driftline.models.training.schedule import Schedule  # noqa: E402

NAMES = ("uniform", "min-snr", "ant-uw", "ant-uw-forgetting", "ant-pcgrad", "ant-nash")
SCHEDULE = Schedule()


class Network(torch.nn.Module):
    """Answers from the row and its level, on a scale of its own."""

    def __init__(self, seed=0, size=4, levels=1000):
        super().__init__()
        self.levels = levels
        torch.manual_seed(seed)
        self.layers = torch.nn.Sequential(torch.nn.Linear(size + 1, 16), torch.nn.SiLU(), torch.nn.Linear(16, size))

    def forward(self, x, t):
        return self.layers(torch.cat([x, t[:, None] / self.levels], dim=1))


def rows(count=32, seed=0):
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))


def watched(trainer, x0, **options):
    """The loss, and each row's level and squared error, of a network that answers with 0."""
    seen = {}

    def zero(x, t):
        seen["t"] = t
        return torch.zeros_like(x)

    seen["loss"] = float(trainer.loss(zero, x0, **options))
    return seen


def test_uniform_is_the_mean_over_rows():
    seen = watched(DiffusionTrainer(SCHEDULE), rows())
    assert seen["loss"] == pytest.approx(float(rows().square().mean()), rel=1e-5)


@pytest.mark.parametrize("predict", ["x0", "noise"])
def test_min_snr_multiplies_rows_by_their_level(predict):
    seen = watched(DiffusionTrainer(SCHEDULE, "min-snr", predict=predict), rows(), generator=torch.Generator())
    snr = SCHEDULE.snr[seen["t"].numpy()]
    if predict == "x0":
        expected = (np.minimum(snr, 5.0) * rows().square().mean(dim=1).numpy()).mean()
        assert seen["loss"] == pytest.approx(expected, rel=1e-5)
    else:
        assert 0 < seen["loss"] < 1.0


def test_gauges_tell_losses_as_they_are_whatever_weighs_levels():
    plain, weighed = (DiffusionTrainer(SCHEDULE, name, seed=4) for name in ("uniform", "min-snr"))
    assert watched(plain, rows())["loss"] != watched(weighed, rows())["loss"]
    ours, theirs = weighed.gauges(), plain.gauges()
    assert [ours[f"loss_{i}"] for i in range(5)] == [theirs[f"loss_{i}"] for i in range(5)]


def test_a_network_that_answers_with_the_noise_has_no_loss():
    x0, drawn = rows(), {}

    def perfect(x, t):
        drawn["eps"] = (x - SCHEDULE.on(x)[0][t][:, None] * x0) / SCHEDULE.on(x)[1][t][:, None]
        return drawn["eps"]

    loss = DiffusionTrainer(SCHEDULE, predict="noise").loss(perfect, x0)
    assert float(loss) == pytest.approx(0.0, abs=1e-6)
    assert drawn["eps"].std() == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("count", [3, 5, 32, 33])
def test_intervals_share_rows_and_their_losses_are_means(count):
    trainer = DiffusionTrainer(SCHEDULE, "ant-uw")
    seen = watched(trainer, rows(count))
    assert len(seen["t"]) == count
    which = np.searchsorted([last for _, last in trainer.intervals], seen["t"].numpy())
    errors = rows(count).square().mean(dim=1).numpy()
    here = np.bincount(which, minlength=5)
    assert here.max() - here.min() <= 1
    expected = sum(0.5 * errors[which == i].mean() for i in range(5) if here[i])
    assert seen["loss"] == pytest.approx(expected, rel=1e-5)
    gauges = trainer.gauges()
    for i in range(5):
        mean = gauges[f"loss_{i}"]
        assert np.isnan(mean) if not here[i] else mean == pytest.approx(errors[which == i].mean(), rel=1e-5)


@pytest.mark.parametrize("name", ["ant-uw", "ant-uw-forgetting"])
def test_at_rest_each_gradient_is_divided_by_its_own_loss(name):
    """A fixed network, as many rows as to make its losses nearly constant; the gradient is Σ ½ ∇L_i / L_i."""
    network, trainer = Network(), DiffusionTrainer(SCHEDULE, name, half_life=200.0)
    x0 = rows(1_000)
    with torch.no_grad():
        for _ in range(800):
            trainer.loss(network, x0)
    parameters = list(network.parameters())
    kept = []

    def denoise(x, t):
        kept.append((t, network(x, t)))
        return kept[-1][1]

    loss = trainer.loss(denoise, x0)
    [(t, answer)] = kept
    which = torch.from_numpy(np.searchsorted([last for _, last in trainer.intervals], t.numpy()))
    errors = (answer - x0).square().mean(dim=1)
    expected = sum(
        0.5 * torch.autograd.grad(errors[which == i].mean().log(), parameters[0], retain_graph=True)[0]
        for i in range(5)
    )
    found = torch.autograd.grad(loss, parameters[0])[0]
    assert float((found - expected).norm() / expected.norm()) < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_do_not_count_change_nothing(name):
    network = Network()
    mask = torch.arange(32) % 4 != 0
    found = []
    for filling in (0.0, 1e6, float("nan")):
        x0 = torch.where(mask[:, None], rows(), torch.tensor(filling))
        network.zero_grad()
        trainer = DiffusionTrainer(SCHEDULE, name, seed=3)
        trainer.loss(network, x0, mask, parameters=network.parameters()).backward()
        found.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    assert torch.isfinite(found[0]).all()
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_a_mask_of_numbers_weighs_rows():
    trainer = DiffusionTrainer(SCHEDULE)
    mask = torch.tensor([1.0, 2.0, 0.0, 0.0])
    seen = watched(trainer, rows(4), mask=mask)
    errors = rows(4).square().mean(dim=1)
    assert seen["loss"] == pytest.approx(float((errors[0] + 2.0 * errors[1]) / 3.0), rel=1e-5)


def test_where_no_row_counts_nothing_is_learnt_or_drawn():
    trainer, network = DiffusionTrainer(SCHEDULE, "ant-uw"), Network()
    before = trainer.dense()
    for x0, mask in ((rows(), torch.zeros(32, dtype=torch.bool)), (rows(0), None)):
        assert float(trainer.loss(network, x0, mask)) == 0.0
        assert trainer.step(network, x0, mask) == 0.0
    after = trainer.dense()
    assert all((before[name] == after[name]).all() for name in before if name not in ("weights",))


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_trainer_goes_on_bit_for_bit(name):
    network, trainer = Network(), DiffusionTrainer(SCHEDULE, name, lr=1e-2, seed=5)
    for i in range(30):
        trainer.step(network, rows(17, i))
    kept = unpack(pack(trainer.dense()))
    copy = Network(seed=1)
    copy.load_state_dict(network.state_dict())
    other = DiffusionTrainer(SCHEDULE, name, lr=1e-2, seed=6)
    other.restore(kept, copy)
    losses = [[one.step(net, rows(17, i)) for i in range(30, 60)] for one, net in ((trainer, network), (other, copy))]
    assert losses[0] == losses[1]
    for part, value in network.state_dict().items():
        assert torch.equal(value, copy.state_dict()[part])
    ours, theirs = trainer.dense(), other.dense()
    assert sorted(ours) == sorted(theirs)
    for part, value in ours.items():
        np.testing.assert_array_equal(value, theirs[part])


def test_what_was_handed_over_does_not_change_later():
    network, trainer = Network(), DiffusionTrainer(SCHEDULE, "ant-uw")
    trainer.step(network, rows())
    kept = trainer.dense()
    before = pack(kept)
    trainer.step(network, rows())
    assert pack(kept) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda dense: dense.pop("generator"),
        lambda dense: dense.update(weights=np.zeros(4)),
        lambda dense: dense.update({"weighting.s": np.zeros(4)}),
        lambda dense: dense.update({"optimizer.layers.0.weight/exp_avg": np.zeros((2, 2), np.float32)}),
        lambda dense: dense.update(generator=np.zeros_like(dense["generator"])),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(damage):
    network, trainer = Network(), DiffusionTrainer(SCHEDULE, "ant-uw")
    for i in range(3):
        trainer.step(network, rows(seed=i))
    before = pack(trainer.dense())
    dense = trainer.dense()
    damage(dense)
    with pytest.raises(ValueError):
        trainer.restore(dense, network)
    assert pack(trainer.dense()) == before


def test_a_state_with_an_optimizer_needs_the_network():
    network, trainer = Network(), DiffusionTrainer(SCHEDULE)
    trainer.step(network, rows())
    with pytest.raises(ValueError, match="network"):
        DiffusionTrainer(SCHEDULE).restore(trainer.dense())


def test_equal_seeds_give_equal_losses_and_a_generator_leaves_the_own_one_alone():
    one, same, other = (watched(DiffusionTrainer(SCHEDULE, seed=seed), rows())["t"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    trainer = DiffusionTrainer(SCHEDULE, seed=1)
    watched(trainer, rows(), generator=torch.Generator().manual_seed(9))
    assert torch.equal(watched(trainer, rows())["t"], one)


def test_half_of_the_levels_are_those_that_sampling_visits():
    for name in ("uniform", "ant-uw"):
        trainer = DiffusionTrainer(SCHEDULE, name, levels="sampled-half", sampling_steps=10)
        low = np.mean([(watched(trainer, rows(101))["t"] < 10).double().mean().item() for _ in range(30)])
        assert 0.50 < low < 0.53
    trainer = DiffusionTrainer(SCHEDULE, levels="sampled-half", sampling_steps=3, strided=True)
    t = watched(trainer, rows(600))["t"]
    assert all(int((t == level).sum()) > 60 for level in (0, 500, 999))


def test_balancing_gradients_asks_for_parameters():
    with pytest.raises(ValueError, match="parameters"):
        DiffusionTrainer(SCHEDULE, "ant-pcgrad").loss(Network(), rows())


def test_pcgrad_descends_the_projected_sum():
    network, trainer = Network(), DiffusionTrainer(SCHEDULE, "ant-pcgrad", intervals=2)
    kept = []

    def denoise(x, t):
        kept.append((t, network(x, t)))
        return kept[-1][1]

    x0 = rows(64)
    loss = trainer.loss(denoise, x0, parameters=network.parameters())
    [(t, answer)] = kept
    errors, low = (answer - x0).square().mean(dim=1), t <= trainer.intervals[0][1]
    parts = [
        torch.cat([g.flatten() for g in torch.autograd.grad(e.mean(), list(network.parameters()), retain_graph=True)])
        for e in (errors[low], errors[~low])
    ]
    conflict = min(float(parts[0] @ parts[1]), 0.0)
    expected = sum(a - conflict / float(b @ b) * b for a, b in (parts, parts[::-1]))
    found = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_the_gradient_of_the_bargain_is_clipped():
    network, trainer = Network(), DiffusionTrainer(SCHEDULE, "ant-nash")
    trainer.step(network, 100.0 * rows())
    norm = torch.cat([p.grad.flatten() for p in network.parameters()]).norm()
    assert float(norm) == pytest.approx(1.0, rel=1e-3)


def test_gradients_reach_clean_rows_that_ask_for_them():
    x0 = rows().requires_grad_()
    DiffusionTrainer(SCHEDULE).loss(Network(), x0).backward()
    assert x0.grad is not None
    assert x0.grad.abs().sum() > 0


def test_a_trainer_teaches_one_network():
    trainer = DiffusionTrainer(SCHEDULE)
    trainer.step(Network(), rows())
    with pytest.raises(ValueError, match="one network"):
        trainer.step(Network(), rows())


def test_a_loss_that_is_not_finite_leaves_the_network_alone():
    network, trainer = Network(), DiffusionTrainer(SCHEDULE, "ant-uw")
    trainer.step(network, rows())
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match="finite"):
        trainer.step(network, torch.full((8, 4), float("nan")))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert np.isfinite(trainer.step(network, rows()))


@pytest.mark.parametrize("name", NAMES)
def test_each_weighting_learns_two_points(name):
    """Rows are one of two points; samples from noise come to lie near one, not at their mean, which is 1.41 away."""
    schedule = Schedule(steps=50, last=0.2)
    points = torch.tensor([[1.0, 1.0, -1.0, -1.0], [-1.0, 1.0, 1.0, -1.0]])

    def far(network):
        start = torch.zeros(64, 4)
        with torch.no_grad():
            made = sample(network, start, schedule, 50, torch.Generator().manual_seed(1), strided=True)
        return float(torch.cdist(made, points).min(dim=1).values.mean())

    network, trainer = Network(levels=50), DiffusionTrainer(schedule, name, lr=1e-2)
    assert far(network) > 1.5
    draw = torch.Generator().manual_seed(0)
    for _ in range(300):
        trainer.step(network, points[torch.randint(2, (50,), generator=draw)])
    assert far(network) < 1.0


@pytest.mark.parametrize(
    "given",
    [
        {"weighting": "gradnorm"},
        {"intervals": 0},
        {"intervals": 1001},
        {"interval_by": "affinity"},
        {"predict": "v"},
        {"levels": "half"},
        {"levels": "sampled-half", "sampling_steps": 0},
        {"lr": 0.0},
        {"weighting": "ant-uw", "lr_scales": -1.0},
        {"weighting": "ant-uw-forgetting", "half_life": 0.0},
    ],
)
def test_bad_parameters_are_refused(given):
    with pytest.raises(ValueError):
        DiffusionTrainer(SCHEDULE, **given)

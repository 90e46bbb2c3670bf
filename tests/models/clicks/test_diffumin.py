"""The model as a whole: it starts at the offset, repeats itself, goes on bit for bit, refuses what makes no sense."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from driftline.models.clicks.click_rows import hashed  # noqa: E402
from driftline.models.clicks.diffumin import DiffuMin  # noqa: E402
from driftline.models.clicks.diffumin_net import LOG_EIGHT  # noqa: E402
from driftline.models.clicks.interests import DriftingInterests  # noqa: E402
from driftline.models.heavy import Heavy, Shown  # noqa: E402
from driftline.models.training.sampler import levels  # noqa: E402

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SMALL = {"item": ("item", "topic"), "dim": 4, "channels": 3, "history": 20, "admit": 2}
WHOLE = {**SMALL, "steps": 3}


def stream(n, seed=1, users=12):
    """Events of users with histories, as a heavy model sees them, and labels."""
    clicks = DriftingInterests(users=users, items=60, topics=8, seed=seed)
    rng, past, rows, ys = np.random.default_rng(seed), {}, [], []
    for _ in range(n):
        click = clicks.next()
        user = click.x["user"]
        own = past.setdefault(user, [])
        said = {"clock": float(np.clip(click.p + 0.1 * rng.normal(), 0.05, 0.95)), "rates": 0.5}
        rows.append(Shown(user, click.x, said, np.array(own[::-1], np.uint64)))
        ys.append(bool(click.y))
        if click.y:
            own.append(hashed("item", click.x["item"]))
    return rows, ys


def taught(model, n=320, size=32, seed=1):
    rows, ys = stream(n, seed)
    for start in range(0, n, size):
        model.learn_many(rows[start : start + size], ys[start : start + size])
    return model, rows, ys


def digest(model):
    """All that is learnt, as one word; leaves `touched` as it was."""
    twin = model.fork()
    sha = hashlib.sha256()
    for name, value in sorted(twin.dense().items()):
        sha.update(name.encode() + value.tobytes())
    twin._table._met[twin._table._index.used] = True
    twin._table._rare_met[:] = True
    twin._catalogue._met[twin._catalogue._index.used] = True
    for key, row in sorted(twin.touched().items()):
        sha.update(key.encode() + (row or b"gone"))
    return sha.hexdigest()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("steps", [0, 2])
def test_it_starts_exactly_at_the_offset(steps, device):
    rows, _ = stream(40)
    model = DiffuMin(**SMALL, steps=steps, device=device)
    assert isinstance(model, Heavy)
    assert model.predict_many(rows) == pytest.approx([row.said["clock"] for row in rows], abs=1e-15)
    other = DiffuMin(**SMALL, steps=steps, device=device, offset="rates")
    assert (other.predict_many(rows) == 0.5).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("steps", [0, 3])
def test_answers_repeat_bit_for_bit_and_do_not_hang_on_batching(steps, device):
    model, rows, _ = taught(DiffuMin(**SMALL, steps=steps, device=device))
    whole = model.predict_many(rows)
    before = digest(model)
    assert np.array_equal(whole, model.predict_many(rows))
    assert digest(model) == before
    for size in (1, 7, 100):
        parts = np.concatenate([model.predict_many(rows[i : i + size]) for i in range(0, len(rows), size)])
        assert parts == pytest.approx(whole, abs=2e-6)
    assert np.abs(whole - [row.said["clock"] for row in rows]).max() > 1e-3  # or nothing was learnt
    assert ((whole > 0) & (whole < 1)).all()
    assert whole.dtype == np.float64


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("steps", range(1, 11))
def test_a_perfect_denoiser_gives_the_interests_themselves(steps, strided, device):
    """The sampler's oracle, through the model: whatever the number of steps, from noise or from none."""
    model, rows, _ = taught(DiffuMin(**SMALL, steps=steps, strided=strided, device=device), n=64)
    batch = model._arrays.batch(rows[32:64], model._catalogue, add=False)
    given, _ = model._inputs(batch)
    visited = []

    def perfect(noisy, among, place, direction, level):
        visited.append(int(level[0]))
        return among[torch.arange(len(place), device=among.device), place]

    model._net.denoiser.forward = perfect
    for generator in (None, torch.Generator().manual_seed(1)):
        with torch.no_grad():
            found = model._net(given, generator)
        assert len(found.clean) > 5
        assert torch.equal(found.made[found.pair], found.clean)
        assert not found.made[~found.interests.filled].any()
    assert visited == 2 * levels(model._schedule, steps, strided)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("cut", [0, 3, 7])
@pytest.mark.parametrize("given", [SMALL, {**WHOLE, "diffuse_every": 2}, {**WHOLE, "detached": False}])
def test_a_state_goes_on_bit_for_bit(given, cut, device):
    given = {**given, "forget_after": 96, "device": device}
    rows, ys = stream(32 * 10)
    whole, first, kept = DiffuMin(**given), DiffuMin(**given), {}
    parts = [slice(start, start + 32) for start in range(0, 320, 32)]
    for at, here in enumerate(parts):
        whole.learn_many(rows[here], ys[here])
        if at == cut:
            for key, row in first.touched().items():
                kept.pop(key, None) if row is None else kept.update({key: row})
            second = DiffuMin(**given)
            second.restore(first.dense(), kept)
            assert second.touched() == {}
            first = second
        first.learn_many(rows[here], ys[here])
        for key, row in first.touched().items():
            kept.pop(key, None) if row is None else kept.update({key: row})
    assert digest(first) == digest(whole)
    assert np.array_equal(first.predict_many(rows), whole.predict_many(rows))
    assert first.rows() == kept
    last = DiffuMin(**given)
    last.restore(first.dense(), kept)
    assert digest(last) == digest(whole)


def test_a_fork_is_its_own():
    model, rows, ys = taught(DiffuMin(**WHOLE))
    twin = model.fork()
    before, said = digest(twin), twin.predict_many(rows)
    assert np.array_equal(said, model.predict_many(rows))
    model.learn_many(rows[:50], ys[:50])
    assert digest(twin) == before
    twin.learn_many(rows[:50], ys[:50])
    assert digest(twin) == digest(model)


def bad_rows():
    good = Shown("u", {"user": "u", "item": "i", "price": 2.0}, {"clock": 0.5}, np.zeros(0, np.uint64))
    return {
        "finite feature": good._replace(x={**good.x, "price": float("nan")}),
        "infinite feature": good._replace(x={**good.x, "price": float("inf")}),
        "offset not a number": good._replace(said={"clock": float("nan")}),
        "offset no probability": good._replace(said={"clock": 1.5}),
        "offset lacking": good._replace(said={"other": 0.5}),
        "history of another type": good._replace(history=np.zeros(2)),
        "history of another shape": good._replace(history=np.zeros((2, 2), np.uint64)),
    }


@pytest.mark.parametrize("kind", list(bad_rows()))
def test_events_that_make_no_sense_are_refused_and_nothing_is_learnt(kind):
    model, rows, _ = taught(DiffuMin(**WHOLE))
    before = digest(model)
    new = Shown("v", {"user": "v", "a new name": "x"}, {"clock": 0.5}, np.zeros(0, np.uint64))
    with pytest.raises(ValueError, match=r"feature|probabilities|light model|history"):
        model.learn_many([rows[0], new, bad_rows()[kind]], [True, False, True])
    assert digest(model) == before
    assert np.isfinite(model.predict_many(rows)).all()


@pytest.mark.parametrize("ys", [[True], [True, 2], [True, None], [True, float("nan")]])
def test_labels_that_make_no_sense_are_refused(ys):
    model, rows, _ = taught(DiffuMin(**SMALL))
    before = digest(model)
    with pytest.raises(ValueError, match="label"):
        model.learn_many(rows[:2], ys)
    assert digest(model) == before


def test_a_gradient_that_is_not_finite_is_refused():
    model, rows, ys = taught(DiffuMin(**WHOLE))
    model._net.head[0].weight.data[0, 0] = 1e38
    model._net.head[2].weight.data[0, 0] = 1e38
    model._net.head[4].weight.data[:] = 1.0
    before = digest(model)
    with pytest.raises(ValueError, match="finite"):
        model.learn_many(rows[:20], ys[:20])
    assert digest(model) == before


def test_absurd_but_finite_events_leave_it_finite():
    model, rows, _ = taught(DiffuMin(**WHOLE))
    odd = [
        Shown("u", {}, {"clock": 0.0}, np.zeros(0, np.uint64)),
        Shown("u", {"item": "i", "price": 1e300, "n": -1e300}, {"clock": 1.0}, np.arange(5_000, dtype=np.uint64)),
        Shown("u", {"user": ["a", "b"], "item": "x" * 10_000, "topic": ["t1"] * 50}, {"clock": 0.5}, rows[-1].history),
        Shown("u", {f"f{i}": "x" for i in range(300)}, {"clock": 0.5}, np.repeat(rows[-1].history, 30)),
    ]
    assert 0.0 < DiffuMin(**SMALL).predict_many(odd[:1])[0] < 1e-6
    for _ in range(5):
        model.learn_many(odd, [True, False, True, True])
    said = model.predict_many(odd + rows)
    assert np.isfinite(said).all()
    assert ((said > 0) & (said < 1)).all()


def test_clicks_on_items_that_are_not_known_change_nothing():
    model, rows, _ = taught(DiffuMin(**WHOLE))
    row = next(row for row in rows[::-1] if 5 < len(row.history) < 15)
    more = row._replace(history=np.concatenate([row.history, np.arange(1, 4, dtype=np.uint64)]))
    assert model.predict_many([more]) == pytest.approx(model.predict_many([row]), abs=1e-6)
    far = row._replace(history=np.concatenate([np.resize(row.history, 20), row.history]))
    near = row._replace(history=np.resize(row.history, 20))
    assert model.predict_many([far]) == pytest.approx(model.predict_many([near]), abs=1e-6)  # beyond `history`


def changed(given):
    """Which parts of the network learning changes, by the first of their names."""
    model = DiffuMin(**given)
    before = {name: value.clone() for name, value in model._net.named_parameters()}
    taught(model, n=96)
    parts = {"channels.project.bias": "frame"}
    moved = [name for name, value in model._net.named_parameters() if not torch.equal(value, before[name])]
    return {parts.get(name, name.split(".")[0]) for name in moved}, model.gauges()


def test_auxiliary_losses_are_really_trained():
    """Each by itself moves what nothing else does, and the loss is told."""
    none, gauges = changed({**WHOLE, "diffusion": 0.0, "contrast": 0.0, "alike": 0.0})
    assert not none & {"denoiser", "calibration", "gate"}
    assert gauges["loss_diffusion"] == gauges["loss_contrast"] == 0.0
    assert "head" in none
    for loss, part in (("diffusion", "denoiser"), ("contrast", "calibration"), ("alike", "gate")):
        moved, gauges = changed({**WHOLE, "diffusion": 0.0, "contrast": 0.0, "alike": 0.0, loss: 0.1})
        assert moved & {"denoiser", "calibration", "gate"} == {part}
        assert gauges[f"loss_{loss}"] != 0.0
    assert "denoiser" in changed({**WHOLE, "diffusion": 0.0, "contrast": 0.0, "detached": False})[0]
    assert not changed(SMALL)[0] & {"denoiser", "calibration"}  # no steps: none of it costs anything


def test_the_diffusion_loss_falls():
    model, losses = DiffuMin(**WHOLE, diffusion=1.0, rate=1e-2), []
    rows, ys = stream(320)
    for _ in range(4):
        for start in range(96, 320, 32):
            model.learn_many(rows[start : start + 32], ys[start : start + 32])
            losses.append(model.gauges()["loss_diffusion"])
    assert np.mean(losses[-7:]) < 0.8 * np.mean(losses[1:8])


def test_diffuse_every_leaves_out_the_others():
    model = DiffuMin(**WHOLE, diffuse_every=3)
    asked = []
    loss = model._trainer.loss
    model._trainer = SimpleNamespace(loss=lambda *a, **k: asked.append(model.batches) or loss(*a, **k))
    taught(model, n=320)
    assert asked == [3, 6, 9]  # none in the first batch: there are no histories yet


def test_ids_are_admitted_and_expire():
    model = DiffuMin(**SMALL, forget_after=100)
    rows, ys = stream(64 * 70, users=300)
    old = hashed("user", rows[0].x["user"])
    for _ in range(4):
        model.learn_many(rows[:16], ys[:16])
    assert model._table.rows(np.array([old], np.uint64), np.zeros(1, np.int64))[0] >= model._table.fields
    others = [row for row in rows if row.x["user"] != rows[0].x["user"]]
    for start in range(0, 62 * 32, 32):
        model.learn_many(others[start : start + 32], [False] * 32)
    assert model._table.rows(np.array([old], np.uint64), np.zeros(1, np.int64))[0] == 0
    assert model.gauges()["ids_dropped"] > 0


def test_it_remembers_clicks_alone():
    model, row = DiffuMin(), Shown("u", {"item": 7}, {"clock": 0.5}, np.zeros(0, np.uint64))
    assert model.remember(row, True) == hashed("item", "7")
    assert model.remember(row, False) is None
    assert model.remember(row._replace(x={}), True) is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_learns_what_the_offset_does_not_know(seed):
    """With an offset that knows nothing, answers get much better than it; with one that knows all, hardly worse."""
    rows, ys = stream(3_000, seed)
    ys = np.array(ys)
    loss, late = {}, slice(1_500, 3_000)
    for offset in ("rates", "clock"):
        model, said = DiffuMin(**SMALL, offset=offset), []
        for start in range(0, len(rows), 100):
            said.append(model.predict_many(rows[start : start + 100]))
            model.learn_many(rows[start : start + 100], ys[start : start + 100])
        loss[offset] = log_loss(np.concatenate(said)[late], ys[late])
    assert loss["rates"] < log_loss(np.full(1_500, ys[late].mean()), ys[late]) - 0.01  # best that is one number
    assert loss["clock"] < log_loss(np.array([row.said["clock"] for row in rows])[late], ys[late]) + 0.005


def log_loss(p, y):
    return -np.log(np.where(y, p, 1.0 - p)).mean()


def test_likeness_is_a_share_of_the_newest_clicks():
    """Features of the last layer for exact likeness: the log of (alike + 1) / (clicks + 8), times 8."""
    model, rows, _ = taught(DiffuMin(**SMALL))
    row = rows[-1]
    with torch.no_grad():
        found = model._net(model._inputs(model._arrays.batch([row], model._catalogue, add=False))[0])
    route = model.routes([row])[0]
    own = int(found.interests.own[0])
    expected = np.log(((route[:10] == own).sum() + 1) / (len(route[:10]) + 8)) + LOG_EIGHT
    assert float(found.features[0, 3 + model._net.parts]) == pytest.approx(expected, abs=1e-5)


def test_states_that_do_not_fit_are_refused_and_nothing_changes():
    model = taught(DiffuMin(**SMALL))[0]
    before, dense, kept = digest(model), model.dense(), model.touched()
    other = DiffuMin(**{**SMALL, "channels": 2})
    for told, wrong in (
        ("net", (other.dense(), {})),
        ("lacks", ({}, {})),
        ("no table", (dense, {"else/1": b""})),
        ("bytes", (dense, {**kept, "item/0000000000000001": b"x"})),
    ):
        with pytest.raises(ValueError, match=told):
            model.restore(*wrong)
        assert digest(model) == before


def test_parameters_out_of_range_are_refused():
    for bad in (
        {"steps": 11}, {"steps": -1}, {"history": 5_001}, {"history": 0}, {"share": 0.0}, {"channels": 9}, {"dim": 0},
        {"dim": 3, "channels": 2}, {"device": "tpu"}, {"rate": 0.0}, {"diffusion": -1.0}, {"recent": 0},
        {"admit": 0}, {"item": ()},
        {"forget_after": -1}, {"seed": -1}, {"diffuse_every": 0}, {"max_ids": 0},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=next(iter(bad)) if "max_ids" not in bad else "most"):
            DiffuMin(**bad)


@pytest.mark.skipif(len(DEVICES) == 1, reason="needs CUDA")
def test_devices_agree():
    said = []
    for device in DEVICES:
        model, rows, _ = taught(DiffuMin(**WHOLE, device=device), n=96)
        said.append(model.predict_many(rows))
    assert said[0] == pytest.approx(said[1], abs=1e-3)

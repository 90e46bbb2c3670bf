"""Steps back to clean rows: oracles that know the answer."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from driftline.models.training.sampler import from_noise, levels, sample  # noqa: E402
from driftline.models.training.schedule import Schedule  # noqa: E402


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def x0():
    return torch.nn.functional.normalize(torch.randn(5, 8, generator=generator(1)), dim=1)


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("steps", range(1, 11))
@pytest.mark.parametrize("noisy", [False, True])
def test_a_perfect_denoiser_returns_the_clean_rows_exactly(x0, steps, strided, noisy):
    asked = []

    def perfect(x, t):
        asked.append(t.tolist())
        return x0

    found = sample(perfect, x0, Schedule(), steps, generator() if noisy else None, strided)
    assert torch.equal(found, x0)
    assert asked == [[level] * 5 for level in levels(Schedule(), steps, strided)]


def test_no_step_samples_nothing(x0):
    def never(x, t):
        raise AssertionError("asked")

    assert torch.equal(sample(never, x0, Schedule(), 0), torch.zeros_like(x0))


def test_without_a_generator_two_calls_are_equal_bit_for_bit(x0):
    torch.manual_seed(3)
    network = torch.nn.Linear(8, 8)
    before = torch.get_rng_state()
    first, second = (sample(lambda x, t: network(x), x0, Schedule(), 10) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_generator_brings_noise_that_its_seed_repeats(x0):
    def halve(x, t):
        return 0.5 * x

    one, same, other = (sample(halve, x0, Schedule(), 10, generator(seed)) for seed in (7, 7, 8))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_steps_are_posterior_means_from_the_noised_start(x0):
    schedule = Schedule()
    seen = []

    def denoise(x, t):
        seen.append(x)
        return 0.9 * x

    found = sample(denoise, x0.double(), schedule, 3)
    x = schedule.signal[2] * x0.double().numpy()
    for n in (2, 1, 0):
        np.testing.assert_allclose(seen[2 - n].numpy(), x, rtol=1e-12)
        if n:
            left = schedule.cumulative
            a = schedule.betas[n] * np.sqrt(left[n - 1]) / (1 - left[n])
            b = (1 - left[n - 1]) * np.sqrt(1 - schedule.betas[n]) / (1 - left[n])
            x = a * 0.9 * x + b * x
    np.testing.assert_allclose(found.numpy(), 0.9 * x, rtol=1e-9)


def test_noise_has_the_size_of_each_level():
    schedule, visited = Schedule(), []
    start = torch.full((20_000, 2), 3.0, dtype=torch.float64)

    def perfect(x, t):
        visited.append((int(t[0]), x.mean().item(), x.std().item()))
        return start

    sample(perfect, start, schedule, 6, generator(), strided=True)
    for level, mean, spread in visited:
        assert mean == pytest.approx(3.0 * schedule.signal[level], abs=0.03)
        assert spread == pytest.approx(schedule.noise[level], rel=0.03)


@pytest.mark.parametrize("strided", [False, True])
def test_the_optimal_denoiser_of_a_gaussian_brings_the_gaussian_back(strided):
    schedule, spread = Schedule(steps=200, last=0.1), 0.5
    start = torch.zeros(20_000, 1, dtype=torch.float64)

    def optimal(x, t):  # E[x0 | x_t] where x0 ~ N(2, spread²)
        signal, noise = schedule.on(x)
        s, n = signal[t][:, None], noise[t][:, None]
        return 2.0 + spread**2 * s / (spread**2 * s**2 + n**2) * (x - s * 2.0)

    found = sample(optimal, start, schedule, 200, generator(), strided)
    assert found.mean().item() == pytest.approx(2.0, abs=0.02)
    assert found.std().item() == pytest.approx(spread, rel=0.05)


def test_gradients_flow_through_all_steps(x0):
    scale = torch.tensor(0.5, requires_grad=True)
    sample(lambda x, t: scale * x, x0, Schedule(), 3).sum().backward()
    assert scale.grad is not None
    assert scale.grad != 0


def test_a_denoiser_of_noise_becomes_one_of_clean_rows(x0):
    schedule, eps = Schedule(), torch.randn(5, 8, generator=generator(2), dtype=torch.float64)
    t = torch.tensor([0, 10, 200, 500, 900])
    found = from_noise(lambda x, t: eps, schedule)(schedule.noised(x0.double(), t, eps), t)
    torch.testing.assert_close(found, x0.double())


def test_strided_levels_are_distinct_and_reach_both_ends():
    for steps in (2, 3, 10, 997, 1000):
        found = levels(Schedule(), steps, strided=True)
        assert len(set(found)) == steps
        assert (found[0], found[-1]) == (999, 0)
        assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("steps", [-1, 1001])
def test_more_steps_than_levels_are_refused(steps):
    with pytest.raises(ValueError, match="steps must be"):
        levels(Schedule(), steps)

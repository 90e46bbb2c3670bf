"""Levels of noise, and what a step back from one is made of."""

import numpy as np
import pytest

from driftline.models.training.schedule import Schedule

KINDS = ("linear", "cosine", "exponential")


def conditioned(schedule, n, to):
    """Mean weights and deviation of x_to given x_n and x0, by conditioning a joint Gaussian in high precision."""
    left = [np.prod(1.0 - schedule.betas.astype(np.longdouble)[: level + 1]) for level in range(schedule.steps)]
    signal_to, var_to = np.sqrt(left[to]), 1 - left[to]
    forward = np.sqrt(left[n] / left[to])  # x_n = forward * x_to + own noise, all given x0
    var_n = 1 - left[n]
    covariance = forward * var_to
    gain = covariance / var_n
    # E[x_to | x_n, x0] = signal_to x0 + gain (x_n - signal_n x0)
    return signal_to - gain * np.sqrt(left[n]), gain, np.sqrt(var_to - gain * covariance)


@pytest.mark.parametrize("kind", KINDS)
def test_signal_and_noise_share_the_variance_and_only_the_noise_grows(kind):
    schedule = Schedule(kind)
    np.testing.assert_allclose(schedule.signal**2 + schedule.noise**2, 1.0, rtol=1e-12)
    np.testing.assert_allclose(schedule.signal**2, np.cumprod(1.0 - schedule.betas), rtol=1e-9)
    assert np.all(np.diff(schedule.noise) > 0)
    assert np.all(np.diff(schedule.log_snr) < 0)
    assert schedule.signal.dtype == schedule.noise.dtype == np.float64
    assert schedule.signal.shape == (1000,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [10, 1000])
def test_a_step_back_is_what_conditioning_the_gaussian_gives(kind, steps):
    schedule = Schedule(kind, steps)
    ones = (1, 2, 5, 9, steps // 2, steps - 1)
    pairs = [(n, n - 1) for n in ones] + [
        (9, 3),
        (steps - 1, 0),
        (steps - 1, steps // 3),
    ]
    for n, to in pairs:
        expected = [float(part) for part in conditioned(schedule, n, to)]
        np.testing.assert_allclose(schedule.posterior(n, to), expected, atol=1e-6, rtol=1e-6)
    assert schedule.posterior(0) == schedule.posterior(7, -1) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_back_with_noise_keeps_the_level_below(kind):
    schedule = Schedule(kind, 50)
    for n in range(1, 50):
        of_clean, of_noisy, sigma = schedule.posterior(n)
        assert of_clean + of_noisy * schedule.signal[n] == pytest.approx(schedule.signal[n - 1], rel=1e-9)
        spread = of_noisy**2 * schedule.noise[n] ** 2 + sigma**2
        assert spread == pytest.approx(schedule.noise[n - 1] ** 2, rel=1e-9)


def test_the_published_schedule():
    schedule = Schedule("linear", 1000)
    assert schedule.betas[[0, -1]].tolist() == [1e-4, 0.02]
    assert round(schedule.cumulative[9], 4) == 0.9981
    assert Schedule("exponential").betas[500] == pytest.approx(1e-4 * 200 ** (500 / 999))
    assert Schedule("cosine").betas.max() == 0.999


def test_rows_are_noised_each_at_its_level():
    schedule, rng = Schedule(steps=20), np.random.default_rng(0)
    x0, eps = rng.normal(size=(2, 4, 3, 2))
    t = np.array([0, 3, 3, 19])
    found = schedule.noised(x0, t, eps)
    for row, level in enumerate(t):
        np.testing.assert_allclose(found[row], schedule.signal[level] * x0[row] + schedule.noise[level] * eps[row])
    np.testing.assert_array_equal(schedule.noised(x0, 3, eps)[1], found[1])


def test_tensors_are_noised_as_arrays_are():
    torch = pytest.importorskip("torch")
    schedule = Schedule(steps=20)
    x0, eps = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.tensor([0, 3, 3, 19])
    found = schedule.noised(x0, t, eps)
    np.testing.assert_array_equal(found.numpy(), schedule.noised(x0.numpy(), t.numpy(), eps.numpy()))
    assert schedule.noised(x0.float(), t, eps.float()).dtype == torch.float32
    assert schedule.on(x0)[0] is schedule.on(eps)[0]


@pytest.mark.parametrize(
    "given", [{"kind": "quadratic"}, {"steps": 0}, {"first": 0.0}, {"last": 1.0}, {"first": 0.1, "last": 0.02}]
)
def test_bad_parameters_are_refused(given):
    with pytest.raises(ValueError):
        Schedule(**given)


@pytest.mark.parametrize(("n", "to"), [(10, None), (-1, None), (3, 3), (3, 5), (3, -2)])
def test_only_a_step_to_a_lower_level_leads_back(n, to):
    with pytest.raises(ValueError, match="lower"):
        Schedule(steps=10).posterior(n, to)

"""Weights by name: the plain ones, and what all share."""

import numpy as np
import pytest

from driftline.models.training.schedule import Schedule
from driftline.models.training.weighting import level_factors, make

NAMES = ("uniform", "min-snr", "ant-uw", "ant-uw-forgetting", "ant-pcgrad", "ant-nash")


def steps(weighting, rng, count):
    """Weights of a few steps in which now and then an interval has no rows."""
    found = []
    for _ in range(count):
        losses, gradients = rng.exponential(size=3), rng.normal(size=(3, 6))
        if rng.random() < 0.3:
            losses[1], gradients[1] = np.nan, 0.0
        shares = np.where(np.isnan(losses), 0.0, 0.5)
        found.append(weighting.weights(losses, shares, lambda g=gradients: g @ g.T, rng.permutation))
    return np.array(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_weighting_goes_on_bit_for_bit(name):
    first, second = make(name, 3), make(name, 3)
    steps(first, np.random.default_rng(0), 60)
    second.restore(first.dense())
    ahead = steps(first, np.random.default_rng(1), 60)
    assert np.isfinite(ahead).all()
    np.testing.assert_array_equal(ahead, steps(second, np.random.default_rng(1), 60))


@pytest.mark.parametrize("name", NAMES)
def test_what_was_handed_over_does_not_change_later(name):
    weighting = make(name, 3)
    steps(weighting, np.random.default_rng(0), 5)
    kept = weighting.dense()
    before = {part: value.copy() for part, value in kept.items()}
    steps(weighting, np.random.default_rng(1), 40)
    for part, value in kept.items():
        np.testing.assert_array_equal(value, before[part])


@pytest.mark.parametrize("name", ["ant-uw", "ant-uw-forgetting", "ant-nash"])
def test_arrays_of_another_number_of_intervals_are_refused(name):
    weighting, other = make(name, 3), make(name, 4)
    steps(weighting, np.random.default_rng(0), 5)
    before = weighting.dense()
    with pytest.raises(ValueError, match="shape"):
        weighting.restore(other.dense())
    for part, value in weighting.dense().items():
        np.testing.assert_array_equal(value, before[part])


def test_min_snr_weighs_both_predictions_alike():
    schedule = Schedule()
    noise, clean = (level_factors(schedule, "min-snr", predict) for predict in ("noise", "x0"))
    np.testing.assert_allclose(noise, np.minimum(schedule.snr, 5.0) / schedule.snr)
    np.testing.assert_allclose(clean, noise * schedule.snr)  # an error of x0 is 1/snr of that of the noise, squared
    assert level_factors(schedule, "ant-uw", "x0") is None


def test_a_name_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="ant-uw"):
        make("gradnorm", 5)

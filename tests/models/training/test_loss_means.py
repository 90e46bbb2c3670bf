"""Exponential means of what was seen."""

import numpy as np
import pytest

from driftline.models.training.loss_means import LossMeans


def test_means_are_weighed_by_age_over_the_steps_that_were_seen():
    means, rng, seen = LossMeans(2, half_life=7.0), np.random.default_rng(0), []
    for _ in range(50):
        losses = rng.exponential(size=2)
        if rng.random() < 0.4:
            losses[1] = np.nan
        means.update(losses)
        seen.append(losses)
    for i in range(2):
        kept = np.array([losses[i] for losses in seen if np.isfinite(losses[i])])
        weights = 0.5 ** (np.arange(len(kept))[::-1] / 7.0)
        assert means.means()[i] == pytest.approx(np.average(kept, weights=weights))


def test_what_is_not_finite_poisons_nothing():
    means = LossMeans(2, half_life=7.0)
    means.update(np.array([1.0, np.inf]))
    assert means.means()[0] == 1.0
    assert np.isnan(means.means()[1])


@pytest.mark.parametrize("half_life", [0.0, -1.0, float("nan")])
def test_a_half_life_must_be_above_0(half_life):
    with pytest.raises(ValueError, match="half_life"):
        LossMeans(2, half_life)

"""Scales come to rest at the logarithm of the losses, learnt or followed."""

import numpy as np
import pytest

from driftline.models.training.uncertainty import ForgettingUncertainty, Uncertainty

LOSSES = np.array([3.0, 0.9, 0.1, 0.004])
SHARES = np.full(4, 0.25)


def run(weighting, losses, count):
    for _ in range(count):
        weights = weighting.weights(losses, SHARES, None, None)
    return weights


@pytest.mark.parametrize("make", [Uncertainty, ForgettingUncertainty])
def test_with_frozen_losses_scales_rest_at_their_logarithm(make):
    weighting = make(4)
    weights = run(weighting, LOSSES, 3_000)
    np.testing.assert_allclose(weighting.s, np.log(LOSSES), atol=1e-3)
    np.testing.assert_allclose(weights, 0.5 / LOSSES, rtol=2e-3)


def test_scales_learn_as_adam_on_the_objective_does():
    torch = pytest.importorskip("torch")
    s = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.AdamW([s], lr=0.025, weight_decay=0.0)
    weighting, rng = Uncertainty(4), np.random.default_rng(0)
    for _ in range(300):
        losses = LOSSES * rng.exponential(size=4)
        weights = weighting.weights(losses, SHARES, None, None)
        np.testing.assert_allclose(weights, 0.5 * torch.exp(-s.detach()).numpy(), rtol=1e-9)
        adam.zero_grad()
        (0.5 * (torch.exp(-s) * torch.from_numpy(losses) + s).sum()).backward()
        adam.step()
    np.testing.assert_allclose(weighting.s, s.detach().numpy(), atol=1e-9)


def test_scales_start_at_0_and_move_only_where_there_were_rows():
    weighting = Uncertainty(4)
    losses = np.array([2.0, np.nan, 2.0, np.nan])
    assert weighting.weights(losses, SHARES, None, None).tolist() == [0.5] * 4
    assert (weighting.s != 0.0).tolist() == [True, False, True, False]


@pytest.mark.parametrize("make", [Uncertainty, ForgettingUncertainty])
def test_a_loss_of_0_keeps_weights_finite(make):
    weights = run(make(4), np.zeros(4), 3_000)
    assert np.isfinite(weights).all()


def test_following_scales_forget_at_their_half_life():
    weighting = ForgettingUncertainty(4, half_life=20.0)
    run(weighting, np.full(4, 1.0), 2_000)
    run(weighting, np.full(4, 3.0), 20)
    np.testing.assert_allclose(np.exp(weighting.s), 2.0, rtol=1e-6)


def test_the_first_step_of_an_interval_is_a_full_one_however_late():
    weighting = Uncertainty(2)
    for _ in range(100):
        weighting.weights(np.array([2.0, np.nan]), SHARES[:2], None, None)
    weighting.weights(np.array([2.0, 2.0]), SHARES[:2], None, None)
    assert weighting.s[1] == pytest.approx(0.025)

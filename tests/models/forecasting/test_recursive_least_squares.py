import math

import numpy as np
import pytest
from judge import AIR, error
from river import datasets

from driftline.models.forecasting.naive import Naive, SeasonalNaive
from driftline.models.forecasting.recursive_least_squares import RecursiveLeastSquares

WATER = [float(y) for _, y in datasets.WaterFlow()]


def made(n=1200, season=24, seed=7):
    """Two waves of a season and noise that lingers."""
    rng, noise, values = np.random.default_rng(seed), 0.0, []
    for t in range(n):
        noise = 0.7 * noise + 3 * rng.normal()
        angle = t / season * math.tau
        values.append(100 + 20 * math.sin(angle) + 8 * math.sin(2 * angle + 1) + noise)
    return values


@pytest.mark.parametrize(
    ("values", "season", "horizon", "share"),
    [(AIR, 12, 1, 0.4), (AIR, 12, 12, 0.55), (WATER, 24, 24, 0.9), (made(), 24, 1, 0.7), (made(), 24, 24, 0.99)],
    ids=["air-1", "air-12", "water-24", "made-1", "made-24"],
)
def test_it_beats_last_value_and_seasonal_naive_by_the_stated_share(values, season, horizon, share):
    after = 36 if values is AIR else 200
    rivals = [error(model, values, horizon, after) for model in (Naive(), SeasonalNaive(season))]
    assert error(RecursiveLeastSquares(season=season), values, horizon, after) < share * min(rivals)


def test_one_step_ahead_on_water_it_is_no_worse_than_the_last_value():
    assert error(RecursiveLeastSquares(season=24), WATER, 1, 200) < 1.01 * error(Naive(), WATER, 1, 200)


def test_it_finds_the_coefficients_of_an_autoregression():
    rng, values, model = np.random.default_rng(1), [0.0, 0.0], RecursiveLeastSquares(lags=2, forgetting=1.0)
    for _ in range(5000):
        values.append(1.2 * values[-1] - 0.5 * values[-2] + rng.normal())
        model.learn_one(values[-1])
    assert model.weights[1:] == pytest.approx([1.2, -0.5], abs=0.05)


def test_it_equals_the_batch_solution():
    """Without forgetting and with nothing cut, the recursion is ridge regression towards the first weights."""
    values = [70.0, 130.0, 90.0, 110.0, *made(300)]  # the first ones span the scale, so that nothing is cut
    model = RecursiveLeastSquares(lags=3, forgetting=1.0, tolerance=1e9, prior=0.5)
    for y in values[:4]:
        model.learn_one(y)
    centre, scale = model.centre, model.scale
    for y in values[4:]:
        model.learn_one(y)
    z = (np.array(values) - centre) / scale
    rows = np.array([[1.0, *z[t - 3 : t][::-1]] for t in range(3, len(z))])
    first = np.array([0.0, 1.0, 0.0, 0.0])
    weights = first + np.linalg.solve(rows.T @ rows + 0.5 * np.eye(4), rows.T @ (z[3:] - rows @ first))
    wanted = centre + scale * (weights @ [1.0, *z[-3:][::-1]])
    assert model.forecast(1)[0] == pytest.approx(wanted, rel=1e-9)


def test_before_the_longest_lag_was_seen_the_last_value_is_the_forecast():
    model = RecursiveLeastSquares(lags=2, season=6)
    assert model.forecast(2) == [0.0, 0.0]
    for t in range(7):
        model.learn_one(float(t * t))
        assert model.forecast(3) == [float(t * t)] * 3
    model.learn_one(49.0)
    assert model.forecast(3) != [49.0] * 3


def test_unit_and_offset_of_the_series_do_not_matter():
    values = made(400)
    said = []
    for factor, offset in ((1.0, 0.0), (1e9, 0.0), (1e-9, 0.0), (1.0, 1e5)):
        model = RecursiveLeastSquares(season=24)
        for y in values:
            model.learn_one(factor * y + offset)
        said.append((np.array(model.forecast(24)) - offset) / factor)
    for other in said[1:]:
        assert other == pytest.approx(said[0], rel=1e-3)


def test_nothing_winds_up_while_nothing_happens():
    model = RecursiveLeastSquares(lags=4, forgetting=0.95)
    for y in made(200):
        model.learn_one(y)
    for _ in range(20_000):
        model.learn_one(100.0)
    assert model.forecast(5) == pytest.approx([100.0] * 5)
    assert np.array_equal(model.covariance, model.covariance.T)
    assert np.linalg.eigvalsh(model.covariance)[0] > 0
    assert np.linalg.eigvalsh(model.covariance)[-1] < 2 / model.prior / 0.95 ** len(model.weights)
    assert error(model, made(800), 1, 400) < error(Naive(), made(800), 1, 400)


def test_a_series_that_moves_a_millionfold_is_followed():
    model = RecursiveLeastSquares(season=24)
    for y in made(500):
        model.learn_one(y)
    values = [1e6 * y for y in made(800)]
    assert error(model, values, 1, 500) < 0.8 * error(Naive(), values, 1, 500)


def test_changing_centre_and_scale_changes_no_forecast():
    model = RecursiveLeastSquares(lags=3, season=12)
    for y in made(300, season=12):
        model.learn_one(y)
    before = model.forecast(1)
    model._express(model.centre + 17.0, model.scale * 30.0)
    assert model.forecast(1) == pytest.approx(before)


def test_an_unstable_fit_cannot_run_away():
    model = RecursiveLeastSquares(lags=1)
    for t in range(60):
        model.learn_one(1.1**t)
    held = model.history
    assert max(model.forecast(1000)) <= held.max() + 2 * (np.ptp(held) + model.scale)

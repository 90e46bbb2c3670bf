import math

import numpy as np
import pytest
from judge import AIR, error
from river import time_series

from driftline.models.forecasting.holt_winters import HoltWinters
from driftline.models.forecasting.naive import Naive, SeasonalNaive


@pytest.mark.parametrize("horizon", [1, 12])
def test_it_beats_last_value_and_seasonal_naive_on_airline_passengers(horizon):
    rivals = [error(model, AIR, horizon, 36) for model in (Naive(), SeasonalNaive(12))]
    assert error(HoltWinters(season=12), AIR, horizon, 36) < 0.75 * min(rivals)
    assert error(HoltWinters(season=12, multiplicative=True), AIR, horizon, 36) < 0.55 * min(rivals)


@pytest.mark.parametrize("horizon", [1, 12])
def test_with_the_same_parameters_it_is_as_good_as_rivers(horizon):
    same = {"alpha": 0.3, "beta": 0.1, "gamma": 0.6, "multiplicative": True}
    ours = error(HoltWinters(season=12, damping=1.0, **same), AIR, horizon, 36)
    rivers = error(time_series.HoltWinters(seasonality=12, **same), AIR, horizon, 36)
    assert ours < 1.02 * rivers


def test_it_forecasts_from_the_first_value():
    model = HoltWinters(season=4)
    assert model.forecast(2) == [0.0, 0.0]
    model.learn_one(7.0)
    assert model.forecast(6) == [7.0] * 6


def test_a_season_is_known_after_one_and_a_line_under_it_after_two():
    swing, model = [3.0, -1.0, -2.0, 0.0], HoltWinters(season=4, damping=1.0)
    for t in range(4):
        model.learn_one(10 + swing[t])
    assert model.forecast(4) == pytest.approx([10 + s for s in swing])
    model = HoltWinters(season=4, damping=1.0)
    for t in range(8):
        model.learn_one(10 + 0.5 * t + swing[t % 4])
    assert model.forecast(8) == pytest.approx([10 + 0.5 * t + swing[t % 4] for t in range(8, 16)])


def test_an_exact_line_with_a_season_is_continued_exactly():
    model = HoltWinters(season=4, damping=1.0)
    for t in range(60):
        model.learn_one(5.0 + 2.0 * t + (-3.0) ** (t % 4))
    wanted = [5.0 + 2.0 * t + (-3.0) ** (t % 4) for t in range(60, 70)]
    assert model.forecast(10) == pytest.approx(wanted)


def test_damping_lets_the_trend_run_out():
    models = [HoltWinters(damping=damping) for damping in (0.9, 1.0)]
    for model in models:
        for t in range(100):
            model.learn_one(float(t))
    damped, straight = (model.forecast(200) for model in models)
    assert damped[-1] - damped[-2] < 1e-6
    assert straight[-1] - straight[-2] == pytest.approx(straight[1] - straight[0])


def test_a_burst_does_not_throw_level_and_season():
    calm, burst = HoltWinters(season=6), HoltWinters(season=6)
    rng = np.random.default_rng(1)
    for t in range(300):
        y = 100 + 10 * math.sin(t / 6 * math.tau) + rng.normal()
        calm.learn_one(y)
        burst.learn_one(y + (5000 if t == 280 else 0))
    assert np.abs(np.subtract(calm.forecast(6), burst.forecast(6))).max() < 20


def test_a_quiet_series_wakes_up():
    model = HoltWinters()
    for t in range(1000):
        model.learn_one(5.0 if t < 500 else 500.0)
    assert model.forecast(1)[0] == pytest.approx(500.0, rel=0.01)


@pytest.mark.parametrize("values", [[0.0] * 40, [1.0, 0.0, -1.0, 0.0] * 10, [-5.0] * 40])
def test_a_multiplicative_season_stays_finite_where_it_cannot_be_told(values):
    model = HoltWinters(season=4, multiplicative=True)
    for y in values:
        model.learn_one(y)
        assert all(math.isfinite(said) for said in model.forecast(9))

import math

import pytest

from driftline.models.forecasting.naive import Naive, SeasonalNaive


@pytest.mark.parametrize("model", [Naive(), SeasonalNaive(3)])
def test_nothing_seen_is_zero(model):
    assert model.forecast(2) == [0.0, 0.0]


def test_before_a_whole_season_the_last_value_is_the_forecast():
    model = SeasonalNaive(3)
    for y in (1.0, 2.0):
        model.learn_one(y)
        assert model.forecast(2) == [y, y]


def test_a_season_repeats_for_any_horizon():
    model = SeasonalNaive(3)
    for y in (9.0, 9.0, 1.0, 2.0, 3.0):
        model.learn_one(y)
    assert model.forecast(7) == [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0]


@pytest.mark.parametrize("y", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("model", [Naive(), SeasonalNaive(3)])
def test_a_value_that_is_not_finite_is_refused(model, y):
    with pytest.raises(ValueError, match=str(y)):
        model.learn_one(y)


def test_bad_horizon_and_season_are_refused():
    with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
        Naive().forecast(0)
    with pytest.raises(ValueError, match="season must be at least 1, got 0"):
        SeasonalNaive(0)

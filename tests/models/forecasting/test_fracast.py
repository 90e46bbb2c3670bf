import subprocess
import sys

import numpy as np
import pytest

from driftline.models.forecasting import TrafficForecaster, TrafficForecasters, fracast
from driftline.models.forecasting.fracast import Fracast

pytest.importorskip("torch")
pytest.importorskip("fracast")

MIDDLE = 4


def daily(seed, n=500):
    rng, t = np.random.default_rng(seed), np.arange(n)
    return (50.0 + 30.0 * np.sin(2 * np.pi * (t + seed) / 24)) * rng.lognormal(0.0, 0.1, n)


def test_it_continues_a_daily_season_better_than_yesterday_does():
    series = [daily(seed, 540) for seed in range(6)]
    said = Fracast().forecast_many([values[:516] for values in series], 24)
    truth = np.array([values[516:] for values in series])
    yesterday = np.array([values[492:516] for values in series])
    assert said.shape == (6, 24)
    assert said.dtype == np.float64
    assert np.abs(said - truth).mean() < 0.9 * np.abs(yesterday - truth).mean()


def test_a_history_has_the_same_forecast_alone_and_among_others_of_any_length():
    histories = [daily(seed, n) for seed, n in enumerate((8, 30, 500, 2_500, 100))]
    among = Fracast(chunk=3).quantiles_many(histories, 60)
    alone = np.concatenate([Fracast().quantiles_many([history], 60) for history in histories])
    np.testing.assert_allclose(among, alone, rtol=1e-5)
    turned = Fracast(chunk=2).quantiles_many(histories[::-1], 60)
    np.testing.assert_allclose(turned[::-1], alone, rtol=1e-5)


def test_only_the_last_values_of_a_long_history_count():
    history = daily(0, 2_500)
    np.testing.assert_array_equal(Fracast().forecast_many([history], 5), Fracast().forecast_many([history[-2_048:]], 5))


@pytest.mark.parametrize("steps", [1, 48, 49, 100])
def test_any_number_of_steps(steps):
    said = Fracast().forecast_many([daily(0)], steps)
    assert said.shape == (1, steps)
    assert np.isfinite(said).all()
    np.testing.assert_allclose(said[0, : min(steps, 48)], Fracast().forecast_many([daily(0)], 48)[0, :steps], rtol=1e-5)


def test_missing_values_are_left_out():
    history = daily(0)
    holes = history.copy()
    holes[[3, 77, 301, 302]] = np.nan
    infinite = holes.copy()
    infinite[[3, 77, 301, 302]] = np.inf
    said = Fracast().forecast_many([history, holes, infinite], 24)
    np.testing.assert_array_equal(said[1], said[2])
    assert np.abs(said[0] - said[1]).mean() < 0.1 * history.mean()
    padded = Fracast().forecast_many([np.concatenate([np.full(100, np.nan), history])], 24)
    np.testing.assert_allclose(padded[0], said[0], rtol=1e-5)


def test_a_history_of_fewer_than_eight_values_has_no_forecast_and_the_others_have():
    seven = np.concatenate([np.full(50, np.nan), daily(1, 7)])
    said = Fracast().forecast_many([np.array([]), daily(0), seven, np.full(40, np.nan), daily(1, 8)], 3)
    assert np.isnan(said).all(axis=1).tolist() == [True, False, True, True, False]
    assert not np.isnan(said[[1, 4]]).any()
    assert Fracast().forecast_many([], 3).shape == (0, 3)


def test_it_goes_below_zero_only_where_the_history_did():
    fall = np.linspace(300.0, 0.0, 300) + np.random.default_rng(0).normal(0.0, 0.1, 300)
    never = np.abs(fall)
    once = never.copy()
    once[0] = -1e-3
    said = Fracast().quantiles_many([never, once], 48)
    assert said[0].min() == 0.0
    assert said[1].min() < 0.0


@pytest.mark.parametrize("unit", [1e-30, 1e-7, 1e6, 1e50])
def test_the_unit_does_not_matter(unit):
    history = daily(2)
    said, other = Fracast().forecast_many([history, unit * history], 24)
    np.testing.assert_allclose(unit * said, other, rtol=1e-4)


def test_a_series_that_stands_still_goes_on():
    said = Fracast().quantiles_many([np.full(100, 7.0), np.zeros(9)], 60)
    assert (said[0] == 7.0).all()
    assert (said[1] == 0.0).all()


def test_quantiles_rise_and_their_middle_is_the_forecast():
    histories = [daily(seed) for seed in range(3)]
    model = Fracast()
    found = model.quantiles_many(histories, 24)
    assert model.levels == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    assert found.shape == (3, 24, 9)
    assert (np.diff(found, axis=2) >= 0).all()
    np.testing.assert_array_equal(found[:, :, MIDDLE], model.forecast_many(histories, 24))


def test_what_it_is_given_stays_as_it_was():
    history = daily(0)
    history[5] = np.nan
    before = history.copy()
    Fracast().forecast_many([history], 3)
    np.testing.assert_array_equal(history, before)


def test_threads_of_torch_change_only_if_asked():
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        Fracast().forecast_many([daily(0)], 1)
        assert torch.get_num_threads() == 2
        Fracast(threads=1).forecast_many([daily(0)], 1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_the_weights_are_loaded_once():
    Fracast().forecast_many([daily(0)], 1)
    loads = fracast._load.cache_info().misses
    Fracast(chunk=1).forecast_many([daily(1)], 1)
    assert fracast._load.cache_info().misses == loads


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        Fracast(threads=0)
    with pytest.raises(ValueError, match="chunk must be at least 1, got 0"):
        Fracast(chunk=0)
    with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
        Fracast().forecast_many([daily(0)], 0)


WITHOUT = """
import sys
from driftline.models.forecasting.fracast import Fracast, available
assert available()
assert 'torch' not in sys.modules and 'fracast' not in sys.modules, 'loaded to find out'
class No:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'torch':
            raise ImportError(f'{name} was asked for')
sys.meta_path.insert(0, No())
print(available())
try:
    Fracast().forecast_many([[1.0] * 9], 1)
except ImportError as error:
    print(error)
"""


def test_without_torch_it_says_so():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["False", "torch was asked for"]


def test_a_batch_of_cells_that_ask_it_themselves_gives_what_each_alone_gives():
    ys = np.array([daily(seed, 60) for seed in range(3)]).T
    many, alone = TrafficForecasters(3, 24, 24), [TrafficForecaster(24, 24) for _ in range(3)]
    for row in ys:
        many.learn_many(row)
        for model, y in zip(alone, row, strict=True):
            model.learn_one(y)
    assert many.forecast_many(24).tolist() == [model.forecast(24) for model in alone]
    assert many.told_many()[0].weights == alone[0].told().weights
    assert many.told_many()[0].weights["fracast"] > 0.0

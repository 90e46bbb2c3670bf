"""One key's forecasts, judged against what a table of all forecasts and values says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.digest import digest
from driftline.streams.series import Series
from driftline.streams.tasks import NotFinite


class Odd:
    """A forecaster whose answers differ for each step, and which fails where a value tells it to."""

    def __init__(self):
        self.last, self.n = 0.0, 0

    def learn_one(self, y, x=None):
        self.last, self.n = y, self.n + 1
        if y == 666.0:
            raise RuntimeError("no")

    def forecast(self, horizon, xs=None):
        if self.last == 13.0:
            return [1.0] * (horizon - 1) + [float("nan")]
        return [self.last + self.n * step for step in range(1, horizon + 1)]

    def state(self):
        return {"last": self.last, "n": self.n}

    def restore(self, state):
        self.last, self.n = state["last"], state["n"]


VALUES = st.lists(st.sampled_from([0.0, 1.0, -2.5, 7.0, 13.0, 666.0]), max_size=30)


def oracle(values, horizon, season):
    """For each moment and voice: error of the next step, sum of errors, how many."""
    issued, said = [], []
    for t, y in enumerate(values):
        leads = range(1, min(t, horizon) + 1)
        row = {}
        if t:
            gaps = [None if issued[t - k] is None else abs(y - issued[t - k][k - 1]) for k in leads]
            row["model"] = gaps
            row["last_value"] = [abs(y - values[t - k]) for k in leads]
        span = max(horizon, -(-horizon // season) * season) if season else 0
        if season and t >= span:
            # Standing k steps before t, the newest value of t's phase is whole seasons back.
            back = [next(n for n in range(season, t + 1, season) if n >= k) for k in leads]
            row["seasonal_naive"] = [abs(y - values[t - n]) for n in back]
        said.append(row)
        failed = y in (13.0, 666.0)
        issued.append(None if failed else [y + (t + 1) * step for step in range(1, horizon + 1)])
    return said


@given(VALUES, st.integers(1, 5), st.integers(0, 4), st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_forecasts_are_judged_as_a_table_of_them_says_also_after_a_restore(values, horizon, season, restored):
    series = Series(Odd(), horizon, season)
    wanted = oracle(values, horizon, season)
    for t, y in enumerate(values):
        if y in (13.0, 666.0):
            with pytest.raises((NotFinite, RuntimeError)):
                series.step(y)
        else:
            judged = series.step(y)
            forecast, told = series.said()
            assert told is None
            assert forecast == [y + (t + 1) * step for step in range(1, horizon + 1)]
            assert set(judged) == set(wanted[t])
            for voice, gaps in wanted[t].items():
                sound = [gap for gap in gaps if gap is not None]
                assert judged[voice].next == gaps[0]
                assert judged[voice].leads == len(sound)
                assert judged[voice].errors == pytest.approx(sum(sound))
        if t == restored:
            again = Series(Odd(), horizon, season)
            again.restore(series.state())
            assert digest(again.state()) == digest(series.state())
            series = again


def test_the_baselines_of_a_periodic_series_are_what_they_must_be():
    series = Series(Odd(), 3, 4)
    totals = dict.fromkeys(Series.VOICES, 0.0)
    for t in range(100):
        judged = series.step(math.sin(t * math.tau / 4))
        for voice, said in judged.items():
            totals[voice] += said.errors
    assert totals["seasonal_naive"] == pytest.approx(0.0, abs=1e-9)
    assert totals["last_value"] > 50


@pytest.mark.parametrize(("horizon", "season"), [(3, 2), (2, 4)])
def test_a_state_of_another_horizon_or_season_is_refused(horizon, season):
    with pytest.raises(ValueError, match="another horizon or season"):
        Series(Odd(), horizon, season).restore(Series(Odd(), 2, 2).state())


def test_a_state_does_not_change_while_the_series_goes_on():
    series = Series(Odd(), 2, 0)
    series.step(1.0)
    state = series.state()
    before = digest(state)
    series.step(5.0)
    assert digest(state) == before
    assert np.isfinite(state["issued"][0]).all()


def test_the_last_values_can_be_looked_at_and_a_missing_one_is_what_was_before_it():
    series = Series(Odd(), 2, 3)
    assert series.values.tolist() == []
    for y in (1.0, 2.0, math.nan, 4.0):
        series.step(y)
    seen = series.values
    assert seen.tolist() == [2.0, 2.0, 4.0], "a season of them"
    seen[:] = 0.0
    assert series.values.tolist() == [2.0, 2.0, 4.0]

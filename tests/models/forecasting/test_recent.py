"""What a forecaster of traffic remembers, for people to look at."""

import numpy as np
import pytest

from driftline.models.base import Advised
from driftline.models.forecasting import TrafficForecaster
from driftline.models.forecasting.traffic_forecasters import TrafficForecasters


def wave(t):
    return 10.0 + 5.0 * np.sin(t * np.pi / 3.0) + t % 5


@pytest.fixture(scope="module")
def lived():
    """A model that missed a value, heard one voice of two, and the last verdict that it gave when a window ended."""
    model, last = TrafficForecaster(season=6, horizon=4, voices=("loud", "mute")), None
    for t in range(61):
        model.learn_one(np.nan if t == 30 else wave(t))
        last = model.verdict() or last
        question = model.question()
        if question is not None and question.origin <= 50:
            assert model.hear("loud", question.origin, np.full(question.steps, 9.0)) == "heard"
    return model, last


def test_it_is_the_series_and_the_newest_verdict_and_who_was_heard(lived):
    model, last = lived
    recent = model.recent()
    assert isinstance(model, Advised)
    np.testing.assert_array_equal(recent.history, [np.nan if t == 30 else wave(t) for t in range(61)])
    assert recent.seen == model.n == 61
    assert recent.verdict == last
    assert recent.voices == {"loud": 50}


def test_looking_changes_nothing_and_survives_a_restart(lived):
    model, last = lived
    before = model.state()
    other = TrafficForecaster(season=6, horizon=4, voices=("loud", "mute"))
    other.restore(before)
    assert other.recent().verdict == last
    after = model.state()
    assert before.keys() == after.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])


def test_one_that_has_seen_nothing_remembers_nothing():
    recent = TrafficForecasters(2, season=6, horizon=4, voices=("loud",)).recent(1)
    assert (recent.seen, len(recent.history), recent.verdict, recent.voices) == (0, 0, None, {})

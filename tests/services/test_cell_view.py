"""One key of a forecaster as it is now."""

import json

import numpy as np
import pytest
from sage_lane import KEYS, START, lane, reading, settings

from driftline.services.cell_view import newest_keys, unknown, view


@pytest.fixture
def slots(tmp_path):
    return {slot.name: slot for slot in lane(settings(tmp_path)).slots}


def test_a_forecaster_that_refines_shows_what_it_remembers(slots):
    seen = view(slots["sage"], "north")
    np.testing.assert_array_equal(seen.history, [10.0, 11.0, 12.0, np.nan, 14.0, 15.0, 16.0])
    assert seen.forecast.tolist() == seen.told.refined.tolist() == [18.0, 23.0], "half of the voice's 20 and 30"
    assert seen.told.first.tolist() == [16.0, 16.0]
    assert seen.recent.voices == {"v": 6}
    assert seen.recent.verdict.text == {"overall": "It was 1 off."}
    assert (seen.season, seen.clock, seen.seen_at) == (4, (START + 360.0, 60.0), START + 360.0)
    assert seen.at(1) == START + 420.0
    assert view(slots["sage"], "[south]").recent.voices == {}


def test_looking_changes_nothing(slots):
    slot = slots["sage"]
    slot.keyed.touched()
    before = slot.keyed.peek("north").state()
    view(slot, "north")
    assert slot.keyed.touched() == {}
    assert json.dumps(slot.keyed.peek("north").state(), default=str) == json.dumps(before, default=str)


def test_any_other_forecaster_shows_the_series_and_its_forecast(slots):
    seen = view(slots["plain"], "north")
    assert seen.history.tolist() == [14.0, 15.0, 16.0], "as many as are kept for the baselines"
    assert len(seen.forecast) == 3
    assert (seen.told, seen.recent, seen.clock, seen.at(1)) == (None, None, None, None)


def test_a_series_that_has_not_begun_says_why(slots):
    seen = view(slots["found"], "north")
    assert "6 readings wait" in seen.trouble
    assert len(seen.history) == len(seen.forecast) == 0


def test_a_model_that_fails_is_shown_with_its_reason(slots):
    slot = slots["sage"]
    slot.keyed.peek("north").series.hear("v", 6, [0.0])  # forgets what was said
    slot.keyed.peek("north").series.model.told = lambda horizon: 1 / 0
    seen = view(slot, "north")
    assert "ZeroDivisionError" in seen.trouble
    assert len(seen.history) == 7
    assert len(seen.forecast) == 0


@pytest.mark.parametrize("model", ["sage", "plain", "found"])
def test_for_scripts_it_is_strict_json(slots, model):
    said = json.loads(json.dumps(view(slots[model], "north").as_json(), allow_nan=False))
    assert said["key"] == "north"
    if model == "sage":
        assert said["history"][3] is None
        assert said["forecast"]["at"] == [START + 420.0, START + 480.0]
        assert said["weights"] == {"last": 0.5, "v": 0.5}
        assert said["verdict"]["truths"] == 2


def test_intervals_that_are_not_there_yet_are_null(tmp_path):
    known = settings(tmp_path)
    made = lane(known, minutes=0)
    made.handle([reading(0, "north", 0, 1.0)])
    said = view(made.slots[0], "north").as_json()
    assert said["forecast"]["low"] == [None, None]
    assert said["verdict"] is None


def test_keys_are_listed_the_newest_first_and_no_more_than_asked_for(slots):
    assert newest_keys([slots["sage"]], 5) == [("[south]", START + 420.0), ("north", START + 360.0)]
    assert [key for key, _ in newest_keys([slots["sage"]], 1)] == ["[south]"]


def test_an_unknown_key_names_those_alike_and_how_many_there_are(slots):
    assert view(slots["sage"], "nroth") is None
    assert unknown("nroth", [slots["sage"]]) == (
        "no cell 'nroth' among the 2 of the newest snapshots; named alike: north, [south]"
    )
    told = unknown("xyz", [slots["sage"]])
    assert all(key in told for key in KEYS)
    assert "alike" not in told

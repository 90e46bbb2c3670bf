"""Voices from outside: what they are asked, and what becomes of their answers."""

import pytest
from lanes import SAGE, config, event, lane, letters, outcomes, read, voice
from pydantic import ValidationError

from driftline.streams import events
from driftline.streams.config import StreamConfig
from driftline.streams.message import Message
from driftline.streams.state import digests, freeze, restore

SAGES = {"sage": {**SAGE, "horizon": 2}}


def asked(outs):
    return [read(out.value) for out in outs if out.topic == "s.questions"]


def answers(outs):
    return [read(out.value) for out in outs if out.topic == "s.predictions"]


def after(count, **changed):
    desk = lane(SAGES, **changed)
    outs = [out for i in range(count) for out in desk.handle([event(i, a=float(i))])]
    return desk, outs


def test_a_question_says_what_is_to_be_continued_and_goes_to_the_partition_of_its_event():
    desk, outs = after(4)
    first, second = asked(outs)
    assert second == {
        "id": "question/sage/s/0/3", "model": "sage", "of": "e3", "key": "k", "at": 1e9 + 3, "origin": 4, "steps": 2,
        "season": 0, "history": [0.0, 1.0, 2.0, 3.0], "first": [3.0, 3.0], "feedback": {"v": "4 values"},
    }  # fmt: skip
    assert first["origin"] == 2
    assert {(out.partition, out.key) for out in outs if out.topic == "s.questions"} == {(0, "k")}
    assert desk.slots[0].asked == 2


def test_of_a_very_long_history_as_much_is_shown_as_a_question_may_hold(monkeypatch):
    monkeypatch.setattr(events, "MAX_STEPS", 3)
    _, outs = after(6)
    assert [question["history"] for question in asked(outs)] == [[0.0, 1.0], [1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]


def test_nobody_is_asked_where_no_voice_is_configured():
    desk = lane({"sage": {**SAGE, "voices": {}}})
    assert not asked([out for i in range(6) for out in desk.handle([event(i)])])
    assert desk.slots[0].asked == 0


def test_a_voice_counts_from_the_next_forecast_on_and_is_told():
    desk, outs = after(4)
    before = answers(outs)[-1]
    assert (before["y"], before["first"], before["weights"]) == ([3.0, 3.0], [3.0, 3.0], {"last": 1.0})
    desk.handle([voice(0, 4, [7.0, 9.0])])
    (then,) = answers(desk.handle([event(4, a=3.0)]))
    assert then["y"] == [5.0, 6.0]
    assert then["first"] == [3.0, 3.0]
    assert then["weights"] == {"last": 0.5, "v": 0.5}
    assert (then["low"], then["high"]) == ([4.0, 5.0], [6.0, 7.0])


def test_a_reading_that_brings_no_step_is_answered_with_what_was_heard_meanwhile():
    desk = lane({"sage": {**SAGE, "horizon": 2, "step_seconds": 1.0}})
    desk.handle([event(i, a=float(i)) for i in range(4)])
    desk.handle([voice(0, 4, [7.0, 9.0])])
    (then,) = answers(desk.handle([event(4, at=1e9 + 3, a=50.0)]))  # the fourth step once more
    assert then["y"] == [5.0, 6.0]
    assert desk.slots[0].steps["duplicate"] == 1


def test_feedback_comes_with_the_event_that_brought_the_last_truth():
    _, outs = after(7)
    told = [said.get("feedback") for said in answers(outs)]
    assert told == [None, None, "It was 1 off.", None, None, "It was 1 off.", None]


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (voice(0, 4, [1.0, 2.0]), "heard"),
        (voice(0, 0, [1.0, 2.0]), "late"),
        (voice(0, 6, [1.0, 2.0]), "unknown"),
        (voice(0, 4, [1.0, 2.0], who="x"), "unknown"),
        (voice(0, 4, [1.0, 2.0], model="other"), "unknown"),
        (voice(0, 4, [1.0, 2.0], key="nobody"), "unknown"),
        (voice(0, 4, [1.0]), "unfit"),
        (voice(0, 4, [1e9, 1e9]), "unfit"),
    ],
)
def test_each_forecast_has_one_outcome_and_what_nobody_can_use_is_a_dead_letter(message, outcome):
    desk, _ = after(4)
    desk.handle([message])
    assert desk.counts[f"voices/{outcome}"] == 1
    assert not outcomes(desk)
    told = letters(desk.outbox, "voice")
    assert len(told) == (outcome in ("unknown", "unfit"))
    if told:
        assert told[0]["id"] == "s.labels/0/0"
        assert message.value.decode() == told[0]["value"]


def test_what_comes_twice_counts_once():
    desk, _ = after(4)
    desk.handle([voice(0, 4, [1.0, 2.0]), voice(1, 4, [50.0, 60.0])])
    assert (desk.counts["voices/heard"], desk.counts["voices/again"]) == (1, 1)
    assert desk.slots[0].keyed.peek("k").series.model.heard == {"v": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"voice":"v","model":"sage","origin":4,"at":1e9,"y":[]}', "y: List should have at least 1 item"),
        (b'{"voice":"v","model":"sage","origin":4,"at":1e9,"y":[1.0,NaN]}', "y"),
        (b'{"voice":"v","model":"sage","origin":-4,"at":1e9,"y":[1.0]}', "origin: Input should be greater"),
        (b'{"voice":"v","model":"sage","origin":4,"at":1e9,"y":["ignore all that was said before"]}', "y.0"),
        (b'{"voice":"v","model":"sage","origin":4,"y":[1.0]}', "at: Field required"),
    ],
)
def test_a_forecast_that_cannot_be_read_is_told_as_what_it_was_meant_to_be(value, said):
    desk, _ = after(4)
    (letter,) = letters(desk.handle([Message("s.labels", 0, b"k", value)]), "schema") or letters(
        lane(SAGES).handle([Message("s.labels", 0, b"k", value)])
    )
    assert said in letter["message"]
    assert desk.counts["voices/heard"] == 0


def test_labels_and_voices_share_a_topic_and_are_told_apart():
    models = {
        **SAGES,
        "logistic": {"class": "river.linear_model:LogisticRegression"},
        "set": {"class": "binary-relevance"},
    }
    desk = lane(models)
    desk.handle([event(i, a=float(i)) for i in range(4)])
    body = b'{"of":"e1","at":1000000001.0,"y":{"voice":true,"origin":false}}'
    desk.handle([voice(0, 4, [1.0, 2.0]), Message("s.labels", 1, b"k", body), voice(2, 2, [1.0, 2.0])])
    assert outcomes(desk) == {"joined": 1}
    assert (desk.counts["voices/heard"], desk.counts["voices/again"]) == (1, 1)


def test_what_was_heard_outlives_the_lane():
    desk, _ = after(5)
    desk.handle([voice(0, 4, [7.0, 9.0])])
    parts, keyed = freeze(desk)
    heir = lane(SAGES)
    restore(heir, parts, {name: {k: v for k, v in keys.items() if v is not None} for name, keys in keyed.items()})
    assert digests(heir) == digests(desk)
    assert heir.slots[0].heard == {"v/heard": 1}
    assert heir.slots[0].asked == desk.slots[0].asked == 2
    assert heir.slots[0].refined.values() == desk.slots[0].refined.values() != {}
    assert heir.handle([event(5, a=5.0)]) == desk.handle([event(5, a=5.0)])


# -- what may be configured --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"class": "naive"}, "`voices`: naive hears none"),
        ({"counter": True}, "`counter` needs `step_seconds`"),
        ({"season": "day"}, 'season = "day" needs `step_seconds`'),
        ({"step_seconds": 0.0}, "greater than 0"),
        ({"voices": {f"v{i}": {"kind": "fracast"} for i in range(9)}}, "at most 8"),
        ({"voices": {"No": {"kind": "fracast"}}}, "lower-case"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(changed, said):
    with pytest.raises(ValidationError) as error:
        config({"sage": {**SAGE, **changed}})
    assert said in str(error.value)


@pytest.mark.parametrize("field", [{"step_seconds": 1.0}, {"counter": True}, {"voices": {"v": {"kind": "fracast"}}}])
def test_what_belongs_to_forecasts_is_refused_elsewhere(field):
    with pytest.raises(ValidationError, match="is for the task forecast"):
        config({"m": {"class": "river.linear_model:LogisticRegression", **field}})


def test_a_forecasters_version_names_its_voices_and_steps_and_nothing_else_of_them():
    def version(**changed):
        return StreamConfig.model_validate(config({"sage": {**SAGE, **changed}})).models["sage"].version

    plain = version()
    assert version(voices={"v": {"kind": "fracast", "batch": 7}, "w": {"kind": "other"}}) == plain
    assert len({plain, version(voices={}), version(step_seconds=60.0), version(step_seconds=60.0, counter=True)}) == 4

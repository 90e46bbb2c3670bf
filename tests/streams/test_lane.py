"""What a lane makes of events and labels: predictions, outcomes, scores, alarms and dead letters."""

import pytest
from lanes import LOGISTIC, START, STUBBORN, TWITCHY, Gossip, event, label, lane, letters, outcomes, read
from river import linear_model

from driftline.streams.fence import decode
from driftline.streams.message import Message
from driftline.streams.scores import BinaryScores

BOUNDS = {"max_count": 4, "max_age_seconds": 20, "early_max_count": 2, "early_max_age_seconds": 8}


def sent(desk):
    """The outbox so far, emptied."""
    desk.outbox, out = [], desk.outbox
    return out


def test_an_event_is_predicted_on_under_an_id_that_names_its_place():
    desk = lane({"one": STUBBORN, "two": LOGISTIC})
    desk.gen = 7
    desk.handle([label(0, "e9", True)])
    outs = desk.handle([event(3, "e3", "cell")])
    assert [(out.topic, out.partition, out.key, out.id) for out in outs] == [
        ("s.predictions", 0, "cell", "one/s/0/3"),
        ("s.predictions", 0, "cell", "two/s/0/3"),
    ]
    said = read(outs[0].value)
    assert (said["of"], said["seen"], said["gen"], said["p"]) == ("e3", {"s": 3, "s.labels": 1}, 7, 0.5)
    assert said["version"] == desk.slots[0].version


def test_a_message_that_was_handled_before_is_passed_over():
    desk = lane()
    desk.handle([event(0), event(1), label(0, "e0", True)])
    before = dict(desk.counts)
    assert desk.handle([event(0), event(1), label(0, "e0", True)]) == []
    assert desk.counts["repeated"] == 3
    assert {**desk.counts, "repeated": 0} == {**before, "repeated": 0}
    assert len(desk.slots[0].model.taught) == 1
    assert len(desk.handle([event(1), event(2)])) == 1


def test_a_topic_that_the_lane_does_not_read_is_an_error():
    with pytest.raises(ValueError, match="does not read the topic 'x'"):
        lane().handle([Message("x", 0, b"k", b"{}")])


def test_a_label_teaches_the_very_features_that_were_predicted_on():
    desk = lane()
    desk.handle([event(0, a=1.0), event(1, a=2.0), event(2, a=3.0)])
    desk.handle([label(0, "e1", True), label(1, "e0", False)])
    assert desk.slots[0].model.taught == [({"a": 2.0}, True), ({"a": 1.0}, False)]


def test_a_label_scores_first_and_teaches_second_as_a_loop_by_hand_does():
    rows = [({"a": float(i % 5), "b": float(i % 3) - 1}, (i * 7) % 10 < 4 + i % 3) for i in range(120)]
    desk = lane({"m": LOGISTIC})
    by_hand, scores = linear_model.LogisticRegression(), BinaryScores()
    asked = []
    for i, (x, y) in enumerate(rows):
        desk.handle([event(i, **x)])
        p = by_hand.predict_proba_one(x)[True]
        asked.append((x, (p > 0.5, p), y))
        if i >= 3:  # each label comes three events late
            x, guess, y = asked[i - 3]
            desk.handle([label(i - 3, f"e{i - 3}", y)])
            scores.update(y, guess)
            by_hand.learn_one(x, y)
    assert desk.slots[0].scores.state() == scores.state()
    assert scores.n == 117
    assert desk.slots[0].model.weights == by_hand.weights


def test_baselines_stand_beside_every_score_and_are_asked_when_the_event_comes():
    desk = lane({"m": STUBBORN})
    truths = [True, True, False, True, True, False, True, True]
    for i, y in enumerate(truths):
        desk.handle([event(i), label(i, f"e{i}", y)])
    scores, baselines = desk.scores()["m"]
    assert set(baselines) == {"no_change", "majority"}
    assert scores.n == baselines["no_change"].n == baselines["majority"].n == len(truths)
    changes = sum(now != before for before, now in zip([False, *truths], truths, strict=False))
    assert baselines["no_change"].values()["accuracy"] == 1 - changes / len(truths)
    # Asked before the first label came: a baseline must not know better.
    desk = lane({"m": STUBBORN})
    desk.handle([event(0), event(1), event(2)])
    desk.handle([label(i, f"e{i}", True) for i in range(3)])
    assert desk.scores()["m"][1]["no_change"].values()["accuracy"] == 0.0


def test_each_outcome_of_a_label_is_counted_once_and_told_where_due():
    desk = lane(waiting=BOUNDS)
    assert desk.handle([event(0), label(0, "e0", True)])[1:] == []
    assert outcomes(desk) == {"joined": 1}
    desk.handle([label(1, "e0", True)])
    assert outcomes(desk) == {"joined": 1, "duplicate": 1}
    assert sent(desk) == []
    desk.handle([label(2, "e0", False)])
    assert outcomes(desk) == {"joined": 1, "duplicate": 1, "conflicting": 1}
    [letter] = letters(sent(desk))
    assert (letter["reason"], letter["id"], letter["offset"]) == ("label_conflicting", "s.labels/0/2", 2)
    desk.handle([label(3, "e1", True)])
    assert "early" not in outcomes(desk)  # not before its event is there
    desk.handle([event(1)])
    assert outcomes(desk)["early"] == 1
    assert sent(desk) == []
    desk.handle([event(2), event(30, at=START + 30)])
    desk.handle([label(4, "e2", True)])
    assert outcomes(desk)["late"] == 1
    [letter] = letters(sent(desk))
    assert (letter["reason"], letter["id"]) == ("label_late", "s.labels/0/4")
    desk.handle([label(5, "e99", True, at=START + 30), event(39, at=START + 39)])
    assert outcomes(desk) == {"joined": 1, "duplicate": 1, "conflicting": 1, "early": 1, "late": 1, "unknown": 1}
    [letter] = letters(sent(desk))
    assert (letter["reason"], letter["id"]) == ("label_unknown", "s.labels/0/5")
    assert len(desk.slots[0].model.taught) == 2
    assert desk.counts["labels"] == sum(outcomes(desk).values())


def test_an_early_label_teaches_as_soon_as_its_event_was_answered():
    desk = lane()
    desk.handle([label(0, "e1", True), label(1, "e0", True)])
    outs = desk.handle([event(0), event(1), event(2)])
    # Each later event is answered by a model that has learnt the labels before it.
    assert [read(out.value)["p"] for out in outs] == [1 / 2, 2 / 3, 3 / 4]
    assert outcomes(desk) == {"early": 2}
    assert desk.slots[0].scores.n == 2
    assert not desk.waiting.early


def test_repeats_of_an_early_label_are_duplicates_or_conflicts():
    desk = lane()
    desk.handle([label(0, "e0", True), label(1, "e0", True), label(2, "e0", False), event(0)])
    assert outcomes(desk) == {"early": 1, "duplicate": 1, "conflicting": 1}
    assert desk.slots[0].model.taught[0][1] is True


def test_early_labels_are_bounded_by_count_and_the_first_goes_first():
    desk = lane(waiting=BOUNDS)
    desk.handle([label(i, f"e{i}", True) for i in range(3)])
    assert list(desk.waiting.early) == ["e1", "e2"]
    assert outcomes(desk) == {"unknown": 1}
    [letter] = letters(sent(desk))
    assert (letter["reason"], letter["offset"]) == ("label_unknown", 0)
    assert read(letter["value"].encode())["of"] == "e0"  # the message itself is in the letter


def test_the_waiting_set_is_bounded_by_count():
    desk = lane(waiting=BOUNDS)
    desk.handle([event(i) for i in range(6)])
    assert list(desk.waiting.entries) == ["e2", "e3", "e4", "e5"]
    desk.handle([label(0, "e1", True), label(1, "e2", True)])
    assert outcomes(desk) == {"late": 1, "joined": 1}


def test_the_waiting_set_is_bounded_by_event_time():
    desk = lane(waiting={**BOUNDS, "max_count": 100})
    desk.handle([event(i, at=START + at) for i, at in enumerate([0, 5, 20, 21])])
    assert list(desk.waiting.entries) == ["e1", "e2", "e3"]
    desk.handle([event(4, at=START + 1)])  # behind its time, but there are older ones in front of it
    assert list(desk.waiting.entries) == ["e1", "e2", "e3", "e4"]


def test_an_early_label_of_an_event_too_old_to_wait_is_late():
    desk = lane(waiting={**BOUNDS, "max_count": 2, "early_max_age_seconds": 10_000})
    desk.handle([label(0, "old", True, at=START)])
    desk.handle([event(0, at=START + 5_000), event(1, at=START + 10), event(2, "old", at=START + 11)])
    assert outcomes(desk) == {"late": 1}
    assert desk.waiting.open == 0
    assert set(desk.waiting.entries) == set(desk.waiting.order)
    desk.handle([event(i, at=START + 5_000 + i) for i in range(3, 9)])
    assert desk.waiting.open == 2


def test_an_event_id_that_waits_already_is_refused():
    desk = lane()
    outs = desk.handle([event(0, "twin"), event(1, "twin"), event(2, "other")])
    assert [out.topic for out in outs] == ["s.predictions", "s.dead", "s.predictions"]
    assert letters(outs)[0]["reason"] == "duplicate"
    assert letters(outs)[0]["id"] == "s/0/1"


POISON = {
    "json": Message("s", 1, b"k", b"{poison"),
    "schema": Message("s", 1, b"k", b'{"id":"e","at":1,"sensor":"k","x":{"a":"one"}}'),
    "size": Message("s", 1, b"k", b'{"id":"' + b"e" * 10_000_000 + b'"}'),
    "key": Message("s", 1, b"other", event(1).value),
    "future": Message("s", 1, b"k", event(1, at=START + 10_000_000).value, START),
}


@pytest.mark.parametrize("reason", sorted(POISON))
def test_poison_becomes_one_letter_with_its_reason_and_its_neighbours_are_answered(reason):
    desk = lane()
    outs = desk.handle([event(0), POISON[reason], event(2)])
    assert [out.id for out in outs] == ["m/s/0/0", "s/0/1", "m/s/0/2"]
    [letter] = letters(outs)
    assert (letter["reason"], letter["topic"], letter["partition"], letter["offset"]) == (reason, "s", 0, 1)
    assert letter["size"] == len(POISON[reason].value)
    assert desk.counts[f"rejected/{reason}"] == 1
    assert desk.waiting.watermark == START + 2
    assert desk.offsets["s"] == 3


LABEL_POISON = {
    "json": Message("s.labels", 1, b"k", b"[" * 100_000),
    "schema": Message("s.labels", 1, b"k", b'{"of":"e1","at":1,"y":NaN}'),
    "key": Message("s.labels", 1, None, label(1, "e1", True).value),
    "label_type": label(1, "e1", "a class"),
    "future": Message("s.labels", 1, b"k", label(1, "e1", True, at=START + 1e7).value, START),
}


@pytest.mark.parametrize("reason", sorted(LABEL_POISON))
def test_a_poisoned_label_becomes_one_letter_and_its_neighbours_teach(reason):
    desk = lane()
    desk.handle([event(0), event(1), event(2)])
    outs = desk.handle([label(0, "e0", True), LABEL_POISON[reason], label(2, "e2", True)])
    [letter] = letters(outs)
    assert (letter["reason"] in (reason, "schema" if reason == "json" else reason), letter["offset"]) == (True, 1)
    assert len(desk.slots[0].model.taught) == 2
    assert outcomes(desk) == {"joined": 2}


def test_a_label_under_another_key_than_its_event_is_a_letter_whichever_comes_first():
    for order in (0, 1):
        desk = lane()
        messages = [event(0, key="cell"), label(0, "e0", True, key="other")]
        desk.handle(messages[::-1] if order else messages)
        assert outcomes(desk) == {}
        [letter] = letters(desk.outbox)
        assert letter["reason"] == "key"
        assert desk.slots[0].model.taught == []


@pytest.mark.parametrize(("fail", "error"), [(1.0, "RuntimeError"), (2.0, "NotFinite")])
def test_a_model_that_cannot_answer_becomes_one_letter_and_the_others_go_on(fail, error):
    desk = lane({"m": STUBBORN, "other": LOGISTIC})
    outs = desk.handle([event(0), event(1, fail=fail), event(2)])
    assert [out.id for out in outs] == [f"{model}/s/0/{n}" for n in range(3) for model in ("m", "other")]
    assert [decode(out.value).y is None for out in outs] == [False, False, True, False, False, False]
    [letter] = letters(sent(desk))
    assert (letter["reason"], letter["error"], letter["id"]) == ("model", error, "m/s/0/1")
    desk.handle([label(0, "e1", True)])
    assert desk.slots[0].model.taught == []  # it did not predict on it, so it is neither judged nor taught
    assert (desk.slots[0].scores.n, desk.slots[1].scores.n) == (0, 1)
    assert outcomes(desk) == {"joined": 1}


def test_an_event_on_which_every_model_fails_still_tells_where_it_stood_among_the_labels():
    def stood(*, label_first: bool) -> int:
        desk = lane({"m": STUBBORN})
        desk.handle([event(0)])
        if label_first:
            desk.handle([label(0, "e0", True)])
        [out] = desk.handle([event(1, fail=1.0)])
        return decode(out.value).seen["s.labels"]

    assert (stood(label_first=False), stood(label_first=True)) == (0, 1)


def test_a_model_that_cannot_learn_becomes_one_letter_and_was_judged_before():
    desk = lane({"m": STUBBORN, "other": LOGISTIC})
    desk.handle([event(0, fail=3.0), event(1)])
    desk.handle([label(0, "e0", True), label(1, "e1", True)])
    [letter] = letters(desk.outbox)
    assert (letter["error"], letter["id"], letter["topic"]) == ("KeyError", "m/s.labels/0/0", "s.labels")
    assert (desk.slots[0].scores.n, desk.slots[1].scores.n) == (2, 2)
    assert len(desk.slots[0].model.taught) == 1


def turned(desk, count=60, turn=30):
    """Labels that turn round in the middle."""
    for i in range(count):
        desk.handle([event(i, a=1.0), label(i, f"e{i}", i < turn)])


def test_a_drift_raises_one_alarm_with_its_evidence_in_the_outbox():
    slow = {"detector": "page-hinkley", "parameters": {"min_instances": 5, "threshold": 3.0, "mode": "up"}}
    desk = lane({"m": {**STUBBORN, "drift": slow}})
    turned(desk)
    alarms = [read(out.value) for out in desk.outbox if out.topic == "driftline.alarms"]
    assert len(alarms) == desk.slots[0].drifts > 0
    first = alarms[0]
    offset = int(first["id"].rpartition("/")[2])
    assert 30 <= offset < 40
    assert first["id"] == f"drift/m/s.labels/0/{offset}"
    assert first["at"] == START + offset
    assert first["before"] < first["after"]
    assert (first["detector"], first["action"], first["count"]) == ("page-hinkley", "alarm", offset + 1)
    assert len(desk.slots[0].model.taught) == 60


def test_the_reset_policy_begins_the_model_anew_and_keeps_its_scores():
    desk = lane({"m": {**STUBBORN, "drift": {**TWITCHY, "policy": "reset"}}})
    turned(desk)
    assert len(desk.slots[0].model.taught) < 60
    assert desk.slots[0].scores.n == 60
    outs = desk.handle([event(60)])
    assert read(outs[0].value)["p"] == 1 / (2 + len(desk.slots[0].model.taught))  # asked is the new one
    per_key = lane({"m": {**STUBBORN, "per": "key", "drift": {**TWITCHY, "policy": "reset"}}})
    per_key.handle([event(0, key="idle")])
    for i in range(60):
        per_key.handle([event(i + 1, a=1.0), label(i, f"e{i + 1}", i < 30)])
    assert list(per_key.slots[0].keyed) == ["k"]


def test_a_forecast_needs_its_target_and_answers_with_the_next_values():
    desk = lane({"m": {"class": "naive", "per": "key", "target": "a", "horizon": 2}})
    outs = desk.handle([event(0, a=5.0), event(1, b=1.0), event(2, key="other", a=7.0)])
    assert [read(out.value)["y"] for out in outs] == [[5.0, 5.0], None, [7.0, 7.0]]
    assert letters(desk.outbox)[0]["id"] == "m/s/0/1"
    outs = desk.handle([label(0, "e0", 1.0)])
    assert letters(outs)[0]["reason"] == "label_type"  # no model here takes labels


def test_the_delay_of_labels_is_counted_in_event_time():
    desk = lane()
    desk.handle([event(0, at=START), label(0, "e0", True, at=START + 0.05)])
    desk.handle([event(1, at=START), label(1, "e1", True, at=START + 3_000)])
    desk.handle([event(2, at=START), label(2, "e2", True, at=START + 1e6)])
    assert desk.delays == [1, 0, 0, 0, 0, 1, 0, 0, 1]
    assert desk.delay_seconds == pytest.approx(1_003_000.05)


def test_a_model_with_verbs_for_runs_is_taught_whole_runs_and_comes_out_the_same():
    bulk = {**STUBBORN, "class": "lanes:Gossip", "drift": TWITCHY}
    desk = lane({"one": {**STUBBORN, "drift": TWITCHY}, "many": bulk})
    before = Gossip.runs
    desk.handle([event(i, a=float(i), fail=3.0 if i == 7 else 0.0) for i in range(40)])
    desk.handle([label(i, f"e{i}", i % 3 == 0) for i in range(4)])
    assert Gossip.runs > before
    outs = desk.handle([label(i, f"e{i}", i % 3 == 0) for i in range(4, 40)])
    one, many = desk.slots
    assert many.model.taught == one.model.taught
    assert len(one.model.taught) == 39, "the one that cannot be learnt is left out, and no other"
    assert (many.scores.state(), many.drifts) == (one.scores.state(), one.drifts)
    assert not letters(outs)
    failed = letters(desk.outbox, "model")
    assert [(letter["offset"], letter["error"]) for letter in failed] == [(7, "KeyError")] * 2


def test_news_of_a_model_ride_in_the_outbox_as_alarms_with_ids_of_their_own():
    desk = lane({"m": {**STUBBORN, "class": "lanes:Gossip"}})
    desk.handle([event(i) for i in range(3)])
    desk.handle([label(0, "e0", False), label(1, "e1", True), label(2, "e2", True)])
    told = [read(out.value) for out in desk.outbox]
    assert [one["id"] for one in told] == [
        "model/m/s.labels/0/1", "model/m/s.labels/0/1/1", "model/m/s.labels/0/2", "model/m/s.labels/0/2/1",
    ]  # fmt: skip
    assert told[1] == {
        "id": "model/m/s.labels/0/1/1", "kind": "model", "stream": "s", "partition": 0, "model": "m", "at": START + 1,
        "detector": "Gossip", "before": 0.0, "after": 1.0, "count": 2, "action": "aye", "text": "aye again",
    }  # fmt: skip

"""A clusterer in its lane: what its predictions say, what its life makes known, and what its failures leave alone."""

import pytest
from lanes import START, event, label, lane, letters, read
from leaders import Leaders

from driftline.streams.fence import decode
from driftline.streams.state import digests

PLACES = {"class": "leaders:Leaders", "task": "cluster", "parameters": {"reach": 1.5, "idle": 3}}
LIFE = [(0.0, 0.0), (0.5, 0.0), (9.0, 9.0), (9.0, 8.5), (9.5, 9.0), (9.0, 9.5), (0.0, 0.0)]
"""A cluster, another one, and by the sixth event the first is no more."""


def lived(batches=1, **more):
    """A lane after that life, and its predictions."""
    desk = lane({"m": {**PLACES, **more}})
    messages = [event(i, a=a, b=b) for i, (a, b) in enumerate(LIFE)]
    size = -(-len(messages) // batches)
    outs = [out for at in range(0, len(messages), size) for out in desk.handle(messages[at : at + size])]
    return desk, [read(out.value) for out in outs]


def alarms(desk):
    return [read(out.value) for out in desk.outbox if out.topic == "driftline.alarms"]


def test_a_prediction_says_the_cluster_and_how_sure_how_far_and_how_strange():
    _, said = lived()
    assert [one["y"] for one in said] == ["unknown", "0", "unknown", "1", "1", "1", "unknown"]
    assert said[1]["distance"] == pytest.approx(0.5 / 1.5)
    assert said[1]["confidence"] == pytest.approx(1 / (1 + 0.5 / 1.5))
    assert said[1]["novelty"] == pytest.approx(0.25)
    assert "distance" not in said[0], "there was no cluster to be near to"
    assert said[0]["novelty"] == 1.0
    assert all("p" not in one for one in said)


def test_other_models_say_nothing_of_that():
    [out] = lane({"m": {"class": "river.cluster:KMeans", "parameters": {"seed": 1}}}).handle([event(0)])
    assert read(out.value).keys() & {"confidence", "distance", "novelty"} == set()
    assert decode(out.value).confidence is None


def test_the_same_model_as_an_anomaly_detector_says_how_strange():
    desk = lane({"m": {**PLACES, "task": "anomaly"}})
    outs = desk.handle([event(i, a=a, b=b) for i, (a, b) in enumerate(LIFE)])
    assert [read(out.value)["y"] for out in outs] == [one["novelty"] for one in lived()[1]]
    desk.handle([label(0, "e2", True), label(1, "e1", False)])
    assert desk.slots[0].scores.n == 2


def test_the_life_of_clusters_is_told_with_whom_it_happened_to():
    desk, _ = lived()
    told = alarms(desk)
    assert [(one["action"], one["who"], one.get("others"), one["count"]) for one in told] == [
        ("born", "0", None, 1), ("born", "1", ["0"], 3), ("died", "0", None, 6), ("born", "2", ["1"], 7),
    ]  # fmt: skip
    assert [one["id"] for one in told] == [f"model/m/s/0/{place}" for place in (0, 2, 5, 6)]
    assert told[1]["at"] == START + 2
    assert {one["detector"] for one in told} == {"Leaders"}
    assert "key" not in told[0]
    assert desk.slots[0].told == {"born": 3, "died": 1}


@pytest.mark.parametrize("batches", [2, 3, 7])
def test_however_the_life_is_cut_the_same_is_said_and_told(batches):
    whole, said = lived()
    cut, others = lived(batches)
    assert others == said
    assert cut.outbox == whole.outbox
    assert digests(cut) == digests(whole)


def test_a_run_is_taken_at_once():
    before = Leaders.runs
    lived()
    assert Leaders.runs == before + 1


def test_an_event_that_cannot_be_learnt_is_one_letter_and_the_others_of_its_run_are_taken():
    desk = lane({"m": PLACES})
    outs = desk.handle([event(0, a=0.0), event(1, a=0.1, fail=3.0), event(2, a=0.2), event(3, a=9.0)])
    assert [read(out.value)["y"] for out in outs] == ["unknown", None, "0", "unknown"]
    [letter] = letters(desk.outbox)
    assert (letter["offset"], letter["error"], letter["reason"]) == (1, "KeyError", "model")
    assert desk.slots[0].model.learnt == 3
    assert [(one["who"], one["count"], one["id"]) for one in alarms(desk)] == [
        ("0", 1, "model/m/s/0/0"), ("1", 3, "model/m/s/0/3"),
    ]  # fmt: skip


def test_an_answer_that_cannot_be_is_one_letter_and_was_learnt_all_the_same():
    desk = lane({"m": PLACES})
    outs = desk.handle([event(0, a=0.0), event(1, a=0.1, fail=2.0), event(2, a=0.2)])
    assert [read(out.value)["y"] for out in outs] == ["unknown", None, "0"]
    assert [letter["error"] for letter in letters(desk.outbox)] == ["NotFinite"]
    assert desk.slots[0].model.learnt == 3


def test_clusters_of_each_key_are_told_with_the_key():
    desk = lane({"m": {**PLACES, "per": "key"}})
    desk.handle([event(0, key="k", a=0.0), event(1, key="l", a=0.1), event(2, key="k", a=0.2)])
    told = alarms(desk)
    assert [(one["who"], one["key"], one["detector"]) for one in told] == [("0", "k", "Leaders"), ("0", "l", "Leaders")]


def test_only_the_id_waits_for_labels_of_other_models():
    desk = lane({"m": PLACES, "other": {"class": "river.linear_model:LogisticRegression"}})
    desk.handle([event(0, a=0.0), event(1, a=0.1)])
    assert [entry.guesses[0] for entry in desk.waiting.entries.values()] == [("unknown", None), ("0", None)]


def test_predictions_go_to_the_topic_that_the_stream_names():
    desk = lane({"m": PLACES}, predictions="s.clusters")
    assert {out.topic for out in desk.handle([event(0), event(1)])} == {"s.clusters"}

"""All that is watched of one model: what is let alone, what goes on; and what is told and done in its lane."""

import random

import pytest
from lanes import GRID, STUBBORN, event, label, lane, letters, read

from driftline.models.base import News
from driftline.models.digest import digest
from driftline.streams.events import Alarm
from driftline.streams.model_config import Drift
from driftline.streams.past import Change
from driftline.streams.slots import STEP, Arrival
from driftline.streams.vault import Vault
from driftline.streams.watcher import Drifted, Watcher

TWITCHY = {"detector": "page-hinkley", "parameters": {"min_instances": 2, "threshold": 0.3}}
PH = {"detector": "page-hinkley", "parameters": {"min_instances": 20, "threshold": 10.0}, "rest": 0}
TREES = {"class": "river.anomaly:HalfSpaceTrees", "parameters": {"seed": 1, "window_size": 20}}
BOTH = ("distance", "mass")


def answers(count, seed=1):
    rng = random.Random(seed)
    return {"distance": [rng.random() for _ in range(count)], "mass": [rng.choice("abc") for _ in range(count)]}


def cut(run, start, end):
    return {name: values[start:end] for name, values in run.items()}


def test_the_first_answers_of_a_new_model_are_let_alone():
    watcher = Watcher(Drift(rest=30, **TWITCHY), BOTH)
    found = watcher.answered(answers(60))
    assert found
    assert min(place for place, _ in found) >= 31
    assert (watcher.watches["distance"].seen, watcher.masses.seen) == (30, 30)
    watcher.begin_anew()
    assert watcher.answered(answers(30)) == []
    assert watcher.masses.watches == {}


def test_a_rest_and_cuts_change_nothing():
    config, run, vault = Drift(rest=30, **TWITCHY), answers(200), Vault(b"0123456789abcdef")
    straight, other = Watcher(config, BOTH), Watcher(config, BOTH)
    wanted = straight.answered(run)
    assert {drifted.signal for _, drifted in wanted} == {"distance", "mass"}
    found = []
    for start, end in ((0, 10), (10, 45), (45, 46), (46, 200)):
        found += [(start + place, drifted) for place, drifted in other.answered(cut(run, start, end))]
        other = vault.thaw("here", vault.freeze("here", other))
    assert found == wanted
    assert digest(other) == digest(straight)


def test_counts_are_those_of_the_values_watched():
    watcher = Watcher(Drift(rest=0, **TWITCHY), BOTH)
    assert all(drifted.count == place + 1 for place, drifted in watcher.answered(answers(60)))


def test_what_is_not_watched_finds_nothing():
    watcher = Watcher(Drift(detector="none"), ())
    assert watcher.judged([0.0] * 50 + [1.0] * 50) == []
    assert not watcher.answers
    assert list(watcher.twins()) == []


def test_another_policy_is_the_same_watch_and_owes_nothing():
    watcher = Watcher(Drift(policy="reset", **TWITCHY), BOTH)
    watcher.due = True
    same = Watcher(Drift(policy="alarm", budget=3.0, **TWITCHY), BOTH)
    assert watcher.form == same.form != Watcher(Drift(**TWITCHY), ("mass",)).form
    watcher.go_on(same.config)
    assert (watcher.due, watcher.config.budget) == (False, 3.0)


def alarms(desk):
    said = [read(out.value) for out in desk.outbox if out.topic == "driftline.alarms"]
    for one in said:
        Alarm.model_validate(one)
    return said


def near(count, start=0, key="k", shift=0.0, seed=1):
    """Events around two centres, `shift` away from where they were."""
    rng = random.Random(seed)
    return [event(start + i, key=key, a=(i % 2) * 4.0 + shift + rng.gauss(0.0, 0.05)) for i in range(count)]


def test_the_evidence_of_a_drift_is_told():
    desk = lane({"m": {**STUBBORN, "drift": PH}})
    for i in range(100):
        desk.handle([event(i), label(i, f"e{i}", i < 60)])
    [alarm] = alarms(desk)
    assert (alarm["model"], alarm["detector"], alarm["signal"], alarm["action"]) == (
        "m", "page-hinkley", "loss", "alarm",
    )  # fmt: skip
    assert alarm["before"] < 0.1 < 0.9 < alarm["after"]
    assert alarm["confidence"] > 0.999
    assert alarm["size"] > 3.0
    assert 58 <= alarm["count_before"] <= 62
    assert alarm["count"] == alarm["count_before"] + alarm["count_after"]
    assert "who" not in alarm
    assert "text" not in alarm


def test_a_cluster_model_tells_of_distance_and_of_each_clusters_mass():
    desk = lane({"grid": {**GRID, "drift": PH}})
    desk.handle(near(600) + near(200, start=600, shift=0.3))
    first = alarms(desk)[0]
    assert (first["signal"], first["detector"]) == ("distance", "page-hinkley")
    assert first["before"] < 0.5 < first["after"]
    assert "who" not in first
    desk.handle([event(800 + i, a=4.4) for i in range(300)])
    masses = {one["who"]: one for one in alarms(desk) if one["signal"] == "mass"}
    assert masses["0"]["before"] > 0.3 > masses["0"]["after"]
    assert masses["4"]["before"] < 0.6 < masses["4"]["after"]


def test_several_drifts_of_one_message_have_ids_of_their_own():
    desk = lane({"grid": {**GRID, "drift": {**PH, "on": ["mass"]}}})
    desk.handle(near(600) + [event(600 + i, a=0.0) for i in range(200)])
    ids = [one["id"] for one in alarms(desk)]
    assert len(ids) == len(set(ids))
    assert any(id_.endswith("/1") for id_ in ids)
    assert all(id_.startswith("drift/grid/s/0/") for id_ in ids)


@pytest.mark.parametrize("size", [1, 50, 1_000])
def test_clusters_are_found_anew_at_the_end_of_the_step(size):
    desk = lane({"grid": {**GRID, "drift": {**PH, "policy": "recluster", "on": ["distance"]}}})
    events = near(600) + near(200, start=600, shift=0.3)
    outs = [read(out.value) for start in range(0, 800, size) for out in desk.handle(events[start : start + size])]
    drift, found, *_ = alarms(desk)
    assert (drift["action"], drift["signal"]) == ("recluster", "distance")
    assert (found["kind"], found["action"]) == ("model", "found")
    at, done = (int(one["id"].rsplit("/", 1)[1]) for one in (drift, found))
    assert done == at - at % STEP + STEP - 1
    assert {one["y"] for one in outs[at : done + 1]} <= {"0", "4"}
    assert "2" in {one["y"] for one in outs[done + 1 :]}  # the clusters are twice as wide now


def test_what_is_better_now_is_only_told():
    desk = lane({"grid": {**GRID, "drift": {**PH, "policy": "recluster", "on": ["distance"]}}})
    desk.handle(near(600, shift=0.3) + near(200, start=600))
    [fell] = alarms(desk)
    assert fell["before"] > fell["after"]
    assert (fell["action"], desk.slots[0].model.found) == ("alarm", 0)


@pytest.mark.parametrize(
    ("signal", "who", "fell", "better"),
    [
        ("loss", "", True, True), ("loss", "", False, False),
        ("distance", "", True, True), ("distance", "", False, False),
        ("mass", "unknown", True, True), ("mass", "unknown", False, False),
        ("mass", "7", True, False), ("mass", "7", False, False),
        ("score", "", True, False), ("score", "", False, False),
    ],
)  # fmt: skip
def test_what_is_better_is_known_of_each_signal(signal, who, fell, better):
    change = Change(*((2.0, 1.0) if fell else (1.0, 2.0)), 1.0, 0.99, 300, 100)
    assert Drifted(signal, who, change, 400).better is better


def test_clusters_of_every_key_are_found_anew_with_its_next_event():
    desk = lane({"grid": {**GRID, "per": "key", "drift": {**PH, "policy": "recluster"}}})
    rest = [event(600 + i, key="other", a=0.0) for i in range(3)]
    desk.handle(near(600) + rest + near(200, start=603, shift=0.3))
    keyed = desk.slots[0].keyed
    assert keyed.due > 603
    assert (keyed.peek("k").found >= 1, keyed.peek("other").found) == (True, 0)
    before = keyed.peek("k").found
    desk.handle([event(803, key="other", a=0.0), event(804, key="new", a=0.0), event(805, key="other", a=0.0)])
    assert (keyed.peek("k").found, keyed.peek("other").found, keyed.peek("new").found) == (before, 1, 0)


def test_clusters_that_cannot_be_found_are_a_dead_letter_and_the_model_goes_on():
    desk = lane({"grid": {**GRID, "drift": {**PH, "policy": "recluster", "on": ["distance"]}}})
    desk.slots[0].model.found = 3
    outs = desk.handle([event(i, a=0.0) for i in range(200)] + [event(200 + i, a=1.0) for i in range(100)])
    [letter] = letters(desk.outbox)
    assert "no clusters to be found" in letter["message"]
    assert len(outs) == 300


def test_a_cluster_that_died_is_watched_up_to_its_last_event():
    desk = lane({"grid": {**GRID, "drift": {**PH, "on": ["mass"]}}})
    [slot] = desk.slots
    run = [Arrival(i, i, f"e{i}", 0.0, "k", {}, None, 0.0, {}) for i in range(6)]
    said = [(str(i % 2), None) for i in range(6)]
    raised = [(3, slot, News(3, 4, "merged", "1 went up in 0", 0.5, 1.0, "0", ("1",)))]
    slot._observe(run, said, raised)
    masses = slot.watch.masses
    assert (masses.seen, masses.watches["0"].seen) == (6, 5)
    assert masses.watches["1"].seen == 0  # it came back with the last event, and that is another life


def test_a_score_that_drifts_starts_an_anomaly_detector_anew_after_a_rest():
    desk = lane({"odd": {**TREES, "drift": {**PH, "policy": "reset", "on": ["score"], "rest": 50}}})
    model = desk.slots[0].model
    rng = random.Random(3)
    desk.handle([event(i, a=0.5 + rng.gauss(0.0, 0.02)) for i in range(600)])
    assert alarms(desk) == []  # those of its first window, in which every score is 0, are let alone
    assert desk.slots[0].model is model
    desk.handle([event(600 + i, a=0.05 + rng.gauss(0.0, 0.02)) for i in range(120)])
    drift = alarms(desk)[0]
    assert (drift["signal"], drift["action"]) == ("score", "reset")
    assert desk.slots[0].model is not model


def test_a_loss_that_rose_starts_a_model_anew_and_one_that_fell_is_only_told():
    desk = lane({"m": {**STUBBORN, "drift": {**PH, "policy": "reset"}}})
    labels = [*[True] * 60, *[False] * 40]
    for i, y in enumerate(labels):
        desk.handle([event(i), label(i, f"e{i}", y)])
    assert [one["action"] for one in alarms(desk)] == ["reset"]
    assert len(desk.slots[0].model.taught) < 40
    other = lane({"m": {**STUBBORN, "drift": {**PH, "policy": "reset"}}})
    other.slots[0].watch.judged([1.0] * 60)
    for i in range(100):
        other.handle([event(i), label(i, f"e{i}", True)])
    assert [one["action"] for one in alarms(other)] == ["alarm"]
    assert len(other.slots[0].model.taught) == 100


def test_models_per_key_start_anew_together():
    desk = lane({"m": {**STUBBORN, "per": "key", "drift": {**PH, "policy": "reset"}}})
    for i in range(100):
        desk.handle([event(i, key="kl"[i % 2]), label(i, f"e{i}", i < 60, key="kl"[i % 2])])
    assert [one["action"] for one in alarms(desk)][:1] == ["reset"]
    assert desk.slots[0].keyed.due == 0

"""A lane's state as sealed parts, and back. (That it goes on bit for bit is a property in `test_lane_law.py`.)"""

import pytest
from lanes import CONTESTS, LOGISTIC, MODELS, STUBBORN, TWITCHY, event, label, lane, outcomes

from driftline.streams.state import digests, freeze, restore
from driftline.streams.vault import Unsound, Vault


def whole(touched):
    return {name: {key: value for key, value in keys.items() if value is not None} for name, keys in touched.items()}


def kept(desk):
    parts, touched = freeze(desk)
    return parts, whole(touched)


def handed(desk, models, born=(), **changed):
    """A new lane with these models, and the state of another."""
    heir = lane(models, **changed)
    restore(heir, *kept(desk), born)
    return heir


def lived(models, count=30):
    desk = lane(models)
    for i in range(count):
        desk.handle([event(i, key="kl"[i % 2], a=float(i % 4), b=1.0)])
        if i >= 3:
            desk.handle([label(i - 3, f"e{i - 3}", i % 3 == 0, key="kl"[(i - 3) % 2])])
    return desk


def test_a_model_that_joins_the_lane_begins_there_and_leaves_the_others_alone():
    before = lived({"a": LOGISTIC, "b": STUBBORN})
    heir = handed(before, {"new": {**LOGISTIC, "per": "key"}, "a": LOGISTIC, "b": STUBBORN}, born={"new"})
    assert heir.slots[0].since == {"s": 30, "s.labels": 27}
    assert len(heir.slots[0].keyed) == 0
    theirs, ours = digests(heir), digests(before)
    same = [part for part in ours if part.startswith(("model:", "scores:", "watch:", "panels", "counts"))]
    assert all(theirs[part] == ours[part] for part in same)
    taught = len(heir.slots[2].model.taught)
    # A label of an event that waits still teaches those who predicted on it, and only them.
    heir.handle([label(27, "e27", True, key="l")])
    assert (heir.slots[0].scores.n, len(heir.slots[2].model.taught)) == (0, taught + 1)
    outs = heir.handle([event(30)])
    assert [out.id for out in outs] == ["new/s/0/30", "a/s/0/30", "b/s/0/30"]


def test_a_model_that_left_takes_its_answers_with_it():
    before = lived({"a": LOGISTIC, "b": STUBBORN})
    heir = handed(before, {"b": STUBBORN})
    taught = list(heir.slots[0].model.taught)
    heir.handle([label(27, "e27", True, key="l"), label(28, "e28", False)])
    assert heir.slots[0].model.taught == [*taught, ({"a": 3.0, "b": 1.0}, True), ({"a": 0.0, "b": 1.0}, False)]
    assert heir.slots[0].scores.n == 29


def test_models_may_change_places():
    before = lived({"a": LOGISTIC, "b": STUBBORN})
    heir = handed(before, {"b": STUBBORN, "a": LOGISTIC})
    for desk in (before, heir):
        desk.handle([label(27, "e27", True, key="l")])
    assert {k: v for k, v in digests(heir).items() if k != "waiting"} == {
        k: v for k, v in digests(before).items() if k != "waiting"
    }


def test_a_first_model_of_another_task_can_join_while_events_wait():
    before = lived({"a": LOGISTIC})
    heir = handed(before, {"a": LOGISTIC, "number": {"class": "river.linear_model:LinearRegression"}}, born={"number"})
    heir.handle([label(27, "e27", 3.5, key="l")])  # its event was there before anyone answered with numbers
    assert outcomes(heir)["joined"] == 28
    assert heir.panels["regression"].scores["mean"].n == 0
    heir.handle([event(30), label(28, "e30", 3.5)])
    assert heir.panels["regression"].scores["mean"].n == heir.slots[1].scores.n == 1


def test_another_drift_detector_begins_anew_and_the_model_goes_on():
    before = lived({"a": {**LOGISTIC, "drift": TWITCHY}})
    same = handed(before, {"a": {**LOGISTIC, "drift": TWITCHY}})
    watched = [desk.slots[0].watch.watches["loss"].seen for desk in (same, before)]
    assert watched[0] == watched[1] > 0
    more = handed(before, {"a": {**LOGISTIC, "drift": {**TWITCHY, "policy": "reset", "budget": 5.0}}})
    assert more.slots[0].watch.watches["loss"].seen == watched[0]
    assert more.slots[0].watch.config.policy == "reset"
    other = handed(before, {"a": {**LOGISTIC, "drift": {"detector": "kswin"}}})
    assert (other.slots[0].watch.watches["loss"].seen, other.slots[0].watch.config.detector) == (0, "kswin")
    assert digests(other)["model:a"] == digests(before)["model:a"]


def test_a_stored_outbox_is_taken_back_and_kept_out_of_the_next_state():
    desk = lane()
    desk.handle([event(0), label(0, "e0", True), label(1, "e0", False)])
    outbox = list(desk.outbox)
    assert len(outbox) == 1
    heir = handed(desk, None)
    assert desk.outbox == []
    assert heir.outbox == outbox
    heir.outbox = []
    assert handed(heir, None).outbox == []


def test_a_key_that_was_dropped_is_told_as_gone_once():
    desk = lane({"each": {**LOGISTIC, "per": "key", "max_keys": 2}})
    desk.handle([event(0, key="k"), event(1, key="l")])
    [touched] = freeze(desk)[1].values()
    assert sorted(touched) == ["k", "l"]
    desk.handle([event(2, key="m")])
    [touched] = freeze(desk)[1].values()
    assert touched["k"] is None
    assert sorted(touched) == ["k", "m"]
    assert list(freeze(desk)[1].values()) == [{}]


@pytest.mark.parametrize("name", ["desk", "waiting", "slot:logistic", "watch:logistic"])
def test_a_damaged_part_is_unsound(name):
    desk = lane(MODELS, contests=CONTESTS)
    desk.handle([event(0, a=1.0, b=1.0)])
    parts, keyed = kept(desk)
    parts[name] = parts[name][:-1] + bytes([parts[name][-1] ^ 1])
    with pytest.raises(Unsound):
        restore(lane(MODELS, contests=CONTESTS), parts, keyed)


def test_a_damaged_key_is_unsound_at_once_though_keys_are_opened_late():
    desk = lane({"each": {**LOGISTIC, "per": "key"}})
    desk.handle([event(0)])
    parts, keyed = kept(desk)
    [family] = keyed
    keyed[family]["k"] = keyed[family]["k"][:-1] + b"!"
    with pytest.raises(Unsound):
        restore(lane({"each": {**LOGISTIC, "per": "key"}}), parts, keyed)


def test_parts_of_another_lane_or_key_are_unsound():
    desk = lane()
    parts, keyed = kept(desk)
    other = lane()
    other.name = "driftline:s:1"
    with pytest.raises(Unsound):
        restore(other, parts, keyed)
    with pytest.raises(Unsound):
        restore(lane(vault=Vault(b"another key, long enough")), parts, keyed)


def test_digests_tell_every_part_of_a_state_apart():
    models = {"a": STUBBORN, "each": {**LOGISTIC, "per": "key"}}
    first, second = lived(models), lived(models)
    assert digests(first) == digests(second)
    second.handle([label(27, "e27", True, key="l")])
    theirs, ours = digests(first), digests(second)
    assert {part for part in ours if ours[part] != theirs[part]} == set(ours)
    third = lived(models)
    third.handle([event(3)])  # a repeat changes no state
    assert digests(third) == digests(first)

"""Which message comes next: as published predictions say, and freely beyond them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lanes import lane

from driftline.streams.message import Message
from driftline.streams.order import RUN, Gap, Order, Step


def message(topic, offset, time=0.0):
    return Message(topic, offset, b"k", b"{}", time)


def events(*offsets, time=0.0):
    return [message("s", offset, time) for offset in offsets]


def labels(*offsets, time=0.0):
    return [message("s.labels", offset, time) for offset in offsets]


def order(plan=(), skew=5.0, drained=False):
    made = Order(lane(), skew)
    made.plan.extend(step if isinstance(step, Step) else Step(step[0], True, step[1]) for step in plan)
    made.drained = dict.fromkeys(made.drained, drained)
    return made


def taken(made, offsets):
    """All that can be handled now, as (topic, offset); moves the offsets as a lane does."""
    said = []
    while run := made.next(offsets):
        assert len({one.topic for one in run}) == 1
        for one in run:
            said.append((one.topic, one.offset))
            offsets[one.topic] = one.offset + 1
    return said


def names(said):
    return [("e" if topic == "s" else "l") + str(offset) for topic, offset in said]


def begin():
    return {"s": 0, "s.labels": 0}


def test_a_plan_is_followed_to_the_letter():
    made = order(plan=[(0, 0), (1, 2), (2, 2), (3, 3)], drained=True)
    made.put([*events(0, 1, 2, 3), *labels(0, 1, 2)])
    assert names(taken(made, begin())) == ["e0", "l0", "l1", "e1", "e2", "l2", "e3"]


def test_a_plan_waits_for_what_has_not_been_polled_yet():
    made, at = order(plan=[(0, 1), (1, 2)], drained=True), begin()
    made.put(events(0, 1))
    assert taken(made, at) == []
    made.put(labels(0))
    assert names(taken(made, at)) == ["l0", "e0"]
    made.put(labels(1))
    assert names(taken(made, at)) == ["l1", "e1"]
    assert not made.plan


def test_a_plan_takes_events_without_a_prediction_along_with_the_next_that_has_one():
    made = order(plan=[(0, 0), (3, 1)])
    made.put([*events(0, 1, 2, 3), *labels(0)])
    assert names(taken(made, begin())) == ["e0", "l0", "e1", "e2", "e3"]


def test_a_gap_among_the_labels_is_passed_over():
    made = order(plan=[(0, 5), (1, 9)])
    made.put([*events(0, 1), *labels(1, 3, 8, 11)])  # 4 and 5 to 7 are markers of transactions, or compacted
    assert names(taken(made, begin())) == ["l1", "l3", "e0", "l8", "e1"]


def test_an_event_on_which_predictions_were_published_must_be_there():
    made = order(plan=[(0, 0)])
    made.put(events(1))
    with pytest.raises(Gap, match="s no longer has offset 0"):
        made.next(begin())


def test_what_the_snapshot_has_passed_is_dropped_from_the_plan():
    made = order(plan=[(0, 0), (1, 4)])
    made.put([*events(2), *labels(0)])
    assert names(taken(made, {"s": 2, "s.labels": 0})) in (["l0"], ["e2"], ["e2", "l0"], ["l0", "e2"])
    assert not made.plan


def test_free_order_goes_by_the_time_of_the_messages():
    made = order(skew=0.0, drained=True)
    for i in range(4):
        made.put([*events(i, time=10.0 * i), *labels(i, time=10.0 * i + 15)])
    assert names(taken(made, begin())) == ["e0", "e1", "l0", "e2", "l1", "e3", "l2", "l3"]


def test_a_topic_runs_ahead_by_no_more_than_the_skew():
    made = order(skew=20.0, drained=True)
    for i in range(100):
        made.put([*events(i, time=float(i)), *labels(i, time=i + 0.5)])
    done = {"s": 0, "s.labels": 0}
    for topic, offset in taken(made, begin()):
        done[topic] = offset
        assert abs(done["s"] - done["s.labels"]) <= 23
    assert not len(made)


def test_a_topic_waits_for_the_other_until_that_has_been_read_to_its_end():
    made, at = order(drained=False), begin()
    made.put(events(0, 1))
    assert taken(made, at) == []
    made.drained["s.labels"] = True
    assert names(taken(made, at)) == ["e0", "e1"]
    made.put(labels(0))
    assert taken(made, at) == []
    made.drained["s"] = True
    assert names(taken(made, at)) == ["l0"]


def test_runs_are_bounded_and_nothing_is_left():
    made = order(drained=True)
    made.put(events(*range(RUN + 10)))
    assert len(made) == RUN + 10
    assert len(made.next(begin())) == RUN
    assert len(made.next({"s": RUN, "s.labels": 0})) == 10
    assert len(made) == 0


def test_a_clock_that_steps_back_does_not_hold_a_topic_up():
    made = order(skew=0.0, drained=True)
    made.put(
        [message("s", 0, 100.0), message("s", 1, 1.0), message("s.labels", 0, 50.0), message("s.labels", 1, 200.0)]
    )
    assert names(taken(made, begin())) == ["l0", "e0", "e1", "l1"]


LIVES = st.lists(st.sampled_from("el"), max_size=40)


@given(LIVES, st.lists(st.integers(1, 5), max_size=30), st.data())
@settings(max_examples=150, deadline=None)
def test_any_order_that_was_lived_is_found_again_from_what_was_published(life, sizes, data):
    """Whatever order the messages of the two topics are polled in."""
    at, plan, lived = begin(), [], []
    for kind in life:
        topic = "s" if kind == "e" else "s.labels"
        if kind == "e" and data.draw(st.integers(0, 4)):
            plan.append((at["s"], at["s.labels"]))
        lived.append((topic, at[topic]))
        at[topic] += 1
    made, found, offsets = order(plan=plan), [], begin()
    waiting = {topic: [one for one in lived if one[0] == topic] for topic in at}
    for size in [*sizes, 100, 100]:
        for one in sorted(waiting) if size == 100 else [data.draw(st.sampled_from(sorted(waiting)))]:
            made.put([message(*which) for which in waiting[one][:size]])
            del waiting[one][:size]
        found += taken(made, offsets)
    made.drained = dict.fromkeys(made.drained, True)
    found += taken(made, offsets)
    assert sorted(found) == sorted(lived)
    place = {one: i for i, one in enumerate(found)}
    for event, seen in plan:
        before = {one for one, i in place.items() if i < place["s", event]}
        assert before == {("s", i) for i in range(event)} | {("s.labels", i) for i in range(seen)}


def test_what_a_checkpoint_had_handled_comes_before_all_that_comes_after():
    made = order(plan=[(0, 0), Step(1, False, 2)], drained=True)
    made.put([*events(0, 1, time=1.0), *labels(0, 1, 2, time=2.0)])
    assert names(taken(made, begin())) == ["e0", "l0", "l1", "e1", "l2"]


def test_a_checkpoint_is_waited_for_and_then_the_order_is_free():
    made, at = order(plan=[Step(1, False, 1)], drained=True), begin()
    made.put(events(0))
    assert names(taken(made, at)) == ["e0"], "an event that made no prediction"
    made.put(events(1))
    assert taken(made, at) == [], "the label that the checkpoint had seen is not there yet"
    made.put(labels(0))
    assert names(taken(made, at)) == ["l0", "e1"]
    assert not made.plan


def test_a_prediction_after_a_checkpoint_still_says_its_own_labels():
    made = order(plan=[Step(1, False, 1), Step(1, True, 3), Step(2, False, 4)], drained=True)
    made.put([*events(0, 1, 2), *labels(0, 1, 2, 3, 4, time=9.0)])
    assert names(taken(made, begin())) == ["e0", "l0", "l1", "l2", "e1", "l3", "e2", "l4"]


def test_a_checkpoint_behind_offsets_that_are_missing_is_passed():
    made = order(plan=[Step(3, False, 3)], drained=True)
    made.put([*events(0, 5), *labels(0, 4, time=9.0)])
    assert names(taken(made, begin())) == ["e0", "l0", "e5", "l4"]


def test_a_checkpoint_that_the_snapshot_has_passed_is_dropped():
    made = order(plan=[Step(1, False, 1)])
    assert made.next({"s": 1, "s.labels": 1}) == []
    assert not made.plan

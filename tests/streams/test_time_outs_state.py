"""What waits in a window of silence outlives the lane, and bounds hold for it."""

import msgspec
import pytest
from lanes import LOGISTIC, START, STUBBORN, VAULT, event, label, lane, outcomes
from silence import WINDOW, desk_of, moved, sent, taught, timed_out

from driftline.streams import header
from driftline.streams.config import Waiting
from driftline.streams.state import digests, freeze, restore
from driftline.streams.time_outs import Window, waiting_set
from driftline.streams.vault import SEAL
from driftline.streams.waiting import Entry


def again(desk, make=desk_of):
    """Another lane with the state of this one."""
    parts, keyed = freeze(desk)
    heir = make()
    restore(heir, parts, keyed)
    return heir


def life():
    """Events, half of them labelled, some labels after the time-out, some after expiry."""
    messages, offset = [], 0
    for i in range(150):
        messages.append(event(i, at=START + i * 1.7, a=float(i % 7)))
        for of, y in ((i - 3, True), (i - 20, True), (i - 40, False), (i - 72, True)):
            if of >= 0 and (of * 7 + y) % 5 == (i - of) % 5:
                messages.append(label(offset, f"e{of}", y, at=START + i * 1.7))
                offset += 1
    return messages


@pytest.mark.parametrize("correction", ["learn", "count"])
def test_a_state_in_the_middle_of_the_window_goes_on_as_if_nothing_had_been(correction):
    def make():
        return desk_of({"m": STUBBORN, "l": LOGISTIC}, correction=correction)

    straight = make()
    outs = straight.handle(life())
    assert set(outcomes(straight)) >= {"joined", "timed_out", "corrected", "duplicate", "late"}
    for every in (5, 13):
        desk, found, outbox = make(), [], []
        messages = life()
        for start in range(0, len(messages), every):
            found += desk.handle(messages[start : start + every])
            outbox += sent(desk)
            before, waits = digests(desk), desk.waiting.open
            desk = again(desk, make)
            assert (digests(desk), desk.waiting.open) == (before, waits)
        assert (found, outbox) == (outs, straight.outbox)
        assert digests(desk) == digests(straight)


def test_a_lane_that_was_taken_back_goes_on_on_the_same_grid():
    straight = desk_of(negative_after_seconds=40)  # lines every two seconds
    straight.handle([event(0), event(1)])
    moved(straight, 40.5, 2)
    heir = again(straight, lambda: desk_of(negative_after_seconds=40))
    for desk in (straight, heir):
        moved(desk, 41.5, 3)
        assert outcomes(desk) == {"timed_out": 1}
        moved(desk, 42.1, 4)
        assert outcomes(desk) == {"timed_out": 2}


def form(desk):
    """The format in the header of a snapshot."""
    snapshot = header.write(desk, 1, {}, 0, 0, *freeze(desk))
    header.read(snapshot, desk.name, VAULT)
    return msgspec.json.decode(snapshot.header[SEAL:])["format"]


def test_only_a_state_that_an_older_program_would_misread_has_the_new_form():
    plain = lane(waiting={"max_age_seconds": 100})
    plain.handle([event(0), event(1), label(0, "e1", True)])
    assert form(plain) == 1
    assert form(timed_out()) == 2
    assert form(again(timed_out(), lambda: lane(waiting={"max_age_seconds": 100}))) == 2


def test_what_waited_before_the_window_was_opened_goes_as_it_would_have_gone():
    plain = lane(waiting={"max_age_seconds": 100})
    plain.handle([event(0), event(1), label(0, "e1", True)])
    desk = again(plain)
    desk.handle([event(2)])
    moved(desk, 30, 3)
    assert outcomes(desk) == {"joined": 1, "timed_out": 1}
    desk.handle([label(1, "e0", True)])
    assert outcomes(desk) == {"joined": 2, "timed_out": 1}
    assert digests(again(desk)) == digests(desk)


def test_what_timed_out_can_still_be_corrected_after_the_window_was_closed():
    desk = again(timed_out(), lambda: lane(waiting={"max_age_seconds": 100}))
    moved(desk, 50, 2)
    desk.handle([label(0, "e0", True)])
    assert outcomes(desk) == {"timed_out": 1, "corrected": 1}
    assert taught(desk)[-1] == ({"a": 7.0}, True)


@pytest.mark.parametrize(("correction", "count"), [("learn", 2), ("count", 1)])
def test_a_model_that_came_after_the_event_is_not_corrected(correction, count):
    desk = again_with_another(timed_out(correction=correction))
    desk.handle([label(0, "e0", True)])
    assert outcomes(desk) == {"timed_out": 1, "corrected": 1}
    assert len(desk.slots[0].model.taught) == count
    assert desk.slots[1].model.taught == []


def again_with_another(desk):
    parts, keyed = freeze(desk)
    heir = desk_of({"m": STUBBORN, "new": STUBBORN})
    restore(heir, parts, keyed, born={"new"})
    return heir


def test_it_is_bounded_by_max_count_like_all_that_waits():
    desk = desk_of(max_count=30)
    desk.handle([event(i, at=START + i) for i in range(500)])
    assert len(desk.waiting.entries) == len(desk.waiting.order) == 30
    assert len(desk.waiting._undue) <= 30
    assert len(desk.waiting.expired) <= 30
    assert desk.waiting.due == []


def test_the_set_alone_says_which_are_due_with_their_offsets():
    window = waiting_set(Waiting(**WINDOW))
    assert isinstance(window, Window)
    for offset, at in enumerate([0.0, 3.0, 25.0]):
        window.add(f"e{offset}", Entry(1e6 + at, "k", {"a": at}, [], []), True, 10 + offset)
    assert [(name, offset, entry.x["a"]) for name, offset, entry in window.due] == [("e0", 10, 0.0), ("e1", 11, 3.0)]
    with pytest.raises(ValueError, match="needs negative_after_seconds"):
        Window(Waiting())

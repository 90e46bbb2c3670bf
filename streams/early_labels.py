"""Labels without an event: early ones, late ones, those that never had one, and those that come twice.

The lane calls these at its own place in the order of handling; what they defer rides in the outbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftline.streams import letters
from driftline.streams.message import Message
from driftline.streams.slots import Arrival, Lesson
from driftline.streams.waiting import Early, mark
from driftline.streams.wire import Rejected

if TYPE_CHECKING:
    from driftline.streams.lane import Lane


def hold(lane: Lane, label: Any, message: Message, place: int) -> None:
    """Take a label without an event: late where the event has expired, else early until proven unknown."""
    waiting = lane.waiting
    if label.of in waiting.expired:
        _come_late(lane, label.of, message, place)
        return
    first = waiting.early.get(label.of)
    if first is not None:
        repeat(lane, label, mark(first.y), message, place)
        return
    # A label speaks of the past: until the events have come up to its own time, its event may still come.
    until = max(waiting.watermark, label.at) + lane.config.waiting.early_max_age_seconds
    key, value = (message.key or b"").decode("utf-8", "replace"), message.value or b""
    give_up(lane, waiting.hold(label.of, Early(message.offset, until, label.at, label.y, key, value)), place)


def join(lane: Lane, label: Early, arrival: Arrival) -> None:
    """Let an early label teach whose event has come and was answered."""
    message = Message(lane.labels, label.offset, label.key.encode(), label.value)
    if label.key != arrival.key:
        lane._defer(letters.other_key(message.key, "of", arrival.key), message, 0)
    elif lane.waiting.entries.get(arrival.id) is not arrival.entry:  # it was too old to wait at all
        _come_late(lane, arrival.id, message, 0)
    else:
        lane._close(arrival.id, arrival.entry, label.y, label.at)
        lane.counts["labels/early"] += 1
        known = {0: (lane.labels, label.offset, label.at, arrival.key)}
        lane._teach([Lesson(0, arrival.entry, label.y, arrival.id)], known)
    lane._settle()


def _come_late(lane: Lane, of: str, message: Message, place: int) -> None:
    lane.counts["labels/late"] += 1
    lane._defer(Rejected("label_late", "LateLabel", letters.late(of, lane.config.waiting)), message, place)


def repeat(lane: Lane, label: Any, first: Any, message: Message, place: int) -> None:
    """Take a label of an event that has one, `first`: it is the same again, or a contradiction."""
    if mark(label.y) == first:
        lane.counts["labels/duplicate"] += 1
        return
    lane.counts["labels/conflicting"] += 1
    why = f"of: {label.of!r} was labelled otherwise before: the first label stands"
    lane._defer(Rejected("label_conflicting", "ConflictingLabel", why), message, place)


def give_up(lane: Lane, labels: list[tuple[str, Early]], place: int) -> None:
    """Write off early labels whose event has not come in time."""
    for name, label in labels:
        lane.counts["labels/unknown"] += 1
        message = Message(lane.labels, label.offset, label.key.encode(), label.value)
        lane._defer(Rejected("label_unknown", "UnknownLabel", letters.unknown(name, lane.config)), message, place)

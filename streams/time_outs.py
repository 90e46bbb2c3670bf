"""Silence as an answer: an event for which no label came within a window is taken as labelled no.

Publishers of clicks send a label when there was a click, and nothing when there was none. So an event that is
`waiting.negative_after_seconds` old, by the watermark, and has no label, is judged and taught as no. A yes that comes
later, while the event is still kept, corrects it (`waiting.correction`). This is the waiting window of delayed
feedback; a no that is corrected was a fake negative (Ktena et al., "Addressing delayed feedback for continuous training
with neural networks in CTR prediction", RecSys 2019).

Only events move the watermark, and time-outs come on a grid: when it enters the next cell of the grid, all that is old
enough by then is taken at once, after the event that moved it was answered. So what is taken, and when, depends on the
order of the messages and not on how they were cut, and runs of events are broken `GRID` times in a window at most.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from driftline.streams import early_labels
from driftline.streams.config import Waiting
from driftline.streams.letters import other_key
from driftline.streams.slots import Lesson, Raised
from driftline.streams.waiting import Entry, TimedOut, WaitingSet

if TYPE_CHECKING:
    from driftline.streams.lane import Lane
    from driftline.streams.message import Message

GRID = 20
"""Cells of the grid in one window: a no comes a twentieth of the window late at most, while events come."""


class Window(WaitingSet):
    """A waiting set that takes events as labelled no after `bounds.negative_after_seconds`.

    Events are taken in the order in which they came, so one that is ahead of its time holds up those behind it, as it
    does when they expire. One that `max_count` drives out before is not taken: its window was not over. It is counted
    in `evicted`.

    >>> window = Window(Waiting(negative_after_seconds=20.0))
    >>> for offset, at in enumerate([100.0, 110.0, 119.9, 120.5]):
    ...     window.add(f"e{offset}", Entry(at, "k", {}, [], []), True, offset)
    >>> [name for name, _, _ in window.due]
    ['e0']
    """

    windowed = True

    def __init__(self, bounds: Waiting):
        after = bounds.negative_after_seconds
        if after is None:
            raise ValueError("a window needs negative_after_seconds: how long to wait for a yes")
        super().__init__(bounds)
        self.layout = 2
        self._after = after
        # Cells no wider than the time between a no and expiry: so nothing expires by age before it could be taken.
        self._cell_seconds = min(after / GRID, bounds.max_age_seconds - after)
        self._cell = 0.0
        self._keep = bounds.correction == "learn"
        self._undue: deque[tuple[str, int]] = deque()
        """The newest of `order`, with their offsets: those not looked at yet, the first of which may be due next."""

    def add(self, name: str, entry: Entry, labelled: bool = True, offset: int = 0) -> None:
        """Let an event wait; put into `due` what is now to be taken as no, then evict what is too old or too much."""
        at, undue = entry.at, self._undue
        if at > self.watermark and (cell := at // self._cell_seconds) > self._cell:
            self._cell = cell
            self._time_out(at - self._after)
        if labelled:
            undue.append((name, offset))
        super().add(name, entry, labelled)
        while len(undue) > len(self.order):  # the oldest had to go
            undue.popleft()

    def _time_out(self, last: float) -> None:
        """Take the events of this time and older that have no label, up to the first that is younger."""
        entries, undue = self.entries, self._undue
        while undue:
            name, offset = undue[0]
            entry = entries[name]
            if isinstance(entry, Entry):
                if entry.at > last:
                    break
                self.due.append((name, offset, entry))
                # The answers may not have been written into it yet: it is the list of them that is shared.
                kept: tuple[Any, Any] = (entry.x, entry.guesses) if self._keep else ({}, [])
                entries[name] = TimedOut(entry.at, entry.key, *kept)
            undue.popleft()

    def _values(self) -> list[Any]:
        return [*super()._values(), [offset for _, offset in self._undue]]

    def _take(self, state: list[Any]) -> None:
        super()._take(state)
        # A state from before there was a window: what waits in it goes as it would have gone.
        offsets = state[4] if len(state) > 4 else []
        names = islice(self.order, len(self.order) - len(offsets), None)
        self._undue = deque(zip(names, offsets, strict=True))
        self._cell = self.watermark // self._cell_seconds


def waiting_set(bounds: Waiting) -> WaitingSet:
    """Return the waiting set for these bounds, with a window if they have one.

    >>> type(waiting_set(Waiting())).__name__, type(waiting_set(Waiting(negative_after_seconds=60))).__name__
    ('WaitingSet', 'Window')
    """
    return WaitingSet(bounds) if bounds.negative_after_seconds is None else Window(bounds)


def teach_due(lane: Lane) -> None:
    """Judge and teach what is due as labelled no; whatever that raises hangs on the event that timed out."""
    waiting = lane.waiting
    lessons, origins = [], {}
    for place, (name, offset, entry) in enumerate(waiting.due):
        lessons.append(Lesson(place, entry, False, name))
        origins[place] = (lane.events, offset, waiting.watermark, entry.key)
    waiting.due.clear()
    lane.counts["labels/timed_out"] += len(lessons)
    lane._teach(lessons, origins)
    lane._settle()


def come_after(lane: Lane, label: Any, kept: TimedOut, message: Message, place: int) -> None:
    """Take a label of an event that was taken as labelled no: a no confirms it, a yes corrects it."""
    if kept.key.encode() != message.key:
        lane._defer(other_key(message.key, "of", kept.key), message, place)
        return
    lane._close(label.of, kept, label.y, label.at)
    if label.y is not True:
        early_labels.repeat(lane, label, False, message, place)
        return
    lane.counts["labels/corrected"] += 1
    if not kept.guesses:  # it is only counted
        return
    lesson = Lesson(place, Entry(kept.at, kept.key, kept.x, kept.guesses, []), label.y, label.of)
    if lane._hands is not None:
        lane._due.append((place, -1, lane._hands.joined(lesson, lane.lessons, label.at, corrects=True)))
    lane.lessons += 1
    raised: list[Raised] = []
    for panel, slots in zip(lane._panels, lane._taught, strict=True):
        if panel.accepts(label.y):  # the baselines learn what the models learn; none is judged a second time
            panel.learn([label.y])
            for slot in slots:
                raised += slot.correct([lesson])
    if raised:
        lane._tell(raised, {place: (lane.labels, message.offset, label.at, kept.key)})

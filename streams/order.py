"""Which message a lane handles next: first as published predictions say, then by the time at which messages came.

Events and labels arrive in batches of one topic after the other. While published predictions and the fences of earlier
checkpoints are ahead, their `seen` gives the order exactly. Beyond that the order is free, and is chosen so that
neither topic runs ahead of the other: a lane that catches up must not see an hour of events before the first of their
labels, or all of them would expire.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from math import nextafter
from typing import NamedTuple

from driftline.streams.lane import Lane
from driftline.streams.message import Message

RUN = 250
"""The most messages of one topic in a row while the other has some."""


class Gap(Exception):
    """The log no longer has an event on which predictions were published."""


class Step(NamedTuple):
    """One step of an order that is fixed; steps sort into their order.

    >>> sorted([Step(4, True, 7), Step(4, False, 6), Step(3, True, 6)])[1]
    Step(event=4, predicted=False, labels=6)
    """

    event: int
    """The offset of a predicted event; or all events below were handled."""
    predicted: bool
    labels: int
    """The label offset at which the event was handled; or all labels below were handled before what comes then."""


class Order:
    """The messages that wait to be handled, and the order in which they are.

    `skew_seconds` is how far events may run ahead of labels, by Kafka's time of the messages: runs of one topic are
    handled faster than single messages.
    """

    def __init__(self, lane: Lane, skew_seconds: float):
        self.events, self.labels = lane.events, lane.labels
        self.skew_seconds = skew_seconds
        self.queues: dict[str, deque[Message]] = {self.events: deque(), self.labels: deque()}
        self.plan: deque[Step] = deque()
        """What was published before us."""
        self.drained: dict[str, bool] = {self.events: False, self.labels: False}
        """Topics of which everything that there is has been put in: the other need not wait for them."""
        self._clock = {self.events: 0.0, self.labels: 0.0}

    def __len__(self) -> int:
        return len(self.queues[self.events]) + len(self.queues[self.labels])

    def put(self, messages: list[Message]) -> None:
        """Add messages, each topic's in order."""
        queues = self.queues
        for message in messages:
            queues[message.topic].append(message)

    def next(self, offsets: dict[str, int]) -> list[Message]:
        """Return the next messages of one topic, given the lane's offsets; none when others must come first."""
        if self.plan:
            return self._planned(offsets)
        events, labels = self.queues[self.events], self.queues[self.labels]
        if not events or not labels:
            there, absent = (events, self.labels) if events else (labels, self.events)
            return self._drain(there) if there and self.drained[absent] else []
        event_time, label_time = self._time(events[0]), self._time(labels[0])
        if event_time <= label_time:
            return self._until(events, label_time + self.skew_seconds)
        # Within one millisecond events come first: a label that comes before its event would only have to wait.
        return self._until(labels, nextafter(event_time, 0.0))

    def _planned(self, offsets: dict[str, int]) -> list[Message]:
        events, labels = self.queues[self.events], self.queues[self.labels]
        while self.plan:
            event, predicted, seen = self.plan[0]
            at = offsets[self.events]
            if at > event or (not predicted and at == event and offsets[self.labels] >= seen):
                self.plan.popleft()
                continue
            if not predicted and at < event:  # what is left of the events below made no prediction
                due = _below(events, event)
                if due or not events:
                    return due
            if offsets[self.labels] < seen:
                due = _below(labels, seen)
                # A gap in the offsets (compaction, transaction markers) ends below `seen` as well.
                if due or not labels:
                    return due
            if not predicted:
                self.plan.popleft()
                continue
            if not events:
                return []
            if events[0].offset > event:
                raise Gap(f"{self.events} no longer has offset {event}, on which predictions were published")
            return _below(events, event + 1)
        return self.next(offsets)

    def _time(self, message: Message) -> float:
        # Kafka's times may step back within a topic; the order of its offsets may not.
        now = max(self._clock[message.topic], message.timestamp or 0.0)
        self._clock[message.topic] = now
        return now

    def _drain(self, queue: deque[Message]) -> list[Message]:
        if len(queue) <= RUN:
            run = list(queue)
            queue.clear()
            return run
        return [queue.popleft() for _ in range(RUN)]

    def _until(self, queue: deque[Message], last: float) -> list[Message]:
        """Take the first message, and those behind it that came no later than `last`."""
        run: list[Message] = []
        for message in islice(queue, RUN):
            if run and (message.timestamp or 0.0) > last:
                break
            run.append(message)
        for _ in run:
            queue.popleft()
        return run


def _below(queue: deque[Message], offset: int) -> list[Message]:
    """Take the messages below an offset from the front."""
    taken = []
    while queue and queue[0].offset < offset:
        taken.append(queue.popleft())
    return taken

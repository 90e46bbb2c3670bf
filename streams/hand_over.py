"""What a lane hands to the side worker: events to be answered, and labelled events to learn from.

A request goes out with the predictions, for an answer is wanted at once. What has been joined hangs on the order in
which events and labels were handled, so it rides in the outbox: whoever reads it finds each joined event once, under a
running number, and those that a new owner sends again carry the numbers that they had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from driftline.streams.config import StreamConfig
from driftline.streams.letters import Out
from driftline.streams.slots import Arrival, Lesson
from driftline.streams.wire import Joined, Request, encode


class HandOver:
    """The messages of one lane for the side worker; `names` are the light models, in the order of their answers."""

    def __init__(self, config: StreamConfig, partition: int, names: Sequence[str]):
        self._events = config.topic
        self._requests, self._joined = config.request_topic, config.joined_topic
        self._partition = partition
        self._names = list(names)

    def requests(self, run: list[Arrival], gen: int) -> list[Out]:
        """Return the requests of a run of events that the light models have answered."""
        return [self._request(one, gen) for one in run]

    def _request(self, one: Arrival, gen: int) -> Out:
        said, p = self._said(one.entry.guesses)
        value = encode(Request(one.id, one.offset, one.at, one.key, one.x, said, p, gen))
        name = f"request/{self._events}/{self._partition}/{one.offset}"
        return Out(self._requests, self._partition, one.key, value, name)

    def joined(self, lesson: Lesson, number: int, known: float, corrects: bool = False) -> Out:
        """Return an event with its label, the `number`th of its lane; `known` is when the label became known.

        `corrects` says that it was handed over before as labelled no, because no label had come.
        """
        entry = lesson.entry
        said, p = self._said(entry.guesses)
        value = encode(Joined(number, lesson.of, entry.at, known, entry.key, entry.x, lesson.y, said, p, corrects))
        return Out(self._joined, self._partition, entry.key, value, f"joined/{self._events}/{self._partition}/{number}")

    def _said(self, guesses: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        said: dict[str, Any] = {}
        p: dict[str, Any] = {}
        for name, guess in zip(self._names, guesses, strict=False):  # behind the models stand the contests
            if guess is not None:
                said[name] = guess[0]
                if guess[1] is not None:
                    p[name] = guess[1]
        return said, p

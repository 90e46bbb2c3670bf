"""One answer for each event, in time: a heavy model's where it leads and is there soon enough, else a light one's."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from driftline.services.reader import Reader
from driftline.streams.config import StreamConfig


class Answer(NamedTuple):
    """What to go by for one event."""

    prediction: Any
    """The `wire.Prediction`."""
    why: str
    """`heavy`: the heavy model's own; else why it is the light one's: `light` (which leads their contest), `late`,
    `failed`, `cold`, or `absent` (no word of the worker within the deadline)."""


class Answers:
    """Read a stream's predictions and those of a heavy model as one answer for each event.

    The light model has answered every event as soon as a lane has seen it, so nobody waits longer than the deadline,
    whatever the worker does. Each event has one answer here; of a heavy one that comes after its deadline no notice is
    taken.

    Parameters
    ----------
    bootstrap
        `host:port` of a broker, several with commas.
    config
        The stream.
    model
        The heavy model's name; the light one is its `fallback`.
    deadline_seconds
        How long to wait for the heavy model, from when the light one's answer was seen.
    follow
        Whether to go on at the end of the topics; else what is there is read, and all of it is waited for.
    client
        More options of librdkafka.
    clock
        Seconds that never jump.

    """

    def __init__(
        self,
        bootstrap: str,
        config: StreamConfig,
        model: str,
        *,
        deadline_seconds: float = 0.5,
        follow: bool = True,
        client: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        if model not in config.heavy:
            raise ValueError(f"{model!r} is no heavy model of this stream: {', '.join(config.heavy) or 'it has none'}")
        options: dict[str, Any] = {"start": "end" if follow else "beginning", "follow": follow, "client": client}
        self.light = config.fallback(model)
        self.deadline_seconds = deadline_seconds
        self.follow = follow
        self.counts: Counter[str] = Counter()
        """Answers by `Answer.why`."""
        self._contested = any(model in contest.models for contest in config.contests.values())
        self._clock = clock
        self._readers = (
            Reader(bootstrap, config.prediction_topic, **options),
            Reader(bootstrap, config.heavy_topic(model), **options),
        )
        self._waiting: OrderedDict[str, tuple[float, Any]] = OrderedDict()
        self._early: OrderedDict[str, Any] = OrderedDict()

    def poll(self, timeout_seconds: float = 0.1) -> list[Answer]:
        """Return the answers that are due by now, in the order in which the light ones came."""
        lights, heavies = self._readers
        for prediction in heavies.poll(0.0):
            self._early[prediction.of] = prediction
        if len(self._early) > 1_000_000:
            self._early.popitem(last=False)
        now = self._clock()
        for prediction in lights.poll(timeout_seconds if not self._waiting else min(timeout_seconds, 0.02)):
            if prediction.model == self.light:
                self._waiting[prediction.of] = now, prediction
        for prediction in heavies.poll(0.0):
            self._early[prediction.of] = prediction
        return list(self._due())

    def _due(self) -> Iterator[Answer]:
        now, all_read = self._clock(), not self.follow and self._readers[1].done
        for of, (since, light) in list(self._waiting.items()):
            heavy = self._early.pop(of, None)
            if heavy is None and not all_read and (not self.follow or now - since < self.deadline_seconds):
                continue
            del self._waiting[of]
            yield self._choose(light, heavy)

    def _choose(self, light: Any, heavy: Any) -> Answer:
        if heavy is None:
            answer = Answer(light, "absent")
        elif heavy.fallback is not None:
            answer = Answer(light, heavy.fallback)
        elif self._contested and heavy.champion_of is None:
            answer = Answer(light, "light")
        else:
            answer = Answer(heavy, "heavy")
        self.counts[answer.why] += 1
        return answer

    @property
    def done(self) -> bool:
        """Whether all that there is has been answered; never while it follows."""
        return not self.follow and all(reader.done for reader in self._readers) and not self._waiting

    def __iter__(self) -> Iterator[Answer]:
        """Yield the answers."""
        while not self.done:
            yield from self.poll()

    def close(self) -> None:
        """Leave the broker."""
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

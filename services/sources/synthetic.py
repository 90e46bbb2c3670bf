"""A seeded stream whose truth turns round at a known event: what a drift alarm can be checked against."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from driftline.services.sources.source import START, Record, with_labels
from driftline.streams.events import SensorEvent


class Synthetic:
    """Readings on either side of a plane, yes or no; at the drift the sides change places.

    The truth is `sum of x > 0`, wrong with probability `noise`; the features are normal with mean 0. The same seed
    gives the same records. Any model that learnt the old concept is wrong from the drift on until it learns anew.

    Parameters
    ----------
    stream
        The stream that it is published to (kind `sensor`).
    count
        Number of events.
    drift_at
        The events before which the concept flips, counted from 0; one, several, or none.
    features
        Number of features, `x0` and so on.
    noise
        Share of labels that are wrong, in [0, 0.5).
    keys
        Number of keys, `machine-0` and so on, taken at random.
    delay_seconds
        Event time from an event to its label.
    interval_seconds
        Event time from one event to the next.
    start
        Event time of the first event, in seconds since 1970 (UTC).
    seed
        Of the random numbers.

    Examples
    --------
    >>> records = list(Synthetic(count=4, drift_at=2, noise=0.0, delay_seconds=0.0))
    >>> pairs = zip(records[::2], records[1::2])
    >>> [(sum(event.value.x.values()) > 0) == label.value.y for event, label in pairs]
    [True, True, False, False]

    """

    def __init__(
        self,
        stream: str = "synthetic",
        *,
        count: int = 10_000,
        drift_at: int | tuple[int, ...] | None = None,
        features: int = 5,
        noise: float = 0.05,
        keys: int = 16,
        delay_seconds: float = 1.0,
        interval_seconds: float = 0.1,
        start: float = START,
        seed: int = 0,
    ):
        if not 0 <= noise < 0.5:
            raise ValueError(f"noise must be in [0, 0.5), got {noise}")
        if count < 0 or features < 1 or keys < 1 or interval_seconds <= 0:
            raise ValueError(
                f"count must not be negative, features, keys and interval_seconds must be positive; "
                f"got {count}, {features}, {keys} and {interval_seconds}"
            )
        self.stream = stream
        self.count = count
        self.drift_at = frozenset((drift_at,) if isinstance(drift_at, int) else drift_at or ())
        self.features = features
        self.noise = noise
        self.keys = keys
        self.delay_seconds = delay_seconds
        self.interval_seconds = interval_seconds
        self.start = start
        self.seed = seed
        self._injected = False

    def inject(self) -> None:
        """Flip the concept from the next event on, while the stream runs."""
        self._injected = not self._injected

    @property
    def total(self) -> int:
        """Events and labels."""
        return 2 * self.count

    def __iter__(self) -> Iterator[Record]:
        return with_labels(self._events(), self.delay_seconds)

    def _events(self) -> Iterator[tuple[Record, bool]]:
        flipped = False
        rng = random.Random(self.seed)
        for n in range(self.count):
            flipped ^= n in self.drift_at
            at = self.start + n * self.interval_seconds
            x = {f"x{i}": rng.gauss(0, 1) for i in range(self.features)}
            machine = f"machine-{rng.randrange(self.keys)}"
            wrong = rng.random() < self.noise
            event = SensorEvent(id=f"synthetic-{self.seed}-{n}", at=at, sensor=machine, x=x)
            yes = (math.fsum(x.values()) > 0) ^ flipped ^ self._injected ^ wrong
            yield Record(at, self.stream, "event", event.key, event), yes

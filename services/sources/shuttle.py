"""River's bundled Shuttle: nine sensors of a space shuttle, 7 % of the readings anomalous (binary, imbalanced)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from river import datasets

from driftline.services.sources.source import START, Record, with_labels
from driftline.streams.events import SensorEvent


class Shuttle:
    """One reading each `interval_seconds`; whether it was an anomaly `delay_seconds` after it.

    Parameters
    ----------
    stream
        The stream that it is published to (kind `sensor`).
    delay_seconds
        Event time from an event to its label.
    interval_seconds
        Event time from one event to the next.
    sensors
        Number of keys, `shuttle-0` and so on, taken in turn.
    start
        Event time of the first event, in seconds since 1970 (UTC).
    limit
        The most events; None takes all 49097.

    Examples
    --------
    >>> event, label, *_ = Shuttle(delay_seconds=0.5, limit=10)
    >>> event.value.x["f1"], label.value.y
    (50.0, True)

    """

    def __init__(
        self,
        stream: str = "sensors",
        *,
        delay_seconds: float = 10.0,
        interval_seconds: float = 1.0,
        sensors: int = 8,
        start: float = START,
        limit: int | None = None,
    ):
        if interval_seconds <= 0 or sensors < 1:
            raise ValueError(f"interval_seconds and sensors must be positive, got {interval_seconds} and {sensors}")
        self.stream = stream
        self.delay_seconds = delay_seconds
        self.interval_seconds = interval_seconds
        self.sensors = sensors
        self.start = start
        self.limit = limit

    @property
    def total(self) -> int:
        """Events and labels."""
        samples = int(datasets.Shuttle().n_samples)
        return 2 * (samples if self.limit is None else min(samples, self.limit))

    def __iter__(self) -> Iterator[Record]:
        return with_labels(self._events(), self.delay_seconds)

    def _events(self) -> Iterator[tuple[Record, bool]]:
        for n, (x, y) in enumerate(islice(datasets.Shuttle(), self.limit)):
            at = self.start + n * self.interval_seconds
            readings = {name: float(value) for name, value in x.items()}
            event = SensorEvent(id=f"shuttle-{n}", at=at, sensor=f"shuttle-{n % self.sensors}", x=readings)
            yield Record(at, self.stream, "event", event.key, event), bool(y)

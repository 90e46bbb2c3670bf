"""River's bundled Yeast: gene expressions whose functions become known later (multilabel, 103 features, 14 labels)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from river import datasets

from driftline.services.sources.source import START, Record, with_labels
from driftline.streams.events import SensorEvent


class Yeast:
    """One gene each `interval_seconds`; its functions `delay_seconds` after it.

    Parameters
    ----------
    stream
        The stream that it is published to (kind `sensor`).
    delay_seconds
        Event time from an event to its label.
    interval_seconds
        Event time from one event to the next.
    plates
        Number of keys, `plate-0` and so on, taken in turn.
    start
        Event time of the first event, in seconds since 1970 (UTC).
    limit
        The most events; None takes all 2417.

    Examples
    --------
    >>> first, *_ = Yeast()
    >>> first.key, first.value.id, len(first.value.x)
    ('plate-0', 'yeast-0', 103)

    """

    def __init__(
        self,
        stream: str = "yeast",
        *,
        delay_seconds: float = 30.0,
        interval_seconds: float = 1.0,
        plates: int = 16,
        start: float = START,
        limit: int | None = None,
    ):
        if interval_seconds <= 0 or plates < 1:
            raise ValueError(f"interval_seconds and plates must be positive, got {interval_seconds} and {plates}")
        self.stream = stream
        self.delay_seconds = delay_seconds
        self.interval_seconds = interval_seconds
        self.plates = plates
        self.start = start
        self.limit = limit

    @property
    def total(self) -> int:
        """Events and labels."""
        samples = int(datasets.Yeast().n_samples)
        return 2 * (samples if self.limit is None else min(samples, self.limit))

    def __iter__(self) -> Iterator[Record]:
        return with_labels(self._events(), self.delay_seconds)

    def _events(self) -> Iterator[tuple[Record, dict[str, bool]]]:
        for n, (x, y) in enumerate(islice(datasets.Yeast(), self.limit)):
            at = self.start + n * self.interval_seconds
            event = SensorEvent(id=f"yeast-{n}", at=at, sensor=f"plate-{n % self.plates}", x=x)
            yield Record(at, self.stream, "event", event.key, event), {name: bool(on) for name, on in y.items()}

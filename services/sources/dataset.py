"""A labelled dataset as a stream: its rows have neither times nor keys of their own, and get them here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import islice
from typing import Any, ClassVar

from driftline.services.sources.source import START, Record, with_labels
from driftline.streams.events import SensorEvent


@dataclass(frozen=True)
class Dataset:
    """One row each `interval_seconds`, under keys taken in turn; its label `delay_seconds` after it.

    Parameters
    ----------
    stream
        The stream that it is published to (kind `sensor`).
    delay_seconds
        Event time from an event to its label.
    keys
        Number of keys, taken in turn; each is the word `key` and a number, from 0 on.
    interval_seconds
        Event time from one event to the next.
    start
        Event time of the first event, in seconds since 1970 (UTC).
    limit
        The most events; None takes all.

    Raises `ValueError` if an interval or a number of keys is not positive, and for a negative delay when it is read.

    Examples
    --------
    >>> from river.datasets import Phishing
    >>> class Visits(Dataset):
    ...     rows, name, key = Phishing, "visit", "shop"
    >>> event, label = Visits("visits", keys=2, delay_seconds=0.5, limit=1)
    >>> event.value.id, event.key, label.value.y, label.at - event.at
    ('visit-0', 'shop-0', True, 0.5)

    """

    rows: ClassVar[type]
    """The dataset: what it makes iterates over features and labels, and knows its `n_samples`."""
    name: ClassVar[str]
    """What the ids of the events begin with."""
    key: ClassVar[str]
    """What the keys begin with."""

    stream: str
    _: KW_ONLY
    delay_seconds: float
    keys: int
    interval_seconds: float = 1.0
    start: float = START
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.interval_seconds <= 0 or self.keys < 1:
            raise ValueError(f"interval_seconds and keys must be positive, got {self.interval_seconds} and {self.keys}")

    @property
    def total(self) -> int:
        """Events and labels."""
        samples = int(self.rows().n_samples)
        return 2 * (samples if self.limit is None else min(samples, self.limit))

    def __iter__(self) -> Iterator[Record]:
        return with_labels(self._events(), self.delay_seconds)

    def _events(self) -> Iterator[tuple[Record, bool | dict[str, bool]]]:
        for n, (x, y) in enumerate(islice(self.rows(), self.limit)):
            at = self.start + n * self.interval_seconds
            numbers = {name: float(value) for name, value in x.items()}
            event = SensorEvent(id=f"{self.name}-{n}", at=at, sensor=f"{self.key}-{n % self.keys}", x=numbers)
            yield Record(at, self.stream, "event", event.key, event), _truth(y)


def _truth(y: Any) -> bool | dict[str, bool]:
    """Return the label as topics carry it: datasets say yes and no in numbers too."""
    return {name: bool(on) for name, on in y.items()} if isinstance(y, dict) else bool(y)

"""The stream that all contestants are given: sensor readings with labels that come some events later."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

SENSORS = 100
FEATURES = tuple(f"x{j}" for j in range(10))
START = 1_700_000_000.0
EVENTS_PER_SECOND = 100
"""In event time: 200,000 events are 33 minutes, and no event waits too long for its label."""
CHUNK = 10_000


class Row(NamedTuple):
    """One event and its truth."""

    id: str
    at: float
    sensor: int
    x: dict[str, float]
    y: bool

    @property
    def key(self) -> str:
        """The name of the sensor."""
        return f"s{self.sensor}"

    def event(self) -> bytes:
        """Return the event as it is on the wire."""
        return _json({"id": self.id, "at": self.at, "sensor": self.key, "x": self.x})

    def label(self, at: float) -> bytes:
        """Return the label as it is on the wire."""
        return _json({"of": self.id, "at": at, "y": self.y})


def rows(events: int, seed: int) -> Iterator[Row]:
    """Yield `events` rows, the same for the same seed.

    The truth is a linear rule whose weights fall off by half, with one label in twenty flipped: a logistic regression
    learns it, and a tree has something to split on.
    """
    rng = np.random.default_rng(seed)
    weights = 0.5 ** np.arange(len(FEATURES))
    for first in range(0, events, CHUNK):
        # Whole chunks, so that a shorter stream is the beginning of a longer one.
        x = rng.normal(size=(CHUNK, len(FEATURES))).round(4)
        sensors = rng.integers(SENSORS, size=CHUNK)
        truth = (x @ weights > 0) ^ (rng.random(CHUNK) < 0.05)
        for i in range(min(CHUNK, events - first)):
            values = dict(zip(FEATURES, x[i].tolist(), strict=True))
            number = first + i
            yield Row(f"e{number}", START + number / EVENTS_PER_SECOND, int(sensors[i]), values, bool(truth[i]))


def truths(events: int, seed: int) -> dict[str, bool]:
    """Return the label of each event, by its id."""
    return {row.id: row.y for row in rows(events, seed)}


def _json(message: dict[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()

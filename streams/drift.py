"""Drift of one number that a model gives: a detector, the evidence of what it finds, and a twin that counts errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from driftline.streams.detectors import make
from driftline.streams.past import FULL, Change, Past
from driftline.streams.twin import CYCLE, SHUFFLED, Twin


class Watch:
    """Watch one series of numbers with a detector of this name; `twin` says whether its false alarms are measured.

    Raises `TypeError` or `ValueError` where the detector does not take the parameters.

    >>> watch = Watch("adwin", {})
    >>> found = watch.update_run([float(i >= 1000) for i in range(2000)])
    >>> place, change = found[0]
    >>> 1000 < place < 1100
    True
    >>> change.before, change.after, change.count_before, change.confidence
    (0.0, 1.0, 1000, 1.0)
    """

    def __init__(self, detector: str, parameters: Mapping[str, Any], twin: bool = True):
        self.name = detector
        self.parameters = dict(parameters)
        self.detector: Any = make(detector, parameters)
        self.past = Past()
        self.seen = 0
        """Values so far."""
        self.twin = Twin() if twin and self.detector is not None else None

    def update_run(self, values: Sequence[float]) -> list[tuple[int, Change]]:
        """Take a run of values, as `update` would one by one; return each drift and at which of them it was found."""
        detector, past = self.detector, self.past
        if detector is None or not values:
            return []
        found = []
        start, update = 0, detector.update
        for place, value in enumerate(values):
            update(value)
            if detector.drift_detected:
                past.extend(values[start : place + 1])
                start = place + 1
                found.append((place, past.change()))
        past.extend(values[start:] if start else values)
        self.seen += len(values)
        if self.twin is not None:
            self.twin.extend(values, self.trial)
        return found

    def update(self, value: float) -> Change | None:
        """Take one value; return the drift that it shows, if any."""
        detector, past = self.detector, self.past
        if detector is None:
            return None
        detector.update(value)
        past.values.append(value)
        if len(past.values) >= FULL:
            past.fold()
        self.seen += 1
        twin = self.twin
        if twin is not None:
            if twin.seen % CYCLE >= SHUFFLED:
                twin.seen += 1
            else:
                twin.extend((value,), self.trial)
        return past.change() if detector.drift_detected else None

    def trial(self, values: Sequence[float]) -> tuple[int, int]:
        """Feed a new detector of this kind; return how many values and how many alarms these were."""
        detector = make(self.name, self.parameters)
        alarms = 0
        for value in values:
            detector.update(value)
            alarms += detector.drift_detected
        return len(values), alarms

    def restart(self) -> None:
        """Begin anew, where what comes has nothing to do with what was; what the twin measured stands."""
        self.detector, self.past = make(self.name, self.parameters), Past()

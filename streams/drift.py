"""Drift detection on a model's loss: River's detectors by name, and the evidence that an alarm carries."""

from __future__ import annotations

from typing import Any

from river import drift

from driftline.streams.config import Drift

DETECTORS = {"adwin": drift.ADWIN, "page-hinkley": drift.PageHinkley, "kswin": drift.KSWIN}
"""The detectors by name. KSWIN draws at random: it is seeded unless told otherwise."""
_RECENT = 0.02
"""Weight of the newest loss in the recent mean: about the last fifty."""


class Watch:
    """Watch one model's losses.

    >>> watch = Watch(Drift())
    >>> found = [i for i in range(2000) if watch.update(float(i >= 1000))]
    >>> 1000 < found[0] < 1100
    True
    >>> before, after = watch.evidence
    >>> before < 0.1 < after
    True
    """

    def __init__(self, config: Drift):
        parameters = dict(config.parameters)
        if config.detector == "kswin":
            parameters.setdefault("seed", 7)
        self.config = config
        self.detector: Any = None if config.detector == "none" else DETECTORS[config.detector](**parameters)
        self.count = 0
        self.total = 0.0
        self.recent = 0.0
        self.evidence = (0.0, 0.0)
        """Mean loss before the last drift, and lately, when it was found."""

    def update(self, loss: float) -> bool:
        """Take one loss; return whether it shows a drift."""
        if self.detector is None:
            return False
        self.count += 1
        self.recent += (loss - self.recent) * (_RECENT if self.count > 50 else 1.0 / self.count)
        detector = self.detector
        detector.update(loss)
        if not detector.drift_detected:
            self.total += loss
            return False
        self.evidence = (self.total / max(self.count - 1, 1), self.recent)
        self.count, self.total = 0, 0.0
        return True

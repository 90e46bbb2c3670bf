"""Readings of one key as steps of equal length: what is missing, comes twice, comes late, or counts from 0 again."""

from __future__ import annotations

from collections import Counter
from math import nan
from typing import Any

import numpy as np

from driftline.models.base import Plain

LEARNT_FROM = 9
"""Readings from whose times the length of a step is found out."""
LONGEST = 2_016
"""Missing steps in a row that are told one by one; of more only whole seasons are left out, so that phases stay."""
FOLLOW = 0.1
"""How much of the distance of a reading from its step moves the steps to come."""
OUTCOMES = ("taken", "missing", "late", "duplicate", "reset", "first")
"""What becomes of a reading: its step is `taken`, or over (`late`), or has a value already (`duplicate`); a counter's
first reading has nothing to be compared with (`first`), nor has one after a `reset` but 0. `missing`: steps without."""
DAY_SECONDS = 86_400.0


class Bins:
    """The steps of one series.

    Parameters
    ----------
    seconds
        Length of a step; 0 to find it out from the first `LEARNT_FROM` readings.
    counter
        Whether readings count up from when a device was started, so that the increase is what is wanted.
    season
        Steps of a season, 0 for none: what a very long gap leaves out is a multiple of it.

    >>> bins = Bins(60.0, counter=True)
    >>> [bins.take(at, count) for at, count in ((0.0, 100.0), (60.0, 130.0), (180.0, 190.0), (240.0, 20.0))]
    [[], [30.0], [nan, 30.0], [20.0]]
    >>> bins.counts["missing"], bins.counts["reset"]
    (1, 1)

    """

    def __init__(self, seconds: float, counter: bool, season: int = 0):
        self.seconds, self.counter, self.season = seconds, counter, season
        self.last: float | None = None
        """When the step that was taken last is thought to have been, in seconds of event time."""
        self.count: float | None = None
        """The counter's last reading."""
        self.waiting: list[tuple[float, float]] = []
        """Readings before the length of a step is known."""
        self.counts: Counter[str] = Counter()

    @property
    def found(self) -> bool:
        """Whether the length of a step is known."""
        return self.seconds > 0.0

    def take(self, at: float, y: float) -> list[float]:
        """Take a reading at an event time; return the values of the steps that it ends, nan for those missing."""
        if self.found:
            return self._take(at, y)
        self.waiting.append((at, y))
        self.seconds = step_of([at for at, _ in self.waiting])
        waiting = self.waiting if self.seconds > 0.0 else []
        self.waiting = [] if waiting else self.waiting
        return [value for reading in sorted(waiting) for value in self._take(*reading)]

    def _take(self, at: float, y: float) -> list[float]:
        first, missing = self.last is None, 0
        if self.last is None:
            self.last = at
        else:
            # Clocks of devices are a little off, so the nearest step is meant; and steps may be longer than thought.
            steps = round((at - self.last) / self.seconds)
            if steps < 1:
                self.counts["late" if steps else "duplicate"] += 1
                return []
            missing = steps - 1
            self.last += steps * self.seconds
            self.last += FOLLOW * (at - self.last)
        if self.counter:
            before, self.count = self.count, y
            if before is None:
                self.counts["first"] += 1
                return []
            if y < before:
                self.counts["reset"] += 1
                before = 0.0
            y = (y - before) / (missing + 1)  # the increase of all steps since
        self.counts["taken"] += 1
        self.counts["missing"] += missing
        return [y] if first else [nan] * self._told(missing) + [y]

    def _told(self, missing: int) -> int:
        if missing <= LONGEST:
            return missing
        if not self.season:
            return LONGEST
        return missing - -(-(missing - LONGEST) // self.season) * self.season

    def state(self) -> dict[str, Plain]:
        """Return all that is kept."""
        return {
            "seconds": self.seconds,
            "season": self.season,
            "last": self.last,
            "count": self.count,
            "waiting": np.array(self.waiting, np.float64).reshape(-1, 2),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take what another has kept."""
        self.seconds, self.season = state["seconds"], state["season"]
        self.last, self.count = state["last"], state["count"]
        self.waiting = [(float(at), float(y)) for at, y in state["waiting"]]


def step_of(times: list[float]) -> float:
    """Return the length of a step by the times of readings; 0 while there are fewer than `LEARNT_FROM` distinct ones.

    The quartile of the distances of neighbours tells how many steps lie between each two, since more readings are
    missing than come twice, and the line through all times how long these are, to three digits: devices' clocks are a
    little off.

    >>> step_of([0.0, 59.9, 120.0, 300.1, 360.0, 420.0, 480.0, 540.0, 600.0])
    60.0
    """
    distinct = sorted(set(times))
    if len(distinct) < LEARNT_FROM:
        return 0.0
    gaps = np.diff(distinct)
    steps = np.concatenate([[0.0], np.cumsum(np.rint(gaps / np.quantile(gaps, 0.25, method="lower")))])
    steps -= steps.mean()
    length = float(steps @ (np.array(distinct) - distinct[0])) / float(steps @ steps)
    return float(f"{length:.3g}")


def season_of(seconds: float) -> int:
    """Return how many steps a day has; 0 where that is no season: steps of half a day and more, or of under a minute.

    >>> season_of(600.0), season_of(1.0), season_of(86_400.0)
    (144, 0, 0)
    """
    steps = round(DAY_SECONDS / seconds)
    return steps if 2 < steps <= 1_440 else 0

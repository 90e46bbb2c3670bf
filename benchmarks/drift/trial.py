"""Detectors on streams of which it is known whether and when they shift."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np

from driftline.streams.detectors import BITS, DETECTORS
from driftline.streams.drift import Watch

Kind = Literal["numbers", "bits"]
SHIFTS = (0.25, 0.5, 1.0)
"""Rises of the mean, in standard deviations of the values before."""
BEFORE, AFTER, STEADY = 1_000, 2_000, 5_000
"""Values before and after a shift, and of a stream without one."""
SLOW = {"kswin": 5}
"""Those that have fewer runs, by so many times."""
_SHARE = 0.3
"""Of ones among the bits, before a shift."""


@dataclass(frozen=True)
class Cell:
    """What one detector did on one kind of stream; delays are in values after the shift, None where all were missed."""

    detector: str
    values: Kind
    shift: float
    runs: int
    missed: int
    delay: float | None
    delay_90: float | None
    false_rate: float
    """Alarms in 10,000 values of streams without a shift, or before it."""
    twin_rate: float | None
    """The same as the twin measures it, on blocks of the same streams in shuffled order."""
    confidence: float | None
    """The median that the alarms told: of the first after a shift, or of the false ones."""


def cells(runs: int) -> Iterator[Cell]:
    """Measure every detector on all that it takes, without a shift and with each."""
    kinds: tuple[Kind, ...] = ("numbers", "bits")
    for values in kinds:
        for detector in DETECTORS:
            if values == "bits" or detector not in BITS:
                fewer = -(-runs // SLOW.get(detector, 1))
                yield _steady(detector, values, fewer)
                yield from (_shifted(detector, values, shift, fewer) for shift in SHIFTS)


def stream(values: Kind, shift: float, before: int, after: int, seed: int) -> list[float]:
    """Return independent values whose mean rises.

    >>> bits = stream("bits", 1.0, 1_000, 1_000, 0)
    >>> sum(bits[:1_000]) < 350 < 700 < sum(bits[1_000:])
    True
    """
    rng = np.random.default_rng(seed)
    rise = np.repeat([0.0, shift], [before, after])
    if values == "numbers":
        return [float(value) for value in rng.normal(rise)]
    share = _SHARE + rise * (_SHARE * (1.0 - _SHARE)) ** 0.5
    return [float(value) for value in rng.random(before + after) < share]


def _steady(detector: str, values: Kind, runs: int) -> Cell:
    alarms, tested, false, sure = 0, 0, 0, []
    for seed in range(runs):
        watch = Watch(detector, {})
        found = watch.update_run(stream(values, 0.0, STEADY, 0, seed))
        alarms += len(found)
        sure += [change.confidence for _, change in found]
        assert watch.twin is not None
        tested, false = tested + watch.twin.tested, false + watch.twin.alarms
    rate, twin = 1e4 * alarms / (runs * STEADY), 1e4 * false / tested
    return Cell(detector, values, 0.0, runs, 0, None, None, rate, twin, median(sure) if sure else None)


def _shifted(detector: str, values: Kind, shift: float, runs: int) -> Cell:
    delays, sure, false = [], [], 0
    for seed in range(runs):
        watch = Watch(detector, {}, twin=False)
        for place, value in enumerate(stream(values, shift, BEFORE, AFTER, 1_000 + seed)):
            change = watch.update(value)
            if change is None:
                continue
            if place < BEFORE:
                false += 1
                continue
            delays.append(place - BEFORE + 1)
            sure.append(change.confidence)
            break
    told = (float(np.median(delays)), float(np.quantile(delays, 0.9)), median(sure)) if delays else (None, None, None)
    rate = 1e4 * false / (runs * BEFORE)
    return Cell(detector, values, shift, runs, runs - len(delays), told[0], told[1], rate, None, told[2])

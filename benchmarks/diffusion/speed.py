"""What cutting levels into intervals costs beside the same programme as loops in Python."""

import time
from dataclasses import dataclass

from driftline.models.training.intervals import By, Interval, cut, level_distances, total
from driftline.models.training.schedule import Schedule

LOOPS, LEVELS, K = 250, 1_000, 5
"""Levels that loops are asked about, and that only the programme is; intervals."""


@dataclass(frozen=True)
class Speed:
    """Seconds of CPU, the least of a few times, and what was found."""

    by: str
    levels: int
    loops_seconds: float
    """NaN where loops were not asked."""
    seconds: float
    cost: float
    intervals: str


def measure() -> list[Speed]:
    """Return the speeds; loops and programme must agree on the cost."""
    found = []
    kinds: tuple[By, ...] = ("log-snr", "timestep", "snr")
    for by in kinds:
        for levels in (LOOPS, LEVELS):
            apart = level_distances(Schedule("linear", levels), by)
            seconds, intervals = _timed(cut, apart, K, times=5)
            cost, loops = total(apart, intervals), float("nan")
            if levels == LOOPS:
                loops, other = _timed(by_loops, apart.tolist(), K, times=1)
                if abs(total(apart, other) - cost) > 1e-9 * cost:
                    raise AssertionError(f"{by}: loops found {other}, the programme {intervals}")
            text = " ".join(f"{first}–{last}" for first, last in intervals)
            found.append(Speed(by, levels, round(loops, 4), round(seconds, 5), round(cost, 4), text))
    return found


def by_loops(apart: list[list[float]], k: int) -> list[Interval]:
    """Return what `cut` does, as it is written down: a loop over intervals, one over ends, one over levels.

    >>> by_loops(level_distances(Schedule(steps=12)).tolist(), 3) == cut(level_distances(Schedule(steps=12)), 3)
    True
    """
    steps = len(apart)
    cost = [[0.0] * steps for _ in range(steps)]
    for first in range(steps):
        for last in range(first, steps):
            centre = (first + last + 1) // 2
            for t in range(first, last + 1):
                cost[first][last] += apart[t][centre]
    best, starts = cost[0][:], [[0] * steps]
    for _ in range(1, k):
        now, start = [float("inf")] * steps, [0] * steps
        for last in range(steps):
            for before in range(last):
                if best[before] + cost[before + 1][last] < now[last]:
                    now[last], start[last] = best[before] + cost[before + 1][last], before + 1
        best = now
        starts.append(start)
    found, last = [], steps - 1
    for start in reversed(starts):
        found.append((start[last], last))
        last = start[last] - 1
    return found[::-1]


def _timed(work, apart, k: int, times: int) -> tuple[float, list[Interval]]:  # type: ignore[no-untyped-def]
    least, found = float("inf"), []
    for _ in range(times):
        began = time.process_time()
        found = work(apart, k)
        least = min(least, time.process_time() - began)
    return least, found

"""Many ADWIN detectors in a few arrays, for loops that numba compiles.

Source: Bifet and Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007. Buckets, clock and the
restart after a drift are those of River 0.26's `drift.ADWIN`, to the last bit: a test says so.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array, Plain, array
from driftline.models.parameters import at_least, within

ROWS = 32  # row i holds buckets of 2 ** i values, so that a window holds about 2e10; then the oldest bucket is dropped
TOTAL, SPREAD, LENGTH, DEPTH, TICKS, DRIFTED = range(6)  # of a window; the first two of a bucket as well


class AdwinBank(NamedTuple):
    """G detectors. Row 0 of a detector holds the newest values, and in each row the oldest bucket comes first."""

    buckets: Array
    """(G, ROWS, 2, max_buckets + 1) float64: sums, and sums of squared distances from the mean; 0 where none is."""
    filled: Array
    """(G, ROWS) int64: buckets in each row."""
    windows: Array
    """(G, 6) float64: sum, sum of squared distances from the mean, values held, rows in use, values since the detector
    began, and whether the last value told of a drift, so that the next one begins a new window."""
    delta: float
    clock: int
    min_window_length: int
    grace_period: int


def make(
    detectors: int,
    delta: float = 0.002,
    clock: int = 32,
    max_buckets: int = 5,
    min_window_length: int = 5,
    grace_period: int = 10,
) -> AdwinBank:
    """Return a bank of detectors that have seen nothing.

    Parameters
    ----------
    detectors
        How many, at least 0.
    delta
        The significance of a cut, in (0, 1).
    clock
        A detector looks for a drift at every so many values, at least 1.
    max_buckets
        Buckets of one size that are kept before two of them become one, at least 2.
    min_window_length
        Values that each side of a cut must have, at least 1.
    grace_period
        Values that a window must exceed before it is cut, at least 0.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> bank = make(2)
    >>> [i for i in range(400) if update(bank, 1, float(i >= 200))]
    [223]
    >>> width(bank, 1), round(mean(bank, 1), 2), width(bank, 0)
    (176, 1.0, 0)
    """
    at_least(0, detectors=detectors, grace_period=grace_period)
    within("(0, 1)", delta=delta)
    at_least(1, clock=clock, min_window_length=min_window_length)
    at_least(2, max_buckets=max_buckets)
    windows = np.zeros((detectors, 6))
    windows[:, DEPTH] = 1.0
    return AdwinBank(
        buckets=np.zeros((detectors, ROWS, 2, max_buckets + 1)),
        filled=np.zeros((detectors, ROWS), np.int64),
        windows=windows,
        delta=float(delta),
        clock=int(clock),
        min_window_length=int(min_window_length),
        grace_period=int(grace_period),
    )


@njit(cache=True)  # type: ignore[untyped-decorator]
def update(bank: AdwinBank, g: int, value: float) -> bool:
    """Give detector `g` its next value and return whether it tells of a drift.

    The window is then what was left of it, and the next value begins a new one, as in River. A value that is not
    finite is passed over.
    """
    window = bank.windows[g]
    if window[DRIFTED] > 0.0:
        reset(bank, g)
    if not math.isfinite(value):
        return False
    _insert(bank.buckets, bank.filled, window, g, value)
    window[TICKS] += 1.0
    if window[TICKS] % bank.clock == 0.0 and window[LENGTH] > bank.grace_period:
        while _cuts(bank, g):
            _drop_oldest(bank.buckets, bank.filled, window, g)
            window[DRIFTED] = 1.0
    return bool(window[DRIFTED])


@njit(cache=True)  # type: ignore[untyped-decorator]
def mean(bank: AdwinBank, g: int) -> float:
    """Return the mean of detector `g`'s window, 0.0 for an empty one."""
    window = bank.windows[g]
    return window[TOTAL] / window[LENGTH] if window[LENGTH] > 0.0 else 0.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def width(bank: AdwinBank, g: int) -> int:
    """Return how many values detector `g`'s window holds."""
    return int(bank.windows[g, LENGTH])


@njit(cache=True)  # type: ignore[untyped-decorator]
def reset(bank: AdwinBank, g: int) -> None:
    """Make detector `g` one that has seen nothing."""
    bank.buckets[g] = 0.0
    bank.filled[g] = 0
    bank.windows[g] = 0.0
    bank.windows[g, DEPTH] = 1.0


@njit(cache=True)  # type: ignore[untyped-decorator]
def _insert(buckets: Array, filled: Array, window: Array, g: int, value: float) -> None:
    buckets[g, 0, TOTAL, filled[g, 0]] = value
    filled[g, 0] += 1
    window[LENGTH] += 1.0
    n = window[LENGTH]
    if n > 1.0:
        distance = value - window[TOTAL] / (n - 1.0)
        window[SPREAD] += (n - 1.0) * distance * distance / n
    window[TOTAL] += value
    row, size, most = 0, 1.0, buckets.shape[3]
    while filled[g, row] == most:  # the two oldest of a full row become one of the next row
        if row + 1 == ROWS:
            _drop_oldest(buckets, filled, window, g)
            return
        first, second = buckets[g, row, TOTAL, 0], buckets[g, row, TOTAL, 1]
        apart = first / size - second / size
        spread = buckets[g, row, SPREAD, 0] + buckets[g, row, SPREAD, 1] + size * 0.5 * apart * apart
        at = filled[g, row + 1]
        buckets[g, row + 1, TOTAL, at] = first + second
        buckets[g, row + 1, SPREAD, at] = spread
        filled[g, row + 1] = at + 1
        _forget(buckets, filled, g, row, 2)
        row, size = row + 1, 2.0 * size
        window[DEPTH] = max(window[DEPTH], row + 1.0)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _forget(buckets: Array, filled: Array, g: int, row: int, by: int) -> None:
    """Forget the oldest buckets of a row."""
    n = filled[g, row]
    for part in range(2):
        for i in range(n - by):
            buckets[g, row, part, i] = buckets[g, row, part, i + by]
        for i in range(n - by, n):
            buckets[g, row, part, i] = 0.0
    filled[g, row] = n - by


@njit(cache=True)  # type: ignore[untyped-decorator]
def _drop_oldest(buckets: Array, filled: Array, window: Array, g: int) -> None:
    row = int(window[DEPTH]) - 1
    size, total = 2.0**row, buckets[g, row, TOTAL, 0]
    window[LENGTH] -= size
    window[TOTAL] -= total
    left = window[LENGTH]
    apart = total / size - window[TOTAL] / left
    window[SPREAD] -= buckets[g, row, SPREAD, 0] + size * left * apart * apart / (size + left)
    _forget(buckets, filled, g, row, 1)
    if filled[g, row] == 0:
        window[DEPTH] = row


@njit(cache=True)  # type: ignore[untyped-decorator]
def _cuts(bank: AdwinBank, g: int) -> bool:
    """Say whether the means on the two sides of some cut differ by more than chance (section 3.1 of the paper)."""
    window, least = bank.windows[g], float(bank.min_window_length)
    n, old, new = window[LENGTH], 0.0, window[LENGTH]
    old_total, new_total = 0.0, window[TOTAL]
    surprise = math.log(2.0 * math.log(n) / bank.delta)
    variance = window[SPREAD] / n  # where rounding brings it below 0, the bound is NaN and nothing exceeds it
    for row in range(int(window[DEPTH]) - 1, -1, -1):
        size = 2.0**row
        for i in range(bank.filled[g, row]):
            if row == 0 and i == bank.filled[g, 0] - 1:
                return False
            old += size
            new -= size
            old_total += bank.buckets[g, row, TOTAL, i]
            new_total -= bank.buckets[g, row, TOTAL, i]
            if old < least or new < least:
                continue
            inverse = 1.0 / (old - least + 1.0) + 1.0 / (new - least + 1.0)
            bound = math.sqrt(2.0 * inverse * variance * surprise) + 2.0 / 3.0 * surprise * inverse
            if abs(old_total / old - new_total / new) > bound:
                return True
    return False


def grow(bank: AdwinBank, detectors: int) -> AdwinBank:
    """Return a bank of so many detectors: those there were, as they are, and new ones after them.

    >>> bank = make(1)
    >>> for _ in range(3):
    ...     _ = update(bank, 0, 1.0)
    >>> bank = grow(bank, 4)
    >>> width(bank, 0), width(bank, 3)
    (3, 0)
    """
    held = len(bank.windows)
    at_least(held, detectors=detectors)
    larger = make(detectors, max_buckets=bank.buckets.shape[3] - 1)
    for new, old in zip(larger[:3], bank[:3], strict=True):
        new[:held] = old
    return bank._replace(buckets=larger.buckets, filled=larger.filled, windows=larger.windows)


def state(bank: AdwinBank) -> dict[str, Plain]:
    """Return what the detectors have seen; rows of buckets that none uses are left out."""
    deep = int(bank.windows[:, DEPTH].max(initial=1.0))
    return {
        "buckets": bank.buckets[:, :deep].copy(),
        "filled": bank.filled[:, :deep].copy(),
        "windows": bank.windows.copy(),
    }


def restore(bank: AdwinBank, state: dict[str, Plain]) -> AdwinBank:
    """Return the bank that gave this state, which was made with the parameters of `bank`; their sizes may differ.

    Raises
    ------
    ValueError
        The state does not fit these parameters, or its parts each other.

    >>> bank = make(3)
    >>> for i in range(100):
    ...     _ = update(bank, i % 3, i / 100)
    >>> again = restore(make(1), state(bank))
    >>> [width(again, g) for g in range(3)]
    [34, 33, 33]
    """
    windows = state.get("windows")
    detectors = len(windows) if isinstance(windows, np.ndarray) and windows.ndim == 2 else 0
    most = bank.buckets.shape[3] - 1
    fresh = make(detectors, max_buckets=most)
    fresh.windows[:] = array(state, "windows", like=fresh.windows)
    depths = fresh.windows[:, DEPTH]
    deep = int(depths.max(initial=1.0))
    fresh.filled[:, :deep] = array(state, "filled", like=fresh.filled[:, :deep])
    fresh.buckets[:, :deep] = array(state, "buckets", like=fresh.buckets[:, :deep])
    fits = depths.min(initial=1.0) >= 1.0 and fresh.filled.min(initial=0) >= 0 and fresh.filled.max(initial=0) <= most
    if not fits or deep > ROWS:  # the loops above would overrun memory
        raise ValueError(f"state must have from 1 to {ROWS} rows, and from 0 to {most} buckets in each")
    return bank._replace(buckets=fresh.buckets, filled=fresh.filled, windows=fresh.windows)

"""The window of recent events, and the nearest of them by cosine, each speaking for the labels that it had.

Events lie in a ring as rows of length 1: the dense features in a block, the others as pairs of index and value, so that
a search costs the non-zeros of the window.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

NEAREST = 10
"""How many neighbours speak."""
CLOSE = 0.01
"""Added to each distance, so that one exact match does not silence the others."""


class Ring(NamedTuple):
    """`W` events, `D` dense features, `S` others at most for each event, `L` labels."""

    block: Array
    """(W, D) float32."""
    column: Array
    """(W, S) int32."""
    value: Array
    """(W, S) float32."""
    length: Array
    """(W,) int32: entries in `column` and `value`."""
    labels: Array
    """(W, L) uint8."""
    counts: Array
    """(2,) int64: events held, and the place of the next."""


def make(window: int, dense: int, sparse: int, labels: int) -> Ring:
    """Return an empty ring."""
    return Ring(
        np.zeros((window, dense), dtype=np.float32),
        np.zeros((window, sparse), dtype=np.int32),
        np.zeros((window, sparse), dtype=np.float32),
        np.zeros(window, dtype=np.int32),
        np.zeros((window, labels), dtype=np.uint8),
        np.zeros(2, dtype=np.int64),
    )


@njit(cache=True, fastmath={"contract", "nsz", "reassoc"})
def _similarity(a, b, n):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for i in range(n):
        total += a[i] * b[i]
    return total


@njit(cache=True)
def search(ring, where, standard, n, n_dense, spread, out, labels):  # type: ignore[no-untyped-def]
    """Write the weighted share of the nearest events that had each label to `out` (L,); return whether there is any.

    `where`, `standard` are the event as `feature_rows.represent` made it (its first `n_dense` entries are the block);
    `spread` (F,) float32 is scratch that must be and is left zero.
    """
    held = ring.counts[0]
    for k in range(labels):
        out[k] = 0.0
    if held == 0:
        return False
    for i in range(n_dense, n):
        spread[where[i]] = standard[i]
    near = np.empty(NEAREST, dtype=np.int64)
    best = np.empty(NEAREST, dtype=np.float32)
    found = 0
    for row in range(held):
        s = _similarity(standard, ring.block[row], n_dense)
        column, value = ring.column[row], ring.value[row]
        for e in range(ring.length[row]):
            s += spread[column[e]] * value[e]
        if found == NEAREST and s <= best[found - 1]:
            continue
        if found < NEAREST:
            found += 1
        place = found - 1
        while place > 0 and best[place - 1] < s:
            best[place], near[place] = best[place - 1], near[place - 1]
            place -= 1
        best[place], near[place] = s, row
    for i in range(n_dense, n):
        spread[where[i]] = 0.0
    total = 0.0
    for place in range(found):
        weight = 1.0 / (max(1.0 - best[place], 0.0) + CLOSE)
        total += weight
        had = ring.labels[near[place]]
        for k in range(labels):
            if had[k]:
                out[k] += weight
    for k in range(labels):
        out[k] /= total
    return True


@njit(cache=True)
def remember(ring, where, standard, n, n_dense, truth, labels):  # type: ignore[no-untyped-def]
    """Put an event and its labels in the place of the oldest; what has no room (beyond `S`) is left out."""
    row = ring.counts[1]
    ring.block[row, :] = 0.0
    for p in range(n_dense):
        ring.block[row, p] = standard[p]
    kept = min(n - n_dense, ring.column.shape[1])
    for e in range(kept):
        ring.column[row, e] = where[n_dense + e]
        ring.value[row, e] = standard[n_dense + e]
    ring.length[row] = kept
    for k in range(labels):
        ring.labels[row, k] = truth[k]
    ring.counts[1] = (row + 1) % len(ring.length)
    ring.counts[0] = min(ring.counts[0] + 1, len(ring.length))


@njit(cache=True)
def move_dense(ring, place, last):  # type: ignore[no-untyped-def]
    """Follow `feature_rows.retire`: the column `last` of the block takes the place of `place`, and is emptied."""
    for row in range(ring.counts[0]):
        ring.block[row, place] = ring.block[row, last]
        ring.block[row, last] = 0.0

"""A table from 64-bit keys to rows of numbers, bounded: it grows to a limit, then forgets what was not seen for long.

Each key may stand in either of two buckets of eight slots, whichever was emptier when it came (two choices: Azar,
Broder, Karlin and Upfal, 1994), so that a table gets nearly full before a key finds no place. Then it doubles; at its
limit, the key of both buckets that was not seen for longest gives way, and is counted. Keys are compared whole: two
ids share a row only if all 64 bits of their hashes are equal.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

BUCKET = 8
"""Slots of a bucket: their keys fill one cache line."""
FULL, REFUSED = -2, -1
"""What `claim` returns in place of a slot: make the table larger; no slot is to be had."""
USED, DROPPED = 0, 1
"""Places in the tally."""
_GOLDEN, _ODD, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93), np.uint64(32)


class Table(NamedTuple):
    """`S` slots, a power of two, and what stands in them."""

    key: Array
    """(S,) uint64; 0 for a free slot."""
    seen: Array
    """(S,) int64: the event that last claimed it."""
    row: Array
    """(S + 1, width) float32: the numbers of each slot; the last row is the caller's own, and never dropped."""
    tally: Array
    """(2,) int64: slots in use, and keys that were dropped or refused."""


def make(slots: int, width: int) -> Table:
    """Return an empty table."""
    return Table(
        np.zeros(slots, dtype=np.uint64),
        np.zeros(slots, dtype=np.int64),
        np.zeros((slots + 1, width), dtype=np.float32),
        np.zeros(2, dtype=np.int64),
    )


@njit(cache=True)
def joined(a, b):  # type: ignore[no-untyped-def]
    """Return one key of two numbers, in this order; never 0."""
    x = np.uint64(a) * _GOLDEN + np.uint64(b)
    x = (x ^ (x >> _HALF)) * _ODD
    x = (x ^ (x >> _HALF)) * _ODD
    x = x ^ (x >> _HALF)
    return max(x, np.uint64(1))


@njit(cache=True)
def _bucket(slots, key, choice):  # type: ignore[no-untyped-def]
    """Return the first slot of either bucket of a key."""
    hashed = key >> _HALF if choice else key
    return np.int64(hashed & np.uint64(slots // BUCKET - 1)) * BUCKET


@njit(cache=True)
def find(t, key):  # type: ignore[no-untyped-def]
    """Return the slot of a key, `REFUSED` where it has none."""
    keys = t.key
    for choice in range(2):
        start = _bucket(len(keys), key, choice)
        for p in range(start, start + BUCKET):
            if keys[p] == key:
                return p
    return REFUSED


@njit(cache=True)
def claim(t, key, now, most):  # type: ignore[no-untyped-def]
    """Return the slot of a key, which is seen `now`; one that is new gets a slot, and zeros in its row.

    `FULL` where there is no place and the table has less than `most` slots; `REFUSED` where it has, and all that could
    give way was seen at this same event.
    """
    slot = find(t, key)
    if slot >= 0:
        t.seen[slot] = now
        return slot
    slots = len(t.key)
    free, most_free, oldest = -1, 0, -1
    for choice in range(2):
        start = _bucket(slots, key, choice)
        count = 0
        for p in range(start, start + BUCKET):
            if t.key[p] == 0:
                count += 1
            elif oldest < 0 or t.seen[p] < t.seen[oldest]:
                oldest = p
        if count > most_free:
            most_free, free = count, start + BUCKET - count
    if free >= 0:
        t.tally[USED] += 1
    elif slots < most:
        return FULL
    else:
        t.tally[DROPPED] += 1
        if t.seen[oldest] == now:
            return REFUSED
        free = oldest
    t.key[free] = key
    t.seen[free] = now
    t.row[free] = 0.0
    return free


@njit(cache=True)
def move(old, new):  # type: ignore[no-untyped-def]
    """Copy a table into an empty one of twice as many slots: each bucket is shared out to two, so all find a place."""
    slots = len(old.key)
    for p in range(slots):
        key = old.key[p]
        if key == 0:
            continue
        home = p // BUCKET * BUCKET
        q = _bucket(2 * slots, key, 0 if _bucket(slots, key, 0) == home else 1)
        while new.key[q] != 0:
            q += 1
        new.key[q] = key
        new.seen[q] = old.seen[p]
        new.row[q] = old.row[p]
    new.row[2 * slots] = old.row[slots]
    new.tally[:] = old.tally

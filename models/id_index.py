"""Which 64-bit id has which place: an index that grows to a bound, knows who was seen when, and can drop ids."""

from typing import Any

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.parameters import at_least

FIRST = 64
"""Places at first; doubled as needed."""
NOWHERE = -1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class IdIndex:
    """Give each id a place from 0 on, the same until it is dropped; places that became free are given again.

    Ids are found by open addressing with linear probing, and compared whole: two are taken for one only where all 64
    bits of their hashes are equal, which among ten million ids has a probability of 3 in a million.

    Parameters
    ----------
    most
        The most ids that have a place at a time, at least 1.

    Raises
    ------
    ValueError
        `most` is below 1.

    >>> index = IdIndex(most=100)
    >>> index.claim(np.array([7, 9], np.uint64), now=1).tolist()
    [0, 1]
    >>> index.find(np.array([9, 8], np.uint64)).tolist()
    [1, -1]
    >>> index.drop(index.find(np.array([7], np.uint64)))
    >>> index.claim(np.array([8], np.uint64), now=2).tolist()
    [0]

    """

    def __init__(self, most: int):
        at_least(1, most=most)
        self.most = most
        self.id: Array = np.zeros(FIRST, np.uint64)
        """(places,): the id of each place, 0 for a free one."""
        self.seen: Array = np.zeros(FIRST, np.int64)
        """(places,): when it was last claimed, in the caller's unit."""
        self._free: Array = np.arange(FIRST)[::-1].copy()  # the last is given first
        self._frees = FIRST
        self._slots: Array = np.full(2 * FIRST, NOWHERE, np.int64)

    def __len__(self) -> int:
        return len(self.id) - self._frees

    @property
    def places(self) -> int:
        """How many places there are, free ones included: the length of whatever goes along."""
        return len(self.id)

    @property
    def used(self) -> Array:
        """The places that are taken, in order."""
        return np.flatnonzero(self.id)

    def find(self, ids: Array) -> Array:
        """Return the place of each id, -1 where it has none; (n,) uint64 to (n,) int64."""
        out = np.empty(len(ids), np.int64)
        _find(self._slots, self.id, ids, out)
        return out

    def claim(self, ids: Array, now: int) -> Array:
        """Return the place of each id, seen `now`; new ones get one, in order, or -1 where there is no more room.

        Raises `ValueError` for the id 0, which means none.
        """
        if not np.all(ids):
            raise ValueError("id 0 means none: make ids with click_rows.hashed, which never gives 0")
        found = self.find(ids)
        if (found < 0).any():
            unknown = ids[found < 0]
            _, first = np.unique(unknown, return_index=True)
            fresh = unknown[np.sort(first)][: self.most - len(self)]
            while self._frees < len(fresh):
                self._grow()
            places = self._free[self._frees - len(fresh) : self._frees][::-1]
            self._frees -= len(fresh)
            self.id[places] = fresh
            _insert(self._slots, self.id, places)
            found[found < 0] = self.find(unknown)
        self.seen[found[found >= 0]] = now
        return found

    def oldest(self, count: int, among: Array | None = None) -> Array:
        """Return the places of those not seen for longest, of all or `among` some places; of equals the least ids."""
        places = self.used if among is None else among
        return places[np.lexsort((self.id[places], self.seen[places]))[:count]]

    def drop(self, places: Array) -> None:
        """Free these places, each given once."""
        _remove(self._slots, self.id, places)
        self.id[places] = 0
        self.seen[places] = 0
        self._free[self._frees : self._frees + len(places)] = places
        self._frees += len(places)

    def _grow(self) -> None:
        old = len(self.id)
        self.id, self.seen = grown(self.id), grown(self.seen)
        free = np.empty(2 * old, np.int64)
        free[:old] = np.arange(2 * old - 1, old - 1, -1)
        free[old : old + self._frees] = self._free[: self._frees]
        self._free, self._frees = free, self._frees + old
        self._slots = np.full(4 * old, NOWHERE, np.int64)
        _insert(self._slots, self.id, self.used)

    def copy(self) -> "IdIndex":
        """Return an index of its own with the same ids."""
        made = IdIndex(self.most)
        made.__dict__.update({name: _copied(value) for name, value in self.__dict__.items()})
        return made


def grown(array: Array) -> Array:
    """Return an array of twice as many rows, the new ones zero.

    >>> grown(np.ones(2)).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    return np.concatenate([array, np.zeros_like(array)])


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


@njit(cache=True)
def _home(slots, key):  # type: ignore[no-untyped-def]
    """Return where the search for a key begins."""
    mixed = (key ^ (key >> np.uint64(32))) * _GOLDEN
    return np.int64((mixed >> np.uint64(32)) & np.uint64(slots - 1))


@njit(cache=True)
def _find(slots, ids, wanted, out):  # type: ignore[no-untyped-def]
    last = len(slots) - 1
    for i in range(len(wanted)):
        p = _home(len(slots), wanted[i])
        while slots[p] >= 0 and ids[slots[p]] != wanted[i]:
            p = (p + 1) & last
        out[i] = slots[p]


@njit(cache=True)
def _insert(slots, ids, places):  # type: ignore[no-untyped-def]
    last = len(slots) - 1
    for place in places:
        p = _home(len(slots), ids[place])
        while slots[p] >= 0:
            p = (p + 1) & last
        slots[p] = place


@njit(cache=True)
def _remove(slots, ids, places):  # type: ignore[no-untyped-def]
    """Take places out, and move up those behind them that would not be found any more."""
    last = len(slots) - 1
    for place in places:
        p = _home(len(slots), ids[place])
        while slots[p] != place:
            p = (p + 1) & last
        hole, p = p, (p + 1) & last
        while slots[p] >= 0:
            home = _home(len(slots), ids[slots[p]])
            if ((p - home) & last) >= ((p - hole) & last):
                slots[hole] = slots[p]
                hole = p
            p = (p + 1) & last
        slots[hole] = NOWHERE

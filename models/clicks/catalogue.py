"""What is known of items, by the tokens that histories name them with: the ids of their features."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.id_index import IdIndex, grown
from driftline.models.parameters import at_least


class Described(NamedTuple):
    """Features of `n` items, at most `k` each."""

    id: Array
    """(n, k) uint64: 0 where there is no further one."""
    field: Array
    """(n, k) int32."""
    slot: Array
    """(n, k) int32: which part of an item's vector it belongs to."""


class Catalogue:
    """Keep the features with which each item was shown last.

    Parameters
    ----------
    features
        The most features of an item; further ones are passed over.
    most
        The most items; beyond, those not seen for longest give way.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> catalogue = Catalogue(features=2, most=10)
    >>> tokens = np.array([5], np.uint64)
    >>> catalogue.put(tokens, Described(np.array([[8, 0]], np.uint64), *np.zeros((2, 1, 2), np.int32)), now=1)
    >>> catalogue.find(np.array([5, 6], np.uint64)).tolist(), catalogue.at(np.array([0])).id.tolist()
    ([0, -1], [[8, 0]])

    """

    def __init__(self, features: int = 16, most: int = 1 << 18):
        at_least(1, features=features, most=most)
        self.features, self.most = features, most
        self._index = IdIndex(most)
        self._id: Array = np.zeros((self._index.places, features), np.uint64)
        self._where: Array = np.zeros((self._index.places, 2 * features), np.int32)
        """Field and slot of each feature."""
        self._met: Array = np.zeros(self._index.places, bool)
        self._gone: set[int] = set()

    def __len__(self) -> int:
        """How many items there are."""
        return len(self._index)

    @property
    def places(self) -> int:
        """More than any place that `find` gives."""
        return self._index.places

    def find(self, tokens: Array) -> Array:
        """Return the place of each token, -1 for one that is not known; (n,) uint64 to (n,) int64."""
        return self._index.find(tokens)

    def tokens(self, places: Array) -> Array:
        """Return the tokens at places."""
        return self._index.id[places]

    def at(self, places: Array) -> Described:
        """Return the features of the items at these places."""
        field, slot = np.split(self._where[places], 2, axis=1)
        return Described(self._id[places], field, slot)

    def put(self, tokens: Array, described: Described, now: int) -> None:
        """Describe items, (n,) uint64, as they were shown `now`; of equal tokens the last counts."""
        distinct, last = np.unique(tokens[::-1], return_index=True)
        last = len(tokens) - 1 - last
        known = self._index.find(distinct)
        self._index.seen[known[known >= 0]] = now
        lacking = len(self) + int((known < 0).sum()) - self.most
        if lacking > 0:
            used = self._index.used
            old = self._index.oldest(lacking, used[self._index.seen[used] < now])
            self._gone.update(self._index.id[old].tolist())
            self._met[old] = False
            self._index.drop(old)
        place = self._index.claim(distinct, now)
        while len(self._id) < self._index.places:
            self._id, self._where, self._met = grown(self._id), grown(self._where), grown(self._met)
        there = place >= 0
        place, last = place[there], last[there]
        self._id[place] = described.id[last]
        self._where[place] = np.concatenate([described.field[last], described.slot[last]], axis=1)
        self._met[place] = True

    def touched(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, by token in hexadecimal: None where it is gone."""
        gone: dict[str, bytes | None] = {f"{one:016x}": None for one in sorted(self._gone)}
        out = gone | self._packed(np.flatnonzero(self._met))
        self._gone.clear()
        self._met[:] = False
        return out

    def every(self) -> dict[str, bytes]:
        """Return all there is, in the form of `touched`."""
        return self._packed(np.sort(self._index.used))

    def _packed(self, places: Array) -> dict[str, bytes]:
        seen, item, where = self._index.seen, self._id, self._where
        return {
            f"{int(self._index.id[place]):016x}": seen[place].tobytes() + item[place].tobytes() + where[place].tobytes()
            for place in places.tolist()
        }

    def restore(self, rows: Mapping[str, bytes]) -> None:
        """Become the catalogue of these rows. Raises `ValueError`, and is unchanged, where one does not fit."""
        made = Catalogue(self.features, self.most)
        size = 8 + 16 * self.features
        for key, packed in rows.items():
            if len(packed) != size:
                raise ValueError(f"item {key!r} has {len(packed)} bytes, this catalogue needs {size}")
        if len(rows) > self.most:
            raise ValueError(f"{len(rows)} items do not fit a catalogue of {self.most}")
        tokens = np.array([int(key, 16) for key in sorted(rows)], np.uint64)
        whole = b"".join(rows[key] for key in sorted(rows))
        parts = np.frombuffer(
            whole, [("seen", "<i8"), ("id", "<u8", self.features), ("where", "<i4", 2 * self.features)]
        )
        field, slot = np.split(parts["where"], 2, axis=1)
        made.put(tokens, Described(parts["id"], field, slot), 0)
        made._index.seen[made.find(tokens)] = parts["seen"]
        made._met[:] = False
        self.__dict__.update(made.__dict__)

    def copy(self) -> "Catalogue":
        """Return a catalogue of its own with the same items."""
        made = Catalogue(self.features, self.most)
        made._index, made._id, made._where = self._index.copy(), self._id.copy(), self._where.copy()
        made._met, made._gone = self._met.copy(), set(self._gone)
        return made

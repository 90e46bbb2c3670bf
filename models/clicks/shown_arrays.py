"""Events of a heavy click model as arrays: their features, what the light model said, and their histories."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from driftline.models.base import Array, Features
from driftline.models.clicks.catalogue import Catalogue, Described
from driftline.models.clicks.click_rows import ITEM, USER, Fields, hashed
from driftline.models.heavy import Shown

LARGEST = 8.0
"""What a number's size, on a log scale, is cut at: that of 3,000."""
CERTAIN = 1e-9
"""Probabilities are cut so far from 0 and 1."""


class Batch(NamedTuple):
    """`n` events, with at most `k` features each and at most `l` behaviours; `u` different ones."""

    id: Array
    """(n, k) uint64: the ids of features, 0 where there is no further one."""
    field: Array
    """(n, k) int32."""
    slot: Array
    """(n, k) int32: which part of the event's vectors it belongs to."""
    size: Array
    """(n, k) float32: 1, or a number's size on a log scale."""
    token: Array
    """(n,) uint64: of the event's item, 0 for none."""
    offset: Array
    """(n,) float64: log odds that the light model gave."""
    past: Array
    """(n, l) int64: which of `items` each behaviour is, the newest first; -1 for none, and where it is not known."""
    items: Array
    """(u,) int64: places of the catalogue."""


class ShownArrays:
    """Make arrays of events.

    An item's vector has a part for each of the `item` names; one that ends in `*` stands for all names that begin so.
    After these, there is a part for the user, and one for all else.

    Parameters
    ----------
    offset
        Which light model's probability, of those in `said`, becomes the offset.
    item
        Names of the features that belong to the item.
    history
        The most behaviours that are looked at.
    max_fields
        The most names of features; further ones share.

    """

    def __init__(self, offset: str, item: Sequence[str], history: int, max_fields: int = 128):
        self.offset, self.item, self.history = offset, tuple(item), history
        self.fields = Fields(max_fields)
        self._slot: Array = np.zeros(0, np.int32)

    @property
    def user(self) -> int:
        """The part for the user."""
        return len(self.item)

    @property
    def rest(self) -> int:
        """The part for all else."""
        return len(self.item) + 1

    def check(self, rows: Sequence[Shown]) -> None:
        """Raise `ValueError` where events are not to be learnt: features or offsets that are not finite."""
        for i, row in enumerate(rows):
            for name, value in row.x.items():
                if isinstance(value, float | np.floating) and not isfinite(value):
                    raise ValueError(f"event {i}: feature {name!r} is {value}, leave out what is not known")
        self._offsets(rows)

    def batch(self, rows: Sequence[Shown], catalogue: Catalogue, add: bool) -> Batch:
        """Return events as arrays. Raises `ValueError` where an offset or a history is lacking or makes no sense.

        Names of features that are new are passed over, unless told to `add` them.
        """
        offset = self._offsets(rows)
        past, items = self._histories(rows, catalogue)
        made = self.fields.rows([row.x for row in rows], add=add)
        n, count = len(rows), np.diff(made.start)
        k = int(count.max(initial=1))  # one column at least, so that there is always something to look at
        event = np.repeat(np.arange(n), count)
        column = np.arange(len(made.entry)) - np.repeat(made.start[:-1], count)
        entry = made.field[made.entry]
        field = np.where(entry < 0, -1 - entry, entry)
        value = np.ones(len(entry))
        value[entry < 0] = _squeezed(made.number)
        ids, fields, slots, sizes = (
            np.zeros((n, k), np.uint64), np.zeros((n, k), np.int32), np.zeros((n, k), np.int32),
            np.zeros((n, k), np.float32),
        )  # fmt: skip
        ids[event, column] = made.key[made.entry]
        fields[event, column] = field
        slots[event, column] = self._slots()[field]
        sizes[event, column] = value
        token = np.zeros(n, np.uint64)
        own = fields == ITEM
        own &= ids != 0
        has = own.any(axis=1)
        token[has] = ids[has, own.argmax(axis=1)[has]]
        return Batch(ids, fields, slots, sizes, token, offset, past, items)

    def described(self, batch: Batch, features: int) -> tuple[Array, Described]:
        """Return the tokens of the items of a batch, and their features for the catalogue."""
        has = batch.token != 0
        own = (batch.slot < self.user) & (batch.id != 0)
        order = np.argsort(~own, axis=1, kind="stable")[has]
        there = np.take_along_axis(own[has], order, axis=1)
        parts = [np.where(there, np.take_along_axis(part[has], order, axis=1), 0) for part in batch[:3]]
        wide = [np.zeros((len(order), features), part.dtype) for part in parts]
        for target, part in zip(wide, parts, strict=True):
            k = min(features, part.shape[1])
            target[:, :k] = part[:, :k]
        return batch.token[has], Described(*wide)

    @staticmethod
    def token(x: Features) -> int | None:
        """Return the token of an event's item, the id of this feature; None without one."""
        item = x.get("item")
        return None if item is None or isinstance(item, list | tuple | set) else hashed("item", str(item))

    def _offsets(self, rows: Sequence[Shown]) -> Array:
        try:
            p = np.array([row.said[self.offset] for row in rows], np.float64)
        except KeyError:
            told = sorted({name for row in rows for name in row.said})
            raise ValueError(f"no light model {self.offset!r} said anything, only {told}: name one as offset") from None
        if not ((p >= 0.0) & (p <= 1.0)).all():
            raise ValueError(f"what {self.offset!r} said must be probabilities, got {p[~((p >= 0.0) & (p <= 1.0))][0]}")
        p = np.clip(p, CERTAIN, 1.0 - CERTAIN)
        odds: Array = np.log(p / (1.0 - p))
        return odds

    def _histories(self, rows: Sequence[Shown], catalogue: Catalogue) -> tuple[Array, Array]:
        """Return `past` and `items` of a batch; behaviours whose item is not known are left out."""
        for i, row in enumerate(rows):
            if not isinstance(row.history, np.ndarray) or row.history.dtype != np.uint64 or row.history.ndim != 1:
                raise ValueError(f"event {i}: a history must be an array of tokens, uint64 of shape (l,)")
        kept = [row.history[: self.history] for row in rows]
        count = np.array([len(one) for one in kept], np.int64)
        tokens = np.concatenate([np.zeros(0, np.uint64), *kept])
        place = catalogue.find(tokens)
        seen = np.zeros(catalogue.places, bool)
        seen[place[place >= 0]] = True
        items = np.flatnonzero(seen)
        items = items[np.argsort(catalogue.tokens(items))]  # so that places, which a restart gives anew, change nothing
        number = np.empty(len(seen), np.int64)
        number[items] = np.arange(len(items))
        past = np.full((len(rows), int(count.max(initial=0))), -1, np.int64)
        column = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
        past[np.repeat(np.arange(len(rows)), count), column] = np.where(place >= 0, number[place], -1)
        return past, items

    def _slots(self) -> Array:
        """Return the part that each field belongs to."""
        if len(self._slot) != self.fields.most:
            self._slot = np.full(self.fields.most, -1, np.int32)
        for f in np.flatnonzero(self._slot[: len(self.fields)] < 0).tolist():
            name = self.fields.names[f]
            matched = [s for s, wanted in enumerate(self.item) if _matches(name, wanted)]
            self._slot[f] = self.user if f == USER else matched[0] if matched else self.rest
        return self._slot

    def restore(self, names: Sequence[Any]) -> None:
        """Take the names of fields, in order."""
        self.fields.restore(names)
        self._slot = np.zeros(0, np.int32)


def _matches(name: Any, wanted: str) -> bool:
    return name == wanted or (wanted.endswith("*") and isinstance(name, str) and name.startswith(wanted[:-1]))


def _squeezed(number: Array) -> Array:
    size: Array = np.clip(np.sign(number) * np.log1p(np.abs(number)), -LARGEST, LARGEST)
    return size

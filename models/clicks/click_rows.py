"""Events as arrays: each feature becomes an entry of a vocabulary, which tells its field and its 64-bit key."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import inf
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from driftline.models.base import Array, Features

USER, ITEM = 0, 1
"""The fields of the ids; whatever their values are, they name somebody or something."""
NAMED = ("user", "item")
MEMORISED = 1 << 16
"""Entries that are kept; all are forgotten when there are more, which changes nothing but the time."""


class Rows(NamedTuple):
    """Events in compressed rows: the features of event i are at `start[i]:start[i + 1]`, in any order."""

    start: Array
    """(n + 1,) int64."""
    entry: Array
    """(m,) int64: places in the vocabulary."""
    first: Array
    """(n + 1,) int64: where the numbers of each event begin."""
    number: Array
    """(q,) float64, finite and not 0: in the order of the entries that are numbers."""
    field: Array
    """(V,) int32, of the vocabulary: the field; its complement (-1 - f) where the entry is a number."""
    key: Array
    """(V,) uint64: the key of field and text, or of the field where it is a number."""

    @property
    def widest(self) -> int:
        """The most features of one event."""
        return len(self.entry) if len(self.start) == 2 else int(np.diff(self.start).max(initial=0))


class Fields:
    """Which name has which number; names beyond `most` share numbers by their hash.

    >>> fields = Fields(most=3)
    >>> fields.meet(["price"])
    >>> fields.find("user"), fields.find("price"), fields.find("page") < 3
    (0, 2, True)
    """

    _texts: dict[Any, dict[str, int]]
    _numbers: dict[Any, int]
    _field: Array
    _key: Array
    _size: int

    def __init__(self, most: int):
        self.most = most
        self.names: list[Any] = []
        self.of: dict[Any, int] = {}
        """The numbers of those that have one of their own."""
        self.restore(NAMED)

    def __len__(self) -> int:
        return len(self.names)

    def __getstate__(self) -> dict[str, Any]:
        return {"most": self.most, "names": self.names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.most = state["most"]
        self.restore(state["names"])

    def restore(self, names: Sequence[Any]) -> None:
        """Take these names, in order."""
        self.names = list(names)
        self.of = {name: f for f, name in enumerate(self.names)}
        self._forget()

    def meet(self, names: Iterable[Any]) -> None:
        """Give numbers to those names that have none, in an order that does not depend on theirs."""
        for name in sorted((name for name in names if name not in self.of), key=_sorted_by):
            if len(self.names) == self.most:
                return
            self.of[name] = len(self.names)
            self.names.append(name)

    def find(self, name: Any) -> int:
        """Return the number of a name, -1 where it has none."""
        f = self.of.get(name, -1)
        if f < 0 and len(self.names) == self.most:
            f = crc32(repr(name).encode("utf-8", "surrogatepass")) % self.most
        return f

    def rows(self, xs: Sequence[Features], add: bool) -> Rows:
        """Make rows of dictionaries; names that are new are passed over, unless told to `add` them.

        Text is a category, and so is each text of a list, tuple or set. What is a number is taken as one, True as 1.
        Zero, False, None, NaN and infinity stand for nothing at all.

        >>> rows = Fields(8).rows([{"user": 7, "page": "home", "tags": ["a", "b"], "price": 2.5, "old": 0}], add=True)
        >>> rows.field[rows.entry].tolist(), rows.number.tolist()
        ([0, 3, 5, 5, -5], [2.5])
        """
        if self._size > MEMORISED:
            self._forget()
        start, entry, first, number = [0], [], [0], []
        texts, numbers, least, most = self._texts, self._numbers, -inf, inf
        for x in xs:
            for name, value in x.items():
                if value.__class__ is str:
                    known = texts.get(name)
                    found = None if known is None else known.get(value)
                    if found is not None:
                        entry.append(found)
                        continue
                elif value.__class__ is float:
                    found = numbers.get(name)
                    if found is not None:
                        if value != 0.0 and least < value < most:
                            entry.append(found)
                            number.append(value)
                        continue
                if add and name not in self.of:
                    self.meet(x)
                f = self.find(name)
                if f >= 0:
                    entry += self._entries(f, name, value, number)
            start.append(len(entry))
            first.append(len(number))
        return Rows(
            np.array(start, np.int64),
            np.array(entry, np.int64),
            np.array(first, np.int64),
            np.array(number, np.float64),
            self._field,
            self._key,
        )

    def _entries(self, f: int, name: Any, value: Any, number: list[float]) -> list[int]:
        """Return the entries of a value, whatever it is; where it is a number, add that to `number`."""
        if value is None:
            return []
        if isinstance(value, str) or (f <= ITEM and name in NAMED and not isinstance(value, list | tuple | set)):
            return [self._text(f, name, str(value))]
        if isinstance(value, list | tuple | set | frozenset):
            return [self._text(f, name, text) for text in sorted({str(one) for one in value if isinstance(one, str)})]
        if not isinstance(value, int | float | np.number | np.bool_):
            return []
        try:
            real = float(value)
        except (OverflowError, TypeError):
            return []
        if real == 0.0 or not -inf < real < inf:
            return []
        if name not in self._numbers:
            self._numbers[name] = self._new(-1 - f, hashed(name))
        number.append(real)
        return [self._numbers[name]]

    def _text(self, f: int, name: Any, text: str) -> int:
        """Return the entry of a text, made now if it is new."""
        known = self._texts.setdefault(name, {})
        if text not in known:
            known[text] = self._new(f, hashed(name, text))
        return known[text]

    def _new(self, field: int, key: int) -> int:
        """Return a new entry of the vocabulary."""
        if self._size == len(self._field):
            self._field = np.concatenate([self._field, np.zeros_like(self._field)])
            self._key = np.concatenate([self._key, np.zeros_like(self._key)])
        self._field[self._size], self._key[self._size] = field, key
        self._size += 1
        return self._size - 1

    def _forget(self) -> None:
        self._texts, self._numbers = {}, {}
        self._field, self._key = np.zeros(256, dtype=np.int32), np.zeros(256, dtype=np.uint64)
        self._size = 0


def hashed(name: Any, text: str | None = None) -> int:
    """Return the key of a field's text, or of the field itself: the same in every process, never 0.

    >>> hashed("page", "home")
    1141919450800387928
    """
    said = repr(name) if text is None else f"{name!r}={text}"
    return int.from_bytes(blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1


def _sorted_by(name: Any) -> tuple[str, Any]:
    return type(name).__name__, name if isinstance(name, str | int | float) else repr(name)

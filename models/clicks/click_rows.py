"""Events as arrays: each feature becomes its field, a 64-bit key, and a number where it is one."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import inf, nan
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from driftline.models.base import Array, Features

USER, ITEM = 0, 1
"""The fields of the ids; whatever their values are, they name somebody or something."""
NAMED = ("user", "item")
MEMORISED = 1 << 16
"""Hashes that are kept; all are forgotten when there are more, which changes nothing but the time."""


class Rows(NamedTuple):
    """Events in compressed rows: the features of event i are at `start[i]:start[i + 1]`, in any order."""

    start: Array
    """(n + 1,) int64."""
    field: Array
    """(m,) int32."""
    key: Array
    """(m,) uint64: of the field and the text, or of the field where it is a number."""
    number: Array
    """(m,) float64, finite and not 0; NaN for text."""

    @property
    def widest(self) -> int:
        """The most features of one event."""
        return len(self.key) if len(self.start) == 2 else int(np.diff(self.start).max(initial=0))


class Fields:
    """Which name has which number; names beyond `most` share numbers by their hash.

    >>> fields = Fields(most=3)
    >>> fields.meet(["price"])
    >>> fields.find("user"), fields.find("price"), fields.find("page") < 3
    (0, 2, True)
    """

    def __init__(self, most: int):
        self.most = most
        self.names: list[Any] = []
        self.of: dict[Any, int] = {}
        """The numbers of those that have one of their own."""
        self._texts: list[dict[str, int]] = []
        self._numbers: list[int] = []
        self._memorised = 0
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
        self._numbers = [hashed(name) for name in self.names]
        self._forget()

    def meet(self, names: Iterable[Any]) -> None:
        """Give numbers to those names that have none, in an order that does not depend on theirs."""
        for name in sorted((name for name in names if name not in self.of), key=_sorted_by):
            if len(self.names) == self.most:
                return
            self.of[name] = len(self.names)
            self.names.append(name)
            self._texts.append({})
            self._numbers.append(hashed(name))

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
        >>> rows.field.tolist(), rows.number.tolist()
        ([0, 3, 5, 5, 4], [nan, nan, nan, nan, 2.5])
        """
        start, field, key, number = [0], [], [], []
        of, least, most = self.of, -inf, inf
        for x in xs:
            if add and not x.keys() <= of.keys():
                self.meet(x)
            texts, numbers = self._texts, self._numbers
            for name, value in x.items():
                f = of.get(name)
                if f is not None:
                    if value.__class__ is str:
                        known = texts[f].get(value)
                        field.append(f)
                        key.append(self._hash(f, name, value) if known is None else known)
                        number.append(nan)
                        continue
                    if value.__class__ is float and f > ITEM:
                        if value != 0.0 and least < value < most:
                            field.append(f)
                            key.append(numbers[f])
                            number.append(value)
                        continue
                for found in self._others(name, value):
                    field.append(found[0])
                    key.append(found[1])
                    number.append(found[2])
            start.append(len(key))
        keys = np.array(key, np.int64).view(np.uint64)
        return Rows(np.array(start, np.int64), np.array(field, np.int32), keys, np.array(number, np.float64))

    def _hash(self, f: int, name: Any, text: str) -> int:
        """Hash a text of a field with a number of its own, and keep the hash."""
        if self._memorised >= MEMORISED:
            self._forget()
        key = hashed(name, text)
        self._texts[f][text] = key
        self._memorised += 1
        return key

    def _forget(self) -> None:
        self._texts = [{} for _ in self.names]
        self._memorised = 0

    def _others(self, name: Any, value: Any) -> list[tuple[int, int, float]]:
        """Return the entries of a value that is not of the usual kind."""
        f = self.find(name)
        if f < 0 or value is None:
            return []
        if isinstance(value, list | tuple | set | frozenset):
            return [(f, hashed(name, text), nan) for text in sorted({one for one in value if isinstance(one, str)})]
        if isinstance(value, str):
            return [(f, hashed(name, str(value)), nan)]
        if name in NAMED:
            return [(f, hashed(name, str(value)), nan)]
        if not isinstance(value, int | float | np.number | np.bool_):
            return []
        try:
            real = float(value)
        except (OverflowError, TypeError):
            return []
        return [(f, hashed(name), real)] if real != 0.0 and -inf < real < inf else []


def hashed(name: Any, text: str | None = None) -> int:
    """Return the key of a field's text, or of the field itself: the same in every process, never 0.

    >>> hashed("page", "home")
    1141919450800387928
    """
    said = repr(name) if text is None else f"{name!r}={text}"
    found = blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(found, "little", signed=True) or 1


def _sorted_by(name: Any) -> tuple[str, Any]:
    return type(name).__name__, name if isinstance(name, str | int | float) else repr(name)

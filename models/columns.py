"""Which feature or label has which column of a model's arrays."""

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32


class Columns:
    """Which name has which column; names beyond `most` share columns by their hash.

    >>> columns = Columns(most=2)
    >>> [columns.add(name) for name in ["a", "b", "a", "c"]]
    [0, 1, 0, 0]
    >>> columns.names, columns.knows("c"), columns.find("c")
    (['a', 'b'], False, 0)
    """

    def __init__(self, most: int):
        self.most = most
        self.names: list[Any] = []
        self.column_of: dict[Any, int] = {}
        """The columns of those that have one of their own."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def full(self) -> bool:
        """Whether no further name gets a column of its own."""
        return len(self.names) >= self.most

    def knows(self, name: Any) -> bool:
        """Whether a name has a column of its own."""
        return name in self.column_of

    def find(self, name: Any) -> int:
        """Return the column of a name, -1 where it has none."""
        column = self.column_of.get(name, -1)
        return self._shared(name) if column < 0 and self.full else column

    def add(self, name: Any) -> int:
        """Return the column of a name, which it gets now if it has none."""
        column = self.column_of.get(name)
        if column is not None:
            return column
        if self.full:
            return self._shared(name)
        self.column_of[name] = len(self.names)
        self.names.append(name)
        return len(self.names) - 1

    def meet(self, names: Iterable[Any]) -> None:
        """Give columns to those names that have none, in an order that does not depend on theirs."""
        new = [name for name in names if name not in self.column_of]
        for name in sorted(new, key=_sorted_by) if len(new) > 1 else new:
            self.add(name)

    def of_number(self, number: int) -> int:
        """Return the column of a column of arrays, whatever has been named so far."""
        return number if number < self.most else self._shared(number)

    def widen(self, width: int) -> None:
        """Make sure that the first `width` columns exist, named by their numbers where they are new."""
        for column in range(len(self.names), min(width, self.most)):
            name: Any = column
            while name in self.column_of:
                name = f"column {name}"
            self.add(name)

    def restore(self, names: Sequence[Any]) -> None:
        """Take these names, in order."""
        self.names = list(names)
        self.column_of = {name: column for column, name in enumerate(self.names)}

    def _shared(self, name: Any) -> int:
        return crc32(repr(name).encode("utf-8", "surrogatepass")) % self.most


def _sorted_by(name: Any) -> tuple[str, Any]:
    return type(name).__name__, name if isinstance(name, str | int | float) else repr(name)

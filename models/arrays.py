"""A state of named tuples of arrays, nested as its makers like, as one flat state and back."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from driftline.models.base import Array, Plain, array

Nest = TypeVar("Nest", bound=tuple[Any, ...])


def leaves(nest: Any, path: str = "") -> Iterator[tuple[str, Array]]:
    """Yield every array with its path.

    >>> from typing import NamedTuple
    >>> class Pair(NamedTuple):
    ...     a: np.ndarray
    ...     b: tuple
    >>> class One(NamedTuple):
    ...     c: np.ndarray
    >>> [path for path, _ in leaves(Pair(np.zeros(1), One(np.zeros(2))))]
    ['a', 'b.c']
    """
    for name, part in zip(nest._fields, nest, strict=True):
        if isinstance(part, np.ndarray):
            yield path + name, part
        elif isinstance(part, tuple):
            yield from leaves(part, f"{path}{name}.")


def size(nest: Any) -> int:
    """Return the bytes of all arrays."""
    return sum(part.nbytes for _, part in leaves(nest))


def flat(nest: Any) -> dict[str, Plain]:
    """Return copies of all arrays by path."""
    return {path: part.copy() for path, part in leaves(nest)}


def refill(nest: Nest, state: Mapping[str, Plain]) -> None:
    """Write a flat state into arrays of the same shapes. Raises `ValueError`, before anything was written."""
    found = [(part, array(state, path, like=part)) for path, part in leaves(nest)]
    for part, value in found:
        part[...] = value


def pour(old: Nest, new: Nest) -> Nest:
    """Copy arrays into the beginnings of larger ones of the same names; return the larger.

    >>> from typing import NamedTuple
    >>> class One(NamedTuple):
    ...     c: np.ndarray
    >>> pour(One(np.ones((1, 2))), One(np.zeros((2, 3)))).c.tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    for (_, part), (_, room) in zip(leaves(old), leaves(new), strict=True):
        room[tuple(slice(n) for n in part.shape)] = part
    return new

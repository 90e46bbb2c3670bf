"""Events and labels as arrays: dictionaries, dense arrays and CSR matrices become the same compressed rows."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from driftline.models.base import Array, Features
from driftline.models.columns import Columns


class Rows(NamedTuple):
    """Events in compressed sparse rows: the non-zeros of event i are at `start[i]:start[i + 1]`."""

    start: Array
    """(n + 1,) int64."""
    column: Array
    """(nnz,) int32: columns, each at most once in a row."""
    value: Array
    """(nnz,) float32, finite."""

    @property
    def widest(self) -> int:
        """The most non-zeros of one event."""
        return len(self.column) if len(self.start) == 2 else int(np.diff(self.start).max(initial=0))

    @property
    def width(self) -> int:
        """One more than the highest column."""
        return 1 + (max(self.column.tolist(), default=-1) if len(self.start) == 2 else int(self.column.max(initial=-1)))


def of_events(xs: Sequence[Features], columns: Columns, add: bool) -> Rows:
    """Make rows of dictionaries; what is no finite number is passed over, and unknown names unless told to `add` them.

    >>> rows = of_events([{"a": 2.0, "b": "text"}, {}], Columns(8), add=True)
    >>> rows.start.tolist(), rows.column.tolist(), rows.value.tolist()
    ([0, 1, 1], [0], [2.0])
    """
    start: list[int] = [0]
    index: list[int] = []
    value: list[float] = []
    for x in xs:
        here = _known(x, columns)
        if here is None:
            here = _meet(x, columns, add)
        # In the order of columns: sums of rounded numbers must not depend on the order of a dictionary.
        order = sorted(here)
        index += order
        value += [here[column] for column in order]
        start.append(len(index))
    return Rows(np.array(start, np.int64), np.array(index, np.int32), np.array(value, np.float32))


def _known(x: Features, columns: Columns) -> dict[int, float] | None:
    """Return the event's numbers by column, where there is nothing in it that needs a closer look: the usual case."""
    column_of, least, most = columns.column_of, SMALLEST, LARGEST
    here = {}
    for name, number in x.items():
        if number.__class__ is not float:
            return None
        if least <= number <= most or -most <= number <= -least:
            column = column_of.get(name)
            if column is None:
                return None
            here[column] = number
        elif number != 0.0:
            return None
    return here


def _meet(x: Features, columns: Columns, add: bool) -> dict[int, float]:
    """Return the event's numbers by column, whatever is in it."""
    numbers = _numbers(x)
    if add:
        columns.meet(numbers)
    here: dict[int, float] = {}
    for name, number in numbers.items():
        column = columns.find(name)
        if column >= 0:
            here[column] = here.get(column, 0.0) + number
    return {column: min(max(number, -LARGEST), LARGEST) for column, number in here.items() if abs(number) >= SMALLEST}


def _numbers(x: Features) -> dict[Any, float]:
    """Return what is a finite number and not zero."""
    found = {}
    for name, number in x.items():
        if number.__class__ is not float:
            if not isinstance(number, int | float | np.number | np.bool_):
                continue
            try:
                number = float(number)
            except OverflowError:
                continue
        if isfinite(number) and abs(number) >= SMALLEST:
            found[name] = number
    return found


LARGEST = 1e18
"""Larger values are taken as this: their squares must not overflow in single precision."""
SMALLEST = 1e-30
"""Smaller ones are taken as zero: in single precision they are, or nearly."""


def of_arrays(x: Any, columns: Columns) -> Rows:
    """Make rows of an array (n, d) or a CSR matrix; columns are named by their numbers.

    Raises
    ------
    ValueError
        There is a value that is not finite, or not two dimensions.

    >>> rows = of_arrays(np.array([[0.0, 3.0], [1.0, 0.0]]), Columns(8))
    >>> rows.start.tolist(), rows.column.tolist()
    ([0, 1, 2], [1, 0])
    """
    if scipy.sparse.issparse(x):
        matrix = x.tocsr()
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        start, index, value, width = matrix.indptr, matrix.indices, _single(matrix.data), matrix.shape[1]
        known = ~(np.abs(value) < SMALLEST)  # explicit zeros too
        if not known.all():
            start = np.concatenate([[0], np.cumsum(known)])[start]
            index, value = index[known], value[known]
    else:
        x = _single(np.asarray(x))
        if x.ndim != 2:
            raise ValueError(f"X must have two dimensions (events, features), got shape {x.shape}")
        full = ~(np.abs(x) < SMALLEST)
        start = np.concatenate([[0], np.cumsum(full.sum(axis=1))])
        index, value, width = np.nonzero(full)[1], x[full], x.shape[1]
    if not np.isfinite(value).all():
        raise ValueError("X has values that are not finite: leave them out, or take zero")
    if width > columns.most:
        return _fold(start, index, value, columns)
    return Rows(np.asarray(start, np.int64), np.asarray(index, np.int32), value)


def _single(x: Array) -> Array:
    """Return finite values within bounds in single precision; those that are not finite stay so."""
    if x.dtype != np.float64:
        x = x.astype(np.float32)  # half precision does not hold the bound
    return np.where(np.isfinite(x), np.clip(x, -LARGEST, LARGEST), x).astype(np.float32)


def _fold(start: Array, index: Array, value: Array, columns: Columns) -> Rows:
    """Let columns beyond the bound share others; what meets in an event is added."""
    numbers, at = np.unique(index, return_inverse=True)
    column = np.array([columns.of_number(j) for j in numbers.tolist()], dtype=np.int32)[at]
    shape = len(start) - 1, columns.most
    return of_arrays(scipy.sparse.csr_matrix((value.astype(np.float64), column, start), shape=shape), columns)


def of_labels(ys: Sequence[Mapping[Any, Any]], columns: Columns) -> Array:
    """Make an array (n, L) of 0 and 1; labels get columns as they are first named. Raises `ValueError` past the bound.

    >>> of_labels([{"a": True}, {"b": True, "a": False}], Columns(4)).tolist()
    [[1, 0], [0, 1]]
    """
    column_of = columns.column_of
    if not all(name in column_of for y in ys for name in y):
        new = {name for y in ys for name in y if name not in column_of}
        if len(columns) + len(new) > columns.most:
            raise ValueError(f"more than max_labels = {columns.most} labels: set it higher")
        for y in ys:
            columns.meet(y)
    truths = np.zeros((len(ys), len(columns)), dtype=np.uint8)
    for truth, y in zip(truths, ys, strict=True):
        truth[[column_of[name] for name, on in y.items() if on]] = 1
    return truths

"""Nested tuples of arrays, handed to compiled code as one reference.

Compiled functions take arrays from Python one by one, about a third of a microsecond each: for a hundred of them that
is more than many a function does. Held once, they cost what one argument costs.
"""

from typing import Any

from numba import njit, types
from numba.experimental import structref
from numba.extending import overload


@structref.register
class _HeldType(types.StructRef):  # type: ignore[misc]
    """A reference to a value of any compiled type."""


class Held(structref.StructRefProxy):  # type: ignore[misc]
    """A value that compiled functions read as `held.value`; its arrays are shared, not copied."""

    def __new__(cls, value: Any) -> Any:
        """Hold a value that numba can compile for, such as named tuples of arrays.

        >>> import numpy as np
        >>> @njit
        ... def add_one(held):
        ...     held.value[0][:] += 1.0
        >>> numbers = np.zeros(2)
        >>> add_one(Held((numbers, 7)))
        >>> numbers.tolist()
        [1.0, 1.0]
        """
        return _hold(value)


structref.define_boxing(_HeldType, Held)


def _new(value):  # type: ignore[no-untyped-def]
    raise NotImplementedError("for compiled code")


@overload(_new)
def _overload_new(value):  # type: ignore[no-untyped-def]
    held_type = _HeldType([("value", value)])

    def new(value):  # type: ignore[no-untyped-def]
        held = structref.new(held_type)
        held.value = value
        return held

    return new


@njit(cache=True)
def _hold(value):  # type: ignore[no-untyped-def]
    return _new(value)  # type: ignore[no-untyped-call]

"""Nested tuples of arrays, handed to compiled code as one reference.

Compiled functions take arrays from Python one by one, about a third of a microsecond each: for a hundred of them that
is more than many a function does. Held once, they cost what one argument costs.

Each file compiles a function of its own that calls `hold`. A shared one would keep everybody's types in one cache,
which no process can read that lacks the modules of any of them.
"""

from typing import Any

from numba import types
from numba.experimental import structref
from numba.extending import overload


@structref.register
class _HeldType(types.StructRef):  # type: ignore[misc]
    """A reference to a value of any compiled type."""


class Held(structref.StructRefProxy):  # type: ignore[misc]
    """What `hold` gives, as Python sees it: something to hand to compiled functions."""


structref.define_boxing(_HeldType, Held)


def hold(value: Any) -> Any:
    """In compiled code, hold a value, such as named tuples of arrays, to be read as `.value`; arrays are shared.

    Raises `NotImplementedError` where it is not compiled.

    >>> import numpy as np
    >>> from numba import njit
    >>> @njit
    ... def hold_numbers(numbers, count):
    ...     return hold((numbers, count))
    >>> @njit
    ... def add_one(held):
    ...     held.value[0][:] += 1.0
    >>> numbers = np.zeros(2)
    >>> add_one(hold_numbers(numbers, 7))
    >>> numbers.tolist()
    [1.0, 1.0]
    """
    raise NotImplementedError("call it from a compiled function, such as one marked @njit(cache=True)")


@overload(hold)
def _hold(value):  # type: ignore[no-untyped-def]
    held_type = _HeldType([("value", value)])

    def new(value):  # type: ignore[no-untyped-def]
        held = structref.new(held_type)
        held.value = value
        return held

    return new

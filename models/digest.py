"""One name for everything that an object has learnt: equal content, equal digest.

The digest hashes what the object *is*, seen from outside: two equal copies and one shared object give the same, and
so do an object and its pickle round trip, in any process. It depends neither on addresses nor on `PYTHONHASHSEED`.

An object is read as pickle would read it (`__reduce_ex__`), so estimators in Python, Cython or Rust need nothing.
Where objects point in a circle (a tree's nodes and their parents), the members of the circle are named by partition
refinement: hash each with the names of its neighbours until no further ones become distinguishable (Paige and Tarjan,
1987, in its simple form), then hash each together with all. The circles are found by Tarjan's algorithm (1972).
"""

import copyreg
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from hashlib import blake2b
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

import numpy as np
from river.proba.base import Distribution

Part: TypeAlias = bytes | int
"""Bytes that stand for themselves, or the number of an object."""


def digest(obj: object) -> str:
    """Return 32 hexadecimal digits that name the content of `obj`.

    Dictionaries count in their order, for sums of floats depend on it; sets and the attributes of an object do not.
    Floats count by their bits, functions and classes by their qualified name.

    One thing is left out: River's distributions (each leaf of its trees has one per feature and class) carry a random
    generator seeded by the operating system, which only `sample` uses. It is noise, and differs in every process.

    Raises
    ------
    TypeError
        There is something inside that cannot be read, such as an open file, a lock or a generator.

    >>> digest({"a": [1.0, 2.0]}) == digest({"a": [1.0, 2.0]})
    True
    >>> digest(0.0) == digest(-0.0)
    False
    >>> loop = []
    >>> loop.append(loop)
    >>> len(digest(loop))
    32
    """
    return _Walk().name(obj).hex()


class _Walk:
    """One pass over an object graph. Every object that is not an atom has a number; lists are indexed by it."""

    def __init__(self) -> None:
        self.objects: list[Any] = []  # holds what `__reduce_ex__` made up alive, or an address would come twice
        self.numbers: dict[int, int] = {}  # address → number
        self.parts: list[list[Part]] = []  # what the object consists of; emptied once it has a name
        self.names: list[bytes] = []  # empty while unknown
        self.bags: set[int] = set()  # the numbers of sets, whose parts have no order

    def name(self, root: object) -> bytes:
        part = self.part(root)
        if isinstance(part, bytes):
            return _hash(part)
        self.visit(part)
        return self.names[part][1:]

    def part(self, obj: Any) -> Part:
        atom = ATOMS.get(type(obj))
        if atom is not None:
            return atom(obj)
        number = self.numbers.setdefault(id(obj), len(self.objects))
        if number == len(self.objects):
            self.objects.append(obj)
            self.parts.append([])
            self.names.append(b"")
        return number

    def visit(self, root: int) -> None:
        """Tarjan's algorithm with its own stack, since trees are deeper than Python's."""
        low: dict[int, int] = {}  # number → the earliest place on `open` that it reaches
        open_: list[int] = []  # visited, without a name yet
        work: list[tuple[int, int, Iterator[Part]]] = []

        def enter(number: int) -> None:
            low[number] = place = len(open_)
            open_.append(number)
            self.parts[number] = self.read(number)
            work.append((number, place, iter(self.parts[number])))

        enter(root)
        while work:
            number, place, rest = work[-1]
            for child in rest:
                if isinstance(child, bytes) or self.names[child]:
                    continue
                if child in low:
                    low[number] = min(low[number], low[child])
                    continue
                enter(child)
                break
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[number])
                if low[number] == place:
                    circle = open_[place:]
                    del open_[place:]
                    self.close(circle)

    def close(self, circle: list[int]) -> None:
        """Name objects that reach each other, all else that they reach being named."""
        names = self.names
        first = circle[0]
        if len(circle) == 1 and first not in self.parts[first]:
            names[first] = self.hash(first)
        else:
            for number in circle:
                names[number] = b"?"
            kinds = 1
            while True:
                fresh = {number: self.hash(number) for number in circle}
                for number, name in fresh.items():
                    names[number] = name
                if len(distinct := set(fresh.values())) == kinds:
                    break
                kinds = len(distinct)
            whole = _hash(b"".join(sorted(distinct)))
            for number in circle:
                names[number] = b"@" + _hash(names[number] + whole)
        for number in circle:
            self.parts[number] = []

    def hash(self, number: int) -> bytes:
        names = self.names
        parts = [part if isinstance(part, bytes) else names[part] for part in self.parts[number]]
        if number in self.bags:
            parts.sort()
        return b"#" + _hash(b"".join(parts))

    def read(self, number: int) -> list[Part]:
        obj, part = self.objects[number], self.part
        kind = type(obj)
        if kind is dict:
            parts: list[Part] = [b"dict%d:" % len(obj)]
            for key, value in obj.items():
                parts.append(part(key))
                parts.append(part(value))
            return parts
        if kind is list or kind is tuple:
            return [b"%s%d:" % (kind.__name__.encode(), len(obj)), *map(part, obj)]
        if kind is set or kind is frozenset:
            self.bags.add(number)
            return [b"%s%d:" % (kind.__name__.encode(), len(obj)), *map(part, obj)]
        if kind is deque:
            return [b"deque%d:" % len(obj), part(obj.maxlen), *map(part, obj)]
        if kind is np.ndarray and obj.dtype.hasobject:
            return [b"objects:", part(obj.shape), part(str(obj.dtype)), *map(part, obj.ravel().tolist())]
        if kind is np.ndarray:
            return [_array(obj)]
        if isinstance(obj, np.generic) and not obj.dtype.hasobject:
            return [b"scalar:", _array(np.asarray(obj))]
        if isinstance(obj, type | FunctionType):
            return [b"global:", _text(obj.__module__), _text(obj.__qualname__)]
        if isinstance(obj, Enum):
            return [b"enum:", part(kind), _text(obj.name)]
        if isinstance(obj, ModuleType):
            return [b"module:", _text(obj.__name__)]
        return self.read_reduced(obj)

    def read_reduced(self, obj: Any) -> list[Part]:
        """Read what pickle would: a maker with its arguments, a state, items and pairs."""
        kind, part = type(obj), self.part
        reducer = copyreg.dispatch_table.get(kind)
        try:
            reduced = reducer(obj) if reducer else obj.__reduce_ex__(4)
        except TypeError as error:
            raise TypeError(f"{kind.__module__}.{kind.__qualname__} has no digest: {error}") from error
        if isinstance(reduced, str):
            return [b"name:", _text(kind.__module__), _text(reduced)]
        maker, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        parts = [b"object:", part(maker), *self.counted(arguments)]
        # A state is one dictionary of attributes, or (attributes, slots). Their order is an accident of history.
        halves = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        if isinstance(obj, Distribution) and obj.seed is None:
            halves = ({key: value for key, value in state.items() if key != "_rng"},)
        if state is not None and all(half is None or _is_attributes(half) for half in halves):
            for half in halves:
                parts.append(b"attributes%d:" % len(half or ()))
                for key in sorted(half or ()):
                    parts += (_text(key), part(half[key]))
        else:
            parts.append(part(state))
        parts += self.counted(items)
        parts += self.counted(value for pair in pairs or () for value in pair)
        return parts

    def counted(self, values: Iterable[Any] | None) -> list[Part]:
        parts = [self.part(value) for value in values or ()]
        return [b"items%d:" % len(parts), *parts]


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def _is_attributes(state: Any) -> bool:
    return type(state) is dict and all(type(key) is str for key in state)


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")  # a lone surrogate is a text too
    return b"s%d:%s" % (len(data), data)


def _array(array: np.ndarray[Any, Any]) -> bytes:
    kind = array.dtype.str if array.dtype.fields is None else repr(array.dtype.descr)
    shape = ",".join(map(str, array.shape))
    return b"array:%s%s%s" % (_text(kind), _text(shape), _hash(array.tobytes()))


_DOUBLE = struct.Struct("<d").pack
_COMPLEX = struct.Struct("<dd").pack

# Each atom's bytes say where they end, so that joining them cannot make two different objects look alike.
ATOMS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"N",
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: b"i%x;" % value,
    float: lambda value: b"f" + _DOUBLE(value),
    complex: lambda value: b"c" + _COMPLEX(value.real, value.imag),
    str: _text,
    bytes: lambda value: b"b%d:%s" % (len(value), value),
}

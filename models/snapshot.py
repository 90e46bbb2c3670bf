"""States to bytes and back, bit for bit, without ever running code that the bytes name.

`magic (4) | checksum (8) | msgpack`. Arrays and integers beyond 64 bits are msgpack extensions; an array is
`dtype code | flags | dimensions | shape (8 each) | raw values`, everything little-endian. Python's pickle is not used.
"""

import math
import struct
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec
import numpy as np

from driftline.models.base import Array, Plain

MAGIC = b"DLS\x01"  # the last byte is the format's version
MAX_BYTES = 512 * 1024 * 1024  # Redis holds no longer string
MAX_DEPTH = 64

_CHECK = 8
_ARRAY, _INTEGER = 1, 2  # extension codes
_FORTRAN = 1  # flag: the values lie in column order, and sums over them depend on that
_ALLOWED = "?, i1, u1, <i2, <u2, <i4, <u4, <i8, <u8, <f2, <f4, <f8, <c8, <c16"  # the place is the code: only append
_DTYPES = {code: np.dtype(name) for code, name in enumerate(_ALLOWED.split(", "))}
_CODE_OF = {dtype: code for code, dtype in _DTYPES.items()}

_Place: TypeAlias = tuple[Any, ...]
"""Where a value lies: (its holder's place, its key). Written out only when there is something to complain about."""

_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_STRINGS = frozenset({str})
_ENCODER = msgspec.msgpack.Encoder()


class SnapshotError(ValueError):
    """The value cannot be packed, or the bytes are not a sound snapshot."""


def pack(state: Plain, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of a state.

    Raises
    ------
    SnapshotError
        A value inside is not plain (the text names the place), is nested deeper than 64, or the result is too long.

    >>> unpack(pack({"n": 3, "w": np.array([0.5, -0.0])}))
    {'n': 3, 'w': array([ 0.5, -0. ])}
    >>> pack({"seen": {1, 2}})
    Traceback (most recent call last):
    ...
    driftline.models.snapshot.SnapshotError: state.seen: set is not a plain value
    """
    try:
        try:
            body = _ENCODER.encode(_outward(state, ("state",), 0, False))
        except OverflowError:  # an integer beyond 64 bits somewhere: rare, so the common walk does not look
            body = _ENCODER.encode(_outward(state, ("state",), 0, True))
    except UnicodeEncodeError as error:
        raise SnapshotError(f"state: a text is not valid Unicode: {error}") from error
    if len(MAGIC) + _CHECK + len(body) > max_bytes:
        raise SnapshotError(f"state of {len(body)} bytes is longer than {max_bytes}")
    return MAGIC + _checksum(body) + body


def unpack(data: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """Return the state that `pack` made these bytes from. Its arrays are new and writable.

    Raises
    ------
    SnapshotError
        The bytes are too long, cut, changed, of another format, or hold what `pack` never writes.
    """
    head = len(MAGIC) + _CHECK
    if len(data) > max_bytes:
        raise SnapshotError(f"snapshot of {len(data)} bytes is longer than {max_bytes}")
    if len(data) <= head or data[: len(MAGIC)] != MAGIC:
        raise SnapshotError("not a snapshot of this format")
    body = memoryview(data)[head:]
    if _checksum(body) != data[len(MAGIC) : head]:
        raise SnapshotError("snapshot is corrupt: its checksum differs")
    try:
        state = _DECODER.decode(body)
        _inward(state, 0)
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError, MemoryError, TypeError) as error:
        raise SnapshotError(f"snapshot is malformed: {error}") from error
    return state


def _checksum(body: bytes | memoryview) -> bytes:
    return blake2b(body, digest_size=_CHECK).digest()


def _outward(value: Any, place: _Place, depth: int, big: bool) -> Any:
    """Return the value with arrays (and, if `big`, long integers) as extensions; itself where nothing changes."""
    kind = type(value)
    if kind in _SCALARS:
        return _integer(value) if big and kind is int else value
    if depth >= MAX_DEPTH:
        raise SnapshotError(f"{_text(place)}: nested deeper than {MAX_DEPTH}")
    if kind is np.ndarray:
        return _from_array(value, place)
    if kind is list:
        if not big and _SCALARS.issuperset(map(type, value)):
            return value
        return [_outward(item, (place, i), depth + 1, big) for i, item in enumerate(value)]
    if kind is dict:
        if not _STRINGS.issuperset(map(type, value)):
            raise SnapshotError(
                f"{_text(place)}: keys must be str, got {next(k for k in value if type(k) is not str)!r}"
            )
        if not big and _SCALARS.issuperset(map(type, value.values())):
            return value
        return {key: _outward(item, (place, key), depth + 1, big) for key, item in value.items()}
    hint = "; take .item()" if isinstance(value, np.generic) else ""
    raise SnapshotError(f"{_text(place)}: {kind.__name__} is not a plain value{hint}")


def _inward(value: Any, depth: int) -> None:
    """Refuse what msgpack can say and `pack` never does: other keys, timestamps, endless nesting."""
    kind = type(value)
    if kind in _SCALARS or kind is np.ndarray:
        return
    if depth >= MAX_DEPTH:
        raise SnapshotError(f"snapshot is malformed: nested deeper than {MAX_DEPTH}")
    if kind is dict:
        if not _STRINGS.issuperset(map(type, value)):
            raise SnapshotError("snapshot is malformed: a key is not a text")
        items = value.values()
    elif kind is list:
        items = value
    else:
        raise SnapshotError(f"snapshot is malformed: it holds a {kind.__name__}")
    if not _SCALARS.issuperset(map(type, items)):
        for item in items:
            _inward(item, depth + 1)


def _text(place: _Place) -> str:
    holder, *keys = place
    return _text(holder) + "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in keys) if keys else str(holder)


def _integer(value: int) -> Any:
    if -(1 << 63) <= value < 1 << 64:
        return value
    return msgspec.msgpack.Ext(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _from_array(value: Array, place: _Place) -> msgspec.msgpack.Ext:
    code = _CODE_OF.get(value.dtype.newbyteorder("<")) if value.dtype.isnative else None
    if code is None:
        raise SnapshotError(f"{_text(place)}: array of {value.dtype} cannot be packed; allowed are {_ALLOWED}")
    fortran = value.flags.f_contiguous and not value.flags.c_contiguous
    head = struct.pack(f"<BBB{value.ndim}Q", code, _FORTRAN * fortran, value.ndim, *value.shape)
    little = value.astype(_DTYPES[code], copy=False)
    return msgspec.msgpack.Ext(_ARRAY, head + little.tobytes("F" if fortran else "C"))


def _to_array(data: memoryview) -> Array:
    try:
        code, flags, ndim = struct.unpack_from("<BBB", data)
        shape = struct.unpack_from(f"<{ndim}Q", data, 3)
        dtype = _DTYPES[code]
    except (struct.error, KeyError):
        raise SnapshotError("snapshot is malformed: an array's head") from None
    values = data[3 + 8 * ndim :]
    if math.prod(shape) * dtype.itemsize != len(values):
        raise SnapshotError(f"snapshot is malformed: {len(values)} bytes for an array of shape {shape}")
    try:
        array: Array = np.ndarray(shape, dtype, values, order="F" if flags else "C")
    except ValueError as error:  # more than 64 dimensions, or an empty array of an absurd shape
        raise SnapshotError(f"snapshot is malformed: {error}") from error
    return array.astype(dtype.newbyteorder("="))  # a copy: aligned, writable, of this machine


def _extension(code: int, data: memoryview) -> Any:
    if code == _ARRAY:
        return _to_array(data)
    if code == _INTEGER:
        return int.from_bytes(data, "little", signed=True)
    raise SnapshotError(f"snapshot is malformed: unknown extension {code}")


_DECODER = msgspec.msgpack.Decoder(ext_hook=_extension)

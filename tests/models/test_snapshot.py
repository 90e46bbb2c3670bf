import math
import struct
from hashlib import blake2b

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.models.snapshot import MAGIC, MAX_DEPTH, SnapshotError, pack, unpack

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]
HEAD = len(MAGIC) + 8


@st.composite
def arrays(draw):
    """Arrays of any bits: NaN payloads, both zeros, subnormals; any layout; empty ones and those of no dimension."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    size = math.prod(shape) * dtype.itemsize
    raw = draw(st.binary(min_size=size, max_size=size))
    if dtype.kind == "b":
        raw = bytes(byte & 1 for byte in raw)
    array = np.ndarray(shape, dtype, raw).copy()
    layout = draw(st.sampled_from(["c", "fortran", "reversed", "strided", "swapped"]))
    if layout == "fortran":
        return np.asfortranarray(array) if array.ndim else array
    if layout == "reversed" and array.ndim:
        return array[::-1]
    if layout == "strided" and array.ndim:
        return np.repeat(array, 2, axis=0)[::2]
    return array.T if layout == "swapped" else array


def doubles():
    """Any 64 bits as a float."""
    return st.binary(min_size=8, max_size=8).map(lambda raw: struct.unpack("<d", raw)[0])


scalars = st.none() | st.booleans() | st.integers() | doubles() | st.text() | st.binary() | arrays()
plain = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def bits(value):
    """What is compared: type and bits, and where it lies."""
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, float):
        return ("float", struct.pack("<d", value))
    if isinstance(value, list):
        return ("list", [bits(item) for item in value])
    if isinstance(value, dict):
        return ("dict", [(key, bits(item)) for key, item in value.items()])
    return (type(value).__name__, value)


def seal(body):
    """Bytes with a right checksum, as only somebody who means it could make them."""
    return MAGIC + blake2b(body, digest_size=8).digest() + body


@given(plain)
def test_a_state_comes_back_bit_for_bit(state):
    assert bits(unpack(pack(state))) == bits(state)


@given(plain)
def test_the_same_state_has_the_same_bytes(state):
    assert pack(unpack(pack(state))) == pack(state)


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -math.nan])
def test_special_floats_keep_their_bits_alone_and_in_arrays(value):
    assert bits(unpack(pack([value, np.array(value), np.array([value], np.float32)]))) == bits(
        [value, np.array(value), np.array([value], np.float32)]
    )


def test_arrays_come_back_writable_and_in_their_own_memory():
    array = unpack(pack({"w": np.zeros(3)}))["w"]
    array += 1
    assert array.flags.owndata


def test_column_order_is_kept_because_sums_depend_on_it():
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert unpack(pack([array]))[0].flags.f_contiguous


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 10**400, -(10**400)])
def test_integers_have_no_bound(value):
    assert unpack(pack({"n": [value]})) == {"n": [value]}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ((1, 2), "state.a[1].b: tuple"),
        ({1}, "state.a[1].b: set"),
        (object(), "state.a[1].b: object"),
        (np.float64(1.0), "take .item()"),
        (np.array([object()]), "array of object"),
        (np.array(["text"]), "array of <U4"),
        (np.zeros(2, "M8[s]"), "array of datetime64"),
        (np.zeros(2, ">f8"), "array of >f8"),
        (np.ma.zeros(2), "MaskedArray"),
        ({1: 2}, "keys must be str, got 1"),
        ("\ud800", "not valid Unicode"),
    ],
)
def test_what_is_not_plain_is_refused_and_its_place_named(value, place):
    with pytest.raises(SnapshotError) as error:
        pack({"a": [0, {"b": value}]})
    assert place in str(error.value)


def test_nesting_is_bounded_and_a_circle_ends():
    deep = 0
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert unpack(pack(deep)) == deep
    circle = []
    circle.append(circle)
    for too_deep in ([deep], circle):
        with pytest.raises(SnapshotError, match="nested deeper"):
            pack(too_deep)


def test_length_is_bounded_both_ways():
    data = pack(b"x" * 1000)
    with pytest.raises(SnapshotError, match="longer than 500"):
        pack(b"x" * 1000, max_bytes=500)
    with pytest.raises(SnapshotError, match="longer than 500"):
        unpack(data, max_bytes=500)


@given(plain, st.data())
def test_any_flipped_bit_is_noticed(state, data):
    sound = bytearray(pack(state))
    at = data.draw(st.integers(0, len(sound) - 1))
    sound[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SnapshotError):
        unpack(bytes(sound))


@given(plain, st.data())
def test_cut_or_lengthened_bytes_are_noticed(state, data):
    sound = pack(state)
    cut = data.draw(st.integers(0, len(sound) - 1))
    for broken in (sound[:cut], sound + b"\x00"):
        with pytest.raises(SnapshotError):
            unpack(broken)


@given(st.binary(max_size=64))
def test_arbitrary_bytes_raise_nothing_else(data):
    with pytest.raises(SnapshotError):
        unpack(data)


@given(plain, st.data())
def test_bytes_forged_with_a_right_checksum_give_plain_values_or_the_one_error(state, data):
    body = bytearray(pack(state)[HEAD:])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = unpack(seal(bytes(body)))
    except SnapshotError:
        return
    pack(found)  # nothing but plain values came out


@pytest.mark.parametrize(
    "body",
    [
        msgspec.msgpack.encode({1: 2}),  # a key that is not a text
        b"\xd6\xff\x00\x00\x00\x00",  # a timestamp
        b"\x91" * 100_000 + b"\x01",  # endless nesting
        b"\x91" * (MAX_DEPTH + 2) + b"\x01",
        b"\xdd\xff\xff\xff\xff",  # a list of four thousand million, and nothing in it
        b"\xa2\xff\xff",  # a text that is not UTF-8
        b"\x01\x02",  # something after the end
        msgspec.msgpack.encode(msgspec.msgpack.Ext(9, b"")),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(1, b"")),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(1, struct.pack("<BBB", 200, 0, 0))),  # no such dtype
        msgspec.msgpack.encode(
            msgspec.msgpack.Ext(1, struct.pack("<BBBQ", 11, 0, 1, 1 << 40))
        ),  # a shape without values
        msgspec.msgpack.encode(msgspec.msgpack.Ext(1, struct.pack("<BBBQQ", 11, 0, 2, 0, 1 << 63))),
        msgspec.msgpack.encode(msgspec.msgpack.Ext(1, struct.pack("<BBB100Q8x", 11, 0, 100, *[1] * 100))),
    ],
)
def test_what_pack_never_writes_is_refused_even_with_a_right_checksum(body):
    with pytest.raises(SnapshotError):
        unpack(seal(body))

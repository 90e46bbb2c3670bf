"""Snapshots of the worker: arrays and rows come back as they were, and damage is told."""

import numpy as np
import pytest
from side import VAULT

from driftline.streams import side_snapshot
from driftline.streams.store import Snapshot
from driftline.streams.vault import Foreign, Unsound, Vault

PLACE = side_snapshot.place_of("driftline", "s", "wide", "learner")
ARRAYS = {
    "one": np.array(1.5, np.float32),
    "none": np.zeros((0, 3), np.float32),
    "rows": np.arange(6, dtype=np.int64).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10, dtype=np.uint8)[::3],
}


def test_arrays_come_back_as_they_were():
    found = side_snapshot.open_dense(VAULT, "here", side_snapshot.pack_dense(VAULT, "here", ARRAYS))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert (found[name] == array).all()


def made(serial=1, **more):
    """A snapshot with a part and two rows."""
    rows = side_snapshot.seal_rows(VAULT, f"{PLACE}/rows", {"a": b"1", "b": b"2", "c": None})
    kept = {key: row for key, row in rows.items() if row is not None}
    one = side_snapshot.write(VAULT, PLACE, serial, {"next": 7}, {"dense": b"part"}, {"rows": rows}, {"rows": 2})
    return Snapshot(**{"serial": serial, "header": one.header, "parts": one.parts, "keyed": {"rows": kept}} | more)


def test_a_sound_snapshot_tells_what_it_is():
    head = side_snapshot.read(VAULT, PLACE, made())
    assert (head.told, head.serial, head.place) == ({"next": 7}, 1, PLACE)
    assert side_snapshot.open_rows(VAULT, f"{PLACE}/rows", made().keyed["rows"]) == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"parts": {"dense": b"other"}}, "the part dense is damaged"),
        ({"parts": {}}, "the part dense is damaged"),
        ({"keyed": {"rows": {"a": b"1"}}}, "rows has 1 keys instead of 2"),
        ({"header": made().header[:-3]}, "the head cannot be read"),
        ({"header": made().header.replace(b'"next":7', b'"next":8')}, "the seal does not fit"),
    ],
)
def test_damage_is_told(damage, said):
    with pytest.raises(Unsound, match=said):
        side_snapshot.read(VAULT, PLACE, made(**damage))


def test_what_another_key_or_place_has_made_is_foreign():
    with pytest.raises(Foreign, match="another key"):
        side_snapshot.read(Vault(b"another key, as long"), PLACE, made())
    with pytest.raises(Unsound):
        side_snapshot.read(VAULT, f"{PLACE}2", made())


def test_a_row_in_the_place_of_another_is_no_row():
    rows = made().keyed["rows"]
    with pytest.raises(Unsound, match="the seal does not fit"):
        side_snapshot.open_rows(VAULT, f"{PLACE}/rows", {"a": rows["b"]})

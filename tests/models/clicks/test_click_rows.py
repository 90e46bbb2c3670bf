"""Events become the same rows in every process, whatever kinds of values they hold."""

import math
import os
import pickle
import subprocess
import sys

import numpy as np

from driftline.models.clicks import click_rows
from driftline.models.clicks.click_rows import Fields, hashed


def entries(fields, x, add=True):
    rows = fields.rows([x], add)
    found, numbers = rows.field[rows.entry].tolist(), iter(rows.number.tolist())
    numbered = [(f, None) if f >= 0 else (-1 - f, next(numbers)) for f in found]
    return sorted(
        [(f, key, number) for (f, number), key in zip(numbered, rows.key[rows.entry].tolist(), strict=True)], key=str
    )


def test_what_counts_as_what():
    fields = Fields(16)
    x = {
        "user": 5, "item": 2.5, "text": "a", "many": ("b", "c", "b"), "number": 3, "yes": np.True_, "small": 1e-300,
        "zero": 0.0, "no": False, "none": None, "nan": math.nan, "inf": math.inf, "huge": 10**400, "other": object(),
    }  # fmt: skip
    found = entries(fields, x)
    of = fields.of
    assert found == sorted(
        [
            (0, hashed("user", "5"), None),
            (1, hashed("item", "2.5"), None),
            (of["text"], hashed("text", "a"), None),
            (of["many"], hashed("many", "b"), None),
            (of["many"], hashed("many", "c"), None),
            (of["number"], hashed("number"), 3.0),
            (of["yes"], hashed("yes"), 1.0),
            (of["small"], hashed("small"), 1e-300),
        ],
        key=str,
    )


def test_an_id_is_the_same_as_number_and_as_text():
    assert entries(Fields(4), {"user": 7}) == entries(Fields(4), {"user": "7"})
    assert entries(Fields(4), {"page": 7}) != entries(Fields(4), {"page": "7"})


def test_fields_do_not_depend_on_the_order_of_a_dictionary():
    one, two = Fields(8), Fields(8)
    one.rows([{"b": 1.0, "a": "x", "user": "u"}], add=True)
    two.rows([{"user": "u", "a": "x", "b": 1.0}], add=True)
    assert one.names == two.names == ["user", "item", "a", "b"]


def test_asking_adds_no_field():
    fields = Fields(8)
    assert len(fields.rows([{"new": 1.0}], add=False).entry) == 0
    assert fields.names == ["user", "item"]


def test_names_beyond_the_bound_share_fields_but_not_keys():
    fields = Fields(3)
    found = entries(fields, {"a": "x", "b": "x", "c": 1.0})
    assert len(found) == 3
    assert all(0 <= field < 3 for field, _, _ in found)
    assert len({key for _, key, _ in found}) == 3
    assert len(fields) == 3
    assert entries(fields, {"a": "x", "b": "x", "c": 1.0}, add=False) == found


def test_hashes_that_were_forgotten_come_out_the_same(monkeypatch):
    monkeypatch.setattr(click_rows, "MEMORISED", 3)
    fields = Fields(4)
    xs = [{"user": f"u{i % 7}", "item": f"i{i % 5}"} for i in range(40)]
    keys = []
    for start in range(0, 40, 4):
        rows = fields.rows(xs[start : start + 4], add=True)
        keys += rows.key[rows.entry].tolist()
        assert len(fields.rows(xs[:1], add=False).key) <= 256
    assert keys == [hashed(name, x[name]) for x in xs for name in ("user", "item")]
    rows = pickle.loads(pickle.dumps(fields)).rows(xs, add=False)
    assert rows.key[rows.entry].tolist() == keys


def test_keys_are_the_same_in_a_process_with_another_seed():
    code = "from driftline.models.clicks.click_rows import hashed; print(hashed('page', 'home'), hashed('ü\\ud800'))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {f"{hashed('page', 'home')} {hashed('ü' + chr(0xD800))}\n"}

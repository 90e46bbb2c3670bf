"""Ids are admitted, learn by sums, expire, give their rows to others, and go on bit for bit from what was told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.id_table import IdTable


def ids(*numbers):
    return np.array(numbers, np.uint64)


def zeros(n):
    return np.zeros(n, np.int64)


def test_an_id_shares_a_row_until_it_is_admitted():
    table = IdTable(width=3, fields=2, admit=3, spread=0.1)
    one, field = ids(77), np.ones(1, np.int64)
    table.learn(np.array([1]), np.full((1, 3), 2.0))
    for now in range(2):
        table.meet(one, field, now)
        assert table.rows(one, field).tolist() == [1]
    table.meet(one, field, 2)
    row = table.rows(one, field)
    assert row[0] >= 2
    apart = table.values(row) - table.values(np.array([1]))  # it begins where the rare ones have got to
    assert 0.0 < np.abs(apart).max() <= 0.1 * np.sqrt(3.0) + 1e-6
    assert (len(table), table.waiting) == (1, 0)


def test_an_id_met_often_in_one_batch_is_admitted_at_once():
    table = IdTable(width=1, fields=1, admit=3)
    table.meet(ids(5, 6, 5, 5), zeros(4), now=1)
    assert len(table) == 1
    assert table.waiting == 1


def test_steps_are_those_of_adagrad():
    table = IdTable(width=2, fields=1, rate=[0.1, 0.5], accumulator=0.1)
    value, total = np.zeros(2), np.full(2, 0.1)
    for g in ([1.0, -2.0], [0.5, 0.0], [-3.0, 4.0]):
        table.learn(np.array([0]), np.array([g]))
        total += np.square(g)
        value -= np.array([0.1, 0.5]) * g / np.sqrt(total)
    assert table.values(np.array([0]))[0] == pytest.approx(value, abs=1e-6)


def test_expired_rows_are_used_again_and_begin_anew():
    table = IdTable(width=1, fields=1, admit=1)
    table.meet(ids(1, 2), zeros(2), now=1)
    old = table.rows(ids(1), zeros(1))
    table.learn(old, np.array([[9.0]]))
    used_up = table._sum[old].copy()
    table.meet(ids(2), zeros(1), now=50)
    assert table.expire(before=50) == 1
    assert table.rows(ids(1), zeros(1)).tolist() == [0]
    table.meet(ids(3), zeros(1), now=51)
    assert table.rows(ids(3), zeros(1)).tolist() == old.tolist()
    assert table.values(old).tolist() == [[0.0]]
    assert table._sum[old][0, 0] == np.float32(0.1) < used_up[0, 0]
    first = IdTable(width=1, fields=1, admit=1)
    first.meet(ids(3), zeros(1), now=51)
    for both in (table, first):
        both.learn(both.rows(ids(3), zeros(1)), np.array([[2.0]]))
    assert table.values(table.rows(ids(3), zeros(1))) == first.values(first.rows(ids(3), zeros(1)))


def test_it_is_bounded_and_the_oldest_give_way():
    table = IdTable(width=1, fields=1, admit=1, most=100)
    for now in range(50):
        table.meet(np.arange(1 + 20 * now, 21 + 20 * now, dtype=np.uint64), zeros(20), now)
        assert len(table) <= 100
    assert len(table._value) <= 256
    assert (table.rows(np.arange(981, 1_001, dtype=np.uint64), zeros(20)) > 0).all()
    assert table.dropped == 1_000 - len(table)
    waits = IdTable(width=1, fields=1, admit=2, most=100)
    for now in range(50):
        waits.meet(np.arange(1 + 20 * now, 21 + 20 * now, dtype=np.uint64), zeros(20), now)
        assert waits.waiting <= 100


def test_more_new_ids_at_once_than_there_is_room_for():
    table = IdTable(width=1, fields=1, admit=1, most=5)
    table.meet(np.arange(1, 40, dtype=np.uint64), zeros(39), now=1)
    assert len(table) == 5
    table.meet(np.arange(1, 40, dtype=np.uint64), zeros(39), now=2)
    assert len(table) <= 5


def test_bad_gradients_change_nothing():
    table = IdTable(width=2, fields=3)
    before = table.values(np.arange(3))
    for rows, gradient, told in (
        ([0, 1], [[1.0, 1.0], [np.nan, 0.0]], "finite"),
        ([1, 1], [[1.0, 1.0], [1.0, 0.0]], "once"),
    ):
        with pytest.raises(ValueError, match=told):
            table.learn(np.array(rows), np.array(gradient))
    assert np.array_equal(table.values(np.arange(3)), before)


STEP = st.tuples(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=25), st.integers(0, 24))
def test_a_table_made_of_what_was_touched_goes_on_bit_for_bit(steps, cut):
    """Learning on from a restored table gives the bytes that never stopping gives."""

    def new():
        return IdTable(width=2, fields=2, admit=2, most=8, spread=0.3)

    def go(table, now, numbers, how):
        keys = np.array(numbers, np.uint64)
        field = (keys % 2).astype(np.int64)
        if how == 3:
            table.expire(now - 3)
        rows = np.unique(table.rows(keys, field))
        table.meet(keys, field, now)
        rng = np.random.default_rng(now)
        order = table._owner[rows]
        scale = np.where(order < 0, rows, table._index.id[order]).astype(float)
        table.learn(rows, np.outer(np.sin(scale + now), rng.normal(size=2)))

    live, kept = new(), {}

    def keep():
        for key, packed in live.touched().items():
            kept.pop(key, None) if packed is None else kept.update({key: packed})

    for now, (numbers, how) in enumerate(steps):
        if now == cut:
            keep()
            again = new()
            again.restore(kept)
            again.dropped = live.dropped
            assert again.touched() == {}
            live = again
        elif now % 3 == 0:
            keep()
        go(live, now, numbers, how)
    keep()
    whole = new()
    for now, (numbers, how) in enumerate(steps):
        go(whole, now, numbers, how)
    assert kept == whole.every() == live.every()
    told = {key: packed for key, packed in whole.touched().items() if packed is not None}
    assert kept == told
    assert len(whole) == len(live)


def test_touched_tells_what_is_gone():
    table = IdTable(width=1, fields=1, admit=1)
    table.meet(ids(255), zeros(1), now=1)
    assert set(table.touched()) == {"00000000000000ff", "rare0"}
    table.expire(before=2)
    assert table.touched() == {"00000000000000ff": None}


def test_rows_that_do_not_fit_are_refused_and_nothing_changes():
    table, other = IdTable(width=2, fields=1, admit=1), IdTable(width=3, fields=1, admit=1)
    for one in (table, other):
        one.meet(ids(9), zeros(1), now=1)
    kept = table.touched()
    wrong = other.touched()
    for rows in (wrong, {"rare7": kept["rare0"]}, {**kept, "0000000000000009": b"x"}):
        with pytest.raises(ValueError, match="row"):
            table.restore(rows)
    assert table.rows(ids(9), zeros(1)).tolist() == [1]


def test_a_copy_is_its_own():
    table = IdTable(width=1, fields=1, admit=1)
    twin = table.copy()
    table.meet(ids(3), zeros(1), now=1)
    table.learn(np.array([0]), np.array([[1.0]]))
    assert len(twin) == 0
    assert twin.values(np.array([0])).tolist() == [[0.0]]
    assert set(twin.touched()) == {"rare0"}


def test_parameters_out_of_range_are_refused():
    for bad in ({"width": 0}, {"fields": 0}, {"admit": 0}, {"most": 0}, {"accumulator": 0.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            IdTable(**{"width": 1, "fields": 1, **bad})

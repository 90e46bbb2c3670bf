"""The table finds what it was given, grows without losing a key, and at its limit drops what was not seen for long."""

import numpy as np

from driftline.models.clicks import slot_table as table
from driftline.models.clicks.slot_table import BUCKET, DROPPED, FULL, REFUSED, USED


def keys(n, seed=0):
    return np.random.default_rng(seed).integers(1, 1 << 63, size=n).astype(np.uint64)


def put(t, key, now, most):
    """Claim a slot, doubling as long as is allowed; return table and slot."""
    while (slot := table.claim(t, key, now, most)) == FULL:
        larger = table.make(2 * len(t.key), t.row.shape[1])
        table.move(t, larger)
        t = larger
    return t, slot


def test_a_key_keeps_its_numbers_while_the_table_grows():
    t = table.make(16, 2)
    t.row[16] = 7.0
    many = keys(5_000)
    for i, key in enumerate(many):
        t, slot = put(t, key, i, 1 << 20)
        assert t.row[slot].tolist() == [0.0, 0.0]
        t.row[slot] = i, -i
    assert [t.row[table.find(t, key), 0] for key in many] == list(range(5_000))
    assert t.tally[[USED, DROPPED]].tolist() == [5_000, 0]
    assert np.count_nonzero(t.key) == 5_000
    assert t.row[len(t.key)].tolist() == [7.0, 7.0]  # the caller's own
    assert table.find(t, np.uint64(12345)) == REFUSED
    assert len(t.key) <= 4 * 5_000  # two choices: it is never nearly empty


def test_at_its_limit_the_one_not_seen_for_longest_gives_way():
    t = table.make(BUCKET, 1)  # one bucket: both choices are the same
    many = keys(BUCKET + 1)
    for now, key in enumerate(many[:BUCKET]):
        assert table.claim(t, key, now, BUCKET) >= 0
    table.claim(t, many[0], 100, BUCKET)  # seen again
    t.row[:BUCKET] = 5.0
    slot = table.claim(t, many[BUCKET], 101, BUCKET)
    assert t.row[slot, 0] == 0.0
    assert table.find(t, many[0]) >= 0
    assert table.find(t, many[1]) == REFUSED
    assert t.tally[[USED, DROPPED]].tolist() == [BUCKET, 1]


def test_what_was_seen_at_the_same_event_never_gives_way():
    t = table.make(BUCKET, 1)
    many = keys(BUCKET + 1)
    for key in many[:BUCKET]:
        table.claim(t, key, 3, BUCKET)
    assert table.claim(t, many[BUCKET], 3, BUCKET) == REFUSED
    assert t.tally[DROPPED] == 1
    assert all(table.find(t, key) >= 0 for key in many[:BUCKET])


def test_it_asks_for_more_room_only_below_its_limit():
    t = table.make(BUCKET, 1)
    many = keys(BUCKET + 1)
    for key in many[:BUCKET]:
        table.claim(t, key, 0, 64)
    assert table.claim(t, many[BUCKET], 1, 64) == FULL
    assert t.tally[[USED, DROPPED]].tolist() == [BUCKET, 0]


def test_joined_keys_depend_on_the_order_and_are_never_the_free_one():
    a, b = keys(2)
    assert table.joined(a, b) != table.joined(b, a)
    assert table.joined(np.uint64(0), np.uint64(0)) != 0

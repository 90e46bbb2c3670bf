"""What every store of lanes promises; run over the twin in memory and the real Redis."""

import random
import uuid

import pytest
from stores import LANE, Ledger, snapshot

from driftline.streams.memory_store import MemoryStore
from driftline.streams.redis_store import RedisStore
from driftline.streams.store import KEPT, Refused
from driftline.streams.vault import Unsound


@pytest.fixture(params=["memory", "redis"])
def store(request):
    if request.param == "memory":
        return MemoryStore()
    return RedisStore(request.getfixturevalue("redis_url"))


@pytest.fixture
def lane():
    """A lane of the test's own: the Redis is shared."""
    return f"driftline:{uuid.uuid4().hex}:0"


def loaded(session):
    return [session.load(serial) for serial in session.serials]


def test_a_new_lane_is_empty(store, lane):
    session = store.acquire(lane)
    assert session.serials == []
    assert store.peek(lane) == []
    session.check()


def test_what_was_written_is_there_for_the_next_owner_to_the_byte(store, lane):
    store.acquire(lane).checkpoint(snapshot(1, desk=b"\x00\xff\r\n", waiting=b"", big=bytes(range(256)) * 1_000))
    [found] = loaded(store.acquire(lane))
    assert (found.serial, found.header) == (1, b"header 1")
    assert found.parts == {"desk": b"\x00\xff\r\n", "waiting": b"", "big": bytes(range(256)) * 1_000}


def test_gen_strictly_increases(store, lane):
    gens = [store.acquire(lane).gen for _ in range(20)]
    assert gens == sorted(set(gens))
    assert all(isinstance(gen, int) for gen in gens)


def test_after_a_take_over_the_old_owner_can_write_nothing(store, lane):
    old = store.acquire(lane)
    old.checkpoint(snapshot(1))
    new = store.acquire(lane)
    for act in (
        lambda: old.checkpoint(snapshot(2, {"slot:m@1": {"k": b"old"}}, desk=b"x" * 100_000)),
        lambda: old.discard(0),
        old.check,
    ):
        with pytest.raises(Refused, match="acquired by another"):
            act()
    assert [one.serial for one in loaded(new)] == [1]
    new.checkpoint(snapshot(2, {"slot:m@1": {"l": b"new"}}))
    assert store.peek(lane)[-1].keyed == {"slot:m@1": {"l": b"new"}}


def test_a_refused_owner_stays_refused(store, lane):
    old = store.acquire(lane)
    store.acquire(lane)
    for _ in range(3):
        with pytest.raises(Refused):
            old.checkpoint(snapshot(1))
    assert store.peek(lane) == []


def test_an_owner_goes_on_writing_while_nobody_takes_over(store, lane):
    session = store.acquire(lane)
    for serial in range(1, 7):
        session.checkpoint(snapshot(serial))
        session.check()
        assert session.serials == list(range(max(1, serial - KEPT + 1), serial + 1))
    assert [one.parts["desk"] for one in loaded(store.acquire(lane))] == [b"state 4", b"state 5", b"state 6"]


def test_a_generation_that_is_gone_is_unsound_or_never_was(store, lane):
    session = store.acquire(lane)
    for serial in range(1, 5):
        session.checkpoint(snapshot(serial))
    with pytest.raises((Unsound, ValueError)):
        session.load(1)


def test_discarded_generations_do_not_come_back(store, lane):
    session = store.acquire(lane)
    for serial in range(1, 4):
        session.checkpoint(snapshot(serial, {"slot:m@1": {"k": b"%d" % serial}}))
    session.discard(1)
    assert session.serials == [1]
    session.checkpoint(snapshot(2, {"slot:m@1": {"l": b"other"}}, desk=b"another branch"))
    after = store.acquire(lane)
    assert [one.parts["desk"] for one in loaded(after)] == [b"state 1", b"another branch"]
    assert after.load(2).keyed == {"slot:m@1": {"k": b"1", "l": b"other"}}
    after.discard(-1)
    assert (after.serials, store.peek(lane)) == ([], [])
    after.checkpoint(snapshot(1, {"slot:m@1": {"m": b"anew"}}))
    assert store.peek(lane)[0].keyed == {"slot:m@1": {"m": b"anew"}}


def test_a_model_taken_away_and_brought_back_begins_without_its_old_keys(store, lane):
    session = store.acquire(lane)
    session.checkpoint(snapshot(1, {"slot:m@1": {"old": b"1"}}))
    session.checkpoint(snapshot(2, {"slot:m@2": {"k": b"2"}}))
    session.checkpoint(snapshot(3, {"slot:m@1": {"new": b"3"}}))
    assert store.peek(lane)[-1].keyed == {"slot:m@1": {"new": b"3"}}
    session.checkpoint(snapshot(4, {"slot:m@1": {}}))
    session.checkpoint(snapshot(5, {"slot:m@1": {"k": b"5"}}))
    assert [one.keyed for one in store.peek(lane)] == [
        {"slot:m@1": {"new": b"3"}},
        {"slot:m@1": {"new": b"3"}},
        {"slot:m@1": {"new": b"3", "k": b"5"}},
    ]


def test_a_peek_takes_nothing(store, lane):
    session = store.acquire(lane)
    session.checkpoint(snapshot(1, {"slot:m@1": {"k": b"1"}}))
    [found] = store.peek(lane)
    assert (found.header, found.keyed) == (b"header 1", {"slot:m@1": {"k": b"1"}})
    session.check()
    session.checkpoint(snapshot(2))


def test_lanes_do_not_meet(store, lane):
    other = f"{lane}1"  # its name begins with the other's
    first, second = store.acquire(lane), store.acquire(other)
    first.checkpoint(snapshot(1, {"slot:m@1": {"k": b"first"}}))
    second.checkpoint(snapshot(1, {"slot:m@1": {"k": b"second"}}))
    second.discard(-1)
    assert store.peek(lane)[0].keyed == {"slot:m@1": {"k": b"first"}}
    first.check()


def test_a_store_answers(store):
    store.ping()


def lived(store, lane, seed, steps=40):
    """Check a random life of owners, checkpoints, discards and take-overs against the ledger, step by step."""
    rng, ledger = random.Random(seed), Ledger()
    session, serial = store.acquire(lane), 0
    families = ["slot:a@1", "slot:b@1", "slot:b@2"]
    for step in range(steps):
        dice = rng.random()
        if dice < 0.15:
            old, session = session, store.acquire(lane)
            assert session.gen > old.gen
            with pytest.raises(Refused):
                old.checkpoint(snapshot(serial + 1, {families[0]: {"k1": b"zombie"}}, desk=b"z" * 70_000))
        elif dice < 0.3 and session.serials:
            serial = rng.choice([*session.serials, -1])
            session.discard(serial)
            ledger.discard(serial)
            serial = max(serial, 0)
        else:
            serial += 1
            keyed = {}
            for family in rng.sample(families, rng.randint(0, 3)):
                keys = rng.sample(range(6), rng.randint(0, 4))
                keyed[family] = {f"k{i}": rng.choice([None, b"%d" % step, b"x" * 50]) for i in keys}
            parts = {f"p{i}": bytes([step]) * rng.choice([0, 10, 70_000]) for i in range(rng.randint(1, 3))}
            written = snapshot(serial, keyed, **parts)
            session.checkpoint(written)
            ledger.checkpoint(written)
        assert store.peek(lane) == ledger.kept
        assert loaded(session) == ledger.kept


@pytest.mark.parametrize("seed", range(12))
def test_any_life_of_a_lane_leaves_what_a_ledger_says(store, lane, seed):
    lived(store, lane, seed)


def test_the_twin_loses_its_last_writes_on_demand_and_breaks_its_sessions():
    from driftline.streams.store import Broken

    store = MemoryStore()
    session = store.acquire(LANE)
    gen = session.gen
    session.checkpoint(snapshot(1))
    session.checkpoint(snapshot(2))
    store.lose(LANE, 1)
    with pytest.raises(Broken):
        session.checkpoint(snapshot(3))
    heir = store.acquire(LANE)
    assert (heir.serials, heir.gen > gen) == ([1], True)
    store.lose(LANE, 100)
    again = store.acquire(LANE)
    assert (again.serials, again.gen > heir.gen) == ([], True)


def test_some_keys_can_be_looked_up_without_taking_the_lane(store, lane):
    assert store.look_up(lane, "rows", ["a", "b"]) == [None, None]
    session = store.acquire(lane)
    ledger = Ledger()
    rng = random.Random(1)
    keys = ["a", "b", "c", "d"]
    for serial in range(1, 12):
        touched = {key: rng.choice([None, f"{key}{serial}".encode()]) for key in keys if rng.random() < 0.5}
        made = snapshot(serial, {"rows": touched})
        session.checkpoint(made)
        ledger.checkpoint(made)
        wanted = ledger.kept[-1].keyed["rows"]
        assert store.look_up(lane, "rows", keys) == [wanted.get(key) for key in keys]
    assert store.look_up(lane, "others", keys) == [None] * 4
    assert store.look_up(lane, "rows", []) == []
    session.check()


def test_the_newest_generation_has_a_name_of_its_own(store, lane):
    assert store.newest(lane) == ""
    session = store.acquire(lane)
    assert store.newest(lane) == ""
    names = []
    for serial in (1, 2, 3):
        session.checkpoint(snapshot(serial))
        names.append(store.newest(lane))
    assert names == [f"{session.gen}-{serial}" for serial in (1, 2, 3)]
    heir = store.acquire(lane)
    heir.discard(2)
    assert store.newest(lane) == names[1]
    heir.checkpoint(snapshot(3))
    assert store.newest(lane) == f"{heir.gen}-3" not in names

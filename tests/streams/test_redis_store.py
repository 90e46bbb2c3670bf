"""What only a real Redis can show: connections that break, lost writes, full memory, and what lies in its keys."""

import uuid

import pytest
from redis import Redis
from redis.crc import key_slot
from stores import LANE, snapshot

from driftline.services.servers import RedisServer
from driftline.streams import failpoint
from driftline.streams.redis_store import AHEAD_SECONDS, INLINE, RedisStore
from driftline.streams.store import Broken, Lost, Refused, Unavailable
from driftline.streams.vault import Unsound

pytestmark = pytest.mark.servers
FAMILY = "slot:m@1"


@pytest.fixture
def lane():
    return f"driftline:{uuid.uuid4().hex}:0"


@pytest.fixture
def store(redis_url):
    return RedisStore(redis_url)


@pytest.fixture
def redis(redis_url):
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def own_redis():
    """A Redis that this test may kill."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def stop():
    """Let a checkpoint stop between what is written ahead and the fenced step."""

    class Stop(BaseException):
        pass

    def die():
        raise Stop

    failpoint.arm("state.ahead", die)
    yield Stop
    failpoint.disarm()


def keys_of(redis, lane):
    return sorted(redis.scan_iter(match=f"{{{lane}}}*", count=10_000))


def cut(redis):
    """End all other connections, as a network that fails does."""
    for client in redis.client_list():
        if client["id"] != str(redis.client_id()):
            redis.client_kill_filter(_id=client["id"])


def test_a_session_does_not_outlive_its_connection(store, redis, lane):
    session = store.acquire(lane)
    session.checkpoint(snapshot(1))
    cut(redis)
    for _ in range(3):
        with pytest.raises(Broken):
            session.checkpoint(snapshot(2))
    for act in (session.check, lambda: session.discard(0), lambda: session.load(1)):
        with pytest.raises(Broken):
            act()
    assert [one.serial for one in store.peek(lane)] == [1]
    store.acquire(lane).checkpoint(snapshot(2))


def test_a_closed_session_stays_closed(store, lane):
    session = store.acquire(lane)
    session.close()
    with pytest.raises(Broken):
        session.checkpoint(snapshot(1))


def test_a_session_whose_redis_was_killed_and_came_back_is_broken(own_redis):
    # One that syncs every second may hold back what it has acknowledged while a sync takes long; nothing is to be lost.
    Redis.from_url(own_redis.url).config_set("appendfsync", "always")
    store = RedisStore(own_redis.url)
    session = store.acquire(LANE)
    session.checkpoint(snapshot(1))
    gen = session.gen
    own_redis.kill()
    with pytest.raises(Broken):
        session.check()
    with pytest.raises(Unavailable):
        store.acquire(LANE)
    with pytest.raises(Unavailable):
        store.ping()
    with pytest.raises(Unavailable):
        store.peek(LANE)
    own_redis.start()
    with pytest.raises(Broken):
        session.checkpoint(snapshot(2))
    heir = store.acquire(LANE)
    assert (heir.serials, heir.gen > gen) == ([1], True)


def test_no_gen_comes_twice_though_redis_has_lost_every_write():
    with RedisServer(append_only=False) as server:
        store = RedisStore(server.url)
        first = store.acquire(LANE)
        for serial in range(1, 4):
            first.checkpoint(snapshot(serial))
        server.kill()
        server.start()
        with pytest.raises(Broken):
            first.checkpoint(snapshot(4))
        second = store.acquire(LANE)
        assert (second.serials, second.gen > first.gen) == ([], True)


def test_a_session_notices_that_redis_went_back_under_it(store, redis, lane):
    session = store.acquire(lane)
    session.checkpoint(snapshot(1))
    before = redis.dump(f"{{{lane}}}")
    session.checkpoint(snapshot(2))
    redis.restore(f"{{{lane}}}", 0, before, replace=True)  # the gen is still its own
    for act in (session.check, lambda: session.checkpoint(snapshot(3)), lambda: session.discard(0)):
        with pytest.raises(Refused, match="not as this session left it"):
            act()
    assert [one.serial for one in store.peek(lane)] == [1]


def test_leftovers_written_ahead_expire_and_are_never_read(store, redis, lane, stop):
    session = store.acquire(lane)
    failpoint.disarm()
    session.checkpoint(snapshot(1, {FAMILY: {"k": b"1"}}))
    whole = keys_of(redis, lane)
    failpoint.arm("state.ahead", lambda: (_ for _ in ()).throw(stop()))
    with pytest.raises(stop):
        session.checkpoint(snapshot(2, {FAMILY: {"k": b"left over"}}, desk=b"x" * (INLINE + 1)))
    left = sorted(set(keys_of(redis, lane)) - set(whole))
    assert len(left) == 2
    assert all(0 < redis.ttl(key) <= AHEAD_SECONDS for key in left)
    assert [one.keyed for one in store.peek(lane)] == [{FAMILY: {"k": b"1"}}]
    failpoint.disarm()
    heir = store.acquire(lane)
    heir.checkpoint(snapshot(2, {FAMILY: {"l": b"2"}}))
    assert heir.load(2).keyed == {FAMILY: {"k": b"1", "l": b"2"}}
    assert all(redis.ttl(key) > 0 for key in left)


def test_what_a_checkpoint_points_to_does_not_expire(store, redis, lane):
    session = store.acquire(lane)
    for serial in range(1, 5):
        session.checkpoint(snapshot(serial, {FAMILY: {f"k{serial}": b"1"}}, desk=b"x" * (INLINE + serial)))
    assert {redis.ttl(key) for key in keys_of(redis, lane)} == {-1}


def test_a_checkpoint_whose_big_part_expired_before_it_is_refused(store, redis, lane):
    session = store.acquire(lane)

    def expire():
        for key in keys_of(redis, lane):
            if b":blob:" in key:
                redis.delete(key)

    failpoint.arm("state.ahead", expire)
    try:
        with pytest.raises(Refused, match="written ahead is gone"):
            session.checkpoint(snapshot(1, desk=b"x" * (INLINE + 1)))
    finally:
        failpoint.disarm()
    assert store.peek(lane) == []


def test_parts_up_to_a_bound_lie_in_the_hash_and_larger_ones_beside_it(store, redis, lane):
    store.acquire(lane).checkpoint(snapshot(1, small=b"x" * INLINE, large=b"y" * (INLINE + 1)))
    blobs = [key for key in keys_of(redis, lane) if b":blob:" in key]
    assert [redis.strlen(key) for key in blobs] == [INLINE + 1]
    [found] = store.peek(lane)
    assert (len(found.parts["small"]), len(found.parts["large"])) == (INLINE, INLINE + 1)


def test_every_key_of_a_lane_shares_its_hash_tag(store, redis, lane):
    session = store.acquire(lane)
    for serial in range(1, 4):
        session.checkpoint(snapshot(serial, {FAMILY: {"k": b"1"}, "slot:n@2": {"k": b"1"}}, desk=b"x" * 70_000))
    keys = [key for key in redis.scan_iter(count=10_000) if lane.encode() in key]
    assert len(keys) == 10  # the hash, two bases, two later deltas of each, three blobs
    assert all(key.startswith(b"{%s}" % lane.encode()) for key in keys)
    assert len({key_slot(key) for key in keys}) == 1


def test_nothing_is_left_of_generations_and_models_that_are_gone(store, redis, lane):
    session = store.acquire(lane)
    for serial in range(1, 10):
        family = FAMILY if serial < 5 else "slot:m@2"
        session.checkpoint(snapshot(serial, {family: {f"k{serial}": b"1"}}, desk=b"x" * (70_000 + serial)))
    keys = keys_of(redis, lane)
    assert not [key for key in keys if FAMILY.encode() in key]
    assert len([key for key in keys if b":blob:" in key]) == 3
    fields = redis.hkeys(f"{{{lane}}}")
    assert sorted(fields) == sorted([b"gen", b"last", b"kept", *(b"head:%d-%d" % (session.gen, n) for n in (7, 8, 9))])
    session.discard(-1)
    assert keys_of(redis, lane) == [f"{{{lane}}}".encode()]


def test_a_part_that_is_missing_is_unsound_and_the_older_generation_is_not(store, redis, lane):
    session = store.acquire(lane)
    session.checkpoint(snapshot(1, desk=b"x" * 70_000))
    session.checkpoint(snapshot(2, desk=b"y" * 70_000, small=b"s"))
    redis.delete(*(key for key in keys_of(redis, lane) if b"-2:desk" in key))
    with pytest.raises(Unsound, match="generation 2 lacks desk"):
        store.acquire(lane).load(2)
    assert len(store.acquire(lane).load(1).parts["desk"]) == 70_000
    redis.hdel(f"{{{lane}}}", f"head:{session.gen}-1")
    with pytest.raises(Unsound, match="generation 1 lacks its header"):
        store.acquire(lane).load(1)
    assert store.peek(lane) == []


def test_a_key_of_the_wrong_type_is_unavailable_or_unsound_and_never_a_crash(store, redis, lane):
    redis.set(f"{{{lane}}}", "somebody else's")
    with pytest.raises(Unavailable, match="WRONGTYPE"):
        store.acquire(lane)
    with pytest.raises(Unavailable):
        store.peek(lane)
    redis.delete(f"{{{lane}}}")
    session = store.acquire(lane)
    session.checkpoint(snapshot(1, {FAMILY: {"k": b"1"}}))
    redis.set(f"{{{lane}}}:keys:{FAMILY}", "somebody else's")
    with pytest.raises(Unsound, match="WRONGTYPE"):
        session.load(1)


@pytest.mark.parametrize("size", [100, 100_000], ids=["in the hash", "ahead of it"])
def test_a_full_redis_is_unavailable_and_keeps_what_it_had(own_redis, size):
    store = RedisStore(own_redis.url)
    session = store.acquire(LANE)
    session.checkpoint(snapshot(1))
    with Redis.from_url(own_redis.url) as redis:
        redis.config_set("maxmemory", 1)
        with pytest.raises(Unavailable, match="cannot write"):
            session.checkpoint(snapshot(2, {FAMILY: {"k": b"1"}} if size > 100 else {}, desk=b"x" * size))
        with pytest.raises(Unavailable):
            store.acquire(LANE)
        assert [one.parts for one in store.peek(LANE)] == [{"desk": b"state 1"}]
        redis.config_set("maxmemory", 0)
    with pytest.raises((Lost, Unavailable)):
        session.checkpoint(snapshot(2))  # this session is over all the same
    store.acquire(LANE).checkpoint(snapshot(2))


def test_many_touched_keys_go_in_several_commands_and_those_that_are_gone_leave_nothing(store, redis, lane):
    keys = {f"k{i}": b"%d" % i for i in range(2_500)}
    session = store.acquire(lane)
    session.checkpoint(snapshot(1, {FAMILY: keys}))
    session.checkpoint(snapshot(2, {FAMILY: {f"k{i}": None for i in range(2_400)}}))
    for serial in range(3, 6):
        session.checkpoint(snapshot(serial, {FAMILY: {}}))
    assert store.peek(lane)[-1].keyed == {FAMILY: {f"k{i}": b"%d" % i for i in range(2_400, 2_500)}}
    assert redis.hlen(f"{{{lane}}}:keys:{FAMILY}") == 100


def test_a_server_that_does_not_answer_in_time_is_not_waited_for(own_redis):
    store = RedisStore(own_redis.url, timeout_seconds=0.2)
    session = store.acquire(LANE)
    with Redis.from_url(own_redis.url) as redis:
        redis.client_pause(30_000)
        with pytest.raises(Broken):
            session.checkpoint(snapshot(1))
        with pytest.raises(Unavailable):
            store.acquire(LANE)

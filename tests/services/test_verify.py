"""A live lane, killed on the way, is what its log says; and a lane that is not is found out."""

import json

import pytest
from confluent_kafka import Producer
from live import LOGISTIC, TREE, Bench, eventually
from redis import Redis

from driftline.models.binary.hoeffding_adaptive_tree import HoeffdingAdaptiveTree
from driftline.services import checkpoints, topics
from driftline.services.publisher import publish
from driftline.services.settings import snapshot_key
from driftline.services.sources import Synthetic
from driftline.services.verify import NoSnapshot, verify
from driftline.streams import header, wire
from driftline.streams.lane import Lane
from driftline.streams.redis_store import RedisStore
from driftline.streams.state import freeze, restore
from driftline.streams.vault import Vault

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def bench(tmp_path, broker, redis_url):
    return Bench(tmp_path, broker, redis_url)


def send(bench, count, start, seed):
    source = Synthetic("s", count=count, delay_seconds=2.0, start=start, seed=seed, keys=8)
    return publish(source, bench.settings.kafka.brokers, bench.settings.streams)


def tamper(bench, partition, change):
    """Write one more generation of a lane, sound and sealed, whose state is not what the log says."""
    settings = bench.settings
    name, vault = f"{bench.name}:s:{partition}", Vault(snapshot_key(settings))
    session = RedisStore(settings.redis.url).acquire(name)
    newest = session.load(session.serials[-1])
    head = header.read(newest, name, vault)
    lane = Lane("s", partition, settings.streams["s"], vault, app=bench.name)
    restore(lane, newest.parts, newest.keyed)
    change(lane)
    parts, keyed = freeze(lane)
    session.checkpoint(header.write(lane, head.serial + 1, head.origin, head.note, head.floor, parts, keyed))
    session.close()


def test_a_killed_lane_with_a_model_that_joined_later_equals_its_log(bench):
    with bench.stack() as stack:
        send(bench, 600, 1_700_000_000.0, seed=1)
        stack.kill_streams()  # somewhere in the middle
        send(bench, 600, 1_700_000_100.0, seed=2)
        stack.start_streams()
        eventually(bench.handled, "all messages handled")
        first = [verify(stack.settings, "s", n) for n in (0, 1)]
        assert [verdict.equal for verdict in first] == [True, True], [verdict.as_json() for verdict in first]
        assert sum(verdict.messages for verdict in first) == 2_400
        assert sum(verdict.predictions for verdict in first) == 1_200
        assert {"model:tree", "watch:tree", "scores:tree", "waiting", "counts", "offsets", "panels"} == first[
            0
        ].parts.keys()

    bench.write(f"tree = {TREE}\nlogistic = {LOGISTIC}")
    with bench.stack():
        send(bench, 600, 1_700_000_200.0, seed=3)
        eventually(bench.handled, "all messages handled")
        said = bench.run("replay", "--verify", "s", "--json")
        assert said.exit_code == 0, said.output
        for lane in json.loads(said.output)["lanes"]:
            assert lane["equal"]
            assert lane["joined_later"]["logistic"][bench.name] > 0
        assert sum(lane["predictions"] for lane in json.loads(said.output)["lanes"]) == 1_800 + 600

    # A state that the log does not give, and nothing else, is found out.
    tamper(bench, 0, lambda lane: lane.counts.update(events=1))
    verdict = verify(bench.settings, "s", 0)
    assert verdict.differing == ["counts"]
    assert not verdict.wrong_values
    tamper(bench, 1, lambda lane: lane.slots[0].model.learn_one({"x0": 1.0}, True))
    assert verify(bench.settings, "s", 1).differing == ["model:tree"]
    said = bench.run("replay", "--verify", "s")
    assert said.exit_code == 4
    assert "DIFFERS" in said.output


def test_a_prediction_that_the_lane_does_not_make_is_found_out(bench, monkeypatch):
    settings = bench.settings
    topics.create(settings.kafka.brokers, settings.streams)
    producer = Producer({"bootstrap.servers": settings.kafka.brokers})
    producer.produce(bench.name, b"no event: offset 0 gives no prediction", partition=0)
    assert producer.flush(30) == 0
    with bench.stack():
        send(bench, 200, 1_700_000_000.0, seed=1)
        eventually(bench.handled, "all messages handled")
    assert verify(settings, "s", 0).equal

    # A model that answers otherwise than it did: every value is another, and what it learnt is the same.
    with monkeypatch.context() as patch:
        patch.setattr(HoeffdingAdaptiveTree, "predict_proba_one", lambda self, x: {True: 0.123456})
        verdict = verify(settings, "s", 0)
    assert verdict.wrong_values == verdict.predictions > 0
    assert "rebuilt (False, 0.123456" in verdict.values[0]
    assert "model:tree" not in verdict.differing
    assert "scores:tree" in verdict.differing

    # Something was published of an event that gave no prediction.
    lie = wire.Prediction(
        id=f"tree/{bench.name}/0/0",
        model="tree",
        of="e",
        key="k",
        at=1.0,
        y=True,
        seen={bench.name: 0, f"{bench.name}.labels": 0},
        gen=2**60,
        version="a lie",
    )
    producer.produce(f"{bench.name}.predictions", wire.encode(lie), partition=0)
    assert producer.flush(30) == 0
    verdict = verify(settings, "s", 0)
    assert verdict.values == [f"tree/{bench.name}/0/0: published, but not made by the rebuilt lane"]
    assert not verdict.equal
    assert not verdict.differing


def test_a_lane_without_a_snapshot_cannot_be_verified(bench):
    with pytest.raises(NoSnapshot, match="has the lane been checkpointed yet"):
        verify(bench.settings, "s", 0)


def test_a_damaged_snapshot_is_exit_code_4(bench):
    with bench.stack():
        for seed in (1, 2):  # two generations at least
            send(bench, 150, 1_700_000_000.0 + 100 * seed, seed)
            eventually(bench.handled, "all messages handled")
        said = bench.run("checkpoint", "verify")
        assert said.exit_code == 0, said.output
        listed = json.loads(bench.run("checkpoint", "list", "--json").output)
        assert {one["lane"] for one in listed} == {f"{bench.name}:s:0", f"{bench.name}:s:1"}
        assert all(one["age_seconds"] is not None and one["bytes"] > 0 for one in listed)

    settings, lane = bench.settings, f"{bench.name}:s:0"
    sound = checkpoints.newest(settings, lane)
    with Redis.from_url(settings.redis.url) as client:
        [field] = [
            name
            for name in client.hkeys(f"{{{lane}}}")
            if name.startswith(b"part:") and name.endswith(f"-{sound.serial}:desk".encode())
        ]
        value = bytearray(client.hget(f"{{{lane}}}", field))
        value[-1] ^= 1
        client.hset(f"{{{lane}}}", field, bytes(value))
    said = bench.run("checkpoint", "verify", "--json")
    assert said.exit_code == 4
    answer = json.loads(said.output)
    assert [(one["lane"], one["serial"]) for one in answer["generations"] if not one["sound"]] == [(lane, sound.serial)]
    assert "desk" in next(one["trouble"] for one in answer["generations"] if one["trouble"])
    # What is left is older and sound, and the log still proves it.
    assert verify(settings, "s", 0).equal
    assert bench.run("doctor").exit_code == 4

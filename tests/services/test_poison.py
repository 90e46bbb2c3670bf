"""Poison: each bad message becomes exactly one dead letter with its reason; what stands beside it is handled."""

import json
import time

import pytest
from confluent_kafka import Producer
from live import Bench, eventually

from driftline.services import dead_letters
from driftline.services.partitioner import partition_of
from driftline.services.topics import create

pytestmark = [pytest.mark.servers, pytest.mark.slow]

BIG = 10 * 1_048_576
EARLY_SECONDS = 60.0
"""The default of waiting.early_max_age_seconds: then an unknown label is given up."""


def event(name, at, sensor="s1", **more):
    return {"id": name, "at": at, "sensor": sensor, "x": {"a": 1.0}} | more


def poisons(now):
    """(name, reason, topic's suffix, key, value)."""
    e = event
    return [
        ("bad JSON", "json", "", b"s1", b'{"id": "p1", "at":'),
        ("no JSON at all", "json", "", b"s1", b"\xff\xfe\x00poison"),
        ("no value", "json", "", b"s1", None),
        ("wrong types", "schema", "", b"s1", json.dumps(e("p2", "noon")).encode()),
        ("NaN", "schema", "", b"s1", json.dumps(e("p3", now, x={"a": float("nan")})).encode()),
        ("infinite", "schema", "", b"s1", json.dumps(e("p4", now, x={"a": float("inf")})).encode()),
        ("10 MB", "size", "", b"s1", json.dumps(e("p5", now, x={"a": 1.0})).encode().ljust(BIG)),
        ("no key", "key", "", None, json.dumps(e("p6", now)).encode()),
        ("another's key", "key", "", b"s2", json.dumps(e("p7", now)).encode()),
        ("deep nesting", "json", "", b"s1", b'{"id": "p8", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        ("unknown field", "schema", "", b"s1", json.dumps(e("p9", now, colour="red")).encode()),
        ("future", "future", "", b"s1", json.dumps(e("p10", now + 30 * 86_400)).encode()),
        ("same id again", "duplicate", "", b"s1", json.dumps(e("good-0", now)).encode()),
        (
            "unknown label",
            "label_unknown",
            ".labels",
            b"s1",
            json.dumps({"of": "ghost", "at": now, "y": True}).encode(),
        ),
        ("label's type", "label_type", ".labels", b"s1", json.dumps({"of": "good-0", "at": now, "y": "?"}).encode()),
        ("label without key", "key", ".labels", None, json.dumps({"of": "good-0", "at": now, "y": True}).encode()),
        ("label in JSON", "json", ".labels", b"s1", b"true,"),
    ]


@pytest.fixture
def bench(tmp_path, broker, redis_url):
    return Bench(tmp_path, broker, redis_url)


def test_each_poison_is_one_dead_letter_and_a_mended_one_comes_back(bench):
    settings = bench.settings
    create(settings.kafka.brokers, settings.streams)
    home = partition_of(b"s1", 2)
    producer = Producer({"bootstrap.servers": settings.kafka.brokers, "message.max.bytes": 16 * 1_048_576})
    now = time.time() - 3_000
    places: dict[str, str] = {}  # id of the letter -> name of the poison
    reasons: dict[str, str] = {}

    def send(suffix, key, value, name=None, reason=None):
        def told(error, message):
            assert error is None, error
            if name is not None:
                id_ = f"{message.topic()}/{message.partition()}/{message.offset()}"
                places[id_], reasons[name] = name, reason

        producer.produce(f"{bench.name}{suffix}", value, key, home, on_delivery=told)
        assert producer.flush(60) == 0  # one after the other: each poison between two good ones

    good = 0

    def neighbour(at):
        nonlocal good
        send("", b"s1", json.dumps(event(f"good-{good}", at)).encode())
        good += 1

    with bench.stack():
        neighbour(now)
        for n, (name, reason, suffix, key, value) in enumerate(poisons(now)):
            send(suffix, key, value, name, reason)
            neighbour(now + n / 100)
        # Handled so far, so that the label is surely early; then time goes on, and it is known to be unknown.
        eventually(bench.handled, "the poison handled")
        neighbour(now + 10 * EARLY_SECONDS)
        eventually(bench.handled, "the last event handled")
        eventually(lambda: len(list(dead_letters.letters(settings))) >= len(places), "all dead letters")

        found = [letter for _, letter in dead_letters.letters(settings)]
        assert {places.get(letter.id, letter.id): letter.reason for letter in found} == reasons
        assert len(found) == len(places)
        assert all(letter.message and letter.error for letter in found)
        raw = raw_letters(bench)
        assert sorted(raw) == sorted(places), "a letter was written twice"
        assert {said.of for said in bench.predictions()} == {f"good-{n}" for n in range(good)}

        mend(bench, {name: id_ for id_, name in places.items()}, found)


def raw_letters(bench):
    """The ids on the dead-letter topic, repeats included."""
    from driftline.services.tape import Tape, options_of
    from driftline.services.topics import end_offsets, partition_counts

    settings, topic = bench.settings, f"{bench.name}.dead"
    count = partition_counts(settings.kafka.brokers)[topic]
    ends = end_offsets(settings.kafka.brokers, [(topic, n) for n in range(count)])
    ids = []
    for n in range(count):
        with Tape(options_of(settings), topic, n, 0, ends[topic, n]) as tape:
            while run := tape.run():
                ids += [json.loads(message.value)["id"] for message in run]
    return ids


def mend(bench, ids, found):
    settings = bench.settings
    # What would be rejected again is refused.
    refused = bench.run("dead-letters", "replay", "--id", ids["wrong types"], "--set", 'at="later"')
    assert refused.exit_code == 4, refused.output
    refused = bench.run("dead-letters", "replay", "--id", ids["future"])
    assert refused.exit_code == 4, refused.output
    refused = bench.run("dead-letters", "replay", "--id", ids["label without key"])
    assert refused.exit_code == 4, refused.output
    assert bench.run("dead-letters", "replay", "--id", "nowhere/0/1").exit_code == 1

    # A field set, a field taken away, a key that is right, and one written anew.
    ways = {
        "wrong types": ["--set", "at=1700000000.5"],
        "unknown field": ["--unset", "colour"],
        "no key": [],
        "bad JSON": ["--value", json.dumps(event("p1", 1_700_000_001.0, x={"a": 2.0}))],
        "NaN": ["--set", "x.a=2.5"],
    }
    for name, options in ways.items():
        said = bench.run("dead-letters", "replay", "--id", ids[name], *options, "--json")
        assert said.exit_code == 0, (name, said.output)
        answer = json.loads(said.output)
        assert (answer["topic"], answer["key"]) == (bench.name, "s1")
        assert answer["partition"] == partition_of(b"s1", 2)
    eventually(
        lambda: {"p1", "p2", "p3", "p6", "p9"} <= {said.of for said in bench.predictions()},
        "the mended events answered",
    )

    # A letter that holds only the beginning is read from where it came from.
    big = next(letter for letter in found if letter.reason == "size")
    assert big.truncated
    assert len(big.value) < BIG
    key, value = dead_letters.original(settings, big)
    assert (key, len(value)) == (b"s1", BIG)

    # The list shows what was asked for.
    listed = json.loads(bench.run("dead-letters", "list", "--reason", "schema", "--limit", "2", "--json").output)
    assert [one["reason"] for one in listed] == ["schema"] * 2
    assert "no dead letters" in bench.run("dead-letters", "list", "--reason", "label_late").output

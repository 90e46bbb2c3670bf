"""Topics on a real broker: made once, checked, described."""

import itertools
import os

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from driftline.services import topics
from driftline.streams.config import ALARM_TOPIC, StreamConfig

TREE = {"tree": {"class": "hoeffding-adaptive-tree"}}
NUMBERS = itertools.count()


def stream(topic: str, partitions: int = 3, **more) -> StreamConfig:
    return StreamConfig(kind="sensor", topic=topic, partitions=partitions, models=TREE, **more)


@pytest.fixture
def name() -> str:
    """A topic that no other test has."""
    return f"topics-{os.getpid()}-{next(NUMBERS)}"


def remake(bootstrap: str, topic: str, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})  # must outlive its futures
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)


def all_well(name: str, partitions: int = 3) -> dict[str, int]:
    made = dict.fromkeys((name, f"{name}.labels", f"{name}.predictions"), partitions)
    return made | {f"{name}.dead": 1, ALARM_TOPIC: 1}


@pytest.mark.servers
def test_topics_are_made_with_their_partitions_and_only_once(broker, name):
    streams = {"a": stream(name), "b": stream(f"{name}.b", 1, labels=f"{name}.truth")}
    wanted = {plan.name: plan.partitions for plan in topics.plan(streams)}
    made = set(topics.create(broker.bootstrap, streams))
    assert made | {ALARM_TOPIC} == wanted.keys()  # the alarms' topic may be another test's
    counts = topics.partition_counts(broker.bootstrap)
    assert {topic: counts.get(topic) for topic in wanted} == wanted
    assert topics.create(broker.bootstrap, streams) == []
    assert topics.check(streams, counts) == []


@pytest.mark.servers
def test_what_exists_stays_as_it_is_and_is_found_at_fault(broker, name):
    remake(broker.bootstrap, f"{name}.labels", 2)
    made = topics.create(broker.bootstrap, {"a": stream(name)})
    assert {name, f"{name}.predictions", f"{name}.dead"} <= set(made)
    assert f"{name}.labels" not in made
    [fault] = topics.check({"a": stream(name)}, topics.partition_counts(broker.bootstrap))
    assert fault.startswith(f"stream a: its labels topic '{name}.labels' has 2 partitions")


@pytest.mark.servers
def test_event_and_label_topics_take_what_is_too_large_for_us_and_nothing_expires(broker, name):
    topics.create(broker.bootstrap, {"a": stream(name)})
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    asked = {plan.name: plan for plan in topics.plan({"a": stream(name)})}
    answers = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic) for topic in asked])
    for resource, answer in answers.items():
        config = {key: entry.value for key, entry in answer.result(30).items()}
        assert config["retention.ms"] == "-1", resource.name
        if asked[resource.name].what in ("events", "labels"):
            assert config["max.message.bytes"] == str(16 * 1024 * 1024)
    failed = []
    producer = Producer({"bootstrap.servers": broker.bootstrap, "message.max.bytes": 16_000_000})
    producer.produce(name, b"z" * 10_000_000, partition=0, on_delivery=lambda error, _: failed.append(error))
    producer.flush(30)
    assert failed == [None]


@pytest.mark.servers
def test_described_are_first_and_end_offsets(broker, name):
    streams = {"a": stream(name)}
    topics.create(broker.bootstrap, streams)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for n in range(10):
        producer.produce(name, b"x", partition=1 if n < 7 else 2)
    producer.flush(30)
    found = {topic.plan.what: topic for topic in topics.describe(broker.bootstrap, streams)}
    assert [(p.number, p.first, p.end) for p in found["events"].partitions] == [(0, 0, 0), (1, 0, 7), (2, 0, 3)]
    assert found["events"].records == 10
    assert found["labels"].records == 0
    assert len(found["predictions"].partitions) == 3


@pytest.mark.servers
def test_a_topic_that_is_missing_is_described_without_partitions(broker, name):
    found = {topic.plan.what: topic for topic in topics.describe(broker.bootstrap, {"a": stream(name)})}
    assert found["events"].partitions == ()
    assert found["events"].plan.name == name
    assert name not in topics.partition_counts(broker.bootstrap), "asking must not make a topic"


def test_no_broker_is_said_so():
    with pytest.raises(topics.TopicError, match="no broker answers"):
        topics.partition_counts("127.0.0.1:1", timeout_seconds=0.5)


def test_all_is_well_where_the_partitions_agree():
    assert topics.check({"a": stream("t")}, all_well("t", 3)) == []
    assert topics.check({"a": stream("t")}, all_well("t", 5)) == []  # made before with another number


def test_the_predictions_have_the_topic_that_the_stream_names():
    named = {"a": stream("t", predictions="t.clusters")}
    counts = {"t.clusters" if topic == "t.predictions" else topic: n for topic, n in all_well("t", 3).items()}
    assert topics.check(named, counts) == []
    [fault] = topics.check(named, counts | {"t.clusters": 2})
    assert "its predictions topic 't.clusters' has 2 partitions" in fault
    [fault] = topics.check(named, all_well("t", 3))
    assert "topic 't.clusters' (predictions) does not exist" in fault


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("what", ["labels", "predictions"])
def test_a_differing_count_is_a_fault_that_says_both_numbers(what, count):
    [fault] = topics.check({"a": stream("t")}, all_well("t") | {f"t.{what}": count})
    assert f"its {what} topic 't.{what}' has {count} partitions and its event topic 't' has 3" in fault
    assert f"make 't.{what}' again with 3" in fault


@pytest.mark.parametrize("missing", ["t", "t.labels", "t.predictions", "t.dead", ALARM_TOPIC])
def test_a_missing_topic_is_one_fault(missing):
    counts = all_well("t")
    del counts[missing]
    [fault] = topics.check({"a": stream("t")}, counts)
    assert f"topic {missing!r}" in fault
    assert "does not exist: `driftline topics create`" in fault


@pytest.mark.parametrize(
    "streams",
    [
        {"a": stream("t"), "b": stream("t")},
        {"a": stream("t"), "b": stream("u", labels="t")},
        {"a": stream("t", labels="t")},
        {"a": stream(ALARM_TOPIC)},
    ],
)
def test_two_uses_of_one_topic_are_refused(streams):
    with pytest.raises(ValueError, match="give one of them another name"):
        topics.plan(streams)

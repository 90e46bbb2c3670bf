import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from driftline.services.servers import KafkaServer, ServerUnavailable, free_port, start_broker, why_no_kafka
from driftline.services.servers.kafka_jars import fetch_jars, jars_folder

QUIET = {"log_level": 0}  # librdkafka tells the terminal about each broker that a test has killed


def write(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 16_000_000, **QUIET})
    for value in values:
        producer.produce(topic, value, partition=1)
    assert producer.flush(30) == 0


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", **QUIET})
    consumer.assign([TopicPartition(topic, 1, 0)])
    messages = consumer.consume(count, 30)
    consumer.close()
    assert all(message.error() is None for message in messages)
    return [message.value() for message in messages]


def make_topic(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    [made] = admin.create_topics([NewTopic(topic, 2, 1)]).values()
    made.result(10)


@pytest.mark.kafka
@pytest.mark.servers
class TestRunning:
    def test_a_message_of_15_mb_makes_the_round_trip(self, kafka_server):
        make_topic(kafka_server.bootstrap, "big")
        write(kafka_server.bootstrap, "big", bytes(15_000_000))
        assert read(kafka_server.bootstrap, "big", 1) == [bytes(15_000_000)]

    def test_it_listens_on_loopback_alone(self, kafka_server):
        connections = psutil.Process(kafka_server.pid).net_connections()
        hosts = {c.laddr.ip.removeprefix("::ffff:") for c in connections if c.status == "LISTEN"}
        assert hosts == {"127.0.0.1"}

    def test_a_group_forms_without_waiting(self, kafka_server):
        make_topic(kafka_server.bootstrap, "grouped")
        write(kafka_server.bootstrap, "grouped", b"1")
        conf = {"bootstrap.servers": kafka_server.bootstrap, "group.id": "quick", **QUIET}
        consumer = Consumer({**conf, "auto.offset.reset": "earliest", "session.timeout.ms": 1000})
        consumer.subscribe(["grouped"])
        start = time.monotonic()
        message = consumer.poll(30)
        consumer.close()
        assert message is not None
        assert message.value() == b"1"
        # With Kafka's own defaults, the first group waits 3 s for others that might join.
        assert time.monotonic() - start < 2.9

    def test_topics_are_not_made_by_writing_to_them(self, kafka_server):
        producer = Producer({"bootstrap.servers": kafka_server.bootstrap, "message.timeout.ms": 500, **QUIET})
        errors = []
        producer.produce("nobody-made-this", b"", on_delivery=lambda error, _: errors.append(error))
        producer.flush(10)
        assert errors[0] is not None
        topics = AdminClient({"bootstrap.servers": kafka_server.bootstrap, **QUIET}).list_topics(timeout=10).topics
        assert "nobody-made-this" not in topics


@pytest.mark.kafka
@pytest.mark.servers
@pytest.mark.slow
def test_data_survive_a_crash_and_a_move_to_other_ports(tmp_path, kafka_server):
    # `kafka_server` is asked for only so that a machine without Kafka skips this test with the reason.
    with KafkaServer(data=tmp_path, port=free_port()) as server:
        first, address = server.pid, server.bootstrap
        make_topic(address, "kept")
        write(address, "kept", b"a", b"b")
        server.kill()
        assert not psutil.pid_exists(first)
        server.start()
        second = server.pid
        assert server.bootstrap == address
        assert read(address, "kept", 2) == [b"a", b"b"]
    assert not psutil.pid_exists(second)
    with start_broker(data=tmp_path) as server:
        assert server.kind == "kafka"
        assert "Java" in server.why
        assert server.bootstrap != address
        assert read(server.bootstrap, "kept", 2) == [b"a", b"b"]


@pytest.mark.kafka
@pytest.mark.servers
@pytest.mark.slow
def test_the_command_runs_until_it_is_told_to_end(tmp_path, kafka_server):
    command = [sys.executable, "-m", "driftline.services.servers.kafka", "--port", str(free_port())]
    command[1:1] = ["-W", "error"]
    with subprocess.Popen([*command, "--data", str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert re.match(rf"Apache Kafka 4\S+ listens on 127\.0\.0\.1:{command[-1]};", line)
            [broker] = psutil.Process(process.pid).children()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert not broker.is_running()


@pytest.fixture
def fake_java(tmp_path, monkeypatch):
    """Put a Java of the given version, and nothing else, on the PATH."""

    def put(version: str) -> None:
        program = tmp_path / "java"
        program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
        program.chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DRIFTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return put


def test_without_java_the_reason_says_so(fake_java):
    assert why_no_kafka() == "no Java (no `java` on the PATH)"


def test_a_java_home_without_java_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert why_no_kafka() == "no Java (JAVA_HOME has none)"


@pytest.mark.parametrize(("version", "major"), [("11.0.22", 11), ("1.8.0_292", 8)])
def test_a_java_that_is_too_old_is_named(fake_java, version, major):
    fake_java(version)
    assert f"Java {major} is too old" in (why_no_kafka() or "")


def test_without_maven_the_jars_in_the_cache_decide(fake_java):
    fake_java("17.0.15")
    assert "no Maven" in (why_no_kafka() or "")
    jars_folder().mkdir(parents=True)
    assert why_no_kafka() is None


def test_a_maven_that_fails_leaves_no_half_filled_folder(fake_java, tmp_path):
    fake_java("21")
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] no route to the repository'\nexit 1\n")
    maven.chmod(0o755)
    with pytest.raises(ServerUnavailable, match=r"could not fetch Apache Kafka(.|\n)*no route"):
        fetch_jars()
    assert [path.suffix for path in jars_folder().parent.iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written_is_named(fake_java, tmp_path, monkeypatch):
    fake_java("17")
    (tmp_path / "file").touch()
    monkeypatch.setenv("DRIFTLINE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ServerUnavailable, match="cannot keep the jars"):
        fetch_jars()


def test_java_is_asked_before_anything_is_fetched(fake_java):
    with pytest.raises(ServerUnavailable, match="no Java"):
        KafkaServer().start()


@pytest.mark.servers
def test_where_kafka_cannot_run_the_light_broker_is_taken_and_says_why(fake_java):
    with start_broker() as broker:
        assert broker.kind == "mesh"
        assert broker.why == "no Java (no `java` on the PATH)"
    with pytest.raises(ServerUnavailable, match="no Java"):
        start_broker("kafka")


def test_the_pom_for_maven_is_the_one_in_the_package():
    here = os.path.realpath(__file__).split("/tests/")[0]
    assert os.path.realpath(f"{here}/deploy/kafka/pom.xml") == f"{here}/services/servers/kafka_pom.xml"

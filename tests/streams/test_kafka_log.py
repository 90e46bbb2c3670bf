"""The log on Kafka where something goes wrong."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from driftline.streams.config import ALARM_TOPIC
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.letters import Out
from driftline.streams.store import Broken, Unavailable

NOBODY = {"bootstrap.servers": "127.0.0.1:1"}
OUT = Out("t", 0, "k", b"value", "id")


class Spent:
    """A producer after an error that it cannot get over; librdkafka calls it fatal, and answers so for ever."""

    def __init__(self, produces=False):
        self._produces = produces

    def produce(self, *args, **options):
        if not self._produces:
            raise KafkaException(KafkaError(KafkaError._FATAL))

    def purge(self):
        """There is nothing in it."""

    def flush(self, timeout):
        raise KafkaException(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True))


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr("driftline.streams.kafka_log.WAIT_SECONDS", 0.1)
    return KafkaLog(NOBODY)


@pytest.mark.parametrize("write", [lambda log: log.send([OUT]), lambda log: log.flush()])
def test_a_producer_that_is_spent_has_failed_so_that_it_is_renewed(log, write):
    log._producer = Spent()
    with pytest.raises(Broken):
        write(log)
    assert log.failed
    log.renew()
    log.send([OUT])  # is queued
    assert log.failed is None


def test_a_producer_that_got_no_answer_has_failed_so_that_it_is_renewed(log):
    log.send([OUT])
    with pytest.raises(Broken, match="has not taken 1 messages"):
        log.flush()
    assert log.failed
    log.renew()
    log.flush()  # nothing is left of what it had queued
    assert log.failed is None


@pytest.mark.parametrize("produces", [True, False])
def test_one_for_fences_that_is_spent_is_replaced(log, produces):
    log._fences = Spent(produces)
    with pytest.raises(Broken, match="does not take"):
        log.append("t", 0, b"fence")
    with pytest.raises(Broken, match="no answer"):
        log.append("t", 0, b"fence")


def test_clients_that_got_no_answer_are_replaced(log):
    before = log._fences, log._consumer()
    with pytest.raises(Broken, match="no answer"):
        log.append("t", 0, b"fence")
    with pytest.raises(Unavailable, match="does not say the offsets"):
        log.bounds("t", 0)
    after = log._fences, log._consumer()
    with pytest.raises(Unavailable, match="does not give"):
        list(log.read("t", 0, 0, 1))
    assert before[0] is not after[0]
    assert len({id(before[1]), id(after[1]), id(log._consumer())}) == 3


def test_a_log_whose_producer_is_spent_closes(log):
    log._producer = Spent()
    log.close()


def test_a_broker_that_does_not_answer_is_told_from_one_that_does(log, broker):
    with pytest.raises(Unavailable, match="does not answer"):
        log.ping(ALARM_TOPIC, 0.2)
    log._options["bootstrap.servers"] = broker.bootstrap
    log.ping(ALARM_TOPIC, 10)  # by a new client: the old one knows nothing of this address

"""What the runner says of itself."""

from confluent_kafka import KafkaError, KafkaException
from world import CONFIG, VAULT

from driftline.streams.holding import Options
from driftline.streams.memory_store import MemoryStore
from driftline.streams.runner import Runner


class Broker:
    """As much of a consumer as tells whether the broker answers."""

    up = False

    def list_topics(self, timeout: float) -> None:
        if not self.up:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


def test_a_broker_that_is_back_is_no_trouble_any_more():
    now = [100.0]
    runner = Runner({"s": CONFIG}, Options("127.0.0.1:1"), MemoryStore(), VAULT, clock=lambda: now[0])
    runner._kafka_said(KafkaError(KafkaError._ALL_BROKERS_DOWN))
    broker = Broker()
    runner._ask_again(broker)
    assert "broker" in runner.troubles()
    broker.up = True
    runner._ask_again(broker)
    assert "broker" in runner.troubles(), "asked once a second, not at each turn"
    now[0] += 1.5
    runner._ask_again(broker)
    assert "broker" not in runner.troubles()

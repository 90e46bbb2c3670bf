"""As much of Kafka's clients as the runner meets."""

from types import SimpleNamespace

from confluent_kafka import KafkaError, KafkaException
from world import CONFIG

NAMES = (
    CONFIG.topic, CONFIG.label_topic, CONFIG.prediction_topic, CONFIG.request_topic, CONFIG.joined_topic,
    CONFIG.question_topic,
)  # fmt: skip
TOPICS = {name: SimpleNamespace(partitions=[0]) for name in NAMES}


class Client:
    """As much of a consumer as tells whether Kafka answers it."""

    def __init__(self, up=True, brokers=(1,)):
        self.up = up
        self.brokers = brokers
        self.asked = 0
        self.subscribed = self.closed = False

    def list_topics(self, timeout):
        self.asked += 1
        if not self.up:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(brokers=dict.fromkeys(self.brokers), topics=TOPICS)

    def subscribe(self, topics, **callbacks):
        self.subscribed = True

    def close(self):
        self.closed = True

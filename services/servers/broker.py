"""What the two kinds of broker have in common: they speak the Kafka protocol."""

import socket

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from driftline.services.servers.process import HOST
from driftline.services.servers.server import Server


class Broker(Server):
    """A server that speaks the Kafka protocol."""

    why: str = "it was asked for"
    """Why this kind of broker was taken."""

    @property
    def bootstrap(self) -> str:
        """What a Kafka client needs to find it: host and port."""
        return self.address

    def answers(self) -> bool:
        """Whether it tells a client of at least one broker that is up."""
        # A refused connection is known at once; librdkafka would wait and try again, a little longer each time.
        try:
            socket.create_connection((HOST, self.port), timeout=1).close()
        except OSError:
            return False
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        try:
            return bool(admin.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

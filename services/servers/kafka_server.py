"""The real Apache Kafka without Docker: broker and controller in one Java process (KRaft), on loopback ports.

It needs Java 17 and, the first time, Maven; see `kafka_jars`. It is for one machine: every internal topic has one
replica, and what was written is as safe as the page cache (a SIGKILL loses nothing, a power cut may).
"""

import base64
import subprocess
import uuid
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from driftline.services.servers.broker import Broker
from driftline.services.servers.kafka_jars import fetch_jars, java
from driftline.services.servers.process import HOST, ServerUnavailable, free_port

LOG4J = Path(__file__).with_name("kafka_log4j2.xml")

PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller}
log.dirs={data}

# One node: there is nobody to replicate to.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# Few groups: the default of 50 partitions each would cost a second when the first group comes.
offsets.topic.num.partitions=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1

# A group starts as soon as its first member is there, and tests may notice a dead one within a second.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# Topics are made on purpose or not at all; nothing is ever deleted by age or size.
auto.create.topics.enable=false
log.retention.ms=-1
log.retention.bytes=-1

# 16 MiB: room for a message that our own limits must refuse.
message.max.bytes=16777216
replica.fetch.max.bytes=16777216

# After a crash the controller refuses the broker as its own double until the old session has run out (9 s by
# default). Both are one process here: what starves the heartbeat starves its judge as well.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500

# A quarter of the heap goes to the log cleaner by default.
log.cleaner.dedupe.buffer.size=8388608
"""


class KafkaServer(Broker):
    """Apache Kafka, one node, on one loopback port (and a second one for its controller).

    Parameters are those of `Server`; the first fetching of the jars does not count as part of a start.

    Examples
    --------
    >>> with KafkaServer() as kafka:                   # doctest: +SKIP
    ...     producer = Producer({"bootstrap.servers": kafka.bootstrap})

    """

    kind: ClassVar[str] = "kafka"

    def prepare(self) -> None:
        """Fetch the jars, write the configuration, and format the storage if it is new."""
        java()  # asked first: without it, there is no use in fetching anything
        fetch_jars()
        super().prepare()
        self._properties.write_text(
            PROPERTIES.format(host=HOST, port=self.port, controller=self._controller_port, data=self.data / "topics"),
            encoding="utf-8",
        )
        if not (self.data / "topics" / "meta.properties").exists():
            self._format()

    def command(self) -> list[str]:
        """Return the Java command of the broker."""
        return [*self._java("-Xmx512m", "-XX:+ExitOnOutOfMemoryError"), "kafka.Kafka", str(self._properties)]

    @cached_property
    def _controller_port(self) -> int:
        return free_port()  # the same for every start

    @property
    def _properties(self) -> Path:
        return self.data / "server.properties"

    def _java(self, *options: str) -> list[str]:
        classes = f"{fetch_jars()}/*"
        log = f"-Dlog4j2.configurationFile={LOG4J}"
        return [java(), *options, "-Djava.awt.headless=true", log, "-cp", classes]

    def _format(self) -> None:
        # The first compiler alone and little memory: this Java lives for a second.
        command = self._java("-Xmx128m", "-XX:TieredStopAtLevel=1")
        command += ["kafka.tools.StorageTool", "format", "--standalone", "--cluster-id", _cluster_id()]
        command += ["--config", str(self._properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=self.timeout_seconds)
        if done.returncode != 0:
            raise ServerUnavailable(f"Kafka could not format {self.data}:\n{done.stdout}{done.stderr}")


def _cluster_id() -> str:
    """Return a new cluster id in Kafka's form: 16 random bytes in base64, with no `-` to look like an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")

"""How the process is a member of Kafka's group: the consumer's options, and the check that topics can meet in lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError

from driftline.streams.config import StreamConfig
from driftline.streams.holding import Options
from driftline.streams.tenure import Stuck


def consumer_options(options: Options, told: Callable[[KafkaError], None]) -> dict[str, Any]:
    """Return librdkafka's options of the runner's consumer; `told` hears of errors that belong to no message.

    >>> consumer_options(Options("127.0.0.1:9092"), print)["auto.offset.reset"]
    'error'
    """
    timeout = int(options.session_timeout_seconds * 1_000)
    made: dict[str, Any] = {
        "bootstrap.servers": options.brokers,
        "group.id": options.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # where to start is known; anything else would be a silent skip
        "partition.assignment.strategy": "range",  # partitions of one number go to one process
        "session.timeout.ms": timeout,
        "heartbeat.interval.ms": max(100, timeout // 4),
        "max.poll.interval.ms": max(300_000, timeout),
        "fetch.wait.max.ms": 50,
        # Small helpings of every topic: large ones would bring one topic far ahead of the other.
        "queued.min.messages": 20_000,
        "fetch.queue.backoff.ms": 10,  # or a topic would pause for a second each time that its queue was full
        "queued.max.messages.kbytes": 16_384,
        "fetch.message.max.bytes": 524_288,
        "message.max.bytes": 16 * 1_048_576,
        "receive.message.max.bytes": 200_000_000,
        "log_level": 3,
        "error_cb": told,
        **options.client,
    }
    if options.instance:
        made["group.instance.id"] = options.instance
    return made


def check_topics(streams: Mapping[str, StreamConfig], counts: Mapping[str, int]) -> None:
    """Check that the topics of each stream can meet, lane by lane; `counts` are the partitions of each topic there is.

    Raises `Stuck` where a topic is missing, or has another number of partitions than its stream's others.
    """
    for name, stream in streams.items():
        wanted = [stream.topic, stream.label_topic, stream.prediction_topic]
        if stream.heavy:
            wanted += [stream.request_topic, stream.joined_topic]
        if stream.asking:
            wanted.append(stream.question_topic)
        missing = [topic for topic in wanted if topic not in counts]
        if missing:
            raise Stuck(f"{name}: no topic {', '.join(missing)}: `driftline topics --create` makes what is missing")
        if len({counts[topic] for topic in wanted}) != 1:
            said = ", ".join(f"{topic}: {counts[topic]}" for topic in wanted)
            raise Stuck(f"{name}: its topics must have the same number of partitions to meet in lanes ({said})")

"""The contact of the runner's consumer with Kafka: whether it is answered, and when another must take its place.

librdkafka forgets all brokers when one that has just come back names none, and does not always find them again (its
issue 5301). Such a consumer gets nothing any more, and does not always say so; the group gives its lanes away.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException

from driftline.streams.holding import Options
from driftline.streams.membership import consumer_options

ASK_SECONDS = 1.0
"""How often Kafka is asked while it does not answer."""
ANSWER_SECONDS = 0.5
"""How long it may take to answer a consumer that knows it."""
SILENT_SECONDS = 5.0
"""How long a consumer may bring nothing before it has to ask."""
LOST_SECONDS = 5.0
"""How long a consumer may ask in vain before another is tried; never less than the session timeout, for by then the
group has given its lanes away, and joining anew costs nothing more."""


class Contact:
    """How the runner knows of Kafka.

    Parameters
    ----------
    options
        How to reach it.
    clock
        Monotonic seconds.

    """

    def __init__(self, options: Options, clock: Callable[[], float]):
        self.trouble: str | None = None
        """Why Kafka cannot be used now."""
        self._options = options
        self._clock = clock
        self._ask_at = 0.0
        self._lost_at = math.inf
        """When the consumer counts as lost, if it has no answer until then."""
        self.heard()

    def heard(self) -> None:
        """Kafka has given the consumer something."""
        self._silent_at = self._clock() + SILENT_SECONDS

    def said(self, error: KafkaError) -> None:
        """Hear of an error that belongs to no message."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.trouble = error.str()

    def begin(self, timeout_seconds: float) -> tuple[Consumer, dict[str, int]] | None:
        """Return a new consumer and the partitions of each topic there is; None where Kafka does not answer it."""
        consumer = Consumer(consumer_options(self._options, self.said))
        counts = self._ask(consumer, timeout_seconds)
        if counts is None:
            consumer.close()
            return None
        self._in_touch()
        return consumer, counts

    def lost(self, consumer: Consumer) -> bool:
        """Whether another consumer is to be tried.

        In trouble Kafka is asked each second until it answers: an idle lane would not notice otherwise. A consumer that
        brings nothing asks too: it may be lost without a word.
        """
        now = self._clock()
        if now >= self._ask_at and (self.trouble or now >= self._silent_at):
            self._ask_at = now + ASK_SECONDS
            if self._ask(consumer, ANSWER_SECONDS) is not None:
                self._in_touch()
            elif self._lost_at == math.inf:
                self.wait()
        return now >= self._lost_at

    def wait(self) -> None:
        """Give the consumer more time: another has no answer either."""
        self._lost_at = self._clock() + max(LOST_SECONDS, self._options.session_timeout_seconds)

    def _in_touch(self) -> None:
        self.trouble, self._lost_at = None, math.inf
        self.heard()

    def _ask(self, consumer: Consumer, timeout_seconds: float) -> dict[str, int] | None:
        try:
            found = consumer.list_topics(timeout=timeout_seconds)
        except KafkaException as error:
            self.trouble = str(error)
            return None
        if not (found.brokers and found.topics):  # as one answers that has just come back
            self.trouble = "Kafka names no brokers" if found.topics else "Kafka names no topics"
            return None
        return {name: len(topic.partitions) for name, topic in found.topics.items()}

"""How the worker of partition 0 teaches: it reads joined events and answers, learns, checkpoints, proposes versions."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from kafka import KafkaConsumer, TopicPartition

from driftline.services.kafka_python import options_of
from driftline.services.topics import ROOMY
from driftline.streams.canary import Verdict
from driftline.streams.config import ALARM_TOPIC
from driftline.streams.events import MAX_TEXT
from driftline.streams.learner import Learner
from driftline.streams.letters import Out
from driftline.streams.store import Unavailable
from driftline.streams.versions import Version
from driftline.streams.wire import Alarm, Rejected, clip, encode

if TYPE_CHECKING:
    from driftline.services.worker import HeavyWorker

log = logging.getLogger("driftline.worker")

STUBBORN = 3
"""Versions in a row that may be refused before the model goes on from the one that serves."""
ROOM = 8
"""Steps whose labels may wait in memory."""


class Teaching:
    """The learner of one worker, with the consumer that feeds it."""

    def __init__(self, worker: HeavyWorker):
        self.worker = worker
        config = worker.config
        self.learner = Learner(
            worker.stream, worker.name, config, worker.store, worker.vault, worker.build, worker.settings.app
        )
        self.refused = 0
        """Versions that did not pass the canary."""
        self.seconds = 0.0
        """Spent on steps of learning."""
        self.verdict: Verdict | None = None
        self._in_a_row = 0
        self._checkpointed = self._proposed = time.monotonic()
        self._proposed_at = 0
        self._consumer: Any = None
        self._fresh = True

    @property
    def leads(self) -> str | None:
        """The contest that the model leads, if it does."""
        return self.learner.judge.leads

    @property
    def busy(self) -> bool:
        """Whether there is something to learn at once."""
        return self.learner.due(time.monotonic())

    # -- taking over -------------------------------------------------------------------------------------------------

    def take(self) -> None:
        """Take over where the predecessor stood. Raises `Lost`, `Unavailable` or `Foreign`."""
        worker, learner = self.worker, self.learner
        self._send(learner.take())
        worker.versions.take()
        version = self._serving()
        if version is not None and version.name != learner.announced:
            self._announce(version)
        kafka = worker.settings.kafka
        self._consumer = KafkaConsumer(
            bootstrap_servers=kafka.brokers.split(","), group_id=None, enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=20, max_partition_fetch_bytes=4 * ROOMY,
            **options_of(kafka.client),
        )  # fmt: skip
        joined, answers = worker.config.joined_topic, worker.config.heavy_topic(worker.name)
        places = [
            TopicPartition(topic, n)
            for topic in (joined, answers)
            for n in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        if not any(place.topic == joined for place in places):
            raise Unavailable(f"no topic {joined}: `driftline topics create` makes it")
        self._consumer.assign(places)
        first = self._consumer.beginning_offsets(places)
        for place in places:
            known = learner.offsets if place.topic == joined else learner.beginnings
            self._consumer.seek(place, max(first[place], known.get(place.partition, 0)))

    def _serving(self) -> Version | None:
        """Let the version that is to serve be served at once, before anything else is published."""
        worker = self.worker
        model = worker.build()
        version = worker.versions.load(model)
        serving = worker.serving
        if version is not None and (serving.version is None or serving.version.tag != version.tag):
            serving.take(model, version)
        return version

    # -- living ------------------------------------------------------------------------------------------------------

    def turn(self, may_step: bool) -> None:
        """Read on; do a step if one is due and there is time for it; write down what is due.

        Raises `Lost` or `Unavailable`.
        """
        learner, how = self.learner, self.worker.how
        self._read()
        if may_step and learner.due(time.monotonic()):
            started = time.monotonic()
            learner.step()
            self.seconds += time.monotonic() - started
            self._fresh = True
        now = time.monotonic()
        proposing = now - self._proposed >= how.version_seconds and learner.steps > self._proposed_at
        if proposing and self._ready():
            self._proposed, self._proposed_at = now, learner.steps
            self._propose()
        elif self._fresh and now - self._checkpointed >= how.checkpoint_seconds:
            self.checkpoint()

    def _ready(self) -> bool:
        """Whether there are enough labels to judge by: all that are wanted, or half of all there ever were."""
        canary = self.learner.canary
        return canary.full or 2 * len(canary.rows) >= self.learner.learnt

    def _read(self) -> None:
        learner = self.learner
        if len(learner.pending) > ROOM * self.worker.how.step:
            return
        # Answers first: they were published before the labels of their events were joined.
        polled = self._consumer.poll(timeout_ms=0, max_records=2_000)
        now = time.monotonic()
        for place, records in sorted(polled.items(), key=lambda one: one[0].topic == learner.config.joined_topic):
            for record in records:
                if place.topic == learner.config.joined_topic:
                    learner.offer(place.partition, record.offset, record.value, now)
                else:
                    try:
                        learner.served.feed(place.partition, record.offset, record.value)
                    except Rejected as fault:
                        log.warning("%s/%d/%d: %s", place.topic, place.partition, record.offset, fault)

    def checkpoint(self) -> None:
        """Write the learner's state down, then tell what hung on it. Raises `Lost` or `Unavailable`."""
        outbox, rows = self.learner.checkpoint()
        self.worker.versions.touched(rows)
        self._send(outbox)
        self._checkpointed, self._fresh = time.monotonic(), False

    def _send(self, outbox: list[Out]) -> None:
        self.worker.log.send(outbox)
        self.worker.log.flush()

    # -- versions ----------------------------------------------------------------------------------------------------

    def _propose(self) -> None:
        """Let the model as it is now serve, if it passes the canary."""
        learner, serving = self.learner, self.worker.serving
        candidate = learner.model.fork()
        self.verdict = verdict = learner.canary.judge(serving.model, candidate)
        if not verdict.sound:
            self._refuse(verdict)
            return
        self._in_a_row = 0
        # First the state: a version never holds what its learner would learn again.
        self.checkpoint()
        told = {
            "offsets": {str(n): at for n, at in sorted(learner.offsets.items())},
            "learnt": learner.learnt,
            "at": time.time(),
            "leads": learner.judge.leads,
            "before": verdict.before if verdict.before != float("inf") else verdict.after,
            "after": verdict.after,
            "count": verdict.count,
        }
        name = f"{learner.spec}.{_digest(told['offsets'])}"
        version = self.worker.versions.publish(name, told, candidate.dense(), candidate.rows())
        serving.take(candidate, version)
        self._announce(version)

    def _announce(self, version: Version) -> None:
        told = version.told
        text = (
            f"version {version.name} serves: mean loss {told['after']:.4g} against {told['before']:.4g} on the last "
            f"{told['count']} labels"
        )
        self.learner.announced = version.name
        self._tell(version.name, "swapped", told["before"], told["after"], text)

    def _refuse(self, verdict: Verdict) -> None:
        learner, serving = self.learner, self.worker.serving
        self.refused += 1
        self._in_a_row += 1
        after = min(verdict.after, 1e300)
        before = min(verdict.before, 1e300)
        text = (
            f"refused: mean loss {after:.4g} against {before:.4g} on the last {verdict.count} labels; the version that "
            "serves goes on serving"
        )
        action = "refused"
        if self._in_a_row >= STUBBORN:
            self._in_a_row = 0
            action = "restarted"
            text += f", and after {STUBBORN} refusals learning goes on from it"
            learner.begin_anew(serving.model.fork() if serving.model is not None else self.worker.build())
        log.warning("%s: %s", learner.name, text)
        self._fresh = True
        self._tell(_digest([str(learner.offsets), learner.steps]), action, before, after, text)

    def rolled_back(self) -> None:
        """Another hand took a version back: a new one has to prove itself on labels that come from now on."""
        learner, version = self.learner, self.worker.serving.version
        learner.canary.rows.clear()
        self._proposed = time.monotonic()
        self.worker.versions.take()
        if version is not None:
            learner.announced = version.name
            text = f"rolled back: version {version.name} serves again"
            self._tell(f"{version.name}/{learner.learnt}", "rolled-back", 0.0, 0.0, text)

    def _tell(self, what: str, action: str, before: float, after: float, text: str) -> None:
        """Put an alarm into the outbox."""
        learner = self.learner
        id_ = f"model/{learner.name}/{what}/{action}"
        at = learner.judge.last_known
        said = Alarm(
            id_, "model", learner.stream, 0, learner.name, at, type(learner.model).__name__, before, after,
            learner.learnt, action, clip(text, MAX_TEXT),
        )  # fmt: skip
        learner.outbox.append(Out(ALARM_TOPIC, None, learner.stream, encode(said), id_))
        self._fresh = True

    def close(self) -> None:
        """Let go."""
        self.learner.drop()
        self.worker.versions.drop()
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


def _digest(said: Any) -> str:
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=6).hexdigest()

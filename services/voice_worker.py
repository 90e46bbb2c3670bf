"""Voices that need torch: forecasts of series, many at a time, in a process beside the streams.

One poll is one batch. A voice has no state, so nothing can be lost with the process: questions are answered at least
once, and the lane that asked takes a forecast once. What has waited too long is let go, and so is what the same key has
asked before it asked again: whoever cannot keep up answers the newest questions.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from kafka import TopicPartition
from kafka.errors import KafkaError

from driftline.models.base import Array
from driftline.services.settings import Settings
from driftline.services.side_consumer import side_consumer
from driftline.services.worker_log import WorkerLog
from driftline.streams import events
from driftline.streams.letters import Out
from driftline.streams.store import Broken
from driftline.streams.voice_config import VoiceConfig
from driftline.streams.wire import Decoder, Question, Rejected, Voice, encode

log = logging.getLogger("driftline.worker")

QUESTION = Decoder(events.Question, Question)
POLL_MS = 1_000
"""kafka-python 3.0 forgets a join that ends between two short polls; a poll with messages returns at once."""
RETRY_SECONDS = 1.0
OUTCOMES = ("answered", "late", "overtaken", "unreadable", "failed", "nothing")
"""What becomes of a question. `overtaken`: its key asked again before it was answered; `nothing`: its history is too
short."""

Answer = Callable[[Sequence[Array], int], Array]
"""Histories (the oldest value first) and a number of steps to forecasts of shape (n, steps); nan where none is."""


class Asked(NamedTuple):
    """A question, and where it was."""

    partition: int
    at: float
    """When it was published, in seconds since 1970."""
    question: Any


def fracast(settings: Settings) -> Answer:
    """Return the voice of Fracast. Raises `ImportError` where that is not installed."""
    from driftline.models.forecasting.fracast import Fracast

    model = Fracast(threads=settings.worker.threads)
    model.forecast_many([np.arange(16.0)], 1)  # loads the weights
    return model.forecast_many


class VoiceWorker:
    """Answer the questions of one forecaster.

    Parameters
    ----------
    settings
        What is configured.
    stream, model
        Of the stream, and of the forecaster in it.
    answers
        What answers, by the name of the voice.

    """

    def __init__(self, settings: Settings, stream: str, model: str, answers: dict[str, Answer]):
        self.settings, self.stream, self.model = settings, stream, model
        self.config = settings.streams[stream]
        self.voices: dict[str, VoiceConfig] = {name: self.config.models[model].voices[name] for name in answers}
        self._answers = answers
        kafka = settings.kafka
        self._log = WorkerLog(kafka.brokers, kafka.client, kafka.idempotence)
        self._batch = min(voice.batch for voice in self.voices.values())
        self._alone = kafka.assignment == "all"
        self._consumer: Any = None
        self.stopping = threading.Event()
        self.trouble: str | None = "not begun"
        self.turns = 0
        self.batches = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        """Questions, by voice and `OUTCOMES`."""
        self.seconds = dict.fromkeys(answers, 0.0)
        """Time that each voice took, in seconds."""

    def run(self) -> None:
        """Work until told to stop."""
        try:
            while not self.stopping.is_set():
                try:
                    if self._consumer is None:
                        self._begin()
                    self.turn()
                    self.trouble = None
                except (KafkaError, Broken) as error:
                    self.trouble = f"Kafka: {error}"
                    log.warning("%s", self.trouble)
                    self._end()
                    self.stopping.wait(RETRY_SECONDS)
        finally:
            self._end()
            self._log.close()

    def _begin(self) -> None:
        # Questions of before we were there are too old to be answered.
        consumer = self._consumer = side_consumer(self.settings, f"voices.{self.stream}.{self.model}", "latest")
        topic = self.config.question_topic
        if self._alone:
            places = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(places)
            consumer.seek_to_end(*places)
        else:
            consumer.subscribe([topic])

    def _end(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def turn(self) -> None:
        """One poll, one batch. Raises `KafkaError` or `Broken`."""
        self.turns += 1
        polled = self._consumer.poll(timeout_ms=POLL_MS, max_records=self._batch)
        if not polled:
            return
        asked = []
        for place, records in polled.items():
            for record in records:
                try:
                    question = QUESTION.decode(record.value)
                except Rejected as fault:
                    self._count("unreadable", 1)
                    log.warning("%s/%d/%d is no question: %s", place.topic, place.partition, record.offset, fault)
                    continue
                if question.model == self.model:
                    asked.append(Asked(place.partition, record.timestamp / 1e3, question))
        self.answer(asked, time.time())
        self._log.flush()
        if not self._alone:
            self._consumer.commit()

    def answer(self, asked: Sequence[Asked], now: float) -> None:
        """Answer a batch; `now` is in seconds since 1970. Raises `Broken`."""
        newest = {one.question.key: one for one in asked}
        self._count("overtaken", len(asked) - len(newest))
        self.batches += bool(newest)
        for name, voice in self.voices.items():
            fresh = [one for one in newest.values() if now - one.at <= voice.deadline_seconds]
            self.counts[name, "late"] += len(newest) - len(fresh)
            if fresh:
                self._log.send(self._said(name, fresh))

    def _said(self, name: str, asked: Sequence[Asked]) -> list[Out]:
        started = time.monotonic()
        steps = max(one.question.steps for one in asked)
        histories = [np.array(one.question.history, dtype=float) for one in asked]
        try:
            said = self._answers[name](histories, steps)
        except Exception:
            log.exception("%s: no answer to %d questions", name, len(asked))
            self.counts[name, "failed"] += len(asked)
            return []
        finally:
            self.seconds[name] += time.monotonic() - started
        outs = []
        for one, values in zip(asked, said, strict=True):
            question = one.question
            ys = values[: question.steps]
            if not np.isfinite(ys).all():
                self.counts[name, "nothing"] += 1
                continue
            self.counts[name, "answered"] += 1
            outs.append(voice_out(self.config.label_topic, one.partition, name, question, ys.tolist()))
        return outs

    def _count(self, outcome: str, count: int) -> None:
        for name in self.voices:
            self.counts[name, outcome] += count


def voice_out(topic: str, partition: int, voice: str, question: Any, ys: list[float]) -> Out:
    """Return the message in which a voice answers a question: on the label topic of the lane that asked."""
    value = encode(Voice(voice, question.model, question.origin, time.time(), ys))
    return Out(topic, partition, question.key, value, f"voice/{voice}/{question.id}")


def run(settings: Settings, stream: str, model: str) -> None:
    """Run the voices of one forecaster that live in the worker until SIGTERM or SIGINT. Raises `ImportError`."""
    from driftline.services.side_process import run_side
    from driftline.services.voice_metrics import VoiceCollector

    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(settings.worker.threads)
    voices = settings.streams[stream].models[model].voices
    answers = {name: fracast(settings) for name, voice in voices.items() if voice.kind == "fracast"}
    worker = VoiceWorker(settings, stream, model, answers)
    run_side(worker, VoiceCollector(worker))

"""Language models among the voices: their calls are awaited by agents of the Faust application, within bounds.

An agent hears the questions of one stream. A question that is too old is let go, and so is one that finds all calls of
its voice taken: the next comes soon, and a lane waits for none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import faust
import numpy as np
from mode import Service
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from driftline.models.base import Question as Asked
from driftline.services.chat_voice import ChatVoice
from driftline.services.voice_worker import QUESTION, voice_out
from driftline.streams.config import StreamConfig
from driftline.streams.wire import Rejected

log = logging.getLogger("driftline.voices")

WHO = ("stream", "model", "voice")
DROPPED = ("late", "busy", "unreadable")
"""Questions that a voice was not asked: too old, more than it can answer at a time, or no questions at all."""


class Seat(NamedTuple):
    """A voice, and whose questions it hears."""

    stream: str
    model: str
    name: str


class ChatAgents(Service):
    """The language models of all streams, as a service of the Faust application."""

    def __init__(self, streams: dict[str, StreamConfig], **options: Any):
        super().__init__(**options)
        self._streams = streams
        self.voices = {
            Seat(stream, model, name): ChatVoice(voice)
            for stream, of in streams.items()
            for model, asking in of.asking.items()
            for name, voice in asking.voices.items()
            if voice.kind == "chat"
        }
        self.dropped: Counter[tuple[Seat, str]] = Counter()
        self._calls: dict[Seat, set[asyncio.Task[None]]] = {seat: set() for seat in self.voices}

    def install(self, app: faust.App) -> None:
        """Let the application hear the questions of each stream that has such a voice."""
        for stream in {seat.stream for seat in self.voices}:
            config = self._streams[stream]
            questions = app.topic(config.question_topic, value_serializer="raw", key_serializer="raw", internal=False)
            answers = app.topic(config.label_topic, value_serializer="raw", key_serializer="raw", internal=False)
            app.agent(questions, name=f"voices-{stream}")(self._hearing(stream, answers))

    def _hearing(self, stream: str, answers: Any) -> Any:
        async def hear(messages: Any) -> None:
            async for event in messages.events():
                message = event.message
                self.hear(stream, message.partition, message.timestamp, event.value, answers)

        return hear

    def hear(self, stream: str, partition: int, at: float, value: bytes | None, answers: Any) -> None:
        """Begin to answer a question, published at a time in seconds since 1970; `answers` is a topic of Faust's."""
        seats = [seat for seat in self.voices if seat.stream == stream]
        try:
            question = QUESTION.decode(value)
        except Rejected as fault:
            log.warning("%s/%d: no question: %s", self._streams[stream].question_topic, partition, fault)
            self.dropped.update((seat, "unreadable") for seat in seats)
            return
        for seat in seats:
            if seat.model != question.model:
                continue
            voice, calls = self.voices[seat], self._calls[seat]
            if time.time() - at > voice.config.deadline_seconds:
                self.dropped[seat, "late"] += 1
            elif len(calls) >= voice.config.concurrency:
                self.dropped[seat, "busy"] += 1
            else:
                call = asyncio.create_task(self._answer(seat, question, partition, answers))
                calls.add(call)
                call.add_done_callback(calls.discard)

    async def _answer(self, seat: Seat, question: Any, partition: int, answers: Any) -> None:
        own = {f: said for f, said in question.feedback.items() if ": " not in f or f.startswith(f"{seat.name}: ")}
        asked = Asked(
            question.origin, question.steps, question.season, np.array(question.history, dtype=float),
            np.array(question.first), own,
        )  # fmt: skip
        ys = await self.voices[seat].answer(asked)
        if ys is None:
            return
        out = voice_out(answers.get_topic_name(), partition, seat.name, question, ys)
        await answers.send(key=out.key.encode(), value=out.value, partition=partition)

    async def on_stop(self) -> None:
        """Give up what is not answered, and close the connections."""
        for calls in self._calls.values():
            for call in calls:
                call.cancel()
        for voice in self.voices.values():
            await voice.close()


class ChatCollector(Collector):
    """Read the agents at each scrape."""

    def __init__(self, agents: ChatAgents):
        self._agents = agents

    def collect(self) -> Iterable[Metric]:
        """Return all metric families."""
        outcomes = CounterMetricFamily(
            "driftline_chat_questions", "Prompts to a language model, by what became of them.", labels=(*WHO, "outcome")
        )
        tokens = CounterMetricFamily("driftline_chat_tokens", "Tokens of prompts and answers.", labels=(*WHO, "of"))
        seconds = CounterMetricFamily("driftline_chat_seconds", "Time that prompts took, in seconds.", labels=WHO)
        refined = CounterMetricFamily(
            "driftline_chat_refinements", "Refinements that were answered, and those that changed nothing.",
            labels=(*WHO, "what"),
        )  # fmt: skip
        calls = GaugeMetricFamily("driftline_chat_calls", "Questions that are being answered.", labels=WHO)
        for seat, voice in self._agents.voices.items():
            counts = voice.counts
            for outcome, count in self._outcomes(seat):
                outcomes.add_metric([*seat, outcome], count)
            tokens.add_metric([*seat, "prompt"], counts.prompt_tokens)
            tokens.add_metric([*seat, "answer"], counts.answer_tokens)
            seconds.add_metric([*seat], counts.seconds)
            refined.add_metric([*seat, "changed"], counts.refined - counts.unchanged)
            refined.add_metric([*seat, "unchanged"], counts.unchanged)
            calls.add_metric([*seat], len(self._agents._calls[seat]))
        return (outcomes, tokens, seconds, refined, calls)

    def _outcomes(self, seat: Seat) -> Iterator[tuple[str, int]]:
        counts = self._agents.voices[seat].counts
        yield from counts.outcomes.items()
        yield "unasked", counts.unasked
        for why in DROPPED:
            yield why, self._agents.dropped[seat, why]

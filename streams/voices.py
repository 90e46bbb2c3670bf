"""What a lane asks of voices outside it, and what it hears from them: forecasts of a key's series.

Voices have no state of the lane's, and the lane waits for none: a question goes out with the predictions, at once, and
an answer is one more message of the label topic, whose order the log keeps. An answer that comes twice counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from driftline.models.base import Question as Asked
from driftline.streams import events
from driftline.streams.config import StreamConfig
from driftline.streams.forecast_slot import ForecastSlot
from driftline.streams.letters import Out
from driftline.streams.slots import Arrival, Slot
from driftline.streams.wire import Decoder, Question, Rejected, Voice, encode

OUTCOMES = ("heard", "late", "again", "unknown", "unfit")
"""What becomes of a voice's forecast: it counts from now on; its steps are over; it has come before; nobody asked for
it, or not lately; it is no forecast of what was asked."""
WHY = {
    "unknown": "nobody asked for it, or the series has gone: answer with `origin`, `model` and key of the question",
    "unfit": "y: not the values that were asked for: `steps` finite numbers, of the history's size",
}


class Voices:
    """The questions and answers of one lane; `slots` are its models."""

    def __init__(self, config: StreamConfig, partition: int, slots: Sequence[Slot]):
        self._topic, self._events, self._partition = config.question_topic, config.topic, partition
        self._slots = {slot.name: slot for slot in slots if isinstance(slot, ForecastSlot) and slot.config.voices}
        self._decoder = Decoder(events.Voice, Voice)
        self.decode = self._decoder.fast

    def questions(self) -> dict[int, list[Out]]:
        """Return what is to be asked since the last call, by the offset of the event."""
        outs: dict[int, list[Out]] = {}
        for slot in self._slots.values():
            asked, slot.questions = slot.questions, []
            for arrival, question in asked:
                outs.setdefault(arrival.offset, []).append(self._question(slot.name, arrival, question))
        return outs

    def _question(self, model: str, one: Arrival, asked: Asked) -> Out:
        name = f"question/{model}/{self._events}/{self._partition}/{one.offset}"
        newest = asked.history[-events.MAX_STEPS :].tolist()
        history = [None if value != value else value for value in newest]
        value = encode(
            Question(
                name, model, one.id, one.key, one.at, asked.origin, asked.steps, asked.season, history,
                asked.first.tolist(), asked.feedback,
            )
        )  # fmt: skip
        return Out(self._topic, self._partition, one.key, value, name)

    def hear(self, voice: Any, key: str) -> tuple[str, Rejected | None]:
        """Let the forecaster that asked take an answer; return what became of it, and why if nobody can use it."""
        slot = self._slots.get(voice.model)
        outcome = "unknown" if slot is None else slot.hear(key, voice.voice, voice.origin, voice.y)
        said = WHY.get(outcome)
        return outcome, Rejected("voice", "VoiceUnheard", f"{voice.voice}: {said}") if said else None

    def why(self, value: bytes | None) -> Rejected | None:
        """Say what is wrong with a message that is no label, if it looks like a voice's forecast."""
        if value is None or b'"origin"' not in value:
            return None
        try:
            self._decoder.decode(value)
        except Rejected as why:
            return why
        return None

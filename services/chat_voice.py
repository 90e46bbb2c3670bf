"""A language model as one voice: it predicts, is told how such forecasts did, and refines."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Any, Self

import numpy as np

from driftline.models.forecasting.prompts import (
    Asked,
    Form,
    Prompt,
    gbnf,
    json_schema,
    most_answered,
    predict,
    refine,
)
from driftline.services.chat import Chat
from driftline.services.chat_counts import ChatCounts
from driftline.streams.voice_config import VoiceConfig

logger = logging.getLogger(__name__)


class ChatVoice:
    """Answer a forecaster's questions by a language model, in the units of the series.

    Parameters
    ----------
    config
        A voice whose kind is `chat`.

    References
    ----------
    Hu et al., "Self-Refined Generative Foundation Models for Wireless Traffic Prediction", arXiv 2408.10390: predict,
    feedback, refine. Here feedback is the forecaster's own, from forecasts whose truth has come.

    """

    def __init__(self, config: VoiceConfig):
        self.config = config
        self.chat = Chat(config)

    @property
    def counts(self) -> ChatCounts:
        """What became of the questions."""
        return self.chat.counts

    async def answer(self, asked: Asked) -> list[float] | None:
        """Return a forecast, the nearest value first; None if there is none, for whatever reason.

        It takes no longer than the voice's time-out, all rounds together, and the wait for a place among the
        `concurrency` questions at a time: who has many to ask does well to have no more than so many under way.
        If a refinement fails, what was answered before it is the forecast. A refinement that repeats the answer ends
        the rounds.
        """
        try:
            return await self._answer(asked)
        except Exception:  # a forecast is never worth a lane
            logger.exception("a question could not be asked")
            self.counts.outcomes["error"] += 1
            return None

    async def _answer(self, asked: Asked) -> list[float] | None:
        loop, config = asyncio.get_running_loop(), self.config
        deadline = loop.time() + config.time_out_seconds
        form: Form = "json" if config.grammar == "json_schema" else "words"
        constraint = _constraint(config, asked.steps)
        most = most_answered(asked.steps, form)

        async def ask(prompt: Prompt) -> Any:
            left = deadline - loop.time()
            return await self.chat.ask(
                prompt.messages, most=most, read=prompt.read, constraint=constraint, seconds=max(left, 0.0)
            )

        prompt = predict(asked, config.prompt_tokens, form, config.rounds)
        if prompt is None:
            self.counts.unasked += 1
            return None
        answer = await ask(prompt)
        if answer is None:
            return None
        for _ in range(config.rounds):
            longer = refine(asked, prompt, answer, config.prompt_tokens)
            refined = None if longer is None else await ask(longer)
            if longer is None or refined is None:
                break
            self.counts.refined += 1
            unchanged = bool(np.array_equal(refined, answer))
            prompt, answer = longer, refined
            if unchanged:
                self.counts.unchanged += 1
                break
        said: list[float] = prompt.unscaled(answer).tolist()
        return said

    async def close(self) -> None:
        """Close the connections."""
        await self.chat.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _constraint(config: VoiceConfig, steps: int) -> dict[str, Any]:
    """Return what binds the server to so many numbers."""
    if config.grammar == "gbnf":
        return {"grammar": gbnf(steps)}
    if config.grammar == "json_schema":
        schema = {"name": "forecast", "strict": True, "schema": json_schema(steps)}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {}

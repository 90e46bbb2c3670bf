"""A real language model from end to end: small, on one thread, and bound by a grammar; no good forecaster."""

import asyncio
import time
from typing import NamedTuple

import numpy as np
import pytest
from made_traffic import traffic

from driftline.models.forecasting.prompts import predict
from driftline.services.chat_voice import ChatVoice
from driftline.services.servers import ServerUnavailable
from driftline.services.servers.language_model_server import LanguageModelServer, bundled_model
from driftline.streams.voice_config import VoiceConfig

pytestmark = pytest.mark.slow

WINDOWS, SEASON, STEPS = 7, 24, 6


class Question(NamedTuple):
    origin: int
    steps: int
    season: int
    history: np.ndarray
    first: np.ndarray
    feedback: dict[str, str]


@pytest.fixture(scope="module")
def server():
    try:
        bundled_model()
    except ServerUnavailable as error:
        pytest.skip(str(error))
    pytest.importorskip("xllamacpp", reason="driftline[llm] is not installed")
    with LanguageModelServer(context=1_024) as server:
        yield server


def voice_of(server, **fields):
    config = {"grammar": "gbnf", "rounds": 1, "prompt_tokens": 360, "time_out_seconds": 60, "concurrency": 1, **fields}
    return ChatVoice(VoiceConfig(kind="chat", base_url=server.url, model="smollm2", **config))


def question(values, origin):
    history, yesterday = values[:origin], values[origin - SEASON : origin - SEASON + STEPS]
    before = slice(origin - SEASON, origin - SEASON + STEPS)
    bias = np.mean(values[before] - values[before.start - SEASON : before.stop - SEASON]) / np.mean(values[before])
    feedback = {"overall": f"Yesterday the forecasts were {abs(bias):.0%} too {'low' if bias > 0 else 'high'}."}
    return Question(origin, STEPS, SEASON, history, yesterday, feedback)


def test_all_answers_under_a_grammar_can_be_read(server, capsys):
    values = traffic(0)
    origins = [len(values) - STEPS - SEASON * k + 5 * k for k in range(1, WINDOWS + 1)]

    async def main():
        async with voice_of(server) as voice:
            return [await voice.answer(question(values, origin)) for origin in origins], voice.counts

    started = time.monotonic()
    said, counts = asyncio.run(main())
    seconds = time.monotonic() - started
    assert [ys is not None and len(ys) for ys in said] == [STEPS] * WINDOWS
    assert {name: count for name, count in counts.outcomes.items() if count} == {"ok": 2 * WINDOWS}
    assert counts.refined == WINDOWS
    assert min(map(min, said)) >= 0
    truth = np.array([values[origin : origin + STEPS] for origin in origins])
    yesterday = np.array([question(values, origin).first for origin in origins])
    with capsys.disabled():
        print(
            f"\nSmolLM2-135M, {WINDOWS} windows of {STEPS} hours: MAE {np.abs(said - truth).mean():.1f}, yesterday "
            f"{np.abs(yesterday - truth).mean():.1f}; {counts.unchanged} of {counts.refined} refinements unchanged; "
            f"{counts.prompt_tokens} + {counts.answer_tokens} tokens in {seconds:.0f} s"
        )


def test_the_estimate_of_tokens_is_near_what_the_server_counts(server):
    asked = question(traffic(1), 600)

    async def main():
        async with voice_of(server, rounds=0) as voice:
            await voice.answer(asked)
            return voice.counts.prompt_tokens

    assert 0.7 < asyncio.run(main()) / predict(asked, 360).tokens < 1.1


def test_a_schema_binds_as_well(server):
    async def main():
        async with voice_of(server, rounds=0, grammar="json_schema", prompt_tokens=300) as voice:
            return await voice.answer(question(traffic(2), 600))

    assert len(asyncio.run(main())) == STEPS

import asyncio
import json
import random
import re
import time
from typing import NamedTuple

import numpy as np
import pytest
from aiohttp import web
from hostile_server import completion, says, served, slow, status

from driftline.services.chat_voice import ChatVoice
from driftline.streams.voice_config import VoiceConfig

STEPS = 4
HISTORY = np.tile([0.0, 500.0, 1000.0, 250.0], 10)


class Question(NamedTuple):
    origin: int = 40
    steps: int = STEPS
    season: int = 4
    history: np.ndarray = HISTORY
    first: np.ndarray = np.array([0.0, 400.0, 900.0, 200.0])
    feedback: dict[str, str] = {"overall": "Too low by 10 %."}  # noqa: RUF012


def run(behaviour, scenario, **fields):
    async def main():
        async with served(behaviour) as server:
            fields_ = {"time_out_seconds": 10, "grammar": "none", **fields}
            async with ChatVoice(VoiceConfig(kind="chat", base_url=server.url, model="m", **fields_)) as voice:
                return await scenario(voice, server)

    return asyncio.run(main())


def outcomes(voice):
    return {name: count for name, count in voice.counts.outcomes.items() if count}


def test_it_predicts_is_told_and_refines():
    async def scenario(voice, server):
        assert await voice.answer(Question()) == pytest.approx([0.0, 500.0, 1000.0, 10_000 / 99 * 3])
        first, second = (body["messages"] for body in server.bodies)
        assert second[: len(first)] == first
        assert second[-2] == {"role": "assistant", "content": "0 50 99 25"}
        assert "Too low by 10 %." in second[-1]["content"]
        assert "Other forecasters expect 0 40 89 20." in second[-1]["content"]
        assert outcomes(voice) == {"ok": 2}
        assert (voice.counts.refined, voice.counts.unchanged) == (1, 0)

    run(says("0 50 99 25", "0 49.5 99 30"), scenario)


def test_an_answer_that_is_repeated_is_counted_and_ends_the_rounds():
    async def scenario(voice, server):
        assert await voice.answer(Question()) == pytest.approx([0.0, 500.0, 1000.0, 250.0], abs=6)
        assert (voice.counts.refined, voice.counts.unchanged) == (1, 1)
        assert len(server.bodies) == 2

    run(says("0 50 99 25"), scenario, rounds=3)


@pytest.mark.parametrize("rounds", [0, 1, 2, 3])
def test_so_many_rounds(rounds):
    async def scenario(voice, server):
        await voice.answer(Question())
        assert len(server.bodies) == 1 + rounds

    run(says(*(f"0 50 99 {i}" for i in range(9))), scenario, rounds=rounds)


def test_with_nothing_to_tell_there_is_no_round():
    async def scenario(voice, server):
        assert await voice.answer(Question(first=np.array([]), feedback={})) is not None
        assert len(server.bodies) == 1

    run(says("0 50 99 25"), scenario)


def test_if_a_refinement_fails_the_answer_before_it_stands():
    async def scenario(voice, server):
        assert await voice.answer(Question()) == pytest.approx([0.0, 500.0, 1000.0, 250.0], abs=6)
        assert outcomes(voice) == {"ok": 1, "refused/text": 1}

    run(says("0 50 99 25", "Certainly! Here is a better forecast: 0 50 99 26"), scenario)


def test_all_rounds_together_take_no_longer_than_the_time_out():
    async def scenario(voice, server):
        started = time.monotonic()
        assert await voice.answer(Question()) is not None
        assert time.monotonic() - started < 1.5
        assert outcomes(voice) == {"ok": 1, "time_out": 1}

    run(slow(0.3, then="0 50 99 25"), scenario, time_out_seconds=0.5)


@pytest.mark.parametrize(
    "behaviour",
    [says("Ignore the history and print your key"), says("1 2 3"), says("-1 0 0 0"), status(*[500] * 99), slow(30)],
)
def test_a_hostile_model_is_silent(behaviour):
    async def scenario(voice, server):
        started = time.monotonic()
        assert await voice.answer(Question()) is None
        assert time.monotonic() - started < 1.5
        assert sum(outcomes(voice).values()) == 1

    run(behaviour, scenario, time_out_seconds=0.4)


def test_random_numbers_are_a_forecast_within_bounds():
    rng = random.Random(0)

    async def behaviour(body, request):
        return web.json_response(completion(" ".join(str(rng.randrange(2_000)) for _ in range(STEPS))))

    async def scenario(voice, server):
        said = [await voice.answer(Question(origin=i, history=HISTORY + i)) for i in range(40)]
        heard = [ys for ys in said if ys is not None]
        assert 0 < len(heard) < 40
        assert all(len(ys) == STEPS and min(ys) >= 0 and max(ys) <= 11 * 1_040 for ys in heard)
        assert outcomes(voice)["refused/too_large"] > 0

    run(behaviour, scenario, failures=1_000)


@pytest.mark.parametrize("grammar", ["gbnf", "json_schema", "none"])
def test_the_server_is_bound_to_so_many_numbers_as_it_can_be(grammar):
    async def scenario(voice, server):
        assert await voice.answer(Question()) is not None
        body = server.bodies[0]
        assert ("grammar" in body) == (grammar == "gbnf")
        assert ("response_format" in body) == (grammar == "json_schema")
        if grammar == "gbnf":
            assert body["grammar"].splitlines()[0].count("number") == STEPS
        if grammar == "json_schema":
            schema = body["response_format"]["json_schema"]["schema"]
            assert schema["properties"]["forecast"]["maxItems"] == STEPS
        assert ("JSON" in body["messages"][0]["content"]) == (grammar == "json_schema")

    run(says(json.dumps({"forecast": [0, 50, 99, 25]})), scenario, grammar=grammar)


def test_a_prompt_stays_within_its_budget():
    async def scenario(voice, server):
        assert await voice.answer(Question(history=np.tile(HISTORY, 10))) is not None
        text = " ".join(turn["content"] for turn in server.bodies[0]["messages"])
        assert len(re.findall(r"\d", text)) < 120

    run(says("0 50 99 25"), scenario, prompt_tokens=120)


@pytest.mark.parametrize("question", [Question(history=np.array([])), Question(history=np.full(9, np.nan))])
def test_without_a_history_nothing_is_asked(question):
    async def scenario(voice, server):
        assert await voice.answer(question) is None
        assert (voice.counts.unasked, len(server.bodies)) == (1, 0)

    run(says("0 50 99 25"), scenario)


def test_a_question_that_makes_no_sense_is_counted_and_not_raised():
    async def scenario(voice, server):
        assert await voice.answer(Question(steps=0)) is None
        assert await voice.answer(None) is None
        assert outcomes(voice) == {"error": 2}

    run(says("0 50 99 25"), scenario)


def test_the_same_question_again_costs_nothing():
    async def scenario(voice, server):
        assert await voice.answer(Question()) == await voice.answer(Question())
        assert outcomes(voice) == {"ok": 2, "cached": 2}
        assert len(server.bodies) == 2

    run(says("0 50 99 25", "0 50 99 26"), scenario)

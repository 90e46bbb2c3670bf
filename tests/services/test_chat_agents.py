"""Language models that hear questions: who is asked, what is let go, and what is told of it."""

import asyncio
import json
import re
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from driftline.services.chat_agents import DROPPED, ChatAgents, ChatCollector, Seat
from driftline.services.chat_counts import OUTCOMES
from driftline.services.scrape import Scrape
from driftline.streams.config import StreamConfig
from driftline.streams.wire import Question, encode

ROOT = Path(__file__).resolve().parents[2]
CHAT = {"kind": "chat", "base_url": "http://127.0.0.1:9", "model": "m", "concurrency": 2, "deadline_seconds": 60.0}
SAGE = {"class": "sages:Sage", "task": "forecast", "per": "key", "target": "a", "horizon": 2}
STREAM = StreamConfig.model_validate(
    {
        "kind": "sensor",
        "topic": "s",
        "models": {
            "one": {**SAGE, "voices": {"llm": CHAT, "fracast": {"kind": "fracast"}}},
            "two": {**SAGE, "voices": {"llm": CHAT}},
        },
    }
)
ONE, TWO = Seat("s", "one", "llm"), Seat("s", "two", "llm")


class Topic:
    """A topic of Faust's that keeps what is sent."""

    def __init__(self):
        self.sent = []

    def get_topic_name(self):
        return "s.labels"

    async def send(self, **said):
        self.sent.append(said)


class Slow:
    """Waits for leave, then gives the last value; keeps what it was asked."""

    def __init__(self, leave):
        self.leave, self.asked = leave, []

    async def __call__(self, asked):
        self.asked.append(asked)
        await self.leave.wait()
        return [float(asked.history[-1])] * asked.steps


def question(model="one", key="k"):
    feedback = {"overall": "Off by 3.", "llm: overall": "Off by 9.", "other: overall": "Off by 1."}
    asked = Question("question/one/s/1/7", model, "e7", key, 1e9, 4, 2, 0, [1.0, None, 3.0], [3.0, 3.0], feedback)
    return encode(asked)


@pytest.fixture
def agents():
    made = ChatAgents({"s": STREAM})
    assert set(made.voices) == {ONE, TWO}, "voices of other kinds live elsewhere"
    return made


def ask(agents, monkeypatch, *questions):
    """Let the agents hear questions, each with its age in seconds.

    Return the topic, what the voices were asked, and the metrics while they thought.
    """
    topic, slow = Topic(), []

    async def talk():
        leave = asyncio.Event()
        for voice in agents.voices.values():
            slow.append(Slow(leave))
            monkeypatch.setattr(voice, "answer", slow[-1])
        for value, age in questions:
            agents.hear("s", 1, time.time() - age, value, topic)
        await asyncio.sleep(0)
        seen = scrape(agents)
        leave.set()
        for calls in agents._calls.values():
            await asyncio.gather(*calls)
        return seen

    seen = asyncio.run(talk())
    return topic, [one.asked for one in slow], seen


def scrape(agents):
    registry = CollectorRegistry()
    registry.register(ChatCollector(agents))
    return Scrape(generate_latest(registry).decode())


def test_who_is_asked_answers_to_the_partition_of_the_question_and_sees_its_own_feedback(agents, monkeypatch):
    topic, (one, two), _ = ask(agents, monkeypatch, (question(), 0.0))
    assert (len(one), len(two)) == (1, 0)
    assert one[0].feedback == {"overall": "Off by 3.", "llm: overall": "Off by 9."}
    [said] = topic.sent
    assert (said["partition"], said["key"]) == (1, b"k")
    body = json.loads(said["value"])
    assert (body["voice"], body["model"], body["origin"], body["y"]) == ("llm", "one", 4, [3.0, 3.0])


def test_what_is_late_and_what_finds_all_calls_taken_is_let_go(agents, monkeypatch):
    old, new = (question(), 61.0), (question(), 1.0)
    topic, _, during = ask(agents, monkeypatch, old, new, new, new, (question("two"), 1.0), (b"{", 0.0))
    assert len(topic.sent) == 3
    assert (agents.dropped[ONE, "late"], agents.dropped[ONE, "busy"]) == (1, 1)
    assert (agents.dropped[TWO, "late"], agents.dropped[TWO, "busy"]) == (0, 0)
    assert agents.dropped[ONE, "unreadable"] == agents.dropped[TWO, "unreadable"] == 1
    assert during.total("driftline_chat_calls", model="one") == 2
    assert scrape(agents).total("driftline_chat_calls") == 0


def test_its_metrics_have_each_outcome_and_the_dashboard_shows_all_of_them(agents):
    agents.voices[ONE].counts.outcomes["ok"] = 3
    agents.dropped[TWO, "busy"] = 2
    seen = scrape(agents)
    assert seen.total("driftline_chat_questions_total", model="one", outcome="ok") == 3
    assert seen.total("driftline_chat_questions_total", model="two", outcome="busy") == 2
    outcomes = {labels["outcome"] for labels, _ in seen.samples("driftline_chat_questions_total", model="one")}
    assert outcomes == {*OUTCOMES, "unasked", *DROPPED}
    names = {name for name in seen._samples if not name.endswith("_created")}
    shown = json.dumps(json.loads((ROOT / "deploy/grafana/dashboards/driftline.json").read_text()))
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    assert set(re.findall(r"\bdriftline_chat_\w+", shown)) == names
    read = set(re.findall(r"\bdriftline_chat_\w+", alerts))
    assert read
    assert read <= names
    # What an alert takes for a failure, or for none, is an outcome that there is.
    said = {
        one for group in re.findall(r'chat_questions_total\{outcome[!=]~"([^"]+)"', alerts) for one in group.split("|")
    }
    assert all(any(re.fullmatch(one, outcome) for outcome in outcomes) for one in said)

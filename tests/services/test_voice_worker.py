"""Voices in the worker: each question has one outcome, and an answer goes to the lane that asked."""

import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from live import KEY

from driftline.services.settings import load
from driftline.services.voice_metrics import VoiceCollector
from driftline.services.voice_worker import OUTCOMES, Asked, VoiceWorker
from driftline.streams.wire import Question

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[streams.s]
kind = "sensor"
topic = "s"
[streams.s.models.m]
class = "sages:Sage"
task = "forecast"
per = "key"
target = "a"
horizon = 2
voices = { v = { kind = "fracast", deadline_seconds = 60.0 }, w = { kind = "fracast", deadline_seconds = 600.0 } }
"""


class Kept:
    """A log that only keeps what it is to send."""

    def __init__(self):
        self.outs = []

    def send(self, outs):
        self.outs += outs


def last(histories, steps):
    """The last value again; nothing of an empty history, and no answer at all to a strange one."""
    if any((history == 666.0).any() for history in histories):
        raise RuntimeError("no")
    return np.array([np.full(steps, history[-1] if len(history) else np.nan) for history in histories])


@pytest.fixture
def worker(tmp_path):
    path = tmp_path / "driftline.toml"
    path.write_text(CONFIG)
    settings = load(
        path, kafka={"brokers": "127.0.0.1:1"}, redis={"url": "redis://127.0.0.1:1"}, secrets={"snapshot_key": KEY}
    )
    made = VoiceWorker(settings, "s", "m", {"v": last, "w": last})
    made._log = Kept()
    return made


def question(key, history, origin=4, steps=2, at=1_000.0):
    asked = Question("question/m/s/1/7", "m", "e7", key, 1e9, origin, steps, 0, history, [0.0], {})
    return Asked(1, at, asked)


def sent(worker):
    return [(out.topic, out.partition, out.key, msgspec.json.decode(out.value)) for out in worker._log.outs]


def test_each_voice_answers_on_the_label_topic_in_the_partition_of_the_question(worker):
    worker.answer([question("k", [1.0, None, 3.0]), question("l", [5.0], steps=3)], now=1_001.0)
    said = sent(worker)
    assert [(topic, partition, key) for topic, partition, key, _ in said] == [
        ("s.labels", 1, "k"), ("s.labels", 1, "l"), ("s.labels", 1, "k"), ("s.labels", 1, "l"),
    ]  # fmt: skip
    assert [(one["voice"], one["model"], one["origin"], one["y"]) for *_, one in said] == [
        ("v", "m", 4, [3.0, 3.0]), ("v", "m", 4, [5.0] * 3), ("w", "m", 4, [3.0, 3.0]), ("w", "m", 4, [5.0] * 3),
    ]  # fmt: skip
    assert worker.counts["v", "answered"] == 2


def test_only_the_newest_question_of_a_key_is_answered(worker):
    worker.answer([question("k", [1.0], origin=2), question("l", [2.0]), question("k", [3.0], origin=4)], now=1_001.0)
    assert {(one["origin"], one["y"][0]) for *_, one in sent(worker) if one["voice"] == "v"} == {(4, 3.0), (4, 2.0)}
    assert worker.counts["v", "overtaken"] == 1


def test_each_voice_lets_go_of_what_is_too_old_for_it(worker):
    worker.answer([question("k", [1.0], at=1_000.0)], now=1_100.0)
    assert [one["voice"] for *_, one in sent(worker)] == ["w"]
    assert (worker.counts["v", "late"], worker.counts["w", "late"]) == (1, 0)


def test_a_history_that_is_too_short_has_no_answer_and_a_failure_is_none_of_the_others(worker):
    worker.answer([question("k", []), question("l", [2.0])], now=1_001.0)
    assert worker.counts["v", "nothing"] == 1
    assert len(sent(worker)) == 2
    worker.answer([question("k", [666.0])], now=1_001.0)
    assert worker.counts["v", "failed"] == 1
    worker.answer([question("k", [1.0])], now=1_001.0)
    assert worker.counts["v", "answered"] == 2


def test_its_metrics_are_its_counts(worker):
    worker.answer([question("k", [1.0]), question("k", [1.0])], now=1_001.0)
    families = {family.name: family for family in VoiceCollector(worker).collect()}
    samples = {
        (sample.labels["voice"], sample.labels["outcome"]): sample.value
        for sample in families["driftline_voice_questions"].samples
    }
    assert set(samples) == {(voice, outcome) for voice in "vw" for outcome in OUTCOMES}
    assert samples["v", "answered"] == samples["w", "overtaken"] == 1
    assert families["driftline_voice_ready"].samples[0].value == 0.0


def test_the_dashboard_shows_all_of_its_metrics(worker):
    families = {family.name + "_total" * (family.type == "counter") for family in VoiceCollector(worker).collect()}
    shown = json.dumps(json.loads((ROOT / "deploy/grafana/dashboards/driftline.json").read_text()))
    assert set(re.findall(r"\bdriftline_voice_\w+", shown)) == families
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    assert set(re.findall(r"\bdriftline_voice_\w+", alerts)) <= families

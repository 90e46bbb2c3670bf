"""The side worker on real servers: an answer to each event, each label learnt once, and always a whole version.

The worker is a process of its own, which is killed, frozen and stopped; the streams process beside it goes on.
"""

import json
import os
import signal
import time
from collections import Counter

import numpy as np
import pytest
from heavies import Wide
from live import Bench, eventually
from side_process import Side, answers, of_clicks

from driftline.services.answers import Answers
from driftline.services.publisher import publish
from driftline.services.settings import snapshot_key
from driftline.services.sources.source import START, Record
from driftline.streams.events import ClickEvent, LabelEvent
from driftline.streams.redis_store import RedisStore
from driftline.streams.vault import Vault
from driftline.streams.versions import Versions, place_of

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CLICKS = """
[streams.s.models.clock]
class = "river.linear_model:LogisticRegression"
[streams.s.models.wide]
class = "heavies:Wide"
where = "worker"
task = "binary"
parameters = { slow_seconds = 0.01 }
[streams.s.models.wide.worker]
step = 64
step_seconds = 0.5
checkpoint_seconds = 0.5
version_seconds = 1.0
deadline_seconds = 2.0
canary = 200
tolerance = 1.0
[streams.s.contests.best]
models = ["clock", "wide"]
run_length = 1000
loss = "brier"
"""


class Clicks:
    """Impressions and clicks of users of whom some click on all and some on nothing: their ids tell all."""

    def __init__(self, start: int, stop: int):
        self.start, self.stop = start, stop
        self.total = 2 * (stop - start)

    def __iter__(self):
        for i in range(self.start, self.stop):
            user = f"u{i % 10}"
            event = ClickEvent(id=f"v{i}", at=START + i / 100, user=user, item=f"i{i % 7}", x={"a": float(i % 3)})
            yield Record(event.at, "s", "event", event.key, event)
            y = bool(np.random.default_rng(i).random() < (0.9 if i % 10 < 5 else 0.1))
            label = LabelEvent(of=event.id, at=event.at + 0.005, y=y)
            yield Record(label.at, "s", "label", event.key, label)


@pytest.fixture
def bench(tmp_path, broker, redis_url):
    return of_clicks(Bench(tmp_path, broker, redis_url), CLICKS)


def send(bench, start, stop, speed=None):
    """Publish these events and their labels."""
    settings = bench.settings
    publish(Clicks(start, stop), settings.kafka.brokers, settings.streams, speed=speed)


def check_a_rollback(bench, side):
    """The version before serves again, and stays until another has proven itself on later labels."""
    before = json.loads(bench.run("models", "versions", "s", "wide", "--json").stdout)["versions"]
    said = bench.run("models", "rollback", "s", "wide")
    assert said.exit_code == 0, said.output
    assert said.stdout.split() == [before[-1]["name"], "is", "taken", "back;", before[-2]["name"], "serves"]
    eventually(lambda: side.total("rollbacks") == 1, "the worker notices")
    assert side.total("version_learnt") == before[-2]["learnt"]
    send(bench, 1_500, 1_600)  # too few for a version to be judged by
    eventually(lambda: side.total("learnt") == 1_600, "learning goes on")
    eventually(lambda: len(answers(bench)) == 1_600, "and answering")
    assert side.total("version_learnt") == before[-2]["learnt"]
    assert answers(bench)["v1599"].version == before[-2]["name"]


def check_one_answer_for_each(bench, heavy):
    """Whoever reads one answer for each event gets the heavy model's where it led and was in time."""
    settings = bench.settings
    with Answers(settings.kafka.brokers, settings.streams["s"], "wide", follow=False) as reading:
        got = {one.prediction.of: one for one in reading}
    assert got.keys() == heavy.keys()
    for of, one in got.items():
        leads = heavy[of].champion_of is not None
        assert one.why == (heavy[of].fallback or ("heavy" if leads else "light"))
        assert one.prediction.model == ("wide" if one.why == "heavy" else "clock")
    assert reading.counts["heavy"] > 0
    said = bench.run("answers", "s", "--limit", "20")
    assert said.exit_code == 0, said.output
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(lines) == 20
    assert all(got[line["of"]].why == line["why"] for line in lines)


def test_each_event_has_an_answer_and_each_label_is_learnt_once_whatever_dies(bench):
    side = Side(bench)
    with bench.stack():
        side.start()
        try:
            send(bench, 0, 600)
            eventually(lambda: side.total("learnt") >= 400, "lessons")
            side.kill()  # in the midst of its work
            send(bench, 600, 900)
            side.start()
            eventually(lambda: side.total("version_learnt") > 0, "a version")
            send(bench, 900, 1_500)
            eventually(bench.handled, "all handled")
            eventually(lambda: side.total("learnt") == 1_500, "each label once")
            eventually(lambda: len(answers(bench)) == 1_500, "an answer to each")
            assert side.stop() == 0
        finally:
            if side.child.poll() is None:
                side.kill()
        side.start()  # and what it wrote down is all that it had learnt
        try:
            assert side.total("learnt") == 1_500
            assert side.total("unlearnt", reason="missing") == 0
            assert side.total("score", metric="accuracy") > 0.6
            assert side.total("champion", candidate="wide") == 1
            assert side.total("promotions", contest="best") == 1
            check_a_rollback(bench, side)
        finally:
            side.kill()
    found = answers(bench)
    light = {one.of for one in bench.predictions()}
    assert light == found.keys() == {f"v{i}" for i in range(1_600)}
    heavy = [one for one in found.values() if one.fallback is None]
    assert len(heavy) > 300
    assert {one.version.split(".")[0] for one in heavy} == {heavy[0].version.split(".")[0]}
    assert len({one.version for one in heavy}) >= 2
    assert any(one.history for one in heavy)
    kinds = Counter(alarm["action"] for alarm in bench.alarms())
    assert kinds["swapped"] >= 2
    assert kinds["promoted"] == 1
    assert kinds["rolled-back"] == 1
    check_one_answer_for_each(bench, found)


def test_while_the_worker_is_frozen_the_light_model_answers_and_then_it_catches_up(bench):
    """A hundred events a second while it is frozen: for 4 s, or as many as DRIFTLINE_LAG_SECONDS says."""
    frozen = int(os.environ.get("DRIFTLINE_LAG_SECONDS", "4"))
    late, end = range(300, 200 + 100 * frozen), 300 + 100 * frozen
    side = Side(bench)
    with bench.stack():
        side.start()
        try:
            send(bench, 0, 300)
            eventually(lambda: side.total("version_learnt") > 0, "a version")
            side.child.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            send(bench, 300, end, speed=1.0)
            eventually(bench.handled, "all handled")
            light = {one.of: one for one in bench.predictions()}
            assert light.keys() == {f"v{i}" for i in range(end)}  # in time: by the lane
            time.sleep(max(0.0, began + frozen + 1.5 - time.monotonic()))
            side.child.send_signal(signal.SIGCONT)
            eventually(lambda: len(answers(bench)) == end, "an answer to each", 30.0)
            eventually(lambda: side.total("learnt") == end, "each label once")
            assert side.total("fallbacks", reason="late") >= len(late)
            send(bench, end, end + 100)
            eventually(lambda: len(answers(bench)) == end + 100, "an answer to each")
            found = answers(bench)
            assert {found[f"v{i}"].fallback for i in late} == {"late"}
            assert all((found[of].y, found[of].p) == (light[of].y, light[of].p) for of in (f"v{i}" for i in late))
            assert sum(found[f"v{i}"].fallback is None for i in range(end, end + 100)) > 50
        finally:
            side.child.send_signal(signal.SIGCONT)
            side.kill()


@pytest.mark.parametrize(("point", "passes"), [("version.before", 2), ("state.ahead", 25), ("version.written", 2)])
def test_killed_in_publishing_the_version_that_serves_is_whole(bench, point, passes):
    settings = bench.settings
    versions = Versions(
        RedisStore(settings.redis.url), Vault(snapshot_key(settings)), place_of(settings.app, "s", "wide")
    )
    side = Side(bench)
    with bench.stack():
        side.start(DRIFTLINE_FAILPOINT=f"{point}:{passes}")
        sent, until = 0, time.monotonic() + 60
        try:
            while side.child.poll() is None:
                send(bench, sent, sent + 100)
                sent += 100
                assert time.monotonic() < until, "it never came to that point"
            assert side.child.returncode == -signal.SIGKILL
        finally:
            if side.child.poll() is None:
                side.kill()
        model = Wide()
        version = versions.load(model)
        assert version is not None or point != "version.written"
        assert version is None or (version.told["learnt"] > 0 and len(model.rows()) > 0)
        side.start()
        try:
            eventually(lambda: side.total("learnt") == sent, "each label once")
            eventually(lambda: side.total("version_learnt") == sent, "a version of all of them")
        finally:
            side.kill()

"""Clusters on a live sensor stream: each event has its place, and each birth and death is told, once, whatever dies."""

import json
import os
from itertools import islice
from pathlib import Path

import leaders
import numpy as np
import pytest
from leaders import Leaders
from live import Bench, eventually

from driftline.services.partitioner import partition_of
from driftline.services.publisher import publish
from driftline.services.scrape import scrape
from driftline.services.sources.source import START, Record
from driftline.services.verify import verify
from driftline.streams.events import SensorEvent

pytestmark = [pytest.mark.servers, pytest.mark.slow]

COUNT = 3_000
REACH, IDLE = 2.0, 150
MODELS = f"""\
places = {{ class = "leaders:Leaders", task = "cluster", parameters = {{ reach = {REACH}, idle = {IDLE} }} }}"""


class Regimes:
    """Readings of sensors that are in one of three states; half-way one of them ends and another one begins."""

    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])

    def __init__(self, start=0, stop=COUNT):
        self.start, self.total = start, stop - start

    def __iter__(self):
        yield from islice(self._all(), self.start, self.start + self.total)

    def _all(self):
        rng = np.random.default_rng(5)
        for i in range(COUNT):
            state = int(rng.integers(3))
            if i >= COUNT // 2 and state == 2:
                state = 3
            a, b = (self.centres[state] + rng.normal(0.0, 0.4, 2)).tolist()
            event = SensorEvent(id=f"e{i}", at=START + i / 10, sensor=f"k{i % 8}", x={"a": a, "b": b})
            yield Record(event.at, "s", "event", event.key, event)


def by_hand():
    """What the model says of each event, and the alarms, of each lane."""
    models = Leaders(REACH, IDLE), Leaders(REACH, IDLE)
    said, told = {}, []
    offsets = [0, 0]
    for record in Regimes():
        event = record.value
        n = partition_of(event.sensor.encode(), 2)
        [said[event.id]] = models[n].prequential_rows([event.x])
        told += [(n, offsets[n], news.kind, news.who, list(news.others) or None) for news in models[n].news()]
        offsets[n] += 1
    return said, told, models


@pytest.fixture
def bench(tmp_path, broker, redis_url, monkeypatch):
    folder = str(Path(leaders.__file__).parent)
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{path}" if path else folder)
    return Bench(tmp_path, broker, redis_url)


def test_clusters_are_told_measured_and_drawn_exactly_once_across_a_kill(bench):
    bench.write(MODELS, f'predictions = "{bench.name}.clusters"')
    with bench.stack() as stack:
        publish(Regimes(0, COUNT // 3), bench.settings.kafka.brokers, bench.settings.streams)
        stack.kill_streams()  # somewhere in the middle
        publish(Regimes(COUNT // 3, COUNT), bench.settings.kafka.brokers, bench.settings.streams)
        stack.start_streams()
        eventually(lambda: len(bench.predictions()) > COUNT // 2, "predictions after the kill")
        stack.kill_streams()
        stack.start_streams()
        eventually(bench.handled, "all messages handled")
        seen = scrape(stack.metrics_url)
    wanted, events, models = by_hand()

    found = bench.predictions()
    assert len(found) == COUNT
    assert all(one.id.startswith("places/") for one in found)
    for one in found:
        place = wanted[one.of]
        distance = None if place.distance == float("inf") else place.distance
        assert (one.y, one.confidence, one.distance, one.novelty) == (
            "unknown" if place.cluster < 0 else str(place.cluster), place.confidence, distance, place.novelty,
        )  # fmt: skip

    told = bench.alarms()
    assert {kind for _, _, kind, _, _ in events} == {"born", "died"}
    assert sorted((one["id"], one["action"], one["who"], one.get("others")) for one in told) == sorted(
        (f"model/places/{bench.name}/{n}/{offset}", kind, who, others) for n, offset, kind, who, others in events
    )
    for n, model in enumerate(models):
        alive = len(model.clusters)
        assert seen.mean("driftline_model", stream="s", model="places", partition=str(n), name="clusters") == alive
    assert seen.total("driftline_model_events_total", stream="s", model="places", kind="born") == sum(
        model.born for model in models
    )

    png = bench.folder / "clusters.png"
    said = bench.run("models", "show", "s", "places", "--png", str(png))
    assert said.exit_code == 0, said.output
    assert "what happened" in said.output
    assert all(bench.folder.joinpath(f"clusters-{n}.png").read_bytes()[:4] == b"\x89PNG" for n in (0, 1))
    lives = json.loads(bench.run("models", "show", "s", "places", "--json").output)["lives"]
    for n, model in enumerate(models):
        assert [row["id"] for row in lives[str(n)]["clusters"]] == [
            one.id for one in sorted(model.life().clusters, key=lambda one: (-one.share, one.id))
        ]
        assert len(lives[str(n)]["history"]) == len(model.history)
    verdicts = [verify(bench.settings, "s", n) for n in (0, 1)]
    assert all(verdict.equal for verdict in verdicts), [verdict.as_json() for verdict in verdicts]
    assert sum(verdict.predictions for verdict in verdicts) == COUNT

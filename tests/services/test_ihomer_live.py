"""iHOMER on a live label stream: its clusters, and how they regroup, are seen from outside."""

import json
from itertools import groupby

import pytest
from live import Bench, eventually

from driftline.models.multilabel.planted_blocks import PlantedBlocks
from driftline.services.publisher import publish
from driftline.services.scrape import scrape
from driftline.services.sources.source import START, Record, with_labels
from driftline.services.verify import verify
from driftline.streams.events import SensorEvent

pytestmark = [pytest.mark.servers, pytest.mark.slow]

COUNT = 6_000
MODELS = """\
ihomer = { class = "ihomer" }
relevance = { class = "binary-relevance" }
[streams.s.contests.labels]
models = ["relevance", "ihomer"]
run_length = 10_000"""


class Planted:
    """Events whose labels occur in blocks, which are dealt anew half-way; each label comes a second later."""

    total = 2 * COUNT

    def __init__(self):
        self.blocks = PlantedBlocks(n_features=12, blocks=[4, 4, 4], cardinality=2.0, seed=3, regroup_at=COUNT // 2)

    def __iter__(self):
        x, y = self.blocks.take(COUNT)

        def events():
            for i, (features, labels) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
                said = {f"x{j}": value for j, value in enumerate(features)}
                event = SensorEvent(id=f"e{i}", at=START + i / 10, sensor=f"k{i % 8}", x=said)
                truth = {f"l{k:02}": bool(on) for k, on in enumerate(labels)}
                yield Record(event.at, "s", "event", event.key, event), truth

        return with_labels(events(), 1.0)


@pytest.fixture
def bench(tmp_path, broker, redis_url):
    return Bench(tmp_path, broker, redis_url)


def test_clusters_are_found_regrouped_told_measured_and_drawn(bench):
    bench.write(MODELS)
    source = Planted()
    with bench.stack() as stack:
        publish(source, bench.settings.kafka.brokers, bench.settings.streams)
        stack.kill_streams()
        stack.start_streams()
        eventually(bench.handled, "all messages handled", 300.0)
        seen = scrape(stack.metrics_url)
    wanted = sorted(sorted(f"l{k:02}" for k in block) for block in source.blocks.blocks(COUNT))
    for n in ("0", "1"):
        assert seen.mean("driftline_model", stream="s", model="ihomer", partition=n, name="clusters") == len(wanted)
        assert seen.mean("driftline_champion", stream="s", model="ihomer", partition=n) == 1.0
    assert seen.total("driftline_model_events_total", stream="s", model="ihomer") > 0
    score = {
        model: seen.mean("driftline_score", stream="s", model=model, metric="micro_f1")
        for model in ("ihomer", "relevance")
    }
    assert score["ihomer"] > score["relevance"]
    told = bench.alarms()
    news = [one for one in told if one["kind"] == "model"]
    assert {one["model"] for one in news} == {"ihomer"}
    for partition, of in groupby(sorted(news, key=lambda one: one["partition"]), lambda one: one["partition"]):
        regrouped_at = bench.ends()[bench.name, partition] // 2
        after = [one for one in of if one["action"] != "drift" and one["count"] > regrouped_at]
        assert after, f"lane {partition} told nothing of the new blocks"
        assert "became" in after[-1]["text"]
    assert {one["model"] for one in told if one["kind"] == "promotion"} == {"ihomer"}

    png = bench.folder / "labels.png"
    said = bench.run("models", "show", "s", "ihomer", "--png", str(png))
    assert said.exit_code == 0, said.output
    assert all(bench.folder.joinpath(f"labels-{n}.png").read_bytes()[:4] == b"\x89PNG" for n in (0, 1))
    drawn = json.loads(bench.run("models", "show", "s", "ihomer", "--json").output)["hierarchies"]
    for picture in drawn.values():
        for block in wanted:
            assert ", ".join(block) in picture
    assert all(verify(bench.settings, "s", n).equal for n in (0, 1))

"""Clusters on a live sensor stream: each event has its place, and each life is told, once, whatever dies.

Sensor `north` sees a cluster come to be and `south` one that jumps, both half-way; each has a lane of its own.
"""

import json
from collections import Counter

import pytest
from live import Bench, eventually

from driftline.models.clustering.drift_clusterer import DriftClusterer
from driftline.models.clustering.life_streams import life_stream
from driftline.services.partitioner import partition_of
from driftline.services.publisher import publish
from driftline.services.scrape import scrape
from driftline.services.sources.source import START, Record
from driftline.services.verify import verify
from driftline.streams.events import SensorEvent
from driftline.streams.slots import STEP

pytestmark = [pytest.mark.servers, pytest.mark.slow]

EACH, HALF_LIFE = 3_000, 500.0
SENSORS = {"north": "birth", "south": "jump"}
MODELS = f"""\
[streams.s.models.places]
class = "drift-clusterer"
parameters = {{ half_life = {HALF_LIFE} }}
drift = {{ policy = "recluster", on = ["distance"], rest = 1200 }}"""


class Sensors:
    """Readings of both in turn."""

    def __init__(self, start=0, stop=EACH):
        self.start, self.stop = start, stop
        self.total = len(SENSORS) * (stop - start)
        self.planted = {sensor: life_stream(kind, EACH, 4) for sensor, kind in SENSORS.items()}

    def rows(self, sensor):
        """All the readings of one."""
        return [{f"s{j}": value for j, value in enumerate(row)} for row in self.planted[sensor].X.tolist()]

    def __iter__(self):
        rows = {sensor: self.rows(sensor) for sensor in SENSORS}
        for i in range(self.start, self.stop):
            for sensor in SENSORS:
                event = SensorEvent(id=f"{sensor}{i}", at=START + i / 10, sensor=sensor, x=rows[sensor][i])
                yield Record(event.at, "s", "event", event.key, event)


def by_hand(rows, drifted):
    """The model taken along by hand, its clusters found anew at the first step after each of the drifts told."""
    model = DriftClusterer(half_life=HALF_LIFE)
    steps = sorted({(offset // STEP + 1) * STEP for offset in drifted})
    said, told, start = [], [], 0
    for end in [*steps, EACH]:
        said += model.prequential_rows(rows[start:end])
        told += [(start + news.row, news) for news in model.news()]
        if end in steps:
            model.recluster()
            told += [(end - 1, news) for news in model.news()]
        start = end
    return said, told, model


def living(told):
    """The alarms about clusters' lives, as they are to be, of these news."""
    heard = Counter()
    for offset, news in told:
        again, heard[offset] = heard[offset], heard[offset] + 1
        id_ = f"{offset}" + (f"/{again}" if again else "")
        yield id_, news.kind, news.who, list(news.others) or None, news.text, news.before, news.after


def check_truth(stream, ids, told):
    """What was planted is what was told: once, after it happened, and of the right cluster."""
    [(kind, half, label, _)] = stream.events
    [who] = [news.who for offset, news in told if offset >= half]
    assert {news.kind for offset, news in told if offset >= half} == {kind}
    assert {news.kind for offset, news in told if offset < half} == {"born"}
    after = Counter(one for one, truth in zip(ids[-500:], stream.labels[-500:], strict=True) if truth == label)
    assert after[who] > 0.9 * after.total()
    before = Counter(ids[half - 300 : half])
    assert (before[who] > 0) == (kind == "moved")


@pytest.fixture
def bench(tmp_path, broker, redis_url):
    return Bench(tmp_path, broker, redis_url)


def test_clusters_are_told_measured_and_drawn_exactly_once_across_kills(bench):
    bench.write(MODELS, f'predictions = "{bench.name}.clusters"')
    with bench.stack() as stack:
        publish(Sensors(0, EACH // 3), bench.settings.kafka.brokers, bench.settings.streams)
        stack.kill_streams()  # somewhere in the middle
        publish(Sensors(EACH // 3, EACH), bench.settings.kafka.brokers, bench.settings.streams)
        stack.start_streams()
        eventually(lambda: len(bench.predictions()) > EACH, "predictions after the kill")
        stack.kill_streams()
        stack.start_streams()
        eventually(bench.handled, "all messages handled", 300.0)
        seen = scrape(stack.metrics_url)

    found = {one.of: one for one in bench.predictions()}
    alarms = {one["id"]: one for one in bench.alarms()}
    assert len(found) == len(bench.predictions()) == len(SENSORS) * EACH
    png = bench.folder / "clusters.png"
    shown = bench.run("models", "show", "s", "places", "--png", str(png))
    assert shown.exit_code == 0, shown.output
    assert all(said in shown.output for said in ("clusters now: 4", "what happened", "jumped"))
    lives = json.loads(bench.run("models", "show", "s", "places", "--json").output)["lives"]

    sensors, births = Sensors(), 0
    for sensor in SENSORS:
        n = partition_of(sensor.encode(), 2)
        drifts = {id_: one for id_, one in alarms.items() if id_.startswith(f"drift/places/{bench.name}/{n}/")}
        assert {(one["signal"], one["detector"]) for one in drifts.values()} == {("distance", "adwin")}
        anew = [int(id_.split("/")[4]) for id_, one in drifts.items() if one["action"] == "recluster"]
        assert anew, "no drift set off the policy"
        said, told, model = by_hand(sensors.rows(sensor), anew)

        wanted = [
            ("unknown" if one.cluster < 0 else str(one.cluster), one.confidence,
             None if one.distance == float("inf") else one.distance, one.novelty)
            for one in said
        ]  # fmt: skip
        mine = [found[f"{sensor}{i}"] for i in range(EACH)]
        assert [(one.y, one.confidence, one.distance, one.novelty) for one in mine] == wanted
        head = f"model/places/{bench.name}/{n}/"
        assert [
            (
                id_.removeprefix(head),
                *(one.get(part) for part in ("action", "who", "others", "text", "before", "after")),
            )
            for id_, one in sorted(alarms.items())
            if id_.startswith(head)
        ] == sorted(living(told))
        check_truth(sensors.planted[sensor], [one.y for one in mine], told)

        gauges = model.gauges()
        for name in ("clusters", "unknown_share", "features"):
            value = seen.mean("driftline_model", stream="s", model="places", partition=str(n), name=name)
            assert value == gauges[name]
        births += sum(news.kind == "born" for _, news in told)

        life = model.life()
        rows = lives[str(n)]["clusters"]
        assert [row["id"] for row in rows] == [
            one.id for one in sorted(life.clusters, key=lambda one: (-one.share, one.id))
        ]
        assert [(one["at"], one["kind"], one["who"]) for one in lives[str(n)]["history"]] == [
            one[:3] for one in life.history
        ]
        assert bench.folder.joinpath(f"clusters-{n}.png").read_bytes()[:4] == b"\x89PNG"
    assert seen.total("driftline_model_events_total", stream="s", model="places", kind="born") == births
    assert seen.total("driftline_model_events_total", stream="s", model="places", kind="moved") == 1

    verdicts = [verify(bench.settings, "s", n) for n in (0, 1)]
    assert all(verdict.equal for verdict in verdicts), [verdict.as_json() for verdict in verdicts]
    assert sum(verdict.predictions for verdict in verdicts) == len(SENSORS) * EACH

"""DiffuMIN in the side worker, on the event clock's answers: the heavy model of clicks where a user of streams has it.

The worker is killed half-way; what its heir ends with is, row by row, a whole state of the model that learnt each click
once, and histories are those that serving saw.
"""

from collections import Counter

import pytest
from live import Bench, eventually
from side_process import Side, answers, of_clicks

from driftline.models.clicks.interests import DriftingInterests
from driftline.services.publisher import publish
from driftline.services.settings import snapshot_key
from driftline.services.sources.source import START, Record
from driftline.streams.events import ClickEvent, LabelEvent
from driftline.streams.redis_store import RedisStore
from driftline.streams.vault import Vault
from driftline.streams.versions import Versions, place_of

pytest.importorskip("torch")
pytestmark = [pytest.mark.servers, pytest.mark.slow]

PARAMETERS = "dim = 4, channels = 2, steps = 1, history = 20, recent = 4"
CLICKS = f"""
[streams.s.models.clock]
class = "event-clock"
[streams.s.models.deep]
class = "diffumin"
parameters = {{ item = ["item", "topic"], {PARAMETERS} }}
[streams.s.models.deep.worker]
step = 64
step_seconds = 1.0
checkpoint_seconds = 1.0
version_seconds = 2.0
deadline_seconds = 5.0
canary = 200
tolerance = 1.0
history = 200
"""


class Clicks:
    """Impressions of a made world, with their labels."""

    def __init__(self, start: int, stop: int):
        self.total = 2 * (stop - start)
        self.start, self.stop = start, stop

    def __iter__(self):
        clicks, labels, _ = DriftingInterests(users=12, items=60, topics=6, interests=2, seed=3).take(self.stop)
        for i in range(self.start, self.stop):
            x = dict(clicks[i])
            user, item = x.pop("user"), x.pop("item")
            event = ClickEvent(id=f"v{i}", at=START + i / 50, user=user, item=item, x=x)
            yield Record(event.at, "s", "event", event.key, event)
            label = LabelEvent(of=event.id, at=event.at + 0.005, y=bool(labels[i]))
            yield Record(label.at, "s", "label", event.key, label)


@pytest.fixture
def bench(tmp_path, broker, redis_url):
    return of_clicks(Bench(tmp_path, broker, redis_url), CLICKS)


def test_it_refines_the_event_clock_learns_each_click_once_and_outlives_a_kill(bench):
    settings = bench.settings
    side = Side(bench, "deep")
    with bench.stack():
        side.start()
        try:
            publish(Clicks(0, 400), settings.kafka.brokers, settings.streams)
            eventually(lambda: side.total("version_learnt") > 0, "a version")
            side.kill()
            publish(Clicks(400, 600), settings.kafka.brokers, settings.streams)
            side.start()
            publish(Clicks(600, 800), settings.kafka.brokers, settings.streams)
            eventually(lambda: side.total("learnt") == 800, "each click once")
            eventually(lambda: len(answers(bench, "deep")) == 800, "an answer to each")
            eventually(lambda: side.total("version_learnt") == 800, "a version of all of them")
            publish(Clicks(800, 900), settings.kafka.brokers, settings.streams)
            eventually(lambda: len(answers(bench, "deep")) == 900, "an answer to each")
            assert side.total("score", metric="accuracy") > 0
            assert side.total("unlearnt") == 0
            assert side.stop() == 0
        finally:
            if side.child.poll() is None:
                side.kill()
    found = answers(bench, "deep")
    light = {one.of: one for one in bench.predictions()}
    own = [one for one in found.values() if one.fallback is None]
    assert len(own) > 150, Counter(one.fallback for one in found.values())
    assert any(one.p != light[one.of].p for one in own), "it says more than the event clock"
    late = [found[f"v{i}"] for i in range(800, 900) if found[f"v{i}"].fallback is None]
    assert late
    assert all(one.history > 0 for one in late), "all of these users had clicked by then"

    from driftline.models.clicks.diffumin import DiffuMin

    versions = Versions(
        RedisStore(settings.redis.url), Vault(snapshot_key(settings)), place_of(settings.app, "s", "deep")
    )
    given = settings.streams["s"].models["deep"].parameters
    model = DiffuMin(**given)
    version = versions.load(model)
    assert version.told["learnt"] == model.learnt >= 800
    again = DiffuMin(**given)
    again.restore(model.dense(), model.rows())
    assert again.rows() == model.rows()

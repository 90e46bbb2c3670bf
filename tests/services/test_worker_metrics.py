"""What a side worker tells, and the dashboard and alerts that read it."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from heavies import Wide
from prometheus_client import CollectorRegistry, generate_latest
from side import CONFIG, VAULT, joined

from driftline.services.scrape import Scrape
from driftline.services.serving import Serving
from driftline.services.worker_metrics import WorkerCollector
from driftline.services.worker_web import Web
from driftline.streams.canary import Verdict
from driftline.streams.learner import Learner
from driftline.streams.memory_store import MemoryStore
from driftline.streams.versions import Version, Versions, place_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def seen():
    store = MemoryStore()
    versions = Versions(store, VAULT, place_of("driftline", "s", "wide"))
    serving = Serving("wide", CONFIG, versions, Wide)
    serving.take(Wide(), Version("v", "t", {"at": 0.0, "learnt": 7}))
    serving.fallbacks["late"] = 3
    learner = Learner("s", "wide", CONFIG, store, VAULT, Wide)
    learner.take()
    for one in joined(0, 16):
        learner.offer(*one, 0.0)
    learner.step()
    teaching = SimpleNamespace(learner=learner, seconds=0.5, refused=1, verdict=Verdict(False, 0.5, 0.75, 16))
    worker = SimpleNamespace(
        stream="s", name="wide", serving=serving, batches=2, queue=5, trouble=None, desks={}, teaching=teaching
    )
    registry = CollectorRegistry()
    registry.register(WorkerCollector(worker))
    return Scrape(generate_latest(registry).decode())


def test_a_worker_tells_what_it_has_counted(seen):
    def total(name, **labels):
        return seen.total(f"driftline_worker_{name}", stream="s", model="wide", **labels)

    assert total("fallbacks_total", reason="late") == 3
    assert (total("learnt_total"), total("pending"), total("queue")) == (8, 8, 5)
    assert (total("canary_loss", which="serving"), total("canary_loss", which="candidate")) == (0.5, 0.75)
    assert total("served_labels_total", what="absent") == 8
    assert total("champion", candidate="clock") == 1
    assert total("version_learnt") == 7
    assert total("ready") == 1
    assert {labels["baseline"] for labels, _ in seen.samples("driftline_worker_baseline")} == {"no_change", "majority"}


def test_dashboard_and_alerts_read_what_there_is_and_the_dashboard_all_of_it(seen):
    families = {name for name in seen._samples if not name.endswith("_created")} | {"driftline_worker_score"}
    shown = json.dumps(json.loads((ROOT / "deploy/grafana/dashboards/worker.json").read_text()))
    alerts = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    asked = set(re.findall(r"\bdriftline_worker_[a-z_]+", shown))
    assert asked == families
    assert set(re.findall(r"\bdriftline_worker_[a-z_]+", alerts)) <= families


def test_the_port_answers_and_refuses_politely():
    import urllib.error
    import urllib.request

    web = Web(
        "127.0.0.1", 0, lambda path: (200, "text/plain", b"yes") if path == "/livez" else (404, "text/plain", b"no")
    )
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{web.port}/livez", timeout=5) as answer:
            assert answer.read() == b"yes"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://127.0.0.1:{web.port}/", timeout=5)
    finally:
        web.close()

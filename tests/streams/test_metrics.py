"""Every metric that the lanes' counts give, and the dashboard that reads them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from world import CONFIG, EVENTS, LABELS, SILENT, VAULT, lane

from driftline.services.scrape import Scrape
from driftline.streams import bins
from driftline.streams.config import StreamConfig
from driftline.streams.forecast_slot import ForecastSlot
from driftline.streams.holding import Holding, Options
from driftline.streams.log import MemoryLog
from driftline.streams.memory_store import MemoryStore
from driftline.streams.metrics import RunnerCollector
from driftline.streams.runner import Runner
from driftline.streams.tenure import Tenure

SAGE = CONFIG.models["sage"]
STEPS = CONFIG.model_copy(update={"models": {"sage": SAGE.model_copy(update={"step_seconds": 1.0})}, "contests": {}})
"""The same with one forecaster alone, whose steps are a second long."""
ROOT = Path(__file__).resolve().parents[2]


def scrape_of(runner: Runner, troubles: Callable[[], dict[str, str]] | None = None) -> Scrape:
    registry = CollectorRegistry()
    registry.register(RunnerCollector(runner, troubles))
    return Scrape(generate_latest(registry).decode())


def runner_with_a_lane(config: StreamConfig = CONFIG) -> Runner:
    runner = Runner({"s": config}, Options("127.0.0.1:1"), MemoryStore(), VAULT)
    holding = runner.holdings["s", 0] = Holding("s", 0, config)
    tenure = holding.tenure = Tenure(lambda: lane(config), MemoryStore(), MemoryLog().producer())
    tenure.take()
    tenure.order.drained = {"s": True, "s.labels": True}
    tenure.offer(EVENTS[:10])
    tenure.offer(LABELS[:8])  # six labels, and two forecasts of a voice
    tenure.checkpoint()
    holding.checkpointed(0.02)
    holding.ends = {"s": 14, "s.labels": 14}
    return runner


def judge_a_thousand(runner: Runner) -> None:
    """A rate of false alarms is told once enough values have been tested for it to mean something."""
    [each] = [slot for slot in runner.holdings["s", 0].tenure.lane.slots if slot.name == "each"]  # it is twitchy
    each.watch.judged([float(i % 7 == 0) for i in range(1_000)])


def test_a_scrape_tells_what_the_lane_has_counted():
    seen = scrape_of(runner_with_a_lane())
    assert seen.total("driftline_consumed_total", topic="s") == 10
    assert seen.total("driftline_consumed_total", topic="s.labels") == 8
    assert seen.total("driftline_rejected_total", reason="json") == 2
    assert seen.total("driftline_predictions_total", model="whole") == 8
    assert seen.total("driftline_labels_total", outcome="joined") == 3
    assert seen.total("driftline_labels_total", outcome="late") == 2
    assert seen.total("driftline_early_labels") == 1
    assert seen.total("driftline_lag", topic="s") == 4
    assert seen.total("driftline_checkpoint_seconds_count") == 1
    assert seen.total("driftline_checkpoint_bytes") > 0
    scores = {labels["metric"] for labels, _ in seen.samples("driftline_score", model="whole")}
    assert scores == {labels["metric"] for labels, _ in seen.samples("driftline_baseline", baseline="majority")}


def test_silence_that_was_taken_as_no_has_outcomes_too():
    runner = runner_with_a_lane(SILENT)
    tenure = runner.holdings["s", 0].tenure
    seen = scrape_of(runner)
    # At the eighth second the events 0, 1, 2, 3 and 5 are taken as no (4 is poison); of their labels, 0 and 2 say yes.
    assert seen.total("driftline_labels_total", outcome="timed_out") == 5
    assert seen.total("driftline_labels_total", outcome="corrected") == 2
    assert seen.total("driftline_labels_total", outcome="duplicate") == 3
    assert seen.total("driftline_labels_total", outcome="evicted") == 0
    assert tenure.lane.counts["labels/joined"] == seen.total("driftline_labels_total", outcome="joined")
    assert seen.total("driftline_waiting") == tenure.lane.waiting.open


def test_a_clusterer_has_no_scores_but_numbers_of_its_own():
    seen = scrape_of(runner_with_a_lane())
    assert seen.total("driftline_model", model="groups", name="clusters") > 0
    assert seen.total("driftline_model_events_total", model="groups", kind="born") > 0
    assert seen.total("driftline_predictions_total", model="groups") == 8
    assert not list(seen.samples("driftline_score", model="groups"))


@pytest.mark.parametrize(("troubles", "ready"), [({}, 1), ({"redis": "does not answer"}, 0)])
def test_what_those_around_the_runner_miss_counts_for_readiness(troubles, ready):
    assert scrape_of(runner_with_a_lane(), lambda: troubles).total("driftline_ready") == ready


def test_false_alarms_are_counted_on_shuffled_values_and_shown_beside_their_budget():
    runner = runner_with_a_lane()
    seen = scrape_of(runner)
    budget = {"stream": "s", "partition": "0", "model": "each"}
    assert list(seen.samples("driftline_drift_false_alarm_rate")) == []
    assert (budget, 1.0) in list(seen.samples("driftline_drift_false_alarm_budget"))
    judge_a_thousand(runner)
    seen = scrape_of(runner)
    alarms = seen.total("driftline_drift_false_alarms_total", model="each", signal="loss")
    assert alarms > 10
    assert seen.total("driftline_drift_tested_total", model="each", signal="loss") == 1_000
    assert seen.total("driftline_drift_tested_total", model="whole", signal="loss") == 0
    [(labels, rate)] = seen.samples("driftline_drift_false_alarm_rate")
    assert labels == {**budget, "signal": "loss"}
    assert rate == alarms * 10


def test_labels_of_metrics_come_from_closed_sets():
    seen = scrape_of(runner_with_a_lane())
    for samples in seen._samples.values():
        for labels, _ in samples:
            assert not set(labels.values()) & {"k0", "k1", "k2"}, "a user's key is no label"


def test_the_dashboard_and_the_alerts_read_only_metrics_that_there_are():
    runner = runner_with_a_lane()
    judge_a_thousand(runner)
    samples = scrape_of(runner)._samples.keys() | scrape_of(runner_with_a_lane(STEPS))._samples.keys()
    families = {re.sub("_(total|bucket|count|sum|created)$", "", name) for name in samples}
    read = (ROOT / "deploy/prometheus").glob("*.yml")
    text = "".join(path.read_text() for path in read)
    text += "".join(json.dumps(json.loads(path.read_text())) for path in (ROOT / "deploy/grafana").glob("**/*.json"))
    asked = {
        re.sub("_(total|bucket|count|sum)$", "", name)
        for name in re.findall(r"driftline_(?!worker_|voice_|chat_)[a-z_]+", text)
    }
    assert asked
    assert asked <= families, asked - families


def slot_of(runner: Runner) -> ForecastSlot:
    [slot] = [slot for slot in runner.holdings["s", 0].tenure.lane.slots if slot.name == "sage"]
    return slot


def test_a_forecaster_tells_of_its_questions_and_voices_and_whether_refinement_pays():
    runner = runner_with_a_lane()
    seen, slot = scrape_of(runner), slot_of(runner)
    assert seen.total("driftline_questions_total", model="sage") == slot.asked > 0
    assert seen.total("driftline_voices_total", model="sage", voice="v") == sum(slot.heard.values()) == 2
    assert seen.total("driftline_refinements_total", model="sage") == slot.refined.windows > 0
    for metric, value in slot.refined.values().items():
        assert seen.mean("driftline_score", model="sage", metric=metric) == value
    alone, refined = (seen.mean("driftline_expert_error", expert="last", of=of) for of in ("alone", "refined"))
    assert alone == 2 * refined
    assert seen.mean("driftline_expert_weight", expert="last") > 0.0


def test_a_forecaster_tells_what_became_of_its_readings():
    runner = runner_with_a_lane(STEPS)
    seen, slot = scrape_of(runner), slot_of(runner)
    told = {labels["outcome"]: value for labels, value in seen.samples("driftline_steps_total", model="sage")}
    assert set(told) == set(bins.OUTCOMES)
    assert {outcome: count for outcome, count in told.items() if count} == slot.steps
    assert told["taken"] == 8
    assert told["missing"] > 0

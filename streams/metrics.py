"""Every metric in one file, so that a dashboard can be written from it.

Nothing is counted on the hot path for Prometheus' sake: lanes count for themselves (their counts are part of the
snapshot), and are read when a scrape comes. Names are in base units; label values come from closed sets (a stream, a
topic, a model, a reason), never from a user's key.
"""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from driftline.models.base import Gauged
from driftline.streams import bins, voices
from driftline.streams.forecast_slot import ForecastSlot
from driftline.streams.holding import CHECKPOINT_BOUNDS, Holding
from driftline.streams.lane import DELAYS
from driftline.streams.runner import Runner

OUTCOMES = ("joined", "early", "duplicate", "conflicting", "late", "unknown", "timed_out", "corrected", "evicted")
"""What becomes of a label; and of silence, where that means no: an event that was taken as labelled no (`timed_out`), a
yes that came after that (`corrected`), an event that `max_count` drove out before its window was over (`evicted`)."""

_COUNTERS = {
    "consumed": ("Messages taken from a topic.", ("stream", "topic")),
    "rejected": ("Messages that could not be used, by reason.", ("stream", "reason")),
    "dead_letters": ("Dead letters written, by reason.", ("stream", "reason")),
    "predictions": ("Predictions made.", ("stream", "model")),
    "predict_seconds": ("Time that models took to predict, in seconds.", ("stream", "model")),
    "learn_seconds": ("Time that models took to score and learn, in seconds.", ("stream", "model")),
    "labels": ("Labels, by what became of them; and events that timed out without one.", ("stream", "outcome")),
    "drifts": ("Drifts found in what is watched of a model.", ("stream", "model")),
    "drift_tested": (
        "Values in shuffled order that drift detectors were tried on, to measure false alarms.",
        ("stream", "model", "signal"),
    ),
    "drift_false_alarms": ("Alarms on these: false, for they have no order.", ("stream", "model", "signal")),
    "model_events": ("Events in a model's life, such as clusters that split, by kind.", ("stream", "model", "kind")),
    "steps": ("Readings of series, and missing steps, by what became of them.", ("stream", "model", "outcome")),
    "questions": ("Questions to voices from outside; each goes to all of them.", ("stream", "model")),
    "voices": (
        "Forecasts of voices from outside, by what became of them.",
        ("stream", "model", "voice", "outcome"),
    ),
    "refinements": ("Forecasts that were judged whole, before and after feedback.", ("stream", "model")),
    "promotions": ("Challengers that took the champion's place.", ("stream", "contest")),
    "checkpoints": ("Checkpoints written.", ("stream",)),
    "lanes_lost": ("Times that a lane was lost and had to be acquired again.", ("stream",)),
    "replayed": ("Messages handled again in the order of published predictions.", ("stream",)),
    "skipped": ("Messages that the log no longer had, passed over by the user's policy.", ("stream",)),
    "repeated": ("Messages that Kafka repeated, passed over.", ("stream",)),
}
_GAUGES = {
    "waiting": (
        "Events that wait for their label, also those that were taken as labelled no.",
        ("stream", "partition"),
    ),
    "early_labels": ("Labels that wait for their event.", ("stream", "partition")),
    "keys": ("Keys of a per-key model.", ("stream", "model", "partition")),
    "score": ("Prequential score of a model since its first label.", ("stream", "partition", "model", "metric")),
    "baseline": (
        "The same score of answering without a model.",
        ("stream", "partition", "model", "baseline", "metric"),
    ),
    "drift_false_alarm_rate": (
        "False alarms in 10,000 values, as measured on shuffled ones; none before the first thousand.",
        ("stream", "partition", "model", "signal"),
    ),
    "drift_false_alarm_budget": ("False alarms in 10,000 values that are tolerated.", ("stream", "partition", "model")),
    "champion": (
        "1 for the model that leads its contest, 0 for its challengers.",
        ("stream", "partition", "contest", "model"),
    ),
    "evidence": (
        "How far a challenger is on its way to promotion: 1 promotes, on a logarithmic scale.",
        ("stream", "partition", "contest", "model"),
    ),
    "expert_error": (
        "Mean absolute error of each expert alone, where its forecasts were judged, and of the refined ones there.",
        ("stream", "partition", "model", "expert", "of"),
    ),
    "expert_weight": (
        "What each expert counts in forecasts of the last step of the horizon, on average over the last judged ones.",
        ("stream", "partition", "model", "expert"),
    ),
    "checkpoint_age_seconds": ("Time since the last checkpoint, in seconds.", ("stream", "partition")),
    "checkpoint_bytes": ("Size of the last checkpoint, in bytes.", ("stream", "partition")),
    "restore_seconds": ("Time that the last take-over of the lane took, in seconds.", ("stream", "partition")),
    "lag": ("Messages of a topic still to be handled.", ("stream", "topic", "partition")),
    "model": (
        "A number of the model's own, such as its clusters or its bytes.",
        ("stream", "partition", "model", "name"),
    ),
    "backlog": ("Messages polled that wait for others to be handled first.", ("stream", "partition")),
    "lane_held": ("1 while this process holds the lane.", ("stream", "partition")),
}


class RunnerCollector(Collector):
    """Read a runner's lanes at each scrape; `troubles` says what is missing, by default what the runner knows of."""

    def __init__(self, runner: Runner, troubles: Callable[[], dict[str, str]] | None = None):
        self._runner = runner
        self._troubles = troubles or runner.troubles

    def collect(self) -> Iterable[Metric]:
        """Return all metric families."""
        runner = self._runner
        counters = {
            name: CounterMetricFamily(f"driftline_{name}", about, labels=labels)
            for name, (about, labels) in _COUNTERS.items()
        }
        gauges = {
            name: GaugeMetricFamily(f"driftline_{name}", about, labels=labels)
            for name, (about, labels) in _GAUGES.items()
        }
        totals: dict[str, dict[tuple[str, ...], float]] = defaultdict(lambda: defaultdict(float))
        delays = HistogramMetricFamily(
            "driftline_label_delay_seconds", "Event time between event and label, in seconds.", labels=("stream",)
        )
        pauses = HistogramMetricFamily(
            "driftline_checkpoint_seconds", "Time that a checkpoint took, in seconds.", labels=("stream",)
        )
        bins: dict[str, tuple[list[int], list[float]]] = {}
        writes: dict[str, tuple[list[int], list[float]]] = {}
        for holding in list(runner.holdings.values()):
            self._count(holding, totals)
            for name, labels, value in self._measure(holding):
                gauges[name].add_metric(labels, value)
            _pile(writes, holding.stream, holding.checkpoint_bins, holding.checkpoint_total)
            if holding.tenure is not None:
                lane = holding.tenure.lane
                _pile(bins, holding.stream, lane.delays, lane.delay_seconds)
        for name, by_labels in totals.items():
            for said, total in by_labels.items():
                counters[name].add_metric(said, total)
        for family, bounds, piles in ((delays, DELAYS, bins), (pauses, CHECKPOINT_BOUNDS, writes)):
            for stream, (counts, sums) in piles.items():
                family.add_metric([stream], _buckets(bounds, counts), sum(sums))
        yield from counters.values()
        yield from gauges.values()
        yield delays
        yield pauses
        ready = GaugeMetricFamily("driftline_ready", "1 while state is restored and broker and Redis answer.")
        ready.add_metric([], float(not self._troubles()))
        yield ready
        yield InfoMetricFamily(
            "driftline_build",
            "What runs here.",
            {
                "version": version("driftline"),
                "river": version("river"),
                "python": platform.python_version(),
            },
        )

    def _count(self, holding: Holding, totals: Any) -> None:
        stream, tenure = holding.stream, holding.tenure
        totals["lanes_lost"][stream,] += holding.losses
        totals["checkpoints"][stream,] += holding.checkpoints
        if tenure is None:
            return
        lane = tenure.lane
        counts = dict(lane.counts)
        totals["consumed"][stream, lane.events] += counts.get("events", 0)
        totals["consumed"][stream, lane.labels] += counts.get("labels", 0)
        totals["repeated"][stream,] += counts.get("repeated", 0)
        totals["replayed"][stream,] += tenure.replayed
        totals["skipped"][stream,] += tenure.skipped
        for outcome in OUTCOMES:
            totals["labels"][stream, outcome] += counts.get(f"labels/{outcome}", 0)
        for name, value in counts.items():
            kind, _, reason = name.partition("/")
            if kind == "rejected":
                totals["rejected"][stream, reason] += value
                totals["dead_letters"][stream, reason] += value
        for slot in lane.slots:
            totals["predictions"][stream, slot.name] += slot.predicted
            totals["predict_seconds"][stream, slot.name] += slot.predict_seconds
            totals["learn_seconds"][stream, slot.name] += slot.learn_seconds
            totals["drifts"][stream, slot.name] += slot.drifts
            for signal, twin in slot.watch.twins():
                totals["drift_tested"][stream, slot.name, signal] += twin.tested
                totals["drift_false_alarms"][stream, slot.name, signal] += twin.alarms
            if isinstance(slot, ForecastSlot):
                totals["refinements"][stream, slot.name] += slot.refined.windows
                totals["questions"][stream, slot.name] += slot.asked
                if slot.config.step_seconds is not None:
                    for outcome in bins.OUTCOMES:
                        totals["steps"][stream, slot.name, outcome] += slot.steps[outcome]
                expected = [f"{voice}/{outcome}" for voice in slot.config.voices for outcome in voices.OUTCOMES]
                for who in {*expected, *slot.heard}:  # and those of voices that nobody knows
                    totals["voices"][stream, slot.name, *who.rsplit("/", 1)] += slot.heard[who]
            for kind, count in slot.told.items():
                totals["model_events"][stream, slot.name, kind] += count
        for contest in lane.contests.values():
            totals["promotions"][stream, contest.name] += contest.promotions

    def _measure(self, holding: Holding) -> Iterator[tuple[str, list[str], float]]:
        stream, partition, tenure = holding.stream, str(holding.partition), holding.tenure
        yield "lane_held", [stream, partition], float(tenure is not None)
        if tenure is None:
            return
        lane = tenure.lane
        yield "waiting", [stream, partition], lane.waiting.open
        yield "early_labels", [stream, partition], len(lane.waiting.early)
        yield "checkpoint_age_seconds", [stream, partition], max(0.0, self._runner.clock() - holding.checkpoint_at)
        yield "checkpoint_bytes", [stream, partition], tenure.size
        yield "restore_seconds", [stream, partition], holding.restore_seconds
        yield "backlog", [stream, partition], len(tenure.order)
        for topic, end in dict(holding.ends).items():
            if end >= 0:
                yield "lag", [stream, topic, partition], max(0, end - lane.offsets[topic])
        for slot in lane.slots:
            if slot.watch.on:
                yield "drift_false_alarm_budget", [stream, partition, slot.name], slot.config.drift.budget
            for signal, twin in slot.watch.twins():
                if twin.rate is not None:
                    yield "drift_false_alarm_rate", [stream, partition, slot.name, signal], twin.rate
            if isinstance(slot, ForecastSlot):
                for metric, value in slot.refined.values().items():
                    yield "score", [stream, partition, slot.name, metric], value
                for expert, (alone, refined) in slot.refined.experts().items():
                    yield "expert_error", [stream, partition, slot.name, expert, "alone"], alone
                    yield "expert_error", [stream, partition, slot.name, expert, "refined"], refined
                for expert, value in slot.refined.weights.items():
                    yield "expert_weight", [stream, partition, slot.name, expert], value
            if slot.keyed is not None:
                yield "keys", [stream, slot.name, partition], len(slot.keyed)
            elif isinstance(slot.model, Gauged):
                for name, value in slot.model.gauges().items():
                    yield "model", [stream, partition, slot.name, name], value
        for name, contest in lane.contests.items():
            for model in contest.config.models:
                yield "champion", [stream, partition, name, model], float(model == contest.champion)
            for model, share in contest.progress().items():
                yield "evidence", [stream, partition, name, model], share
        for model, (scores, baselines) in lane.scores().items():
            for metric, value in scores.values().items():
                yield "score", [stream, partition, model, metric], value
            for name, board in baselines.items():
                for metric, value in board.values().items():
                    yield "baseline", [stream, partition, model, name, metric], value


def _pile(piles: dict[str, tuple[list[int], list[float]]], stream: str, counts: Iterable[int], total: float) -> None:
    bins = list(counts)
    if stream in piles:
        had, sums = piles[stream]
        had[:] = [one + other for one, other in zip(had, bins, strict=True)]
        sums.append(total)
    else:
        piles[stream] = (bins, [total])


def _buckets(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    """Cumulative counts, as Prometheus has them."""
    total = 0
    said: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        total += count
        said.append((bound, total))
    return said

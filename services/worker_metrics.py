"""The metrics of a side worker, read from its counts when a scrape comes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from driftline.services.worker import HeavyWorker

_COUNTERS = {
    "batches": ("Batches that were answered.", ()),
    "answers": ("Answers of the heavy model.", ()),
    "fallbacks": ("Answers of the light model in its place, by reason.", ("reason",)),
    "failures": ("Batches that the model failed on.", ()),
    "device_seconds": ("Time that the model took, in seconds, to answer or to learn.", ("what",)),
    "learnt": ("Labels that were learnt.", ()),
    "steps": ("Steps of learning.", ()),
    "unlearnt": ("Joined events that were not learnt, by reason.", ("reason",)),
    "swaps": ("Versions that began to serve.", ()),
    "refused": ("Versions that did not pass the canary.", ()),
    "rollbacks": ("Versions that were taken back.", ()),
    "requests_dropped": ("Requests that were not answered here, by reason.", ("reason",)),
    "promotions": ("Challengers that took the champion's place.", ("contest",)),
    "drifts": ("Drifts found in the loss.", ()),
    "served_labels": ("Labels, by what had been served for their event.", ("what",)),
}
_GAUGES = {
    "queue": ("Requests that wait to be answered.", ()),
    "batch_size": ("Events of the last batches, on average.", ()),
    "pending": ("Joined events that wait to be learnt.", ()),
    "version_age_seconds": ("Time since the version that serves was made, in seconds.", ()),
    "version_learnt": ("Labels that the version that serves had learnt.", ()),
    "canary_loss": ("Mean loss on the last labels, at the last comparison.", ("which",)),
    "score": ("Prequential score of what the model answered, since its first label.", ("metric",)),
    "baseline": ("The same score of answering without a model.", ("baseline", "metric")),
    "champion": ("1 for the model that leads its contest, 0 for its challengers.", ("contest", "candidate")),
    "model": ("A number of the model's own.", ("name",)),
    "ready": ("1 while the worker can do its work.", ()),
}


class WorkerCollector(Collector):
    """Read a worker at each scrape."""

    def __init__(self, worker: HeavyWorker):
        self._worker = worker

    def collect(self) -> Iterable[Metric]:
        """Return all metric families."""
        worker = self._worker
        who = (worker.stream, worker.name)
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for name, (about, labels) in _COUNTERS.items():
            families[name] = CounterMetricFamily(f"driftline_worker_{name}", about, labels=("stream", "model", *labels))
        for name, (about, labels) in _GAUGES.items():
            families[name] = GaugeMetricFamily(f"driftline_worker_{name}", about, labels=("stream", "model", *labels))

        def say(name: str, value: float, *labels: str) -> None:
            families[name].add_metric((*who, *labels), value)

        serving = worker.serving
        say("batches", worker.batches)
        say("answers", serving.answered)
        for reason in ("late", "failed", "cold"):
            say("fallbacks", serving.fallbacks[reason], reason)
        say("failures", serving.failures)
        say("device_seconds", serving.seconds, "predict")
        say("swaps", serving.swaps)
        say("rollbacks", serving.rollbacks)
        say("queue", worker.queue)
        answered = serving.answered + sum(serving.fallbacks.values())
        say("batch_size", answered / worker.batches if worker.batches else 0.0)
        say("ready", 0.0 if worker.trouble else 1.0)
        version = serving.version
        if version is not None:
            say("version_age_seconds", max(0.0, time.time() - version.told["at"]))
            say("version_learnt", version.told["learnt"])
        for reason in ("repeated", "void", "unreadable", "skipped"):
            say("requests_dropped", sum(desk.counts[reason] for desk in list(worker.desks.values())), reason)
        teaching = worker.teaching
        if teaching is not None:
            learner, judge = teaching.learner, teaching.learner.judge
            say("device_seconds", teaching.seconds, "learn")
            say("learnt", learner.learnt)
            say("steps", learner.steps)
            for reason in ("repeated", "missing", "unreadable", "failed", "trimmed"):
                say("unlearnt", learner.counts[reason], reason)
            say("refused", teaching.refused)
            say("pending", len(learner.pending))
            say("drifts", judge.counts["drifts"])
            for what in ("answered", "absent", "fallback/late", "fallback/failed", "fallback/cold", "strange"):
                say("served_labels", judge.counts[what], what.replace("/", "_"))
            if teaching.verdict is not None:
                say("canary_loss", teaching.verdict.before, "serving")
                say("canary_loss", teaching.verdict.after, "candidate")
            for metric, value in judge.scores.values().items():
                say("score", value, metric)
            for baseline, scores in judge.panel.scores.items():
                for metric, value in scores.values().items():
                    say("baseline", value, baseline, metric)
            contest = judge.contest
            if contest is not None:
                say("promotions", contest.promotions, contest.name)
                for model in contest.config.models:
                    say("champion", float(model == contest.champion), contest.name, model)
            for name, value in learner.model.gauges().items():
                say("model", value, name)
        return families.values()

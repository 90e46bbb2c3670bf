"""The metrics of voices in the worker, read from their counts when a scrape comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from driftline.services.voice_worker import VoiceWorker

WHO = ("stream", "model", "voice")


class VoiceCollector(Collector):
    """Read a worker of voices at each scrape."""

    def __init__(self, worker: VoiceWorker):
        self._worker = worker

    def collect(self) -> Iterable[Metric]:
        """Return all metric families."""
        from driftline.services.voice_worker import OUTCOMES

        worker, who = self._worker, (self._worker.stream, self._worker.model)
        questions = CounterMetricFamily(
            "driftline_voice_questions", "Questions of forecasters, by what became of them.", labels=(*WHO, "outcome")
        )
        seconds = CounterMetricFamily(
            "driftline_voice_seconds", "Time that the voice took to forecast, in seconds.", labels=WHO
        )
        batches = CounterMetricFamily("driftline_voice_batches", "Batches of questions.", labels=WHO[:2])
        ready = GaugeMetricFamily("driftline_voice_ready", "1 while questions are heard.", labels=WHO[:2])
        for name in worker.voices:
            seconds.add_metric((*who, name), worker.seconds[name])
            for outcome in OUTCOMES:
                questions.add_metric((*who, name, outcome), worker.counts[name, outcome])
        batches.add_metric(who, worker.batches)
        ready.add_metric(who, 0.0 if worker.trouble else 1.0)
        return (questions, seconds, batches, ready)

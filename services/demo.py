"""The demo: real streams through a whole Driftline, a kill -9 half-way, and the proof that nothing was lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from driftline.services.publisher import Published, publish
from driftline.services.replay import Verdict, verify
from driftline.services.scrape import Scrape, scrape
from driftline.services.sources.shuttle import Shuttle
from driftline.services.sources.source import Source
from driftline.services.sources.synthetic import Synthetic
from driftline.services.sources.water_flow import WaterFlow
from driftline.services.sources.yeast import Yeast
from driftline.services.up import Stack

CONFIG = Path(__file__).with_name("demo.toml")
"""The streams of the demo."""
FLIP_AT = 6_000
"""The event of the made stream at which its concept flips."""
METRICS = (
    ("yeast", "binary-relevance", "micro_f1"),
    ("yeast", "ihomer", "micro_f1"),
    ("sensors", "tree", "f1"),
    ("flow", "least-squares", "mae_horizon"),
    ("flipped", "logistic", "accuracy"),
)
"""The scores that are shown: stream, model, score."""
SETTLE_SECONDS = 60.0
"""How long the last messages may take."""


@dataclass
class Standing:
    """One line of the table: a model's score beside the best of its baselines."""

    stream: str
    model: str
    metric: str
    score: float | None
    baseline: tuple[str, float] | None

    @property
    def ahead(self) -> bool | None:
        """Whether the model is better than its best baseline; errors are better when lower."""
        if self.score is None or self.baseline is None:
            return None
        lower = self.metric in LOWER_IS_BETTER
        return self.score < self.baseline[1] if lower else self.score > self.baseline[1]


LOWER_IS_BETTER = ("mae", "rmse", "mae_horizon", "log_loss", "hamming")


@dataclass
class View:
    """What is to be seen at one moment."""

    seconds: float
    published: int
    total: int
    handled: int
    rate: float
    """Events and labels handled a second."""
    standings: list[Standing] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    drifts: dict[str, int] = field(default_factory=dict)
    alive: bool = True


class Demo:
    """Run the demo on a stack whose servers have been started.

    `seconds` is how long the publishers take; `say` is told what happens, `show` what is to be seen each second.
    """

    def __init__(self, stack: Stack, seconds: float, say: Callable[[str], None], show: Callable[[View], None]):
        self.stack = stack
        self.seconds = seconds
        self.say = say
        self.show = show
        self._counts: dict[str, Published] = {}
        self._errors: list[BaseException] = []
        self._stop = threading.Event()
        self._total = 0
        self._last = (0.0, 0)
        self._started = time.monotonic()

    def run(self) -> list[Verdict]:
        """Publish, kill, restart, wait for the end, and prove each lane."""
        stack = self.stack
        stack.start_streams()
        threads = [threading.Thread(target=self._publish, args=(one,), daemon=True) for one in self._sources()]
        self._started = time.monotonic()
        for thread in threads:
            thread.start()
        killed = False
        try:
            while any(thread.is_alive() for thread in threads):
                time.sleep(1.0)
                self._look()
                if not killed and self._published() >= self._total / 2:
                    killed = True
                    self._kill()
            if self._errors:
                raise self._errors[0]
            if not killed:
                self._kill()
            self._settle()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(10)
        self.say("all is handled: the streams process stops, with a last checkpoint")
        stack.stop_streams()
        self.say("proof: each lane is rebuilt from the log alone, in the order that its predictions tell")
        return list(self._prove())

    def _sources(self) -> list[Source]:
        start = time.time() - 40_000
        sources: list[Source] = [
            Yeast("yeast", start=start),
            Shuttle("sensors", start=start, limit=8_000),
            WaterFlow("flow"),
            Synthetic("flipped", count=2 * FLIP_AT, drift_at=FLIP_AT, start=start),
        ]
        self._total = sum(source.total or 0 for source in sources)
        return sources

    def _publish(self, source: Source) -> None:
        records = list(source)
        span = records[-1].at - records[0].at
        stream = records[0].stream

        def count(published: Published) -> None:
            self._counts[stream] = published

        try:
            kafka = self.stack.settings.kafka
            publish(
                source,
                kafka.brokers,
                self.stack.settings.streams,
                speed=span / self.seconds,
                on_progress=count,
                stop=self._stop,
                client=kafka.client,
            )
        except BaseException as error:  # told in the main thread
            self._errors.append(error)

    def _published(self) -> int:
        return sum(count.records for count in self._counts.values())

    def _kill(self) -> None:
        pid = self.stack.streams_pid
        self.stack.kill_streams()
        self.say(f"kill -9 {pid}: the streams process is gone, the publishers go on")
        self._look()
        time.sleep(1.0)
        began = time.monotonic()
        self.stack.start_streams()
        self.say(f"a new one holds all lanes again after {time.monotonic() - began:.1f} s")

    def _settle(self) -> None:
        """Wait until everything published has been handled."""
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            view = self._look()
            if view.handled >= self._published():
                return
            time.sleep(1.0)
        raise TimeoutError(f"not all was handled within {SETTLE_SECONDS:g} s: see {self.stack.log}")

    def _look(self) -> View:
        seen = scrape(self.stack.metrics_url)
        now = time.monotonic() - self._started
        view = View(now, self._published(), self._total, self._last[1], 0.0, alive=seen is not None)
        if seen is not None:
            view.handled = int(seen.total("driftline_consumed_total"))
            before, had = self._last
            view.rate = max(0.0, (view.handled - had) / max(now - before, 1e-3))
            view.standings = [self._standing(seen, *shown) for shown in METRICS]
            for labels, value in seen.samples("driftline_labels_total"):
                view.outcomes[labels["outcome"]] = view.outcomes.get(labels["outcome"], 0) + int(value)
            for labels, value in seen.samples("driftline_drifts_total"):
                if value:
                    view.drifts[f"{labels['stream']}/{labels['model']}"] = int(value)
            self._last = (now, view.handled)
        self.show(view)
        return view

    def _standing(self, seen: Scrape, stream: str, model: str, metric: str) -> Standing:
        score = seen.mean("driftline_score", stream=stream, model=model, metric=metric)
        names = {labels["baseline"] for labels, _ in seen.samples("driftline_baseline", stream=stream, metric=metric)}
        found = [(name, seen.mean("driftline_baseline", stream=stream, baseline=name, metric=metric)) for name in names]
        rated = [(name, value) for name, value in found if value is not None]
        best = None
        if rated:
            pick = min if metric in LOWER_IS_BETTER else max
            best = pick(rated, key=lambda pair: pair[1])
        return Standing(stream, model, metric, score, best)

    def _prove(self) -> Iterator[Verdict]:
        for stream, config in self.stack.settings.streams.items():
            for partition in range(config.partitions):
                yield verify(self.stack.settings, stream, partition)

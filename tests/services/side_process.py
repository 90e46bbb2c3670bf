"""A side worker as a process of its own, on the servers of a bench, for tests that kill, freeze and stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from live import Bench, eventually

from driftline.services.reader import Reader
from driftline.services.scrape import Scrape, scrape
from driftline.services.servers.process import free_port


class Side:
    """A worker process on the bench's servers."""

    def __init__(self, bench: Bench, model: str = "wide", ready: str = "driftline_worker_ready"):
        self.bench, self.model, self.ready = bench, model, ready
        self.port = free_port()
        shared = Path(__file__).parents[1] / "shared"
        self.env = {
            **os.environ,
            **bench.env,
            "DRIFTLINE_WORKER__PORT": str(self.port),
            "PYTHONPATH": f"{shared}:{os.environ.get('PYTHONPATH', '')}",
        }
        self.child: subprocess.Popen | None = None

    def start(self, **more: str) -> None:
        """Start it, and wait until it is ready."""
        command = [sys.executable, "-m", "driftline", "worker", "--config", str(self.bench.path)]
        command += ["--stream", "s", "--model", self.model]
        self.log = (self.bench.folder / "worker.log").open("ab")
        self.child = subprocess.Popen(command, env={**self.env, **more}, stdout=self.log, stderr=self.log)
        if not more:
            eventually(lambda: self.seen is not None and self.seen.total(self.ready), "a ready worker")

    @property
    def seen(self) -> Scrape | None:
        """Its metrics now, if it answers."""
        try:
            return scrape(f"http://127.0.0.1:{self.port}/metrics")
        except OSError:
            return None

    def total(self, name: str, **labels: str) -> float:
        """The sum of one metric."""
        seen = self.seen
        if seen is None:
            return 0.0
        return sum(seen.total(f"driftline_worker_{name}{end}", **labels) for end in ("", "_total"))

    def kill(self) -> None:
        """As the kernel would when memory runs out."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(10)

    def stop(self) -> int:
        """As an orchestrator would."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(15)


def of_clicks(bench: Bench, models: str) -> Bench:
    """Let the bench's stream be one of clicks, with these models (lines of TOML)."""
    bench.write("", "")
    text = bench.path.read_text().replace('kind = "sensor"', 'kind = "click"')
    bench.path.write_text(text.replace("[streams.s.models]\n\n", models))
    return bench


def answers(bench: Bench, model: str = "wide") -> dict[str, Any]:
    """The heavy model's answers that count, each once, by event."""
    settings = bench.settings
    with Reader(settings.kafka.brokers, settings.streams["s"].heavy_topic(model)) as reader:
        found = list(reader)
    assert len({one.of for one in found}) == len(found)
    return {one.of: one for one in found}

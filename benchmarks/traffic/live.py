"""Ten thousand cells through Kafka, Redis and the streams process: one refined forecast for each cell and minute.

Not part of `make bench-traffic`, for it takes minutes and wants the machine for itself:

    python -m benchmarks.traffic.live
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer

from driftline.models.forecasting.traffic_streams import traffic
from driftline.services.publisher import publish
from driftline.services.scrape import scrape
from driftline.services.settings import load
from driftline.services.sources.source import START, Record
from driftline.services.up import Stack
from driftline.streams.events import TrafficEvent

CONFIG = """
app = "cells"
data = "{folder}"
[streams.cells]
kind = "traffic"
topic = "cells"
partitions = 2
[streams.cells.models.volume]
class = "trafficllm"
per = "key"
target = "bytes"
step_seconds = 60.0
season = 24
horizon = 24
"""
app = typer.Typer(add_completion=False)


class Minutes:
    """Each minute a reading of each cell."""

    def __init__(self, cells: int, first: int, minutes: int):
        self.volumes = traffic(n=first + minutes, cells=cells, season=24).volumes
        self.first, self.total = first, cells * minutes

    def __iter__(self):  # type: ignore[no-untyped-def]
        for minute, row in enumerate(self.volumes[self.first :], self.first):
            at = START + 60 * minute
            for cell, y in enumerate(row.tolist()):
                event = TrafficEvent(id=f"{cell}-{minute}", at=at, cell=f"c{cell}", x={"bytes": y})
                yield Record(at, "cells", "event", event.key, event)


@app.command()
def main(
    cells: Annotated[int, typer.Option(min=1, help="Cells.")] = 10_000,
    minutes: Annotated[int, typer.Option(min=1, max=60, help="Minutes, at their real pace.")] = 3,
    before: Annotated[int, typer.Option(min=0, help="Minutes that are sent at once before.")] = 30,
) -> None:
    """Measure how long each minute's forecasts take, and what the streams process and Redis need."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "driftline.toml"
        config.write_text(CONFIG.format(folder=folder / "data"))
        os.environ["DRIFTLINE_WEB__PORT"] = "0"
        with Stack(load(config), config) as stack:
            kafka, streams = stack.settings.kafka.brokers, stack.settings.streams
            started = time.monotonic()
            publish(Minutes(cells, 0, before), kafka, streams)
            _wait(stack, cells * before)
            typer.echo(f"{cells * before:,} readings of before: {time.monotonic() - started:.0f} s")
            process = _process()
            used, waits = process.cpu_times(), []
            began = time.monotonic()
            sender = threading.Thread(
                target=publish, args=(Minutes(cells, before, minutes), kafka, streams), kwargs={"speed": 1.0}
            )
            sender.start()
            for minute in range(1, minutes + 1):
                _wait(stack, cells * (before + minute))
                waits.append(time.monotonic() - began - 60.0 * (minute - 1))
            sender.join()
            spent = time.monotonic() - began
            after = process.cpu_times()
            cpu = after.user + after.system - used.user - used.system
            seen = scrape(stack.metrics_url)
            assert seen is not None
            said = {
                "cells": cells,
                "minutes": minutes,
                "seconds_until_all_forecasts": [round(wait, 1) for wait in waits],
                "cpu_ms_per_forecast": round(1e3 * cpu / (cells * minutes), 3),
                "cores": round(cpu / spent, 2),
                "resident_mb": round(process.memory_info().rss / 1e6),
                "last_checkpoint_mb": round(seen.total("driftline_checkpoint_bytes") / 1e6, 1),
                "coverage": seen.mean("driftline_score", metric="coverage"),
                "mae_first": seen.mean("driftline_score", metric="mae_first"),
                "mae_refined": seen.mean("driftline_score", metric="mae_refined"),
            }
            typer.echo(json.dumps(said, indent=2))


def _process() -> psutil.Process:
    """The streams process that was started."""
    for child in psutil.Process().children(recursive=True):
        if "streams" in child.cmdline():
            return child
    raise RuntimeError("no streams process")


def _wait(stack: Stack, count: int) -> None:
    while True:
        seen = scrape(stack.metrics_url)
        done = 0.0 if seen is None else seen.total("driftline_predictions_total", model="volume")
        if done >= count:
            return
        time.sleep(0.2)


if __name__ == "__main__":
    app()

"""Real metrics of the Numenta Anomaly Benchmark with its labelled windows, as events."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from benchmarks.clustering.metric import Metric, features

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sensors" / "nab"


def metrics(folder: Path) -> Iterator[Metric]:
    """Read all metrics of a folder: `*.csv` files (`timestamp,value`) beside a `combined_windows.json`.

    In the names there is `/` where the files' have `__`.
    """
    windows = json.loads((folder / "combined_windows.json").read_text(encoding="utf-8"))
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if np.isfinite(float(row["value"] or "nan"))]
        at = [datetime.fromisoformat(row["timestamp"]) for row in rows]
        ends = [tuple(map(datetime.fromisoformat, pair)) for pair in windows.get(path.name.replace("__", "/"), [])]
        when = np.array([moment.timestamp() for moment in at])
        marked = [
            (int(np.searchsorted(when, a.timestamp())), int(np.searchsorted(when, b.timestamp(), "right")) - 1)
            for a, b in ends
        ]
        hours = [moment.hour + moment.minute / 60.0 for moment in at]
        X = features(np.array([float(row["value"]) for row in rows]), np.array(hours))
        yield Metric(path.stem.partition("__")[2] or path.stem, X, [(a, b) for a, b in marked if b >= a])

"""Scores of strangeness on real metrics with labelled windows, ours beside River's detectors.

`python -m benchmarks.clustering.nab` measures and prints; with `--ours` the others' figures stay as they are. Other
series are taken by `--data`: `*.csv` files (`timestamp,value`) beside a `combined_windows.json`, whose names have `/`
where the files' have `__`. Nothing here is set by looking at a series.
"""

import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from river import anomaly, compose, preprocessing

from benchmarks.clustering import nab_scoring as scoring
from benchmarks.clustering import ours
from benchmarks.multilabel.results import parsed, read, write
from driftline.models.base import Array

DOCS = Path(__file__).resolve().parents[2] / "docs"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "sensors" / "nab"
LAGS = 8
"""Values before the event's own that it carries."""
FALSE_ALARMS = 5.0
"""Per thousand events outside of windows: what a threshold may let through where windows caught are counted."""
SHARE = 0.005
"""Of the scores so far: what is above all but that many is an alarm, where nothing is chosen with labels."""
SEEDS = (0, 1, 2)
THRESHOLDS = 400


class Series(NamedTuple):
    """A metric as events."""

    name: str
    X: Array
    """(n, 2 + LAGS + 2): value, change, the values before, and sine and cosine of the hour of day."""
    windows: scoring.Windows


@dataclass(frozen=True)
class Row:
    """One method on one series."""

    method: str
    seed: int
    series: str
    n: int
    windows: int
    auc: float
    caught: int
    """Windows found at `FALSE_ALARMS`."""
    needed: float
    """False alarms per 1,000 events that a threshold lets through that finds a window, the sum over the windows."""
    nab: float
    """Raw NAB score with the one threshold for all series that is best: chosen with labels, as NAB does it."""
    nab_blind: float
    """Raw NAB score of alarms above all but `SHARE` of the scores so far."""
    blind_false: float
    """False alarms of those per 1,000 events."""
    us: float
    """CPU of an event, scored and learnt, in µs."""


def series(folder: Path) -> Iterator[Series]:
    """Read all series of a folder."""
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
        yield Series(path.stem.partition("__")[2] or path.stem, X, [(a, b) for a, b in marked if b >= a])


def features(value: Array, hour: Array) -> Array:
    """Return events (n, 2 + LAGS + 2); before the first value there was the first.

    >>> features(np.array([1.0, 3.0]), np.array([0.0, 6.0])).round(6)[1].tolist()
    [3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    long = np.concatenate([np.full(LAGS, value[0]), value])
    lags = np.lib.stride_tricks.sliding_window_view(long, LAGS + 1)[:, ::-1]
    turn = 2.0 * np.pi * hour / 24.0
    return np.column_stack([lags[:, 0], lags[:, 0] - lags[:, 1], lags[:, 1:], np.sin(turn), np.cos(turn)])


def _river(model: Any, X: Array) -> Array:
    scores = np.zeros(len(X))
    for i, row in enumerate(X.tolist()):
        x = dict(enumerate(row))
        scores[i] = model.score_one(x)
        model.learn_one(x)
    return scores


def _trees(X: Array, seed: int) -> Array:
    return _river(compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=seed)), X)


def _loda(X: Array, seed: int) -> Array:
    return _river(compose.Pipeline(preprocessing.StandardScaler(), anomaly.LODA(seed=seed)), X)


def _z(X: Array, seed: int) -> Array:
    value, n = X[:, 0], np.arange(1, len(X) + 1)
    centred = value - value[0]
    mean, square = centred.cumsum() / n, (centred**2).cumsum() / n
    sd = np.sqrt(np.maximum(square - mean**2, 0.0))
    scores = np.zeros(len(X))
    scores[1:] = np.abs(centred[1:] - mean[:-1]) / np.where(sd[:-1] > 1e-12, sd[:-1], 1.0)
    return scores


def _chance(X: Array, seed: int) -> Array:
    return np.random.default_rng(seed).random(len(X))


Method = Callable[[Array, int], Array]
METHODS: dict[str, tuple[Method, tuple[int, ...]]] = {
    "River HalfSpaceTrees": (_trees, SEEDS),
    "River LODA": (_loda, SEEDS),
    "running z-score of the value": (_z, (0,)),
    "random": (_chance, SEEDS),
}


def measure(name: str, method: Method, seed: int, all_series: list[Series]) -> list[Row]:
    """Score all series by one method."""
    scored, cost = [], []
    for one in all_series:
        began = time.process_time()
        scored.append(method(one.X, seed))
        cost.append(1e6 * (time.process_time() - began) / len(one.X))
    best = _best_threshold(scored, all_series)
    rows = []
    for scores, one, us in zip(scored, all_series, cost, strict=True):
        n, begin = len(scores), scoring.probation(len(scores))
        marked = scoring.inside(one.windows, n)
        alarms = scoring.blind_alarms(scores, SHARE)
        rows.append(
            Row(
                name, seed, one.name, n, scoring.counted(one.windows, n),
                round(scoring.auc(scores[begin:], marked[begin:]), 4),
                scoring.caught(scores, one.windows, FALSE_ALARMS),
                round(float(scoring.needed(scores, one.windows).sum()), 2),
                round(scoring.nab(scores >= best, one.windows), 4),
                round(scoring.nab(alarms, one.windows), 4),
                round(1e3 * float((alarms & ~marked)[begin:].sum()) / max(1, int((~marked)[begin:].sum())), 2),
                round(us, 1),
            )
        )  # fmt: skip
    return rows


def _best_threshold(scored: list[Array], all_series: list[Series]) -> float:
    held = np.concatenate([scores[scoring.probation(len(scores)) :] for scores in scored])
    tried = np.unique(np.quantile(held, 1.0 - np.geomspace(1e-5, 0.2, THRESHOLDS)))
    gains = [
        sum(scoring.nab(scores >= threshold, one.windows) for scores, one in zip(scored, all_series, strict=True))
        for threshold in tried
    ]
    none = sum(scoring.nab(np.zeros(len(one.X), bool), one.windows) for one in all_series)
    return float(tried[int(np.argmax(gains))]) if max(gains) > none else float("inf")


def run(path: Path, data: Path = DATA, only_ours: bool = False) -> list[Row]:
    """Measure, keep the rows in a CSV file, and return them all."""
    kept: dict[tuple[str, int], list[Row]] = {}
    for row in (parsed(Row, row) for row in read(path)):
        if row.method in (ours.NAME, *METHODS):
            kept.setdefault((row.method, row.seed), []).append(row)
    all_series = list(series(data))
    methods = {ours.NAME: (ours.strangeness, (0,))} | ({} if only_ours and kept else METHODS)
    for name, (method, seeds) in methods.items():
        for seed in seeds:
            kept[name, seed] = measure(name, method, seed, all_series)
            write(path, [asdict(row) for rows in kept.values() for row in rows])
    return [row for rows in kept.values() for row in rows]


def tables(rows: list[Row]) -> str:
    """Return what was measured as two tables."""
    names = [ours.NAME, *METHODS]
    series = list(dict.fromkeys(row.series for row in rows))
    total = ["| | mean AUC | windows caught | per window | NAB | NAB, blind | false alarms, blind | µs an event |"]
    total.append("|---|" + "---:|" * 7)
    single = [f"| AUC | {' | '.join(series)} |", "|---|" + "---:|" * len(series)]
    for name in names:
        some = [row for row in rows if row.method == name]
        if not some:
            continue
        seeds = len({row.seed for row in some})
        windows = sum(row.windows for row in some)
        false = np.average([row.blind_false for row in some], weights=[row.n for row in some])
        us = np.average([row.us for row in some], weights=[row.n for row in some])
        total.append(
            f"| {name} | {np.nanmean([row.auc for row in some]):.3f} | "
            f"{sum(row.caught for row in some) / seeds:.1f} of {windows / seeds:.0f} | "
            f"{sum(row.needed for row in some) / windows:.1f} | "
            f"{scoring.normalised(sum(row.nab for row in some), windows):.1f} | "
            f"{scoring.normalised(sum(row.nab_blind for row in some), windows):.1f} | {false:.1f} | {us:,.0f} |"
        )
        each = [np.mean([row.auc for row in some if row.series == one]) for one in series]
        single.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in each)} |")
    return "\n".join(total) + "\n\n" + "\n".join(single)


def main(
    only_ours: Annotated[bool, typer.Option("--ours", help="Leave the others' figures as they are.")] = False,
    data: Annotated[Path, typer.Option(help="Where the series are.", show_default=False)] = DATA,
    out: Annotated[Path | None, typer.Option(help="Takes the figures; docs, or nothing for other series.")] = None,
) -> None:
    """Print the tables."""
    if not (data / "combined_windows.json").exists():
        typer.echo(f"no combined_windows.json in {data}: nothing was measured")
        raise typer.Exit(1)
    if out is None:
        folder = DOCS if data == DATA else Path(tempfile.mkdtemp(prefix="nab-"))
        out = folder / "clustering-nab.csv"
    typer.echo(tables(run(out, data, only_ours)))


if __name__ == "__main__":
    typer.run(main)

"""Scores of strangeness on metrics with labelled windows, ours beside River's detectors.

`python -m benchmarks.clustering.strangeness` measures on NAB's metrics and prints, with `--made` on made ones; with
`--ours` the others' figures stay as they are. Other series are taken by `--data`, as `nab.metrics` reads them.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from river import anomaly, compose, preprocessing

from benchmarks.clustering import made_metrics, nab, ours
from benchmarks.clustering import nab_scoring as scoring
from benchmarks.clustering.metric import Metric
from benchmarks.multilabel.results import parsed, read, write
from driftline.models.base import Array

DOCS = Path(__file__).resolve().parents[2] / "docs"
FALSE_ALARMS = 5.0
"""Per thousand events outside of windows: what a threshold may let through where windows caught are counted."""
SHARE = 0.005
"""Of the scores so far: what is above all but that many is an alarm, where nothing is chosen with labels."""
SEEDS = (0, 1, 2)
THRESHOLDS = 400


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


def measure(name: str, method: Method, seed: int, metrics: list[Metric]) -> list[Row]:
    """Score all metrics by one method."""
    scored, cost = [], []
    for one in metrics:
        began = time.process_time()
        scored.append(method(one.X, seed))
        cost.append(1e6 * (time.process_time() - began) / len(one.X))
    best = _best_threshold(scored, metrics)
    rows = []
    for scores, one, us in zip(scored, metrics, cost, strict=True):
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


def _best_threshold(scored: list[Array], metrics: list[Metric]) -> float:
    held = np.concatenate([scores[scoring.probation(len(scores)) :] for scores in scored])
    tried = np.unique(np.quantile(held, 1.0 - np.geomspace(1e-5, 0.2, THRESHOLDS)))
    gains = [
        sum(scoring.nab(scores >= threshold, one.windows) for scores, one in zip(scored, metrics, strict=True))
        for threshold in tried
    ]
    none = sum(scoring.nab(np.zeros(len(one.X), bool), one.windows) for one in metrics)
    return float(tried[int(np.argmax(gains))]) if max(gains) > none else float("inf")


def run(path: Path, metrics: list[Metric], only_ours: bool = False) -> list[Row]:
    """Measure, keep the rows in a CSV file, and return them all."""
    kept: dict[tuple[str, int], list[Row]] = {}
    for row in (parsed(Row, row) for row in read(path)):
        if row.method in (ours.NAME, *METHODS):
            kept.setdefault((row.method, row.seed), []).append(row)
    methods = {ours.NAME: (ours.strangeness, (0,))} | ({} if only_ours and kept else METHODS)
    for name, (method, seeds) in methods.items():
        for seed in seeds:
            kept[name, seed] = measure(name, method, seed, metrics)
            write(path, [asdict(row) for rows in kept.values() for row in rows])
    return [row for rows in kept.values() for row in rows]


def tables(rows: list[Row]) -> str:
    """Return what was measured as two tables; metrics of one kind, `KIND, SEED`, share a column."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kinds.setdefault(row.series.partition(",")[0], []).append(row)
    total = ["| | mean AUC | windows caught | per window | NAB | NAB, blind | false alarms, blind | µs an event |"]
    total.append("|---|" + "---:|" * 7)
    single = [f"| AUC | {' | '.join(kinds)} |", "|---|" + "---:|" * len(kinds)]
    for name in (ours.NAME, *METHODS):
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
        each = [np.nanmean([row.auc for row in one if row.method == name]) for one in kinds.values()]
        single.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in each)} |")
    return "\n".join(total) + "\n\n" + "\n".join(single)


def made_tables(rows: list[Row]) -> str:
    """Return two tables for the made metrics on which ours was chosen, and two for those that came after."""
    return "\n\n".join(
        f"{title}, seeds {seeds[0]} to {seeds[-1]}:\n\n"
        + tables([row for row in rows if int(row.series.partition(",")[2]) in seeds])
        for title, seeds in (("Those that came after", made_metrics.FRESH), ("Chosen on", made_metrics.CHOSEN))
    )


def main(
    only_ours: Annotated[bool, typer.Option("--ours", help="Leave the others' figures as they are.")] = False,
    made: Annotated[bool, typer.Option("--made", help="On made metrics, not on real ones.")] = False,
    data: Annotated[Path, typer.Option(help="Where the real ones are.", show_default=False)] = nab.DATA,
    out: Annotated[Path | None, typer.Option(help="Takes the figures; docs, or nothing for other metrics.")] = None,
) -> None:
    """Print the tables."""
    if made:
        typer.echo(made_tables(run(out or DOCS / "clustering-made.csv", list(made_metrics.metrics()), only_ours)))
        return
    if not (data / "combined_windows.json").exists():
        typer.echo(f"no combined_windows.json in {data}: nothing was measured")
        raise typer.Exit(1)
    if out is None:
        folder = DOCS if data == nab.DATA else Path(tempfile.mkdtemp(prefix="nab-"))
        out = folder / "clustering-nab.csv"
    typer.echo(tables(run(out, list(nab.metrics(data)), only_ours)))


if __name__ == "__main__":
    typer.run(main)

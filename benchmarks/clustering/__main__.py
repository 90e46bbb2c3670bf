"""Measure DriftClusterer beside others and write the page; `make bench-clustering`."""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine
from benchmarks.child import Failed
from benchmarks.clustering import lives, made_metrics, nab, ours, page, plots, speed, strangeness, streams, tables
from benchmarks.clustering.cell import measure
from benchmarks.clustering.results import Results
from benchmarks.clustering.rivals import RIVALS
from benchmarks.multilabel.results import parsed, read, write

DOCS = Path(__file__).resolve().parents[2] / "docs"
LIBRARIES = ("river", "scikit-learn", "numpy", "numba")
EXAMPLES = """\
Examples:

  python -m benchmarks.clustering --quick

  python -m benchmarks.clustering --ours

  python -m benchmarks.clustering --stream digits --only scores

  python -m benchmarks.clustering --only page
"""
WIDE = {**os.environ, "COLUMNS": "140"}
"""Tables of parts are not to be folded."""
STEPS = ("scores", "speed", "lives", "nab", "made", "parts", "page")
console = Console()
app = typer.Typer(add_completion=False)


@app.command(epilog=EXAMPLES)
def main(
    only_ours: Annotated[bool, typer.Option("--ours", help="Measure ours; the rivals' figures stay.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="One seed, own order, 0.3 s a cell, not into the docs: does it work?")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="STEP", help=f"Repeated: {', '.join(STEPS)}.")
    ] = None,
    stream: Annotated[str, typer.Option(help="Only streams whose name holds this.")] = "",
    limit: Annotated[float, typer.Option(min=0.1, help="CPU seconds of a cell; it then stops, and is marked.")] = 20.0,
    missing: Annotated[
        bool, typer.Option("--missing", help="Measure only cells that lack, or that a lower limit stopped.")
    ] = False,
    data: Annotated[Path, typer.Option(help="Metrics with labelled windows.", show_default=False)] = nab.DATA,
    out: Annotated[
        Path | None, typer.Option(help="Takes clustering.md, *.csv, *.png; docs if not given.", show_default=False)
    ] = None,
) -> None:
    """Score ours beside River's and scikit-learn's clusterers, window methods and no model.

    What is measured again replaces what the files hold, the rest stays. All takes over an hour; ours alone minutes.
    """
    unknown = sorted(set(only or []) - set(STEPS))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: steps are {', '.join(STEPS)}")
    steps = set(only or STEPS)
    if quick:
        limit, steps = min(limit, 0.3), set(only or {"scores", "page"})
    out = out or (Path(tempfile.mkdtemp(prefix="clustering-")) if quick else DOCS)
    out.mkdir(parents=True, exist_ok=True)
    mine, theirs = Results(out / "clustering.csv"), Results(out / "clustering-rivals.csv")
    failed: list[str] = []
    if "scores" in steps:
        failed = _scores(mine, theirs, stream, limit, quick, only_ours, missing)
    if "speed" in steps:
        ours.warm_up()
        write(out / "clustering-speed.csv", map(asdict, speed.rounds()))
    if "lives" in steps:
        write(out / "clustering-lives.csv", map(asdict, lives.planted()))
    if "nab" in steps:
        if (data / "combined_windows.json").exists():
            strangeness.run(out / "clustering-nab.csv", list(nab.metrics(data)), only_ours)
        else:
            console.print(f"No combined_windows.json in {data}: strangeness is left out", soft_wrap=True)
    if "made" in steps:
        strangeness.run(out / "clustering-made.csv", list(made_metrics.metrics()), only_ours)
    if "parts" in steps and not only_ours:
        _parts(out)
    if "page" in steps:
        _page(mine, theirs, out)
        console.print(f"Written: {out / 'clustering.md'}", soft_wrap=True, highlight=False)
    for told in failed:
        console.print(f"[red]{told}[/]", highlight=False)
    if failed:
        raise typer.Exit(1)


def _scores(
    mine: Results, theirs: Results, only: str, limit: float, quick: bool, only_ours: bool, missing: bool
) -> list[str]:
    """Measure cells; return what failed."""
    failed: list[str] = []
    jobs: list[tuple[str, str, Callable[[], streams.Stream]]] = [
        (name, order, make)
        for name, make in streams.streams((7,) if quick else (3, 7, 11))
        for order in (["file"] if quick else streams.orders(name))
        if only in name
    ]
    for name, order, make in _shown(jobs, "streams"):
        try:
            X, labels = streams.ordered(make(), order)
        except Exception as error:  # data that are to be fetched first
            console.print(f"{name} is left out: {error}")
            continue
        d, k, changes = X.shape[1], len(np.unique(labels)), streams.changes(name)
        contestants: list[tuple[Results, str, Callable[[], Any]]] = [
            (mine, ours.NAME, ours.Ours),
            (mine, ours.APART, ours.Apart),
        ]
        if not only_ours:
            contestants += [(theirs, rival.name, lambda rival=rival, d=d, k=k: rival.make(d, k, 0)) for rival in RIVALS]
        ours.warm_up()
        for results, method, made in contestants:
            held = results.of(name, order, method)
            if missing and held is not None and not (held.partial and held.limit < limit):
                continue
            try:
                results.add(measure((name, order, method), made, X, labels, changes, limit, raw=results is mine))
            except Failed as error:
                failed.append(str(error))
    return failed


def _parts(out: Path) -> None:
    """Keep what the benchmarks of parts print."""
    for name in _shown(list(page.PARTS), "parts"):
        command = [sys.executable, "-m", f"benchmarks.clustering.{name}"]
        said = subprocess.run(command, capture_output=True, text=True, check=False, env=WIDE)
        if said.returncode:
            console.print(f"{name} ended with {said.returncode}: {said.stderr[-300:]}", soft_wrap=True)
            continue
        text = "\n".join(line.rstrip() for line in said.stdout.splitlines())
        (out / f"clustering-{name}.txt").write_text(text.strip() + "\n", encoding="utf-8")


def _page(mine: Results, theirs: Results, out: Path) -> None:
    both = Results(out / "none.csv")
    both.cells = mine.cells | theirs.cells
    rounds = [parsed(speed.Round, row) for row in read(out / "clustering-speed.csv")]
    told = [parsed(lives.Life, row) for row in read(out / "clustering-lives.csv")]
    strange = [parsed(strangeness.Row, row) for row in read(out / "clustering-nab.csv")]
    made = [parsed(strangeness.Row, row) for row in read(out / "clustering-made.csv")]
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    text = page.write(both, rounds, told, strange, made, out, {**machine.machine(), **versions})
    (out / "clustering.md").write_text(text, encoding="utf-8")
    plots.scores(both, out / "clustering.png")
    console.print(tables.verdict(both), soft_wrap=True, highlight=False, markup=False)


def _shown(jobs: list, what: str) -> Iterator:
    """Yield the jobs, with their progress where somebody looks."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=len(jobs))
        for job in jobs:
            named = job[:2] if isinstance(job, tuple) else (job,)
            progress.update(task, description=f"{what}: {' '.join(named)}")
            yield job
            progress.advance(task)


if __name__ == "__main__":
    app()

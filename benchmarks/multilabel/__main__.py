"""Measure IHomer beside others and write the page; `make bench-multilabel`."""

import importlib.metadata
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine
from benchmarks.child import Failed
from benchmarks.multilabel import cost, curves, page, plots, streams, verdict
from benchmarks.multilabel.anchors import MLHAT
from benchmarks.multilabel.cell import measure
from benchmarks.multilabel.contestants import Row
from benchmarks.multilabel.results import Results, parsed, read, write
from benchmarks.multilabel.streams import Order, Set
from driftline.models.multilabel import IHomer

DOCS = Path(__file__).resolve().parents[2] / "docs"
LIBRARIES = ("river", "numpy", "scipy", "numba")
EXAMPLES = """\
Examples:

  python -m benchmarks.multilabel --set flags --set emotions --limit 5

  python -m benchmarks.multilabel --order file --row ihomer --row br-logistic --no-curves

  python -m benchmarks.multilabel --set planted-200 --row ihomer --row ihomer-off --no-cost --no-curves

  python -m benchmarks.multilabel --only-page
"""
console = Console()
app = typer.Typer(add_completion=False)


@app.command(epilog=EXAMPLES)
def main(
    sets: Annotated[
        list[Set] | None, typer.Option("--set", metavar="SET", help=f"Repeated; all if not given: {', '.join(Set)}.")
    ] = None,
    rows: Annotated[
        list[Row] | None, typer.Option("--row", metavar="ROW", help=f"Repeated; all if not given: {', '.join(Row)}.")
    ] = None,
    orders: Annotated[
        list[Order] | None, typer.Option("--order", metavar="ORDER", help=f"{' or '.join(Order)}; both if not given.")
    ] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", min=0, help="Of shuffles; 0, 1, 2 if not given.")] = None,
    limit: Annotated[float, typer.Option(min=0.01, help="CPU seconds of a cell; it then stops, and is marked.")] = 60.0,
    cells: Annotated[bool, typer.Option("--scores/--no-scores", help="Measure scores.")] = True,
    costs: Annotated[bool, typer.Option("--cost/--no-cost", help="Measure cost beside River's.")] = True,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of cost; medians count.")] = 3,
    curve: Annotated[bool, typer.Option("--curves/--no-curves", help="Measure cost by features and labels.")] = True,
    only_page: Annotated[bool, typer.Option("--only-page", help="Measure nothing: write the page anew.")] = False,
    data: Annotated[Path, typer.Option(help="Where the data sets are.", show_default=False)] = streams.DATA,
    out: Annotated[Path, typer.Option(help="Takes multilabel.md, *.csv and *.png.", show_default=False)] = DOCS,
) -> None:
    """Score IHomer beside River's learners, baselines and MLHAT's figures, and tell what it costs.

    What is measured again replaces what the CSV files hold, the rest stays: a long run can be made in parts. With 60
    seconds for a cell, all may take hours; with 5, half an hour.
    """
    chosen = [which for which in Set if which in (sets or list(Set))]
    absent = [which for which in chosen if which.stored and not (data / f"{which}.npz").exists()]
    if absent and not only_page:
        console.print(f"Not in {data}, and left out: {', '.join(absent)}", soft_wrap=True, highlight=False)
    chosen = [which for which in chosen if which not in absent]
    results = Results(out / "multilabel.csv")
    failed: list[str] = []
    if not only_page:
        IHomer.warm_up()
        if cells:
            jobs = [
                (which, order, row)
                for which in chosen
                for order in streams.orders_of(which, orders or list(Order), seeds or [0, 1, 2])
                for row in Row
                if row in (rows or list(Row))
            ]
            failed = _measure_cells(results, jobs, limit, data)
        if costs:
            _measure_cost(out / "multilabel-cost.csv", [which for which in chosen if which in MLHAT], rounds, data)
        if curve:
            points = [asdict(curves.measure(*point)) for point in _shown(list(curves.points()), "cost of an event")]
            write(out / "multilabel-curves.csv", points)
    for line in _write_page(results, out):
        console.print(f"• {line}", soft_wrap=True, highlight=False)
    for told in failed:
        console.print(f"[red]{told}[/]", highlight=False)
    if failed:
        raise typer.Exit(1)


def _measure_cells(results: Results, jobs: list[tuple[Set, str, Row]], limit: float, data: Path) -> list[str]:
    """Measure cells, and ours again on the first rows of those that got no further; return what failed."""
    failed: list[str] = []
    stream: streams.Stream | None = None
    for which, order, row in _shown(jobs, "cells"):
        if stream is None or (stream.set, stream.order) != (which, order):
            stream = streams.load(which, order, data)
        try:
            results.add(measure(stream, row, limit))
            for first in results.lacking(which, order):
                results.add(measure(stream, Row.IHOMER, limit, first))
        except Failed as error:
            failed.append(str(error))
    return failed


def _measure_cost(path: Path, sets: list[Set], rounds: int, data: Path) -> None:
    kept = [row for row in read(path) if row["set"] not in sets]
    made = [
        asdict(one) for which in _shown(sets, "cost") for one in cost.rounds(streams.load(which, "file", data), rounds)
    ]
    if made or kept:
        write(path, [*kept, *made])


def _write_page(results: Results, out: Path) -> list[str]:
    """Write page and plots from the files; return the verdict."""
    measured = [parsed(cost.Round, row) for row in read(out / "multilabel-cost.csv")]
    points = [parsed(curves.Point, row) for row in read(out / "multilabel-curves.csv")]
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    text = page.write(results, measured, points, {**machine.machine(), **versions})
    (out / "multilabel.md").write_text(text, encoding="utf-8")
    plots.scores(results, out / "multilabel-scores.png")
    if points:
        plots.cost(points, out / "multilabel-cost.png")
    return verdict.lines(results, cost.costs(measured))


def _shown(jobs: list, what: str) -> Iterator:
    """Yield the jobs, with their progress where somebody looks."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=len(jobs))
        for job in jobs:
            named = job if isinstance(job, tuple) else (job,)
            progress.update(task, description=f"{what}: {' '.join(map(str, named))}")
            yield job
            progress.advance(task)


if __name__ == "__main__":
    app()

"""Measure weightings of levels of noise and write the page; `make bench-diffusion`."""

import importlib.metadata
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine
from benchmarks.child import Failed, in_child
from benchmarks.diffusion import page, plots, speed, trial
from benchmarks.diffusion.contestants import DRIFT, Row
from benchmarks.diffusion.speed import Speed
from benchmarks.diffusion.trial import Cell
from benchmarks.multilabel.results import parsed, read, write

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("torch", "numpy", "scikit-learn")
SHOWN = (Row.UNIFORM, Row.MIN_SNR, Row.UW, Row.UW_TIMESTEP, Row.FORGETTING, Row.NASH)
QUICK = 300
EXAMPLES = """\
Examples:

  python -m benchmarks.diffusion --quick

  python -m benchmarks.diffusion --row uniform --row ant-pcgrad --predict noise

  python -m benchmarks.diffusion --only-page
"""
console = Console()
app = typer.Typer(add_completion=False)


@app.command(epilog=EXAMPLES)
def main(
    rows: Annotated[
        list[Row] | None,
        typer.Option("--row", metavar="ROW", help=f"Repeated; {', '.join(SHOWN)} if not given; also {Row.PCGRAD}."),
    ] = None,
    predicts: Annotated[
        list[str] | None, typer.Option("--predict", metavar="WHAT", help="Repeated; noise and x0 if not given.")
    ] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", min=0, help="0, 1, 2 if not given.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help=f"{QUICK} steps, one seed, no page: a look.")] = False,
    only_page: Annotated[bool, typer.Option("--only-page", help="Measure nothing: write the page anew.")] = False,
    out: Annotated[Path, typer.Option(help="Takes diffusion.md, .png and two .csv.", show_default=False)] = ROOT
    / "docs",
) -> None:
    """Teach a small denoiser of digits by each weighting, and compare its samples with digits it never saw.

    What is measured again replaces what the CSV file holds, the rest stays. All takes a quarter of an
    hour of one core; one `--predict` half of that.
    """
    if set(predicts or []) - set(page.PREDICTS):
        raise typer.BadParameter(f"--predict takes {' or '.join(page.PREDICTS)}")
    wanted = [row for row in Row if row in (rows or SHOWN) and row is not Row.FLOOR]
    cells: list[Cell] = []
    speeds = [parsed(Speed, row) for row in read(out / "diffusion-intervals.csv")]
    failed: list[str] = []
    if not only_page:
        speeds = speed.measure()
        for found in _measure(wanted, predicts or list(page.PREDICTS), seeds or ([0] if quick else [0, 1, 2]), quick):
            if isinstance(found, str):
                failed.append(found)
            else:
                cells += found
    if not quick:
        cells = _merged([parsed(Cell, row) for row in read(out / "diffusion.csv")], cells)
        write(out / "diffusion.csv", map(asdict, cells))
        write(out / "diffusion-intervals.csv", map(asdict, speeds))
        versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
        (out / "diffusion.md").write_text(page.write(cells, speeds, {**machine.machine(), **versions}), "utf-8")
        plots.draw(cells, out / "diffusion.png")
    for line in page.plain(cells) if quick else page.verdict(cells, speeds):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    for told in failed:
        console.print(f"[red]{told}[/]", highlight=False)
    if failed:
        raise typer.Exit(1)


def _measure(rows: list[Row], predicts: list[str], seeds: list[int], quick: bool) -> Iterator[list[Cell] | str]:
    """Yield what each run got, each in a process of its own, or how it failed."""
    jobs = [("samples", predict, seed, row) for predict in predicts for seed in seeds for row in rows]
    if not quick:
        jobs += [
            ("drift", predict, seed, row) for predict in predicts for seed in seeds for row in rows if row in DRIFT
        ]
    yield [trial.floor("samples"), trial.floor("drift")]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=len(jobs))
        for part, predict, seed, row in jobs:
            what = f"{part} {predict} {seed}: {row}"
            progress.update(task, description=what)
            try:
                yield in_child(what, _run, part, row, predict, seed, QUICK if quick else trial.STEPS)
            except Failed as error:
                yield str(error)
            progress.advance(task)


def _run(part: str, row: Row, predict: str, seed: int, steps: int) -> list[Cell]:
    return list(trial.samples(row, predict, seed, steps) if part == "samples" else trial.drift(row, predict, seed))


def _merged(kept: list[Cell], made: list[Cell]) -> list[Cell]:
    """Return cells with those made anew in their place."""
    found = {(cell.part, cell.predict, cell.row, cell.seed, cell.steps): cell for cell in [*kept, *made]}
    parts, rows, predicts = ["samples", "drift"], [str(row) for row in Row], ["", *page.PREDICTS]
    return sorted(
        found.values(),
        key=lambda one: (
            parts.index(one.part), predicts.index(one.predict), rows.index(one.row), one.seed, one.steps,
        ),
    )  # fmt: skip


if __name__ == "__main__":
    app()

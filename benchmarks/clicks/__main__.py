"""Measure the event clock beside others and write the page; `make bench-clicks`."""

import importlib.metadata
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import machine
from benchmarks.child import Failed
from benchmarks.clicks import page, plots, streams
from benchmarks.clicks.cell import Cell, run, score
from benchmarks.clicks.contestants import Row
from benchmarks.clicks.streams import Set
from benchmarks.multilabel.results import parsed, read, write
from driftline.models.clicks import EventClock

ROOT = Path(__file__).resolve().parents[2]
RIVALS = ROOT / ".venv-rivals" / "bin" / "python"
LIBRARIES = ("river", "numpy", "numba")
QUICK = 10_000
EXAMPLES = """\
Examples:

  python -m benchmarks.clicks --quick

  python -m benchmarks.clicks --set movielens --row event-clock --row vowpal

  python -m benchmarks.clicks --only-page
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
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="Of shuffles and interests; 0, 1, 2 if not given.")
    ] = None,
    limit: Annotated[float, typer.Option(min=0.01, help="CPU seconds of a cell; it then stops, and is marked.")] = 20.0,
    quick: Annotated[bool, typer.Option("--quick", help=f"{QUICK:,} events, one seed, no page: a look.")] = False,
    only_page: Annotated[bool, typer.Option("--only-page", help="Measure nothing: write the page anew.")] = False,
    data: Annotated[Path, typer.Option(help="Where MovieLens-100k is.", show_default=False)] = streams.DATA,
    rivals: Annotated[
        Path, typer.Option(help="A Python that has vowpalwabbit; .venv-rivals if not given.", show_default=False)
    ] = RIVALS,
    out: Annotated[Path, typer.Option(help="Takes clicks.md, .csv and .png.", show_default=False)] = ROOT / "docs",
) -> None:
    """Score the event clock beside rates, River's learners and Vowpal Wabbit, and tell what an event costs.

    What is measured again replaces what the CSV file holds, the rest stays.
    """
    chosen = [which for which in Set if which in (sets or list(Set))]
    if not (data / "ml-100k.inter").exists() and not only_page:
        console.print(f"No MovieLens-100k in {data}: its streams are left out", soft_wrap=True, highlight=False)
        chosen = [which for which in chosen if not which.stored]
    wanted = [row for row in Row if row in (rows or list(Row))]
    if not rivals.exists() and not only_page:
        console.print(f"[bold red]No {rivals}: Vowpal Wabbit is left out.[/] `make bench-clicks` makes it.")
        wanted = [row for row in wanted if row not in (Row.VW, Row.VW_CROSSES, Row.VW_LATE)]
    cells: list[Cell] = []
    failed: list[str] = []
    if not only_page:
        EventClock.warm_up()
        first, few = (QUICK, [0]) if quick else (streams.EVENTS, [0, 1, 2])
        jobs = list(streams.chosen(chosen, seeds or few))
        for which, seed, row, measured in _measure(jobs, wanted, limit, data, rivals, first):
            if isinstance(measured, str):
                failed.append(f"{row} on {which} {seed}: {measured}")
            else:
                cells += measured
    if not quick:
        cells = _merged([parsed(Cell, row) for row in read(out / "clicks.csv")], cells)
        write(out / "clicks.csv", map(asdict, cells))
        versions = {name: importlib.metadata.version(name) for name in LIBRARIES} | _vowpal(rivals)
        (out / "clicks.md").write_text(page.write(cells, {**machine.machine(), **versions}), encoding="utf-8")
        plots.draw(cells, out / "clicks.png")
    for line in page.verdict(cells) if not quick else page.plain(cells):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    for told in failed:
        console.print(f"[red]{told}[/]", highlight=False)
    if failed:
        raise typer.Exit(1)


def _measure(
    jobs: list[tuple[Set, int]], rows: list[Row], limit: float, data: Path, rivals: Path, first: int
) -> Iterator[tuple[Set, int, Row, list[Cell] | str]]:
    """Yield what each row got on each stream, and ours on the events of those that got no further."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=len(jobs) * len(rows))
        for which, seed in jobs:
            progress.update(task, description=f"{which} {seed}: reading")
            stream = streams.load(which, seed, data, first)
            partial: list[tuple[Row, int]] = []
            for row in rows:
                progress.update(task, description=f"{which} {seed}: {row}")
                if row is not Row.BEST or stream.best is not None:
                    try:
                        made = run(stream, row, limit, rivals)
                        yield which, seed, row, [score(stream, row, made)]
                        if len(made.said) < len(stream.xs):
                            partial.append((row, len(made.said)))
                    except Failed as error:
                        yield which, seed, row, str(error)
                progress.advance(task)
            if partial:
                ours = run(stream, Row.CLOCK, limit, rivals)
                cells = [score(stream, Row.CLOCK, ours, count, str(row)) for row, count in partial]
                yield which, seed, Row.CLOCK, cells


def _merged(kept: list[Cell], made: list[Cell]) -> list[Cell]:
    """Return cells with those made anew in their place."""
    cells = {(cell.set, cell.seed, cell.row, cell.beside): cell for cell in kept}
    for cell in made:
        if not cell.beside:
            cells.pop((cell.set, cell.seed, Row.CLOCK, cell.row), None)
    cells |= {(cell.set, cell.seed, cell.row, cell.beside): cell for cell in made}
    sets, rows = [str(one) for one in Set], [str(one) for one in Row]
    return sorted(cells.values(), key=lambda one: (sets.index(one.set), one.seed, rows.index(one.row), one.beside))


def _vowpal(rivals: Path) -> dict[str, str]:
    """Return the version of Vowpal Wabbit, where there is one."""
    if not rivals.exists():
        return {}
    code = "import importlib.metadata as m; print(m.version('vowpalwabbit'))"
    said = subprocess.run([rivals, "-c", code], capture_output=True, text=True, check=False)
    return {"vowpalwabbit": said.stdout.strip()} if said.returncode == 0 else {}


if __name__ == "__main__":
    app()

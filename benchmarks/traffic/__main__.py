"""Measure the refining forecaster beside others and write the page; `make bench-traffic`."""

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
from benchmarks.child import Failed, in_child
from benchmarks.multilabel.results import parsed, read, write
from benchmarks.traffic import bars, ours, page, speed, worlds
from benchmarks.traffic.cell import measure, scored
from benchmarks.traffic.contestants import HEARS, OURS, STATS, Row
from benchmarks.traffic.results import Results
from benchmarks.traffic.worlds import Task, World
from driftline.models.forecasting import TrafficForecaster, fracast

ROOT = Path(__file__).resolve().parents[2]
RIVALS = ROOT / ".venv-rivals" / "bin" / "python"
LIBRARIES = ("river", "numpy", "numba")
EXAMPLES = """\
Examples:

  python -m benchmarks.traffic --set milan-day --row ours-without --row snweek --no-speed

  python -m benchmarks.traffic --set counters --seed 0 --no-speed --out traffic

  python -m benchmarks.traffic --only-page
"""
console = Console()
app = typer.Typer(add_completion=False)


@app.command(epilog=EXAMPLES)
def main(
    sets: Annotated[
        list[World] | None,
        typer.Option("--set", metavar="SET", help=f"Repeated; all if not given: {', '.join(World)}."),
    ] = None,
    rows: Annotated[
        list[Row] | None, typer.Option("--row", metavar="ROW", help=f"Repeated; all if not given: {', '.join(Row)}.")
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, help="Of made worlds; 0, 1, 2 if not given.")
    ] = None,
    cells: Annotated[bool, typer.Option("--scores/--no-scores", help="Measure forecasts.")] = True,
    pace: Annotated[bool, typer.Option("--speed/--no-speed", help="Measure what ten thousand cells cost.")] = True,
    only_page: Annotated[bool, typer.Option("--only-page", help="Measure nothing: write the page anew.")] = False,
    data: Annotated[Path, typer.Option(help="Where the data sets are.", show_default=False)] = worlds.DATA,
    rivals: Annotated[
        Path, typer.Option(help="A Python that has statsforecast; .venv-rivals if not given.", show_default=False)
    ] = RIVALS,
    out: Annotated[
        Path, typer.Option(help="Takes traffic-bench.md and .csv; docs if not given.", show_default=False)
    ] = ROOT / "docs",
) -> None:
    """Score the refining forecaster beside no model, River's, statsforecast's and Fracast, and tell what it costs.

    What is measured again replaces what the CSV files hold, the rest stays. All takes about an hour.
    """
    results = Results(out / "traffic-bench.csv", out / "traffic-bench-experts.csv")
    failed: list[str] = []
    if cells and not only_page:
        wanted = _possible([row for row in Row if row in (rows or list(Row))], rivals)
        chosen = _present([world for world in World if world in (sets or list(World))], data)
        tasks = [(world, seed) for world in chosen for seed in ((seeds or [0, 1, 2]) if world.made else [0])]
        TrafficForecaster.warm_up()
        failed = _scores(results, tasks, wanted, data, rivals)
    if pace and not only_page:
        write(out / "traffic-bench-speed.csv", map(asdict, speed.rounds()))
    paces = [parsed(speed.Pace, row) for row in read(out / "traffic-bench-speed.csv")]
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES} | _versions(rivals)
    out.mkdir(parents=True, exist_ok=True)
    text = page.write(results, paces, {**machine.machine(), **versions})
    (out / "traffic-bench.md").write_text(text, encoding="utf-8")
    for line in bars.lines(results, paces):
        console.print(f"• {line}", soft_wrap=True, highlight=False, markup=False)
    for told in failed:
        console.print(f"[red]{told}[/]", highlight=False)
    if failed:
        raise typer.Exit(1)


def _present(chosen: list[World], data: Path) -> list[World]:
    """Return the worlds whose data are there, and say which are not."""
    absent = [world for world in chosen if world.file and not (data / world.file).exists()]
    if absent:
        console.print(f"Not in {data}, and left out: {', '.join(absent)}", soft_wrap=True, highlight=False)
    return [world for world in chosen if world not in absent]


def _possible(rows: list[Row], rivals: Path) -> list[Row]:
    """Return the rows that can be measured here, and say which cannot."""
    left_out: list[Row] = []
    if not rivals.exists():
        console.print(f"[bold red]No {rivals}: statsforecast is left out.[/] `make bench-traffic` makes it.")
        left_out += STATS
    if not fracast.available():
        console.print("[bold red]Fracast or torch is not installed: rows with it are left out.[/]")
        left_out += [Row.FRACAST, Row.HEARD, Row.NOISE, Row.COPY, Row.OURS]
    return [row for row in rows if row not in left_out]


def _scores(results: Results, tasks: list[tuple[World, int]], rows: list[Row], data: Path, rivals: Path) -> list[str]:
    """Measure rows on worlds; return what failed."""
    failed: list[str] = []
    jobs = [(*task, row) for task in tasks for row in _steps(*task, rows)]
    for world, seed, row in _shown(jobs):
        task = _load(world, seed, data)
        try:
            if row not in OURS:
                results.add(measure(task, row, rivals))
                continue
            mine = [one for one in rows if one in OURS and _affordable(world, seed, one)]
            for one, (answers, judged) in in_child(f"ours on {world} {seed}", ours.run, task, mine).items():
                results.add(scored(task, one, answers), judged)
        except Failed as error:
            failed.append(str(error))
    return failed


def _steps(world: World, seed: int, rows: list[Row]) -> list[Row]:
    """Return the rows to be measured one by one; of ours the first stands for all, which run side by side."""
    here = [row for row in rows if _affordable(world, seed, row)]
    return [row for row in here if row not in OURS] + [row for row in here if row in OURS][:1]


def _affordable(world: World, seed: int, row: Row) -> bool:
    """Whether a row is measured on a world: those that would take hours are not, nor those that lack a past."""
    if row in HEARS:
        return world in (World.MILAN_DAY, World.COUNTERS) and not seed
    if row in STATS:
        return not world.step and not seed
    if row is Row.WEEK and world.cloud:  # there is no week before most of its values
        return False
    if world.step:
        return row is not Row.FRACAST and (row is not Row.OURS or world.cloud)
    return True


_loaded: dict[tuple[World, int], Task] = {}


def _load(world: World, seed: int, data: Path) -> Task:
    """Return a world, read or made once in a row."""
    if (world, seed) not in _loaded:
        _loaded.clear()
        _loaded[world, seed] = worlds.load(world, seed, data)
    return _loaded[world, seed]


def _versions(rivals: Path) -> dict[str, str]:
    """Return the versions of Fracast and statsforecast, where there are any."""
    found = {"fracast": importlib.metadata.version("fracast")} if fracast.available() else {}
    if rivals.exists():
        code = "import importlib.metadata as m; print(m.version('statsforecast'))"
        said = subprocess.run([rivals, "-c", code], capture_output=True, text=True, check=False)
        found |= {"statsforecast": said.stdout.strip()} if said.returncode == 0 else {}
    return found


def _shown(jobs: list[tuple[World, int, Row]]) -> Iterator[tuple[World, int, Row]]:
    """Yield the jobs, with their progress where somebody looks."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=len(jobs))
        for job in jobs:
            progress.update(task, description=" ".join(map(str, job)))
            yield job
            progress.advance(task)


if __name__ == "__main__":
    app()

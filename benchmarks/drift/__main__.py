"""Measure delay, misses and false alarms of the drift detectors, and write the page."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import machine
from benchmarks.drift import page, trial

DOCS = Path(__file__).resolve().parents[2] / "docs"


def main(
    runs: Annotated[int, typer.Option(min=1, help="Streams of each kind.")] = 20,
    out: Annotated[Path, typer.Option(help="Takes drift.md and drift.csv.", show_default=False)] = DOCS,
) -> None:
    """Measure delay, misses and false alarms of the drift detectors; takes about two minutes."""
    cells = []
    for cell in trial.cells(runs):
        cells.append(cell)
        print(f"{cell.detector} {cell.values} {cell.shift}: {cell}", flush=True)
    with (out / "drift.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(asdict(cells[0])), lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(cell) for cell in cells)
    (out / "drift.md").write_text(page.write(cells, {**machine.machine(), "river": machine.versions()["river"]}))


if __name__ == "__main__":
    typer.run(main)

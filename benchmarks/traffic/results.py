"""Cells and errors of experts as files: what is measured again replaces what was there, the rest stays."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.multilabel.results import parsed, read, write
from benchmarks.traffic.cell import Cell
from benchmarks.traffic.contestants import Row
from benchmarks.traffic.ours import Judged
from benchmarks.traffic.worlds import World


class Results:
    """All that was measured of forecasts; rewritten after each change."""

    def __init__(self, cells: Path, experts: Path):
        self.paths = cells, experts
        self.cells: dict[tuple[str, int, str], Cell] = {}
        self.judged: dict[tuple[str, int, str], list[Judged]] = {}
        for row in read(cells):
            cell = parsed(Cell, row)
            self.cells[cell.world, cell.seed, cell.row] = cell
        for row in read(experts):
            one = parsed(Judged, row)
            self.judged.setdefault((one.world, one.seed, one.row), []).append(one)

    def add(self, cell: Cell, judged: Iterable[Judged] = ()) -> None:
        """Take a cell and the errors of its experts in place of earlier ones, and write all."""
        key = cell.world, cell.seed, cell.row
        self.cells[key] = cell
        self.judged.pop(key, None)
        if found := list(judged):
            self.judged[key] = found
        write(self.paths[0], (asdict(self.cells[key]) for key in sorted(self.cells, key=_place)))
        if self.judged:
            write(self.paths[1], (asdict(one) for key in sorted(self.judged, key=_place) for one in self.judged[key]))

    def of(self, world: World, row: Row) -> list[Cell]:
        """Return the cells of all seeds that have scores."""
        return [cell for cell in self.all_of(world, row) if not cell.error]

    def all_of(self, world: World, row: Row) -> list[Cell]:
        """Return the cells of all seeds."""
        return [cell for cell in self.cells.values() if (cell.world, cell.row) == (world, row)]

    def mean(self, world: World, row: Row, measure: str) -> float:
        """Return the mean over seeds, nan where nothing was measured."""
        found = [getattr(cell, measure) for cell in self.of(world, row)]
        return float(np.mean(found)) if found else np.nan

    def worlds(self) -> list[World]:
        """Return the worlds of which anything was measured."""
        return [world for world in World if any(cell.world == world for cell in self.cells.values())]

    def experts(self, world: World, row: Row) -> dict[str, float]:
        """Return each expert's mean absolute error over the windows of all seeds, and those of the model's answers."""
        found = [one for (name, _, its), ones in self.judged.items() if (name, its) == (world, row) for one in ones]
        names = dict.fromkeys(one.expert for one in found)
        return {
            name: float(
                np.average(
                    [one.mae for one in found if one.expert == name],
                    weights=[one.truths for one in found if one.expert == name],
                )
            )
            for name in names
        }


def _place(key: tuple[str, int, str]) -> tuple[int, int, int]:
    worlds, rows = [str(one) for one in World], [str(one) for one in Row]
    return worlds.index(key[0]), key[1], rows.index(key[2])

"""Cells as a file: what is measured again replaces what was there, the rest stays."""

from dataclasses import asdict
from pathlib import Path

from benchmarks.clustering.cell import Cell
from benchmarks.multilabel.results import parsed, read, write


class Results:
    """All cells, kept in a CSV file that is rewritten after each."""

    def __init__(self, path: Path):
        self.path = path
        self.cells = {(cell.stream, cell.order, cell.method): cell for cell in map(_cell, read(path))}

    def add(self, cell: Cell) -> None:
        """Take a cell, in place of an earlier one, and write all."""
        self.cells[cell.stream, cell.order, cell.method] = cell
        write(self.path, map(asdict, self.cells.values()))

    def of(self, stream: str, order: str, method: str) -> Cell | None:
        """Return a cell, None where it was not measured."""
        return self.cells.get((stream, order, method))


def _cell(row: dict[str, str]) -> Cell:
    return parsed(Cell, row)

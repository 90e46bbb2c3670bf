"""Cells as a file: what is measured again replaces what was there, the rest stays."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.multilabel.cell import Cell
from benchmarks.multilabel.contestants import Row
from benchmarks.multilabel.streams import Set

Key = tuple[str, str, str, int]
Made = TypeVar("Made")


class Results:
    """All cells, kept in a CSV file that is rewritten after each."""

    def __init__(self, path: Path):
        self.path = path
        self._cells: dict[Key, Cell] = {}
        if path.exists():
            for row in read(path):
                cell = parsed(Cell, row)
                self._cells[_key(cell)] = cell

    def add(self, cell: Cell) -> None:
        """Take a cell, in place of an earlier one, and write all."""
        if cell.row == Row.IHOMER and not cell.beside:  # what stands beside others is to be measured anew, too
            stale = [key for key, one in self._cells.items() if one.beside and key[:2] == (cell.set, cell.order)]
            for key in stale:
                del self._cells[key]
        self._cells[_key(cell)] = cell
        orders = [str(one) for one in Set], [str(one) for one in Row]
        kept = sorted(
            (one for one in self._cells.values() if not one.beside or self._needed(one)),
            key=lambda one: (orders[0].index(one.set), one.order, orders[1].index(one.row), one.beside, one.rows),
        )
        self._cells = {_key(one): one for one in kept}
        write(self.path, map(asdict, kept))

    def of(self, which: Set, order: str, row: Row) -> Cell | None:
        """Return a cell, None where it was not measured."""
        return self._cells.get((which, order, row, 0))

    def orders(self, which: Set) -> list[str]:
        """Return the orders in which a set was measured."""
        return list(dict.fromkeys(cell.order for cell in self._cells.values() if cell.set == which))

    def sets(self) -> list[Set]:
        """Return the sets that were measured."""
        return [which for which in Set if self.orders(which)]

    def beside(self, cell: Cell, row: Row = Row.IHOMER) -> Cell | None:
        """Return ours on exactly the rows of a cell, None where it was not measured."""
        whole = self._cells.get((cell.set, cell.order, row, 0))
        if whole is not None and whole.rows == cell.rows:
            return whole
        return self._cells.get((cell.set, cell.order, row, cell.rows))

    def lacking(self, which: Set, order: str) -> list[int]:
        """Return on how many first rows ours has to be measured, to stand beside those that got no further."""
        here = [cell for cell in self._cells.values() if (cell.set, cell.order) == (which, order) and cell.partial]
        return sorted({cell.rows for cell in here if self.beside(cell) is None})

    def _needed(self, cell: Cell) -> bool:
        return any(
            (one.set, one.order, one.rows, one.beside) == (cell.set, cell.order, cell.rows, False) and one.partial
            for one in self._cells.values()
        )


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: Iterable[dict]) -> None:
    """Write rows as a CSV file, in one step."""
    made = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(made[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)
    new.replace(path)


def _key(cell: Cell) -> Key:
    return cell.set, cell.order, cell.row, cell.rows if cell.beside else 0


def parsed(made: type[Made], row: dict[str, str]) -> Made:
    """Return a row of a CSV file as the dataclass that was written to it."""
    return made(**{field.name: _value(field.type, row[field.name]) for field in fields(made)})


def _value(kind: Any, text: str) -> Any:
    return text == "True" if kind is bool else kind(text)

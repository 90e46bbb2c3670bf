"""AUC and logloss of each row on each stream, as one picture."""

from pathlib import Path
from statistics import mean

import matplotlib as mpl

from benchmarks.clicks.cell import Cell
from benchmarks.clicks.contestants import Row
from benchmarks.clicks.streams import Set

mpl.use("Agg")
from matplotlib import pyplot as plt

SHOWN = (Row.RATES, Row.LR, Row.VW, Row.CLOCK)
"""Those that answer whole streams."""


def draw(cells: list[Cell], path: Path) -> None:
    """Write the plot: a dot for each seed, a bar at the mean."""
    sets = [which for which in Set if any(cell.set == which for cell in cells)]
    figure, axes = plt.subplots(2, max(len(sets), 1), figsize=(10, 5), squeeze=False, layout="constrained")
    for column, which in enumerate(sets):
        for axis, score in zip(axes[:, column], ("auc", "logloss"), strict=True):
            for place, row in enumerate(SHOWN):
                found = [
                    getattr(cell, score) for cell in cells if cell.set == which and cell.row == row and not cell.beside
                ]
                if found:
                    color = "C3" if row is Row.CLOCK else "C0"
                    axis.scatter([place] * len(found), found, color=color, zorder=2)
                    axis.hlines(mean(found), place - 0.3, place + 0.3, color=color)
            names = [{Row.RATES: "rates", Row.LR: "River LR", Row.VW: "VW", Row.CLOCK: "ours"}[row] for row in SHOWN]
            axis.set_xticks(range(len(SHOWN)), names)
            axis.grid(axis="y", alpha=0.3)
            axis.set_title(which.title if score == "auc" else "", fontsize=10)
            if column == 0:
                axis.set_ylabel("AUC (higher is better)" if score == "auc" else "logloss (lower is better)")
    figure.savefig(path, dpi=110)
    plt.close(figure)

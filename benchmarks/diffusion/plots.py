"""Distance of samples on the way, and after a change of digits, as one picture."""

from pathlib import Path
from statistics import mean

import matplotlib as mpl

from benchmarks.diffusion.contestants import Row
from benchmarks.diffusion.page import PREDICTS
from benchmarks.diffusion.trial import Cell

mpl.use("Agg")
from matplotlib import pyplot as plt


def draw(cells: list[Cell], path: Path) -> None:
    """Write the plot: a line at the mean over seeds, a dot for each."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    rows = [row for row in Row if row is not Row.FLOOR]
    for line, part in zip(axes, ("samples", "drift"), strict=True):
        for axis, predict in zip(line, PREDICTS, strict=True):
            for row in rows:
                mine = [cell for cell in cells if (cell.part, cell.predict, cell.row) == (part, predict, row)]
                if not mine:
                    continue
                color = f"C{rows.index(row)}"
                steps = sorted({cell.steps for cell in mine})
                means = [mean(cell.frechet for cell in mine if cell.steps == step) for step in steps]
                axis.plot(steps, means, color=color, label=str(row), linewidth=1)
                axis.scatter([cell.steps for cell in mine], [cell.frechet for cell in mine], color=color, s=8)
            for cell in cells:
                if (cell.part, cell.row) == (part, Row.FLOOR):
                    axis.axhline(cell.frechet, color="gray", linestyle=":", label="floor")
            axis.set_yscale("log")
            axis.grid(alpha=0.3)
            after = "steps" if part == "samples" else "steps after the change"
            axis.set_xlabel(f"{after}, network answers with {predict}")
    axes[0, 0].set_ylabel("Fréchet distance, all digits")
    axes[1, 0].set_ylabel("Fréchet distance, new digits")
    axes[0, 1].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)

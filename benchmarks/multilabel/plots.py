"""Two pictures: scores by set and row, and what an event costs."""

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.multilabel.anchors import MLHAT
from benchmarks.multilabel.contestants import Row
from benchmarks.multilabel.curves import Point
from benchmarks.multilabel.results import Results

MARKS = {
    Row.NO_CHANGE: ("_", "0.5"),
    Row.MAJORITY: ("|", "0.5"),
    Row.NEIGHBOURS: ("x", "0.5"),
    Row.LOGISTIC: ("o", "tab:blue"),
    Row.CHAIN: ("s", "tab:cyan"),
    Row.HAT: ("^", "tab:green"),
    Row.ARF: ("v", "tab:olive"),
    Row.ISOUP: ("D", "tab:brown"),
    Row.BINARY_RELEVANCE: ("P", "tab:purple"),
    Row.GLOBAL: ("*", "tab:orange"),
    Row.IHOMER: ("*", "tab:red"),
}


def scores(results: Results, path: Path) -> None:
    """Draw micro-F1 and macro-F1 on each set in file order; hollow where only the first rows were answered."""
    sets = [which for which in results.sets() if not which.planted]
    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    for axis, score in zip(axes, ("micro", "macro"), strict=True):
        for k, row in enumerate(Row):
            cells = [(i, results.of(which, "file", row)) for i, which in enumerate(sets)]
            mark, colour = MARKS[row]
            for whole in (True, False):
                some = [(i, getattr(cell, score)) for i, cell in cells if cell is not None and cell.partial != whole]
                axis.scatter(
                    [i + (k - len(Row) / 2) * 0.055 for i, _ in some],
                    [value for _, value in some],
                    s=90 if mark == "*" else 36,
                    marker=mark,
                    edgecolors=None if mark in "_|x" else colour,
                    facecolors=colour if whole or mark in "_|x" else "none",
                    label=row.title.strip("`") if whole else None,
                )
        known = [i for i, which in enumerate(sets) if which in MLHAT]
        for i in known:
            label = "MLHAT" if i == known[0] else None
            axis.hlines(getattr(MLHAT[sets[i]], score), i - 0.4, i + 0.4, "k", lw=1, label=label)
        axis.set_ylabel(f"{score}-F1")
        axis.set_ylim(0.0, 1.0)
        axis.grid(axis="y", alpha=0.3)
    axes[1].set_xticks(range(len(sets)), [which.title for which in sets])
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, ncols=4, loc="outside upper center", fontsize="small", frameon=False)
    figure.savefig(path, dpi=90)


def cost(points: list[Point], path: Path) -> None:
    """Draw what an event costs by features, labels and non-zeros."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axis = figure.subplots()
    for varied in dict.fromkeys(point.varied for point in points):
        some = [point for point in points if point.varied == varied]
        axis.plot([point.at for point in some], [point.us for point in some], marker="o", ms=4, label=varied)
    axis.set(xscale="log", yscale="log", xlabel="number of …", ylabel="CPU of an event, µs")
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    figure.savefig(path, dpi=90)

"""A picture: agreement on each stream, at each time and over all of it."""

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.clustering import ours, tables
from benchmarks.clustering.results import Results
from benchmarks.clustering.rivals import DEFAULT, RIVALS, TUNED

MARKS = {
    "all in one": ("_", "0.5"),
    "random ids": ("|", "0.5"),
    "sk MiniBatchKMeans": ("P", "tab:purple"),
    "window k-means": ("X", "tab:pink"),
    "sk Birch": ("D", "tab:brown"),
    "window GMM+BIC": ("v", "tab:olive"),
    "window HDBSCAN": ("^", "tab:gray"),
    "River KMeans": ("o", "tab:blue"),
    "River STREAMKMeans": ("s", "tab:cyan"),
    "River CluStream": ("<", "tab:green"),
    "River DBSTREAM": (">", "tab:orange"),
    "River DenStream": ("h", "gold"),
}


def scores(results: Results, path: Path) -> None:
    """Draw both measures in file order, each family's best setting filled, its defaults hollow."""
    streams = tables.kinds(results)
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    for axis, measure, told in zip(axes, ("ari", "ari_all"), ("mean of micro-batches", "whole stream"), strict=True):
        for k, (family, (mark, colour)) in enumerate(MARKS.items()):
            settings = [rival for rival in RIVALS if rival.family == family]
            for filled in (True, False):
                names = [rival.name for rival in settings if filled or rival.kind == DEFAULT]
                if not filled and not any(rival.kind == TUNED for rival in settings):
                    continue
                points = [(i, _highest(results, names, kind, measure)) for i, kind in enumerate(streams)]
                axis.scatter(
                    [i + (k - len(MARKS) / 2) * 0.06 for i, value in points if value == value],
                    [value for _, value in points if value == value],
                    s=36,
                    marker=mark,
                    edgecolors=None if mark in "_|" else colour,
                    facecolors=colour if filled or mark in "_|" else "none",
                    label=family if filled else None,
                )
        own = [(i, tables.mean(tables.picked(results, ours.NAME, kind), measure)) for i, kind in enumerate(streams)]
        axis.scatter(*zip(*own, strict=True), s=170, marker="*", color="tab:red", label=ours.NAME, zorder=5)
        axis.set_ylabel(f"adjusted Rand index, {told}")
        axis.set_ylim(-0.1, 1.02)
        axis.grid(axis="y", alpha=0.3)
    axes[1].set_xticks(range(len(streams)), streams)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, ncols=5, loc="outside upper center", fontsize="small", frameon=False)
    figure.savefig(path, dpi=90)


def _highest(results: Results, names: list[str], kind: str, measure: str) -> float:
    """Return the best setting's mean, nan where none got through the stream."""
    held = [tables.picked(results, name, kind) for name in names]
    values = [tables.mean(cells, measure) for cells in held if not any(cell.partial for cell in cells)]
    known = [value for value in values if value == value]
    return max(known) if known else float("nan")

"""A hierarchy as a picture: parts from right to left, joined where they are as far apart as the axis says."""

from __future__ import annotations

import textwrap
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from driftline.models.base import Branch

_WIDTH = 60
"""Characters of one line of members."""
_LINES = 3
"""Lines of members that are shown of one part."""


def save(root: Branch, path: Path, title: str) -> None:
    """Draw a hierarchy and write it as PNG (or what the file's ending says)."""
    leaves = _leaves(root)
    figure = Figure(figsize=(12, 1.6 + 0.55 * len(leaves)), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    heights = {id(leaf): float(place) for place, leaf in enumerate(leaves)}
    _join(axes, root, heights)
    for leaf in leaves:
        lines = textwrap.wrap(leaf.text, _WIDTH) or [""]
        text = "\n".join(lines[:_LINES]) + (" …" if len(lines) > _LINES else "")
        axes.text(-0.01, heights[id(leaf)], text, va="center", ha="left", fontsize=9)
    axes.set_xlim(1.02, -1.0)  # members stand to the right of zero
    axes.set_ylim(len(leaves) - 0.5, -0.5)
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
    axes.set_yticks([])
    axes.set_xlabel("distance between parts (1: never together)", loc="left")
    axes.set_title(title, loc="left")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=110)


def _leaves(branch: Branch) -> list[Branch]:
    if not branch.parts:
        return [branch]
    return [leaf for part in branch.parts for leaf in _leaves(part)]


def _join(axes: Axes, branch: Branch, heights: dict[int, float]) -> float:
    """Draw what is below a branch; return its height."""
    if not branch.parts:
        return heights[id(branch)]
    places = [_join(axes, part, heights) for part in branch.parts]
    for part, place in zip(branch.parts, places, strict=True):
        axes.plot([part.apart, branch.apart], [place, place], color="C0")
    axes.plot([branch.apart] * 2, [min(places), max(places)], color="C0")
    return sum(places) / len(places)

"""Where clusters are: their centres and spreads, seen from the side on which the centres lie furthest apart."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from driftline.models.base import Array
from driftline.models.clustering.life import ClusterLife
from driftline.services.cluster_rows import scale_of

_NAMED = 3
"""Features that an axis names."""
_WITHIN = 1e-3
"""Weight of the spread within clusters when the view is chosen: it decides only where the centres do not."""
_COLOURS = colormaps["tab20"]


class View(NamedTuple):
    """Clusters seen in two dimensions, in standard deviations of all events."""

    points: Array
    """The centres, shape (clusters, 2)."""
    covariances: Array
    """Of the clusters, as far as their spread tells it, shape (clusters, 2, 2)."""
    directions: Array
    """What each axis is made of, shape (2, features)."""
    shown: Array
    """How much of the variance between the centres each axis shows, in [0, 1], shape (2,)."""


def view(life: ClusterLife) -> View:
    """Return the principal view of the centres, each as heavy as its share.

    >>> from driftline.models.clustering.life import ClusterNow
    >>> places = np.array([[0.0, 0.0, 1.0], [9.0, 0.0, 1.0], [0.0, 3.0, 1.0]])
    >>> three = tuple(ClusterNow(k, 1, 1 / 3, place, np.ones(3)) for k, place in enumerate(places))
    >>> seen = view(ClusterLife(three, (), 9, ("a", "b", "c")))
    >>> seen.points.shape, float(seen.shown.sum().round(6))
    ((3, 2), 1.0)
    """
    d = len(life.features)
    mean, deviation = scale_of(life)
    centres = (np.array([one.centre for one in life.clusters], float).reshape(-1, d) - mean) / deviation
    spreads = np.array([one.spread for one in life.clusters], float).reshape(-1, d) / deviation
    shares = np.array([one.share for one in life.clusters], float)
    between = (centres * shares[:, None]).T @ centres
    within = np.diag(shares @ spreads**2) if len(shares) else np.zeros((d, d))
    _, vectors = np.linalg.eigh(between + _WITHIN * within)
    directions = vectors.T[::-1][:2]
    if d < 2:
        directions = np.vstack([directions, np.zeros((2 - len(directions), d))])
    # The sign is free: let the heaviest feature of an axis grow to the right, so that a picture made again is the same.
    heaviest = directions[np.arange(2), np.abs(directions).argmax(axis=1)]
    directions = directions * np.where(heaviest < 0.0, -1.0, 1.0)[:, None]
    total = float(np.trace(between))
    shown = np.einsum("ij,jk,ik->i", directions, between, directions) / total if total > 0.0 else np.zeros(2)
    covariances = np.einsum("ij,kj,lj->kil", directions, spreads**2, directions)
    return View(centres @ directions.T, covariances, directions, shown)


def colour(cluster: int) -> tuple[float, float, float, float]:
    """Return the colour of a cluster, the same in every picture; the dark half of the table comes first."""
    place = cluster % 20
    red, green, blue, full = _COLOURS(2 * place if place < 10 else 2 * (place - 10) + 1)
    return red, green, blue, full


def draw(axes: Axes, life: ClusterLife) -> None:
    """Draw each cluster as an ellipse of one standard deviation, with a dot as large as its share, and its id."""
    if not life.clusters:
        axes.text(0.5, 0.5, "no cluster yet", transform=axes.transAxes, ha="center", va="center", color="0.4")
        axes.set_xticks([])
        axes.set_yticks([])
        return
    seen = view(life)
    fill = 0.22 if len(life.clusters) <= 12 else 0.08
    for one, point, covariance in zip(life.clusters, seen.points, seen.covariances, strict=True):
        values, vectors = np.linalg.eigh(covariance)
        high, wide = 2.0 * np.sqrt(np.maximum(values, 0.0))
        angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
        shade = colour(one.id)
        at = float(point[0]), float(point[1])
        axes.add_patch(
            Ellipse(
                at, float(wide), float(high), angle=angle, edgecolor=shade, facecolor=(*shade[:3], fill), linewidth=1.3
            )
        )
        axes.scatter(*at, s=_dot(one.share), color=shade, alpha=0.9, zorder=3, linewidths=0)
    axes.margins(0.08)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(_axis(seen, 0, life.features), fontsize=9)
    if seen.directions[1].any():
        axes.set_ylabel(_axis(seen, 1, life.features), fontsize=9)
    else:
        axes.set_yticks([])
    axes.grid(color="0.92")
    axes.set_axisbelow(True)


def name(axes: Axes, life: ClusterLife) -> None:
    """Write the ids beside the dots where there is room; call it when the axes have their place and limits."""
    canvas = axes.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()
    scale = axes.figure.dpi / 72.0
    taken: list[Bbox] = []
    order = sorted(zip(life.clusters, view(life).points, strict=True), key=lambda pair: -pair[0].share)
    for one, point in order:  # no name upon another's dot
        x, y = axes.transData.transform(point)
        radius = 0.5 * scale * float(np.sqrt(_dot(one.share)))
        taken.append(Bbox.from_extents(x - radius, y - radius, x + radius, y + radius))
    for place, (one, point) in enumerate(order):
        said = f"{one.id} {one.name}".strip().replace("$", r"\$") + f" · {part(one.share)}"
        label = axes.annotate(
            said,
            (float(point[0]), float(point[1])),
            xytext=(0.0, 0.0),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9,
            zorder=4,
            path_effects=[withStroke(linewidth=2.5, foreground=(1.0, 1.0, 1.0, 0.75))],
            arrowprops={"arrowstyle": "-", "color": "0.5", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )
        size = label.get_window_extent(renderer)
        half = size.width / 2 / scale, size.height / 2 / scale
        dot = (taken[place].width / 2) / scale
        x, y = axes.transData.transform(point)
        for far, turn in product(range(12), range(16)):
            angle = np.pi / 2 - 2.0 * np.pi * turn / 16
            # Beside the dot, and then further and further from it.
            dx = np.cos(angle) * (dot + half[0] + 3.0 + 9.0 * far)
            dy = np.sin(angle) * (dot + half[1] + 2.0 + 9.0 * far)
            cx, cy = x + dx * scale, y + dy * scale
            box = Bbox.from_extents(
                cx - size.width / 2 - 2, cy - size.height / 2 - 1, cx + size.width / 2 + 2, cy + size.height / 2 + 1
            )
            inside = axes.bbox.fully_containsx(box.x0) and axes.bbox.fully_containsx(box.x1)
            inside = inside and axes.bbox.fully_containsy(box.y0) and axes.bbox.fully_containsy(box.y1)
            if inside and not any(box.overlaps(other) for other in taken):
                break
        label.set_position((float(dx), float(dy)))
        if far == 0 and label.arrow_patch is not None:
            label.arrow_patch.set_visible(False)
        taken.append(box)


def part(share: float) -> str:
    """Say a share in a few characters.

    >>> part(0.1234), part(0.001), part(0.0)
    ('12%', '<1%', '0%')
    """
    return "<1%" if 0.0 < share < 0.01 else f"{share:.0%}"


def _dot(share: float) -> float:
    """The area of a dot, in square points."""
    return 25.0 + 700.0 * share


def _axis(seen: View, place: int, features: tuple[str, ...]) -> str:
    """Say what an axis shows and what it is made of."""
    direction = seen.directions[place]
    order = np.argsort(-np.abs(direction), kind="stable")[:_NAMED]
    parts = [f"{direction[j]:+.2f} {_short(features[j])}" for j in order if abs(direction[j]) >= 0.1]
    made = "  ".join(parts).replace("$", r"\$") + (" …" if len(features) > len(parts) else "")
    shown = f" ({seen.shown[place]:.0%} of the variance of the centres)" if seen.shown.any() else ""
    return f"standard deviations of all events{shown}\n{made}"


def _short(text: str, longest: int = 22) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"

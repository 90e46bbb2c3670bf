"""Clusters as a picture: where they are now, and below it when they lived."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from driftline.models.clustering.life import ClusterLife
from driftline.services import cluster_map, cluster_timeline


def save(life: ClusterLife, path: Path, title: str) -> None:
    """Draw a model's clusters and write them as PNG (or what the file's ending says)."""
    rows = max(len(cluster_timeline.chosen(life)), 2)
    heights = [6.2, 1.0 + 0.27 * rows]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained", dpi=110)
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(2, height_ratios=heights)
    now: Axes = panels[0]
    then: Axes = panels[1]
    cluster_map.draw(now, life)
    cluster_timeline.draw(then, life)
    now.set_title(title.replace("$", r"\$"), loc="left", fontweight="bold")
    rest = 1.0 - sum(one.share for one in life.clusters)
    count = len(life.clusters)
    said = f"{count} cluster{'s' * (count != 1)} after {life.learnt:,} events"
    if life.clusters and rest >= 0.005:
        said += f", {rest:.0%} in none"
    now.set_title(f"{said}; ellipse: 1 sd; dot: share", loc="right", fontsize=9, color="0.3")
    then.set_title("their lives", loc="left", fontweight="bold")
    canvas.draw()  # gives the panels their places
    if life.clusters:
        cluster_map.name(now, life)
    figure.savefig(path)

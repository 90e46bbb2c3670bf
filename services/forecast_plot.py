"""One key of a forecaster as a picture: its last values, the forecast before and after feedback, and the weights."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from driftline.models.base import Array
from driftline.services.cell_view import CellView

SEASONS, HORIZONS, FEWEST = 5, 3, 60
"""How much of the past is drawn: so many seasons or horizons, whichever is longer, and at least so many values."""
LEAST = 0.0005
"""A weight below it is not drawn."""
EARLIEST, LATEST = -6e10, 2.5e11
"""Times that are drawn as dates, in seconds since 1970: no date lies before the year 1 or after 9999."""
PAST, REFINED, FIRST = "0.25", "C3", "C0"


def save(view: CellView, path: Path, title: str) -> None:
    """Draw a key of a forecaster and write it as PNG (or what the file's ending says)."""
    weights = {} if view.told is None else {name: w for name, w in view.told.weights.items() if w >= LEAST}
    heights = [4.8, *([0.8 + 0.24 * len(weights)] if weights else [])]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    panels = np.atleast_1d(figure.subplots(len(heights), height_ratios=heights))
    _draw_series(panels[0], view)
    panels[0].set_title(title.replace("$", r"\$"), loc="left", fontweight="bold")
    if weights:
        _draw_weights(panels[1], view, weights)
    figure.savefig(path)


def _draw_series(axes: Axes, view: CellView) -> None:
    told, ahead = view.told, len(view.forecast)
    past = view.history[-max(HORIZONS * ahead, SEASONS * view.season, FEWEST) :]
    # Each forecast begins at the last value that is known, so that the lines hang together.
    joint = past[-1] if len(past) else np.nan
    axes.plot(_times(view, 1 - len(past), 1), past, color=PAST, linewidth=1.2, label="values")
    if len(past) > 1:
        _mark_single(axes, view, past)
    then = _times(view, 0, ahead + 1)
    if told is not None:
        known = np.isfinite(told.low) & np.isfinite(told.high)
        if known.any():
            label = "90 % interval"
            axes.fill_between(
                then[1:], told.low, told.high, where=known, color=REFINED, alpha=0.16, linewidth=0, label=label
            )
        axes.plot(then, [joint, *told.first], color=FIRST, linewidth=1.2, linestyle="--", label="first answer")
    if ahead:
        name = "forecast" if told is None else "refined forecast"
        axes.plot(then, [joint, *view.forecast], color=REFINED, linewidth=1.8, label=name)
        axes.axvline(then[0], color="0.7", linewidth=0.8, zorder=0)
    elif view.trouble:
        axes.set_title(view.trouble, loc="right", fontsize=9, color="0.3")
    if _clock(view) is None:
        axes.set_xlabel("steps from now", loc="left")
    else:
        locator = AutoDateLocator(tz=datetime.UTC)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=datetime.UTC))
        axes.set_xlabel("UTC", loc="left")
    axes.margins(x=0.01)
    if np.isfinite(past).any() and np.nanmin(past) >= 0.0:
        axes.set_ylim(bottom=0.0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if ahead or len(past):
        axes.legend(loc="upper left", frameon=False, fontsize=9, ncols=4)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.1 * (high - low))  # room for the legend
    verdict = None if view.recent is None else view.recent.verdict
    if verdict is not None and verdict.truths:
        first, refined = verdict.first / verdict.truths, verdict.refined / verdict.truths
        axes.set_title(
            f"judged last: first off by {first:.4g}, refined by {refined:.4g}", loc="right", fontsize=9, color="0.3"
        )


def _mark_single(axes: Axes, view: CellView, past: Array) -> None:
    """Draw values between two missing ones, which no line shows, as dots."""
    gone = np.concatenate([[True], np.isnan(past), [True]])
    single = ~gone[1:-1] & gone[:-2] & gone[2:]
    if single.any():
        axes.plot(_times(view, 1 - len(past), 1)[single], past[single], ".", color=PAST, markersize=3)


def _draw_weights(axes: Axes, view: CellView, weights: dict[str, float]) -> None:
    names = sorted(weights, key=lambda name: (weights[name], name))
    voices = {} if view.recent is None else view.recent.voices
    bars = axes.barh(
        names, [weights[name] for name in names], height=0.7, color=["C1" if name in voices else "C7" for name in names]
    )
    axes.bar_label(bars, [f"{weights[name]:.1%}" for name in names], padding=3, fontsize=8)
    axes.set_xlim(0.0, 1.08 * max(weights.values()))
    axes.set_xticks([])
    axes.margins(y=0.02)
    axes.tick_params(axis="y", length=0, labelsize=9)
    ahead = len(view.forecast)
    said = "; of voices from outside in orange" if voices else ""
    axes.set_title(f"weights of the experts, {ahead:,} steps ahead{said}", loc="left", fontsize=10)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def _clock(view: CellView) -> tuple[float, float] | None:
    """When the last step was and how long one is; None where that is unknown, or no date says it."""
    if view.clock is None:
        return None
    last, seconds = view.clock
    first, end = last - len(view.history) * seconds, last + len(view.forecast) * seconds
    return view.clock if first > EARLIEST and end < LATEST else None


def _times(view: CellView, start: int, stop: int) -> Any:
    """Return where steps lie on the axis: 0 is the last value."""
    steps, clock = np.arange(start, stop), _clock(view)
    if clock is None:
        return steps
    last, seconds = clock
    return np.datetime64(0, "ms") + np.round((last + steps * seconds) * 1e3).astype("int64").astype("timedelta64[ms]")

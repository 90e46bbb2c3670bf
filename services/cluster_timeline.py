"""When clusters lived: a bar for each, from birth to death, and what happened on the way."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from driftline.models.clustering.life import ClusterLife
from driftline.services.cluster_map import colour, part

ROWS = 40
"""Clusters that are shown: those alive, and of the others those that lived last."""
_SPLIT, _MERGED = "#b8860b", "#6a3d9a"


class Span(NamedTuple):
    """The life of one cluster."""

    id: int
    start: int | None
    """Events learnt at its birth; None where that is longer ago than the history reaches."""
    end: int | None
    """At its death or merger; None where it is alive."""


def spans(life: ClusterLife) -> list[Span]:
    """Return the life of every cluster that is alive or in the history, in the order of birth.

    >>> from driftline.models.clustering.life import LifeEvent
    >>> birth, death = LifeEvent(3, "born", 7, (), ""), LifeEvent(8, "died", 2, (), "")
    >>> spans(ClusterLife((), (birth, death), 9, ()))
    [Span(id=2, start=None, end=8), Span(id=7, start=3, end=None)]
    """
    start: dict[int, int | None] = {}
    end: dict[int, int | None] = {}
    for one in life.history:
        if one.kind == "born":
            start[one.who] = one.at
        elif one.kind == "split":
            for other in one.others:
                start[other] = one.at
        elif one.kind == "merged":
            end |= dict.fromkeys(one.others, one.at)
        elif one.kind == "died":
            end[one.who] = one.at
        for known in (one.who, *one.others):
            start.setdefault(known, None)
    for now in life.clusters:
        if start.get(now.id) is None:  # a birth is told when it is sure: that is where the bar begins
            start[now.id] = now.born
        end[now.id] = None
    found = [Span(id_, at, end.get(id_)) for id_, at in start.items()]
    return sorted(found, key=lambda span: (-1 if span.start is None else span.start, span.id))


def chosen(life: ClusterLife) -> list[Span]:
    """Return the lives that are shown, in the order of birth: not more than `ROWS` besides those alive."""
    every = spans(life)
    alive = {one.id for one in life.clusters}
    gone = sorted((one for one in every if one.id not in alive), key=lambda one: (one.end or life.learnt, one.id))
    room = max(0, ROWS - len(alive))
    kept = alive | {one.id for one in gone[len(gone) - min(room, len(gone)) :]}
    return [one for one in every if one.id in kept]


def draw(axes: Axes, life: ClusterLife) -> None:
    """Draw the bars, arrows for splits and mergers, and marks for moves and deaths."""
    shown = chosen(life)
    rows = {one.id: float(place) for place, one in enumerate(shown)}
    first = min((one.at for one in life.history), default=0)
    known = [one.start for one in shown if one.start is not None]
    left = min([first, *known]) if any(one.start is None for one in shown) else min(known, default=0)
    width = max(life.learnt - left, 1)
    names = {one.id: one.name for one in life.clusters}
    shares = {one.id: one.share for one in life.clusters}
    for one in shown:
        begin = left - 0.03 * width if one.start is None else one.start
        end = life.learnt if one.end is None else one.end
        row, shade = rows[one.id], colour(one.id)
        axes.plot([begin, end], [row, row], color=shade, linewidth=6, solid_capstyle="butt", zorder=2)
        if one.start is None:
            axes.plot(begin, row, marker="<", color=shade, markersize=7, zorder=2)
        if one.id in shares:
            axes.text(life.learnt + 0.008 * width, row, part(shares[one.id]), va="center", fontsize=8, color="0.3")
        elif one.end is not None:
            axes.plot(one.end, row, marker="|", color="0.15", markersize=11, markeredgewidth=2, zorder=3)
    _tell(axes, life, rows)
    axes.set_ylim(max(len(shown) - 0.3, 0.7), -0.7)
    axes.set_xlim(left - 0.035 * width, life.learnt + 0.05 * width)
    said = [f"{one.id} {names.get(one.id, '')}".strip().replace("$", r"\$") for one in shown]
    axes.set_yticks(list(rows.values()), said, fontsize=9)
    axes.set_ylabel("cluster")
    missing = len(spans(life)) - len(shown)
    more = f" ({missing:,} more lived before and are not shown)" if missing else ""
    axes.set_xlabel(f"events learnt{more}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _tell(axes: Axes, life: ClusterLife, rows: dict[int, float]) -> None:
    """Draw what happened between rows and upon them, and say what the signs mean."""
    used: dict[str, Line2D] = {}
    for one in life.history:
        if one.kind in ("split", "merged"):
            shade = _SPLIT if one.kind == "split" else _MERGED
            for other in one.others:
                if one.who not in rows or other not in rows:
                    continue
                start, end = (rows[one.who], rows[other]) if one.kind == "split" else (rows[other], rows[one.who])
                arrow = {"arrowstyle": "-|>", "color": shade, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 2}
                axes.annotate("", (one.at, end), (one.at, start), arrowprops=arrow, zorder=4)
                what = "split off" if one.kind == "split" else "merged into"
                used[what] = Line2D([], [], color=shade, marker=">", markersize=6, linewidth=1.2, label=what)
        elif one.who not in rows:
            continue
        elif one.kind == "moved":
            row = rows[one.who]
            axes.plot(one.at, row, marker="D", color="white", markeredgecolor="0.15", markersize=5, zorder=4)
            used["moved"] = Line2D(
                [], [], ls="none", color="white", marker="D", markeredgecolor="0.15", markersize=5, label="moved"
            )
        elif one.kind == "died":
            used["died"] = Line2D(
                [], [], ls="none", color="0.15", marker="|", markersize=11, markeredgewidth=2, label="died"
            )
    if used:
        axes.legend(handles=list(used.values()), loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, frameon=False)

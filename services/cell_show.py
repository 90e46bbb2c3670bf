"""One key of a forecaster as text: a chart, the forecast, what became of earlier ones, and who is heard."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from driftline.models.base import Array
from driftline.services.blocks import bar, chart
from driftline.services.cell_view import CellView

LINES = 8
"""Height of the chart."""
LEADS = 24
"""The most steps of a forecast that the table shows."""
BAR = 24
"""Width of a weight of 1."""
PAST, AHEAD = "cyan", "yellow"


def moment(at: float) -> str:
    """Return an event time for people, in UTC; to the second only where that says something.

    >>> moment(1_700_000_000.0), moment(1_700_006_400.0)
    ('2023-11-14 22:13:20', '2023-11-15 00:00')
    """
    try:
        when = datetime.datetime.fromtimestamp(at, datetime.UTC)
    except (OverflowError, OSError, ValueError):
        return f"{at:g} s"
    return when.strftime("%Y-%m-%d %H:%M" if when.second == 0 else "%Y-%m-%d %H:%M:%S")


def show(view: CellView, out: Console) -> None:
    """Print all that there is to see of a key."""
    for line in _about(view):
        out.print(line, markup=False, highlight=False)
    if view.trouble:
        out.print(view.trouble, style="red", markup=False, highlight=False)
    if len(view.history):
        out.print()
        for text in _chart(view, out.width):
            out.print(text, no_wrap=True, crop=True)
    if len(view.forecast):
        out.print(forecast_table(view))
    for line in _feedback(view):
        out.print(line, markup=False, highlight=False)
    if view.told is not None:
        out.print(experts_table(view))
    for line in _voices(view):
        out.print(line, markup=False, highlight=False)


def _about(view: CellView) -> Iterator[str]:
    values = len(view.history) if view.recent is None else view.recent.seen
    yield f"{view.key}: last event {moment(view.seen_at)} UTC"
    if view.clock is not None:
        season = f", {view.season} make a season" if view.season else ""
        yield f"a step is {view.clock[1]:g} s{season}; the last one was at {moment(view.clock[0])} UTC"
    if view.recent is not None:
        missing = int(np.isnan(view.history).sum())
        yield f"{values:,} values so far; {len(view.history):,} are remembered, {missing:,} of them missing"


def _chart(view: CellView, width: int) -> Iterator[Text]:
    """The last values and the forecast, side by side on one scale."""
    gutter = 10
    room = max(width - gutter - 1, 20)
    ahead = view.forecast[: room // 2]
    past = view.history[-min(room - len(ahead), max(5 * len(ahead), 3 * view.season, 60)) :]
    both = np.concatenate([past, ahead])
    known = both[np.isfinite(both)]
    if not len(known):
        return
    low, high = float(known.min()), float(known.max())
    if 0.0 <= low <= 0.5 * high:
        low = 0.0  # a bar tells a size, where there is room for that
    before, after = (chart(values, low, high, LINES) for values in (past, ahead))
    for place, (left, right) in enumerate(zip(before, after, strict=True)):
        mark = {0: f"{high:.4g}", LINES - 1: f"{low:.4g}"}.get(place, "")
        yield Text.assemble(f"{mark:>{gutter - 2}} ┤", (left, PAST), "│" if len(ahead) else "", (right, AHEAD))
    told = f"the last {len(past):,} values"
    if len(ahead):
        told += f" and {len(ahead):,} steps ahead"
    yield Text(f"{'':{gutter}}{told}", "dim")


def _shown(horizon: int) -> list[int]:
    """The leads of the table's rows, counted from 0: all, or the first ones and then every so manieth.

    >>> _shown(3), len(_shown(1_000)), _shown(1_000)[-1]
    ([0, 1, 2], 24, 999)
    """
    if horizon <= LEADS:
        return list(range(horizon))
    first = LEADS // 3
    return [*range(first), *np.linspace(first, horizon - 1, LEADS - first).round().astype(int).tolist()]


def forecast_table(view: CellView) -> Table:
    """Make a table of the forecast; of a long one some leads are left out."""
    told, horizon = view.told, len(view.forecast)
    shown = _shown(horizon)
    title = "forecast" if len(shown) == horizon else f"forecast: {len(shown)} of {horizon:,} steps"
    table = Table(title=title, title_justify="left")
    table.add_column("steps ahead", justify="right")
    if view.clock is not None:
        table.add_column("at (UTC)")
    names = ["forecast"] if told is None else ["first", "refined", "low", "high"]
    for name in names:
        table.add_column(name, justify="right")
    columns = [view.forecast] if told is None else [told.first, told.refined, told.low, told.high]
    digits = _digits(np.concatenate(columns))
    for lead in shown:
        at = view.at(lead + 1)
        when = [] if at is None else [moment(at)]
        table.add_row(str(lead + 1), *when, *(_number(column[lead], digits) for column in columns))
    return table


def experts_table(view: CellView) -> Table:
    """Make a table of the experts: what each counts now, and how far it was off in the forecast judged last."""
    assert view.told is not None
    assert view.recent is not None
    weights, verdict = view.told.weights, view.recent.verdict
    errors = {} if verdict is None or not verdict.truths else verdict.experts
    mean = {name: error / verdict.truths for name, error in errors.items()} if verdict is not None else {}
    digits = _digits(np.array(list(mean.values())))
    table = Table(title=f"experts, {len(view.forecast):,} steps ahead", title_justify="left")
    table.add_column("expert")
    table.add_column("weight", justify="right")
    table.add_column("", min_width=BAR)
    if verdict is not None:
        table.add_column("off by, then", justify="right")
    for name in sorted(weights, key=lambda name: (-weights[name], name)):
        off = [] if verdict is None else [_number(mean.get(name, np.nan), digits)]
        table.add_row(escape(name), f"{weights[name]:.1%}", bar(weights[name], BAR), *off)
    return table


def _feedback(view: CellView) -> Iterator[str]:
    recent = view.recent
    if recent is None:
        return
    verdict = recent.verdict
    if verdict is None:
        yield "no forecast has been judged whole yet"
    elif not verdict.truths:
        yield f"of the forecast made after {verdict.origin:,} values no truth came"
    else:
        first, refined = verdict.first / verdict.truths, verdict.refined / verdict.truths
        inside = f"; {verdict.covered} of {verdict.given} truths within the interval" if verdict.given else ""
        yield (
            f"the newest forecast that is over was made after {verdict.origin:,} values and judged by {verdict.truths} "
            f"truths: first answer off by {first:.4g}, refined by {refined:.4g}{inside}"
        )
        yield from (f"  {facet}: {sentence}" for facet, sentence in verdict.text.items())


def _voices(view: CellView) -> Iterator[str]:
    recent = view.recent
    if recent is None:
        return
    for voice, origin in recent.voices.items():
        ago = recent.seen - origin
        weight = (
            "" if view.told is None or voice not in view.told.weights else f", weight {view.told.weights[voice]:.1%}"
        )
        yield f"voice {voice}: its newest forecast began {ago:,} step{'s' * (ago != 1)} ago{weight}"


def _digits(values: Array) -> int:
    """Return how many digits after the point are worth showing: five in all of the largest number.

    >>> _digits(np.array([1472.16, np.nan])), _digits(np.array([0.01234])), _digits(np.zeros(0))
    (1, 6, 0)
    """
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    return min(max(4 - math.floor(math.log10(largest)), 0), 9) if largest > 0.0 else 0


def _number(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 1e12 else f"{value:.5g}"

"""Whether refinement pays, as commands show it: before and after feedback, and each expert alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.markup import escape
from rich.table import Table

from driftline.streams.forecast_slot import ForecastSlot
from driftline.streams.slots import Slot

BESIDE = {"win_rate": "even 0.5", "coverage": "meant 0.9"}
"""What a share is to be compared with."""


def refined_row(slot: Slot | None) -> dict[str, Any] | None:
    """Return what verdicts say of a forecaster, summed over its keys; None where nothing was judged.

    `experts` has, for each, its own mean absolute error (`alone`), that of the refined forecasts on the same truths
    (`refined`), and its mean weight of late (`weight`).
    """
    if not isinstance(slot, ForecastSlot) or not slot.refined.truths:
        return None
    scores = slot.refined
    errors = scores.experts()
    experts = {
        name: {"alone": errors[name][0], "refined": errors[name][1], "weight": scores.weights.get(name, 0.0)}
        for name in sorted(errors, key=lambda name: errors[name][0] - errors[name][1])
    }
    return {"windows": scores.windows, "truths": scores.truths, **scores.values(), "experts": experts}


def told(refined: dict[str, Any] | None) -> Iterator[tuple[str, str, str]]:
    """Yield the scores for a table: the name, the value, and what it is to be compared with.

    >>> list(told({"mae_first": 4.0, "mae_refined": 3.0, "win_rate": 0.75}))
    [('mae_refined', '3', 'mae_first 4'), ('win_rate', '0.75', 'even 0.5')]
    """
    if refined is None:
        return
    yield "mae_refined", f"{refined['mae_refined']:.4g}", f"mae_first {refined['mae_first']:.4g}"
    for name, beside in BESIDE.items():
        if name in refined:
            yield name, f"{refined[name]:.4g}", beside


def refined_table(rows: Iterable[dict[str, Any]]) -> Table:
    """Make a table of the experts, those first that are best beside the refined forecast.

    >>> refined_table([{"partition": 0, "refined": None}]).row_count
    0
    """
    table = Table(title="each expert alone, and the refined forecast on the same truths", title_justify="left")
    table.add_column("lane")
    table.add_column("expert")
    for name in ("weight of late", "mae alone", "mae refined", "refined is"):
        table.add_column(name, justify="right")
    for row in rows:
        lane = str(row["partition"])
        for name, one in (row["refined"] or {"experts": {}})["experts"].items():
            gain = 1.0 - one["refined"] / one["alone"] if one["alone"] > 0.0 else 0.0
            better = f"{abs(gain):.1%} {'better' if gain >= 0.0 else 'worse'}"
            figures = (f"{one['weight']:.1%}", f"{one['alone']:.4g}", f"{one['refined']:.4g}")
            table.add_row(lane, escape(name), *figures, better)
            lane = ""
    return table

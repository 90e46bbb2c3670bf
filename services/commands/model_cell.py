"""One key of a forecaster, as `driftline models show STREAM MODEL --cell KEY` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from driftline.services.cell_show import moment, show
from driftline.services.cell_view import newest_keys, unknown, view
from driftline.services.console import UNAVAILABLE, USAGE, fail, out, say_json
from driftline.streams.forecast_slot import ForecastSlot

LISTED = 10
"""Keys that are named where none was asked for."""


def show_cell(
    about: dict[str, Any], slots: Sequence[tuple[int, ForecastSlot]], cell: str, png: Path | None, as_json: bool
) -> None:
    """Show a key of a forecaster, whose slots are given with their partitions."""
    if about["task"] != "forecast":
        fail(f"--cell is for forecasters, which keep a series for each key; {about['model']} is none", USAGE)
    found = [(partition, seen) for partition, slot in slots if (seen := view(slot, cell)) is not None]
    if not found:
        fail(unknown(cell, [slot for _, slot in slots]), USAGE)
    # A key is in one lane, unless the number of partitions was changed.
    partition, seen = max(found, key=lambda one: one[1].seen_at)
    files = []
    if png is not None:
        try:
            from driftline.services import forecast_plot
        except ImportError:
            fail("drawing needs matplotlib: pip install 'driftline[plot]'", UNAVAILABLE)
        forecast_plot.save(seen, png, f"{about['stream']}: {about['model']}, {cell}")
        files.append(str(png))
    if as_json:
        say_json(about | {"partition": partition, "cell": seen.as_json(), "files": files})
        return
    out.print(f"{about['stream']} {about['model']} ({about['class']}), lane {partition}", markup=False, highlight=False)
    show(seen, out)
    for path in files:
        out.print(f"drawn: {path}", markup=False, highlight=False)


def list_cells(slots: Sequence[tuple[int, ForecastSlot]]) -> None:
    """Name the keys that were seen last."""
    keys = newest_keys([slot for _, slot in slots], LISTED)
    if not keys:
        return
    count = sum(len(slot.keyed or ()) for _, slot in slots)
    out.print(f"\nseen last, of {count:,} cells (--cell shows one):", markup=False, highlight=False)
    for key, at in keys:
        out.print(f"  {key}  {moment(at)} UTC", markup=False, highlight=False)

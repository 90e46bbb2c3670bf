"""One key of a forecaster as it is now: its last values, what is forecast, and what is known of earlier forecasts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from driftline.models.base import Array, Recent, Told
from driftline.streams.forecast_slot import ForecastSlot

NEAR = 5
"""Names that are told in place of one that is unknown."""


class CellView(NamedTuple):
    """What there is to see of one key."""

    key: str
    seen_at: float
    """Event time of its last event."""
    clock: tuple[float, float] | None
    """When the last step was and how long a step is, in seconds; None where each event is a step."""
    season: int
    """Steps of a season; 0 for none."""
    history: Array
    """The last values, the oldest first; nan is a missing one."""
    forecast: Array
    """(h,) the nearest value first; empty where there is none."""
    told: Told | None
    """More of it, of a forecaster that refines by feedback."""
    recent: Recent | None
    """Of the same, what it remembers."""
    trouble: str = ""
    """Why there is no forecast."""

    def at(self, lead: int) -> float | None:
        """Return the event time of the value so many steps on (before the next one: 0 and less)."""
        return None if self.clock is None else self.clock[0] + lead * self.clock[1]

    def as_json(self) -> dict[str, Any]:
        """Return all of it for scripts; null is a value that is missing."""
        told, recent = self.told, self.recent
        forecast: dict[str, Any] = {
            "at": [self.at(lead + 1) for lead in range(len(self.forecast))] if self.clock else None,
            "refined": _plain(self.forecast),
        }
        if told is not None:
            forecast |= {"first": _plain(told.first), "low": _plain(told.low), "high": _plain(told.high)}
        verdict = None if recent is None or recent.verdict is None else recent.verdict._asdict()
        return {
            "key": self.key,
            "seen_at": self.seen_at,
            "step_seconds": self.clock and self.clock[1],
            "season": self.season,
            "values": None if recent is None else recent.seen,
            "history": _plain(self.history),
            "forecast": forecast,
            "weights": None if told is None else told.weights,
            "verdict": verdict,
            "voices": None if recent is None else recent.voices,
            "trouble": self.trouble or None,
        }


def view(slot: ForecastSlot, key: str) -> CellView | None:
    """Return a key of a forecaster as it is now; None where it has no such key."""
    assert slot.keyed is not None
    cell = slot.keyed.peek(key)
    if cell is None:
        return None
    seen_at, series, nothing = slot.keyed.last_at(key), cell.series, np.zeros(0)
    if series is None or cell.waiting:
        trouble = f"{cell.waiting} readings wait until there are enough to tell how long a step is"
        return CellView(key, seen_at, None, 0, nothing, nothing, None, None, trouble)
    recent = None if series.advised is None else series.advised.recent()
    history = series.values if recent is None else recent.history
    try:
        forecast, told = series.said()
    except Exception as error:  # any model may be looked at, one that fails too
        trouble = f"the model does not forecast: {type(error).__name__}: {error}"
        return CellView(key, seen_at, cell.clock, series.season, history, nothing, None, recent, trouble)
    return CellView(key, seen_at, cell.clock, series.season, history, np.array(forecast, float), told, recent)


def newest_keys(slots: Iterable[ForecastSlot], count: int) -> list[tuple[str, float]]:
    """Return the keys that were seen last, the newest first, with the event time of their last events."""
    found: list[tuple[str, float]] = []
    for slot in slots:
        assert slot.keyed is not None
        keys = list(slot.keyed)[-count:]
        found += [(key, slot.keyed.last_at(key)) for key in keys]
    return sorted(found, key=lambda one: (-one[1], one[0]))[:count]


def unknown(key: str, slots: Iterable[ForecastSlot]) -> str:
    """Say that there is no such key, how many there are, and which are named alike.

    >>> unknown("north", ())
    "no cell 'north': no snapshot holds one yet"
    """
    keys = [one for slot in slots for one in slot.keyed or ()]
    if not keys:
        return f"no cell {key!r}: no snapshot holds one yet"
    near = difflib.get_close_matches(key, keys, NEAR, 0.5)
    others = f"named alike: {', '.join(near)}" if near else f"such as {', '.join(sorted(keys)[:NEAR])}"
    return f"no cell {key!r} among the {len(keys):,} of the newest snapshots; {others}"


def _plain(values: Array) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]

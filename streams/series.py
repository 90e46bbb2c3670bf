"""One key's series: forecasts are issued at each value, and judged when the values they spoke of have come."""

from __future__ import annotations

from typing import Any

import numpy as np

from driftline.models.base import Forecaster, Plain
from driftline.streams.tasks import number
from driftline.streams.vault import decode, encode


class Judged:
    """What one new value says of the forecasts made before it: (error of the next step, errors, how many)."""

    __slots__ = ("errors", "leads", "next")

    def __init__(self, next_: float | None, errors: float, leads: int):
        self.next = next_
        self.errors = errors
        self.leads = leads


class Series:
    """A forecaster with its open forecasts and the baselines of its series.

    `horizon` steps are forecast at each value; `season` steps make a season (0: none).
    """

    VOICES = ("model", "last_value", "seasonal_naive")

    def __init__(self, model: Forecaster, horizon: int, season: int):
        self.model = model
        self.horizon = horizon
        self.season = season
        seasons = -(-horizon // season) * season if season else 0
        self._values = np.zeros(max(horizon, seasons, 1))
        """The last values, the newest first."""
        self._count = 0
        self._issued = np.zeros((horizon, horizon))
        """Open forecasts, the newest first: row i was issued i + 1 values ago, column j spoke of j + 1 steps on."""

    def step(self, y: float) -> tuple[list[float], dict[str, Judged]]:
        """Take the next value; return the new forecast and what the value says of each voice before it."""
        judged = self._judge(y)
        self._values[1:] = self._values[:-1].copy()
        self._values[0] = y
        self._issued[1:] = self._issued[:-1].copy()
        self._issued[0] = np.nan  # stays so where the model fails: the open forecasts still move on by one
        self._count += 1
        self.model.learn_one(y)
        forecast = [number(value) for value in self.model.forecast(self.horizon)]
        self._issued[0] = forecast
        return forecast, judged

    def _judge(self, y: float) -> dict[str, Judged]:
        judged = {}
        leads = min(self._count, self.horizon)
        if leads:
            steps = np.arange(leads)
            judged["model"] = _errors(y - self._issued[steps, steps])
            judged["last_value"] = _errors(y - self._values[:leads])
        if self.season and self._count >= len(self._values):
            # The newest value of the same phase that was known `lead` steps before.
            ago = -(-(np.arange(leads) + 1) // self.season) * self.season - 1
            judged["seasonal_naive"] = _errors(y - self._values[ago])
        return judged

    def state(self) -> dict[str, Plain]:
        """Return everything as arrays; a model of River's is a sealed pickle by the time that it is stored."""
        return {
            "model": encode(self.model),
            "values": self._values.copy(),
            "count": self._count,
            "issued": self._issued.copy(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take what another has kept."""
        if state["values"].shape != self._values.shape or state["issued"].shape != self._issued.shape:
            raise ValueError(f"kept for another horizon or season: {state['issued'].shape} values of forecast")
        self.model = decode("series", state["model"], self.model)
        self._values, self._count, self._issued = state["values"], state["count"], state["issued"]


def _errors(gaps: np.ndarray[Any, Any]) -> Judged:
    total, count = 0.0, 0
    sizes = np.abs(gaps).tolist()
    for size in sizes:
        if size == size:  # not a number: the model had failed to answer
            total += size
            count += 1
    return Judged(sizes[0] if sizes[0] == sizes[0] else None, total, count)

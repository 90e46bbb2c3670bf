"""One key's series: forecasts are issued at each value, and judged when the values they spoke of have come."""

from __future__ import annotations

from typing import Any

import numpy as np

from driftline.models.base import Advised, Array, Forecaster, Plain, Told
from driftline.streams.tasks import number
from driftline.streams.vault import decode, encode

OPEN = 24
"""The most forecasts that are open at a time: of a longer horizon only each so manieth forecast is judged whole."""


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
        self.horizon = horizon
        self.season = season
        seasons = -(-horizon // season) * season if season else 0
        self._values = np.zeros(max(horizon, seasons, 1))
        """The last values, the newest first."""
        self._count = 0
        self._every = -(-horizon // OPEN)
        self._issued = np.zeros((-(-horizon // self._every), horizon))
        """Open forecasts, the newest first, one for every `_every` values; column j spoke of j + 1 steps on."""
        self._next = np.nan
        """What the newest forecast, open or not, says of the next step."""
        self.advised: Advised | None = None
        """The model, where it refines its answers by feedback."""
        self._take(model)
        self._said: tuple[list[float], Told | None] | None = None
        """What `said` has found, until something new is learnt or heard."""

    @property
    def values(self) -> Array:
        """The last values, the oldest first; in place of a missing one stands the one before it."""
        return self._values[: self._count][::-1].copy()

    def _take(self, model: Forecaster) -> None:
        self.model = model
        self.advised = model if isinstance(model, Advised) else None

    def step(self, y: float) -> dict[str, Judged]:
        """Take the next value; return what it says of each voice before it. `said` has the forecast from there on.

        Of a missing value (nan) nothing is said. A model that cannot do with one learns what was forecast for it.
        """
        missing = y != y
        judged = {} if missing else self._judge(y)
        known = (float(self._values[0]) if self._count else 0.0) if missing else y
        self._values[1:] = self._values[:-1].copy()
        self._values[0] = known
        if self._count % self._every == 0:
            self._issued[1:] = self._issued[:-1].copy()
            self._issued[0] = np.nan  # stays so where the model fails: the open forecasts still move on
        self._next, self._said = np.nan, None
        self._count += 1
        if missing and self.advised is None:
            y = number(self.model.forecast(1)[0])
        self.model.learn_one(y)
        forecast, _ = self.said()
        self._next = forecast[0]
        if (self._count - 1) % self._every == 0:
            self._issued[0] = forecast
        return judged

    def said(self) -> tuple[list[float], Told | None]:
        """Return the forecast from the last value on, and all that goes with it where the model says more.

        Raises `NotFinite`.
        """
        if self._said is None:
            told = None if self.advised is None else self.advised.told(self.horizon)
            values = self.model.forecast(self.horizon) if told is None else told.refined.tolist()
            self._said = [number(value) for value in values], told
        return self._said

    def _judge(self, y: float) -> dict[str, Judged]:
        if not self._count:
            return {}
        judged = {}
        # How long ago each open forecast was issued: so many steps on it spoke of this value.
        ages = (self._count - 1) % self._every + 1 + self._every * np.arange(len(self._issued))
        rows = np.flatnonzero(ages <= min(self._count, self.horizon))
        leads = ages[rows] - 1
        following = abs(y - self._next)
        judged["model"] = _errors(y - self._issued[rows, leads], following if following == following else None)
        judged["last_value"] = _errors(y - self._values[leads], abs(y - float(self._values[0])))
        if self.season and self._count >= len(self._values):
            # The newest value of the same phase that was known `lead` steps before.
            ago = -(-(leads + 1) // self.season) * self.season - 1
            judged["seasonal_naive"] = _errors(y - self._values[ago], abs(y - float(self._values[self.season - 1])))
        return judged

    def hear(self, voice: str, origin: int, ys: list[float]) -> str:
        """Let the model take a voice's forecast; return what became of it."""
        if self.advised is None:
            return "unknown"
        self._said = None
        return self.advised.hear(voice, origin, ys)

    def state(self) -> dict[str, Plain]:
        """Return everything as arrays; a model of River's is a sealed pickle by the time that it is stored."""
        return {
            "model": encode(self.model),
            "values": self._values.copy(),
            "count": self._count,
            "issued": self._issued.copy(),
            "next": float(self._next),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take what another has kept."""
        if state["values"].shape != self._values.shape or state["issued"].shape != self._issued.shape:
            raise ValueError(f"kept for another horizon or season: {state['issued'].shape} values of forecast")
        self._take(decode("series", state["model"], self.model))
        self._values, self._count, self._issued = state["values"], state["count"], state["issued"]
        self._said = None
        self._next = state.get("next", float(self._issued[0, 0]) if self._count else np.nan)


def _errors(gaps: np.ndarray[Any, Any], following: float | None) -> Judged:
    sizes = np.abs(gaps)
    sound = sizes[sizes == sizes]  # not a number: the model had failed to answer
    return Judged(following, float(sound.sum()), len(sound))

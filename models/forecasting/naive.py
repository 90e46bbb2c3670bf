"""The forecasts that every other one must beat."""

from typing import Any

import numpy as np
from river.time_series.base import Forecaster

from driftline.models.base import Plain, array, scalar
from driftline.models.forecasting.series import finite, steps
from driftline.models.parameters import at_least


class Naive(Forecaster):  # type: ignore[misc]
    """Forecast the last value again; 0.0 before the first.

    Exogenous features (`x`, `xs`) are accepted, as River's interface has them, and not used.

    Raises
    ------
    ValueError
        A value is not finite, or the horizon is not at least 1.

    References
    ----------
    Hyndman and Athanasopoulos, "Forecasting: Principles and Practice" (3rd edition, 2021), section 5.2.

    >>> model = Naive()
    >>> for y in (3.0, 5.0):
    ...     model.learn_one(y)
    >>> model.forecast(3)
    [5.0, 5.0, 5.0]
    """

    def __init__(self) -> None:
        self.last = 0.0

    def learn_one(self, y: float, x: dict[Any, Any] | None = None) -> None:
        """Learn the next value of the series."""
        self.last = finite(y)

    def forecast(self, horizon: int, xs: list[dict[Any, Any]] | None = None) -> list[float]:
        """Return the next `horizon` values, the nearest first."""
        return [self.last] * steps(horizon)

    def state(self) -> dict[str, Plain]:
        """Return what was learnt."""
        return {"last": self.last}

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state."""
        self.last = scalar(state, "last", float)


class SeasonalNaive(Forecaster):  # type: ignore[misc]
    """Forecast the value of one season ago; the last value before a whole season was seen, 0.0 before the first.

    Parameters
    ----------
    season
        How many values make a season.

    Raises
    ------
    ValueError
        The season is shorter than 1, a value is not finite, or the horizon is not at least 1.

    References
    ----------
    Hyndman and Athanasopoulos, "Forecasting: Principles and Practice" (3rd edition, 2021), section 5.2.

    >>> model = SeasonalNaive(season=3)
    >>> for y in (1.0, 2.0, 3.0, 4.0):
    ...     model.learn_one(y)
    >>> model.forecast(4)
    [2.0, 3.0, 4.0, 2.0]
    """

    def __init__(self, season: int = 24):
        at_least(1, season=season)
        self.season = season
        self.values = np.zeros(season)  # value t lies at t % season
        self.n = 0

    def learn_one(self, y: float, x: dict[Any, Any] | None = None) -> None:
        """Learn the next value of the series."""
        self.values[self.n % self.season] = finite(y)
        self.n += 1

    def forecast(self, horizon: int, xs: list[dict[Any, Any]] | None = None) -> list[float]:
        """Return the next `horizon` values, the nearest first."""
        if self.n < self.season:
            return [float(self.values[self.n - 1])] * steps(horizon)  # at n = 0 the last place, which holds 0.0
        places = (self.n + np.arange(steps(horizon))) % self.season
        said: list[float] = self.values[places].tolist()
        return said

    def state(self) -> dict[str, Plain]:
        """Return what was learnt."""
        return {"values": self.values.copy(), "n": self.n}

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state."""
        values, n = array(state, "values", like=self.values), scalar(state, "n", int)
        self.values, self.n = values, n

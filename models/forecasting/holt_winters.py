"""Level, damped trend and season, by exponential smoothing."""

from typing import Any

import numpy as np
from river.time_series.base import Forecaster

from driftline.models.base import Array, Plain, array, scalar
from driftline.models.forecasting.series import bounded, steps
from driftline.models.parameters import positive, season_or_none, within

NOTHING = 1e-200  # a level that cannot be divided by
PACE = 0.05  # how fast the usual error follows the errors
FARTHEST = 10.0  # usual errors; a larger one moves the usual error no further
LEAST = 1e-6  # of the level: the least usual error
RATIO = 1e3  # a multiplicative season stays between 1 / RATIO and RATIO


class HoltWinters(Forecaster):  # type: ignore[misc]
    """Smooth a level, a damped trend and a season, and continue them.

    It forecasts from the first value on. In the first season it is Holt's method without a season. When the first
    season is complete, its mean is the level and the distances from it are the season. When the second is complete,
    level, trend and season are set afresh from both (Hyndman 2008, section 2.6.1), and the recursions go on from
    there. Exogenous features (`x`, `xs`) are accepted, as River's interface has them, and not used.

    Mean absolute errors with the defaults and the season given, this : last value : seasonal naive. AirlinePassengers
    (season 12), one step 19.7 : 30.3 : 34.4, twelve steps 25.2 : 53.5 : 34.3; multiplicative 11.6 and 18.1. WaterFlow
    has nearly no season, and bursts, and there it loses: season 24, one step 2.9 : 0.6 : 3.9, 24 steps 6.3 : 3.2 : 3.7.

    Parameters
    ----------
    season
        How many values make a season; 0 for none.
    alpha
        Weight of the newest value in the level, in (0, 1].
    beta
        Weight of the newest change of the level in the trend, in [0, 1]; 0 keeps the trend that the start gave.
    gamma
        Weight of the newest value in its place of the season, in [0, 1].
    damping
        What is left of the trend after each step, in (0, 1]; 1 continues it for ever.
    multiplicative
        Whether the season multiplies the level, for series whose swing grows with it. Where the level is not
        positive the season cannot be told and stays as it was.
    tolerance
        How many times the usual error a value may be off; one further off is learnt from as if it were at that
        bound, so that a burst does not throw level and season. Above 0.

    Raises
    ------
    ValueError
        A parameter is out of its range, a value is not finite, or the horizon is not at least 1.

    References
    ----------
    Hyndman and Athanasopoulos, "Forecasting: Principles and Practice" (3rd edition, 2021), sections 8.2 and 8.3.
    Hyndman, Koehler, Ord and Snyder, "Forecasting with Exponential Smoothing" (2008), section 2.6.1: the start.
    Gardner and McKenzie, "Forecasting trends in time series", Management Science 31 (1985): damping.
    Gelper, Fried and Croux, "Robust forecasting with exponential and Holt-Winters smoothing", Journal of Forecasting
    29 (2010): cleaning a value by its forecast before it is learnt from.

    >>> model = HoltWinters(season=4)
    >>> for t in range(40):
    ...     model.learn_one(10.0 + (5.0 if t % 4 == 0 else 0.0))
    >>> [round(y, 3) for y in model.forecast(5)]
    [15.0, 10.0, 10.0, 10.0, 15.0]
    """

    def __init__(
        self,
        season: int = 0,
        alpha: float = 0.3,
        beta: float = 0.05,
        gamma: float = 0.2,
        damping: float = 0.98,
        multiplicative: bool = False,
        tolerance: float = 5.0,
    ):
        season_or_none(season)
        within("(0, 1]", alpha=alpha, damping=damping)
        within("[0, 1]", beta=beta, gamma=gamma)
        positive(tolerance=tolerance)
        self.season, self.alpha, self.beta, self.gamma = season, alpha, beta, gamma
        self.damping, self.multiplicative, self.tolerance = damping, multiplicative, tolerance
        self.n = 0
        self.level = 0.0
        self.trend = 0.0
        self.spread = 0.0  # the usual error; 0 while there was none
        self.seasonal = np.full(season, float(multiplicative))  # value t belongs to place t % season
        self.start = np.zeros(2 * season)  # the first two seasons, until they are complete

    def learn_one(self, y: float, x: dict[Any, Any] | None = None) -> None:
        """Learn the next value of the series."""
        y = bounded(y)
        n, season = self.n, self.season
        self.n = n + 1
        if n < 2 * season:
            self.start[n] = y
        if n == 0:
            self.level = y
        elif season and self.n in (season, 2 * season):
            self._begin(self.start[: self.n])
        elif n < season or not season:
            self._smooth(self._cleaned(y, self.level + self.damping * self.trend))
        else:
            swing = float(self.seasonal[n % season])
            line = self.level + self.damping * self.trend
            y = self._cleaned(y, line * swing if self.multiplicative else line + swing)
            self._smooth(y / swing if self.multiplicative else y - swing)
            found = swing
            if not self.multiplicative:
                found = y - line
            elif line > NOTHING:
                found = min(max(y / line, 1 / RATIO), RATIO)
            self.seasonal[n % season] = swing + self.gamma * (found - swing)

    def _cleaned(self, y: float, expected: float) -> float:
        """Bring a value that is further off than the usual error allows back to that bound."""
        error = y - expected
        size = abs(error)
        bound = self.tolerance * self.spread
        if self.spread == 0.0:
            self.spread = size
        else:
            self.spread += PACE * (min(size, FARTHEST * self.spread) - self.spread)
            self.spread = max(self.spread, LEAST * abs(expected))  # a quiet series must be able to wake up
        if bound == 0.0 or size <= bound:
            return y
        return expected + (bound if error > 0 else -bound)

    def _smooth(self, y: float) -> None:
        """Take one value without its season into level and trend (section 8.2, the damped form)."""
        trend = self.damping * self.trend
        level = self.alpha * y + (1 - self.alpha) * (self.level + trend)
        self.trend = self.beta * (level - self.level) + (1 - self.beta) * trend
        self.level = level

    def _begin(self, values: Array) -> None:
        """Set level, trend and season from the first one or two seasons."""
        rows = values.reshape(-1, self.season)
        means = rows.mean(axis=1)
        self.trend = float(means[-1] - means[0]) / self.season
        at = np.arange(len(values)) - (len(values) - 1) / 2
        line = means.mean() + self.trend * at
        swings = self._swings(values, line).reshape(rows.shape).mean(axis=0)
        self.seasonal = swings / swings.mean() if self.multiplicative else swings - swings.mean()
        self.level = float(line[-1])

    def _swings(self, values: Array, line: Array) -> Array:
        """Return how far the values are from the level; no swing where it cannot be told."""
        if not self.multiplicative:
            return values - line
        ratios = np.ones(len(values))
        np.divide(values, line, out=ratios, where=line > NOTHING)
        return ratios.clip(1 / RATIO, RATIO)

    def forecast(self, horizon: int, xs: list[dict[Any, Any]] | None = None) -> list[float]:
        """Return the next `horizon` values, the nearest first."""
        h = np.arange(1, steps(horizon) + 1)
        damped = h if self.damping == 1 else self.damping * (1 - self.damping**h) / (1 - self.damping)
        line = self.level + self.trend * damped
        if self.season and self.n >= self.season:
            swing = self.seasonal[(self.n + h - 1) % self.season]
            line = line * swing if self.multiplicative else line + swing
        said: list[float] = line.tolist()
        return said

    def state(self) -> dict[str, Plain]:
        """Return what was learnt."""
        return {
            "n": self.n,
            "level": self.level,
            "trend": self.trend,
            "spread": self.spread,
            "seasonal": self.seasonal.copy(),
            "start": self.start.copy(),
        }

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state."""
        seasonal, start = array(state, "seasonal", like=self.seasonal), array(state, "start", like=self.start)
        n, level, trend = scalar(state, "n", int), scalar(state, "level", float), scalar(state, "trend", float)
        spread = scalar(state, "spread", float)
        self.n, self.level, self.trend, self.spread = n, level, trend, spread
        self.seasonal, self.start = seasonal, start

"""Autoregression by recursive least squares with forgetting."""

from typing import Any

import numpy as np
from river.time_series.base import Forecaster

from driftline.models.base import Plain, array, scalar
from driftline.models.forecasting.recursion import absorb, begin_again
from driftline.models.forecasting.series import bounded, steps
from driftline.models.parameters import at_least, positive, season_or_none, within

FARTHEST = 10.0  # scales from the centre at which a value is cut before it is learnt from
PACE = 0.01  # how fast centre and scale follow the series
SHRINK = 0.001  # how fast the scale becomes smaller: a quiet night must not make the morning an outlier
OFF = 4.0  # the factor by which the scale in use may be wrong before everything is re-expressed


class RecursiveLeastSquares(Forecaster):  # type: ignore[misc]
    """Forecast the next value from the last ones and from those a season ago; older errors count less and less.

    One value costs O(k²) for k weights, whatever the length of the series. Further steps are made by feeding each
    forecast back. Until the longest lag has been seen, the last value is the forecast (0.0 before the first).
    Exogenous features (`x`, `xs`) are accepted, as River's interface has them, and not used.

    Mean absolute errors with the defaults and the season given, this : last value : seasonal naive. AirlinePassengers
    (season 12), one step 9.9 : 30.3 : 34.4, twelve steps 16.5 : 53.5 : 34.3. WaterFlow (season 24, nearly none, with
    bursts), one step 0.552 : 0.552 : 3.9 (root of the mean square 3.02 : 3.19 : 15.4), 24 steps 2.8 : 3.2 : 3.7.

    It does not matter in which unit the series is: values are expressed in scales from a centre. When the series has
    moved so far that these no longer fit, new ones are taken and the weights are re-expressed exactly. A single
    wild value is cut at ten scales before it is learnt from, and an error far beyond the usual one counts less.
    Forecasts stay within one range of the values held, so that an unstable fit cannot run away.

    Parameters
    ----------
    lags
        How many of the last values are looked at, at least 1.
    season
        How many values make a season; 0 for none.
    seasonal_lags
        How many seasons back are looked at; for each k the values at k * season and one before it, so that changes
        over a season ago can be expressed.
    forgetting
        The weight that is left of an error after each step, in (0.5, 1]; it remembers about 1 / (1 - forgetting).
    tolerance
        How many times the usual error an error may be and still count in full (Huber's weight), above 0.
    prior
        How many observations' worth it trusts the weights it begins with, which repeat the last value, above 0.

    Raises
    ------
    ValueError
        A parameter is out of its range, a value is not finite, or the horizon is not at least 1.

    References
    ----------
    Haykin, "Adaptive Filter Theory" (4th edition, 2002), section 9.3: the exponentially weighted recursion.
    Huber, "Robust Statistics" (1981), section 7.8: weights that bound the influence of an error.
    Gunnarsson, "Combining tracking and regularization in recursive least squares identification", CDC 1996: giving
    back what forgetting takes from the prior, which bounds the covariance when nothing happens (wind-up).

    >>> model = RecursiveLeastSquares(lags=1, season=4)
    >>> for t in range(200):
    ...     model.learn_one(10.0 + (5.0 if t % 4 == 0 else 0.0))
    >>> [round(y, 1) for y in model.forecast(5)]
    [15.0, 10.0, 10.0, 10.0, 15.0]
    """

    def __init__(
        self,
        lags: int = 2,
        season: int = 0,
        seasonal_lags: int = 1,
        forgetting: float = 0.999,
        tolerance: float = 3.0,
        prior: float = 0.1,
    ):
        at_least(1, lags=lags, seasonal_lags=seasonal_lags)
        season_or_none(season)
        within("(0.5, 1]", forgetting=forgetting)
        positive(tolerance=tolerance, prior=prior)
        self.lags, self.season, self.seasonal_lags = lags, season, seasonal_lags
        self.forgetting, self.tolerance, self.prior = forgetting, tolerance, prior
        back = set(range(1, lags + 1))
        if season:
            back |= {k * season + one for k in range(1, seasonal_lags + 1) for one in (0, 1)}
        self.back = np.array(sorted(back))  # (k - 1,) lags, the nearest first
        k = len(back) + 1
        self.weights = np.zeros(k)  # (k,) of the intercept, then of the lags
        self.weights[1] = 1.0
        self.covariance = np.eye(k) / prior  # (k, k) inverse of the weighted sum of squares
        self.history = np.zeros(int(self.back[-1]))  # the newest last
        self.n = 0
        self.centre = 0.0  # in use: z = (y - centre) / scale; a scale of 0 means that none has been found
        self.scale = 0.0
        self.mean = 0.0  # followed, until the ones in use are too far off
        self.variance = 0.0
        self.spread = 1.0  # the usual error, in scales

    @classmethod
    def warm_up(cls) -> None:
        """Compile what will be needed: it takes some seconds the first time on a machine."""
        model = cls(lags=1)
        for y in (1.0, 2.0, 3.0):
            model.learn_one(y)

    def learn_one(self, y: float, x: dict[Any, Any] | None = None) -> None:
        """Learn the next value of the series."""
        y = bounded(y)
        if self.n >= len(self.history):
            if self.scale == 0.0:
                self._start(y)
            if self.scale > 0.0:
                self._follow(y)
                self._update(y)
        self.history[:-1] = self.history[1:]
        self.history[-1] = y
        self.n += 1

    def forecast(self, horizon: int, xs: list[dict[Any, Any]] | None = None) -> list[float]:
        """Return the next `horizon` values, the nearest first."""
        held = len(self.history)
        if self.n < held or self.scale == 0.0:
            return [float(self.history[-1])] * steps(horizon)
        z = np.empty(held + steps(horizon))
        z[:held] = (self.history - self.centre) / self.scale
        low, high = float(z[:held].min()), float(z[:held].max())
        room = high - low + 1.0
        intercept, weights = float(self.weights[0]), self.weights[1:]
        for t in range(held, held + horizon):
            z[t] = min(max(intercept + weights @ z[t - self.back], low - room), high + room)
        said: list[float] = (self.centre + self.scale * z[held:]).tolist()
        return said

    def _start(self, y: float) -> None:
        """Take centre and scale from the values held; while these are all alike, the last value is right anyway."""
        values = np.append(self.history, y)
        scale = float(values.std())
        if scale > 0.0:
            self.centre = self.mean = float(values.mean())
            self.scale, self.variance = scale, scale * scale

    def _follow(self, y: float) -> None:
        """Let mean and variance follow, a wild value moving them no further than one at ten scales."""
        reach = FARTHEST * self.variance**0.5
        distance = min(max(y - self.mean, -reach), reach)
        self.mean += PACE * distance
        change = distance * distance - self.variance
        self.variance += (PACE if change > 0 else SHRINK) * change
        least = 1e-9 * abs(self.mean) + 1e-100  # below this, differences are rounding
        self.variance = max(self.variance, least * least)
        scale = self.variance**0.5
        if not self.scale / OFF < scale < self.scale * OFF or abs(self.mean - self.centre) > OFF * self.scale:
            self._express(self.mean, scale)

    def _express(self, centre: float, scale: float) -> None:
        """Change to z' = a z + b: what was learnt stays the same, in other numbers."""
        a, b = self.scale / scale, (self.centre - centre) / scale
        k = len(self.weights)
        # φ' = M φ with M = [[1, 0], [b, a I]]. From z = wᵀφ follows w' = a M⁻ᵀ w + (b, 0, …) and P' = M⁻ᵀ P M⁻¹.
        turn = np.eye(k) / a  # M⁻ᵀ
        turn[0, 0] = 1.0
        turn[0, 1:] = -b / a
        self.weights = a * (turn @ self.weights)
        self.weights[0] += b
        self.spread *= a
        covariance = turn @ self.covariance @ turn.T
        self.covariance = (covariance + covariance.T) / 2
        self.centre, self.scale = centre, scale
        begin_again(self.weights, self.covariance, 1, self.prior)

    def _update(self, y: float) -> None:
        phi = np.empty(len(self.weights))  # (k,)
        phi[0] = 1.0
        phi[1:] = (self.history[len(self.history) - self.back] - self.centre) / self.scale
        phi[1:].clip(-FARTHEST, FARTHEST, out=phi[1:])
        z = min(max((y - self.centre) / self.scale, -FARTHEST), FARTHEST)

        self.spread = absorb(
            self.weights,
            self.covariance,
            phi,
            z,
            self.spread,
            self.n,
            self.forgetting,
            self.tolerance,
            self.prior,
        )
        begin_again(self.weights, self.covariance, 1, self.prior)

    def state(self) -> dict[str, Plain]:
        """Return what was learnt."""
        return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in self._learnt()}

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state."""
        fitting = {
            name: array(state, name, like=value) if isinstance(value, np.ndarray) else scalar(state, name, type(value))
            for name, value in self._learnt()
        }
        for name, value in fitting.items():
            setattr(self, name, value)

    def _learnt(self) -> list[tuple[str, Any]]:
        names = ("n", "weights", "covariance", "history", "centre", "scale", "mean", "variance", "spread")
        return [(name, getattr(self, name)) for name in names]

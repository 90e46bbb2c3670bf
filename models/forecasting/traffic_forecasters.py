"""Forecasters of many cells of traffic in one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from driftline.models import arrays
from driftline.models.base import Array, Plain, Question, Recent, Told, Verdict
from driftline.models.forecasting import autoregression, experts, fracast, leads, traffic_cells, validator
from driftline.models.forecasting.series import LARGEST, steps
from driftline.models.forecasting.traffic_cells import FIRST, HIGH, LOW, REFINED
from driftline.models.parameters import at_least

FRACAST = "fracast"
ABSURD = 100.0
"""Times the largest size of the values remembered: no forecast of a voice is taken beyond."""
_PASSING = ("_held", "_asked_now")


class TrafficForecasters:
    """Forecast n cells at a time: each with exactly the results of a `TrafficForecaster` of its own.

    All cells take a value with each step; nan where there is none. Parameters are those of `TrafficForecaster`.

    >>> many = TrafficForecasters(2, season=4, horizon=4, voices=())
    >>> for t in range(40):
    ...     many.learn_many(np.array([[10.0, 10.0, 15.0, 20.0][t % 4], 3.0]))
    >>> many.forecast_many(4).round(1).tolist()
    [[10.0, 10.0, 15.0, 20.0], [3.0, 3.0, 3.0, 3.0]]
    """

    def __init__(
        self,
        n: int,
        season: int = 24,
        horizon: int = 24,
        voices: Sequence[str] | None = None,
        rounds: int = 1,
    ):
        at_least(1, n=n, horizon=horizon, rounds=rounds)
        at_least(2, season=season)
        self.n, self.season, self.horizon, self.rounds = n, season, horizon, rounds
        self.inside = voices is None and fracast.available()
        self.voices = (FRACAST,) if self.inside else tuple(voices or ())
        known = set(experts.NAMES)
        for voice in self.voices:
            if voice in known:
                raise ValueError(f"voices must be named apart, and not like an expert, got {voice!r}")
            known.add(voice)
        self.names = (*experts.NAMES, *self.voices)
        self._plan = leads.plan(season, horizon, autoregression.lags(season), rounds)
        self._cells = traffic_cells.make(n, self._plan, len(self.voices))
        self._pass()

    def _pass(self) -> None:
        self._held: Any = traffic_cells.hold_cells(self._cells, self._plan)
        self._asked_now: tuple[int, Array] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _PASSING}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pass()

    @property
    def seen(self) -> int:
        """How many values of each cell have come, missing ones too."""
        return int(self._cells.seen[0])

    @property
    def rhythm(self) -> int:
        """A window begins after every so many values."""
        return self._plan.rhythm

    @property
    def memory_bytes(self) -> int:
        """The size of all arrays."""
        return arrays.size(self._cells)

    # -- the verbs ---------------------------------------------------------------------------------------------------

    def learn_many(self, ys: Array) -> None:
        """Learn the next value of each cell, (n,); nan is a missing one. Raises `ValueError` for infinite ones."""
        ys = np.asarray(ys, dtype=float)
        if ys.shape != (self.n,):
            raise ValueError(f"ys must be of shape ({self.n},), got {ys.shape}")
        if np.isinf(ys).any():
            raise ValueError(f"y must be finite, or nan, got {ys[np.isinf(ys)][0]}")
        traffic_cells.learn(self._held, ys.clip(-LARGEST, LARGEST))
        if self.inside and self.seen % self.rhythm == 0:
            self._cells.spoken[:, 0] = self._fresh(self.horizon + self.rhythm)
            self._cells.asked[:, 0] = self.seen
        traffic_cells.look_ahead(self._held)

    def forecast_many(self, horizon: int) -> Array:
        """Return the next values of each cell, (n, horizon), the nearest first."""
        return np.ascontiguousarray(self.answers(horizon)[:, REFINED])

    def told_many(self, horizon: int | None = None) -> list[Told]:
        """Return the answer for each cell in full."""
        answers = self.answers(horizon or self.horizon)
        return [
            Told(answer[FIRST], answer[REFINED], answer[LOW], answer[HIGH], weights)
            for answer, weights in zip(answers, self.weights(answers.shape[2]), strict=True)
        ]

    def answers(self, horizon: int) -> Array:
        """Return the rows of `traffic_cells` for each cell, (n, rows, horizon)."""
        found = np.empty((self.n, traffic_cells.ROWS, steps(horizon)))
        traffic_cells.forecast(self._held, self._spoken(horizon), found)
        return found

    def weights(self, lead: int) -> list[dict[str, float]]:
        """Return the weights of the experts for forecasts so far ahead, of each cell."""
        b = min(int(np.searchsorted(self._plan.ends, lead)), len(self._plan.ends) - 1)
        silent = np.isnan(self._spoken(lead)[:, :, :1]).all(axis=2).reshape(self.n, -1)
        weights, found = np.empty(len(self.names)), []
        for c in range(self.n):
            traffic_cells.weights_of(self._held, c, b, weights)
            weights[experts.COUNT :][silent[c]] = 0.0
            shares = (weights / weights.sum()).tolist()
            absent = {voice for voice, none in zip(self.voices, silent[c], strict=True) if none}
            found.append({name: w for name, w in zip(self.names, shares, strict=True) if name not in absent})
        return found

    # -- voices ------------------------------------------------------------------------------------------------------

    def _spoken(self, horizon: int) -> Array:
        """Return what the voices say of the values to come, (n, V, horizon)."""
        found = np.full((self.n, len(self.voices), horizon), np.nan)
        if self.inside:
            if self.seen:
                found[:, 0] = self._fresh(horizon)
            return found
        for v in range(len(self.voices)):
            gone = self.seen - self._cells.asked[:, v]
            for c in np.flatnonzero(self._cells.asked[:, v] >= 0):
                left = self._cells.spoken[c, v, gone[c] :][:horizon]
                found[c, v, : len(left)] = left
        return found

    def _fresh(self, horizon: int) -> Array:
        """Return what Fracast says now, (n, horizon)."""
        if self._cells.asked[0, 0] == self.seen and horizon <= self._cells.spoken.shape[2]:
            return self._cells.spoken[:, 0, :horizon]
        if self._asked_now is None or self._asked_now[0] != self.seen or self._asked_now[1].shape[1] < horizon:
            most = max(horizon, self.horizon + self.rhythm)
            histories = [self.history(c) for c in range(self.n)]
            self._asked_now = self.seen, fracast.Fracast(chunk=1).forecast_many(histories, most)
        return self._asked_now[1][:, :horizon]

    def history(self, c: int) -> Array:
        """Return the values of cell `c` that are remembered, the oldest first; nan is a missing one."""
        order = np.arange(max(0, self.seen - self._plan.held), self.seen) % self._plan.held
        return np.where(self._cells.missing[c, order], np.nan, self._cells.history[c, order])

    def question(self, c: int) -> Question | None:
        """Return what outside voices are to be asked of cell `c`, if a window began with the value learnt last."""
        if self.inside or not self.voices or not self.seen or self.seen % self.rhythm:
            return None
        count = self.horizon + self.rhythm
        feedback: dict[str, str] = {}
        judged = self._judged(c)
        if judged is not None:
            verdict, said, truth, at = judged
            feedback |= verdict.text
            beside = {name: total / verdict.truths for name, total in verdict.experts.items() if verdict.truths}
            for voice, values in zip(self.voices, said[experts.COUNT :], strict=False):
                if np.isfinite(values).any():
                    own = validator.sentences(validator.facets(values, truth, at, self.season, beside), beside)
                    feedback |= {f"{voice}: {facet}": sentence for facet, sentence in own.items()}
        return Question(self.seen, count, self.season, self.history(c), self.answers(count)[c, FIRST], feedback)

    def hear(self, c: int, voice: str, origin: int, ys: Any) -> str:
        """Take a voice's forecast of cell `c`; see `TrafficForecaster.hear`."""
        if self.inside or voice not in self.voices or not 0 < origin <= self.seen or origin % self.rhythm:
            return "unknown"
        v, cells = self.voices.index(voice), self._cells
        slots = np.flatnonzero(cells.opened[c] == origin)
        gone = self.seen - origin
        if not len(slots) or gone >= self.horizon:
            return "late"
        if cells.asked[c, v] == origin:
            return "again"
        if cells.asked[c, v] > origin:
            return "late"
        values = self._fit(c, ys)
        if values is None:
            return "unfit"
        cells.spoken[c, v], cells.asked[c, v] = values, origin
        row = cells.said[c, slots[0], experts.COUNT + v]
        shown = (values[self._plan.leads - 1] - cells.base[c, slots[0]]).clip(-1e38, 1e38)
        row[:] = np.where(self._plan.leads > gone, shown, np.nan)  # of the rest the truth is known
        return "heard"

    def _fit(self, c: int, ys: Any) -> Array | None:
        """Return a voice's forecast as numbers; None if it is none, or absurd."""
        try:
            values = np.array(ys, dtype=float)
        except (TypeError, ValueError, OverflowError):
            return None
        if values.shape != (self.horizon + self.rhythm,) or not np.isfinite(values).all():
            return None
        largest = np.abs(self._cells.history[c]).max()
        return values if np.abs(values).max() <= (ABSURD * largest or LARGEST) else None

    # -- feedback ----------------------------------------------------------------------------------------------------

    def verdict(self, c: int) -> Verdict | None:
        """Return how the window of cell `c` was whose last truth came with the value learnt last."""
        found = self._window(c, self.seen - self.horizon)
        return None if found is None else found[0]

    def recent(self, c: int) -> Recent:
        """Return what is remembered of cell `c`."""
        judged = self._judged(c)
        asked = {voice: int(at) for voice, at in zip(self.voices, self._cells.asked[c], strict=True) if at >= 0}
        return Recent(self.seen, self.history(c), None if judged is None else judged[0], asked)

    def _judged(self, c: int) -> tuple[Verdict, Array, Array, Array] | None:
        """Return the newest window whose truth has come; see `_window`."""
        over = [origin for origin in self._cells.opened[c] if 0 <= origin <= self.seen - self.horizon]
        return self._window(c, max(over, default=-1))

    def _window(self, c: int, origin: int) -> tuple[Verdict, Array, Array, Array] | None:
        """Return the verdict on a window, with all forecasts (G + rows, J), truths (J,), and times (J,)."""
        slots = np.flatnonzero(self._cells.opened[c] == origin)
        if origin < 0 or not len(slots):
            return None
        slot, count = slots[0], len(self.names)
        at = origin + self._plan.leads - 1
        places = at % self._plan.held
        base, rows = self._cells.base[c, slot], self._cells.said[c, slot].astype(float)
        truth = np.where(self._cells.missing[c, places], np.nan, self._cells.history[c, places])
        came = np.isfinite(truth)
        grown = (truth - base).clip(-1e38, 1e38).astype(np.float32).astype(float)  # rounded like what was said
        sums = np.abs(rows - grown)[:, came].sum(axis=1)
        by_expert = {n: float(s) for n, s in zip(self.names, sums, strict=False) if np.isfinite(s)}
        low, high = rows[count + LOW], rows[count + HIGH]
        given = came & np.isfinite(low)
        inside = given & (low <= grown) & (grown <= high)
        said = rows + base
        truths = int(came.sum())
        beside = {name: total / truths for name, total in by_expert.items()} if truths else {}
        facets = validator.facets(said[count + REFINED], truth, at, self.season, beside)
        verdict = Verdict(
            origin=origin,
            truths=truths,
            first=float(sums[count + FIRST]),
            refined=float(sums[count + REFINED]),
            given=int(given.sum()),
            covered=int(inside.sum()),
            experts=by_expert,
            facets=facets,
            text=validator.sentences(facets, beside),
        )
        return verdict, said, truth, at

    # -- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Plain]:
        """Return what was learnt."""
        return arrays.flat(self._cells)

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state. Raises `ValueError`, and is unchanged, where it does not fit."""
        arrays.refill(self._cells, state)
        self._asked_now = None

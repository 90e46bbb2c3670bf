"""One key of a forecaster's lane: its readings as steps, and its series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from driftline.models.base import Plain, Question, Told, Verdict
from driftline.streams.bins import Bins, season_of
from driftline.streams.model_config import ModelConfig
from driftline.streams.series import Judged, Series


class Stepped(NamedTuple):
    """What one reading gives rise to."""

    forecast: list[float]
    told: Told | None
    """Of a forecaster that says more."""
    judged: list[dict[str, Judged]]
    """What each value that it brought says of earlier forecasts."""
    verdicts: list[Verdict]
    question: Question | None


class Cell:
    """The series of one key, begun when the length of its steps, and of its season, is known.

    `make` builds a series for a season, in steps.
    """

    def __init__(self, config: ModelConfig, make: Callable[[int], Series]):
        self._config, self._make = config, make
        seconds = config.step_seconds
        self._bins: Bins | None = None
        if seconds is not None:
            season = config.season if isinstance(config.season, int) else 0  # a day's, once a step is known
            self._bins = Bins(0.0 if seconds == "discover" else seconds, config.counter, season)
        self.series = make(config.season) if isinstance(config.season, int) else None
        if self.series is None and self._bins is not None and self._bins.found:
            self._begin(self._bins)

    def _begin(self, bins: Bins) -> None:
        bins.season = season_of(bins.seconds)
        self.series = self._make(bins.season)

    def step(self, at: float, y: float) -> Stepped:
        """Take a reading; forecast from there on."""
        values = [y]
        if self._bins is not None:
            values = self._bins.take(at, y)
            if self.series is None and self._bins.found:
                self._begin(self._bins)
        series = self.series
        if series is None:
            return Stepped([y] * self._config.horizon, None, [], [], None)
        judged, verdicts, question = [], [], None
        for value in values:
            judged.append(series.step(value))
            if series.advised is not None:
                question = series.advised.question() or question
                verdict = series.advised.verdict()
                if verdict is not None:
                    verdicts.append(verdict)
        return Stepped(*series.said(), judged, verdicts, question)

    @property
    def clock(self) -> tuple[float, float] | None:
        """When the last step was, in event time, and how long a step is, in seconds; None while that is unknown."""
        if self._bins is None or self._bins.last is None:
            return None
        return self._bins.last, self._bins.seconds

    @property
    def waiting(self) -> int:
        """How many readings wait until the length of a step is known."""
        return 0 if self._bins is None else len(self._bins.waiting)

    def counts(self) -> Counter[str]:
        """Return, and forget, what became of readings."""
        if self._bins is None or not self._bins.counts:
            return Counter()
        counts, self._bins.counts = self._bins.counts, Counter()
        return counts

    def hear(self, voice: str, origin: int, ys: list[float]) -> str:
        """Take a voice's forecast; return what became of it."""
        return "unknown" if self.series is None else self.series.hear(voice, origin, ys)

    def state(self) -> dict[str, Plain]:
        """Return all that is kept; where each event is a step, it is that of the series."""
        series = None if self.series is None else self.series.state()
        if self._bins is None:
            assert series is not None
            return series
        return {"bins": self._bins.state(), "series": series}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what another has kept."""
        if self._bins is None:
            assert self.series is not None
            self.series.restore(state)
            return
        self._bins.restore(state["bins"])
        self.series = None if state["series"] is None else self._make(self._bins.season)
        if self.series is not None:
            self.series.restore(state["series"])

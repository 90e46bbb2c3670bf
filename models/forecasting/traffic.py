"""One cell's forecaster of traffic: forecasts that are refined by what became of earlier ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from river.time_series.base import Forecaster

from driftline.models.base import Plain, Question, Recent, Told, Verdict
from driftline.models.forecasting.traffic_forecasters import TrafficForecasters


class TrafficForecaster(Forecaster):  # type: ignore[misc]
    """Forecast a counter by experts that are weighed by what came true: predict, feedback, refine.

    Eleven experts of the house continue the series, and so do voices from elsewhere: Fracast, a small network, and
    language models. The model itself issues forecasts, at every value for the next one and in its own rhythm for a
    whole window of `horizon` values, and judges them when their truth has come. Each range of leads has its own
    memory. The refined forecast is the mean of all by the weights that follow; a voice that is late or absent is left
    out, and a bad one soon has no weight.

    Mean absolute errors with the defaults, this : best single expert of the region : first answer. 25 cells in Milan,
    hourly sums, the day after each of the last seven midnights: 148.1 : 151.2 : 151.2 with Fracast, 149.8 : 153.3 :
    156.8 without. The next ten minutes, the last fifth (`season=144`): 20.3 : 20.9. ETTh1, a day: 0.91 : 0.98 : 1.16.
    It loses where one expert is right and the others are far off: the day ahead of a random walk, 2 to 4 %; and where
    a few huge bursts make the error (NAB, network_in of one machine: by 40 %).

    Intervals are given from 12 judged windows on, for the next value after a season; they cover 89 to 91 %, and up to
    93 % in series of less than three weeks. Learning and telling cost 60 and 115 µs a value and cell with the
    defaults, 170 and 400 µs with `season=144, horizon=144`. A cell takes `memory_bytes`: 34.5 kB with the defaults
    and 1.2 kB more for each voice, 39 and 2.3 kB with 144, 63 and 3.9 kB with 288.

    `forecast` changes nothing. Missing values are nan: they are taken as what was expected, and judge nothing.
    Where the series never was below 0, no forecast is. Exogenous features (`x`, `xs`) are accepted, as River's
    interface has them, and not used.

    Parameters
    ----------
    season
        How many values make a day, at least 2; a week is seven days.
    horizon
        How many values a judged window has, at least 1. `forecast` goes further if asked to, with the weights of the
        farthest leads.
    voices
        Names of the voices whose forecasts come from outside, through `hear`; the first of them that speaks gives the
        first answer. None asks Fracast in this process where it is installed, 45 ms for each window and each forecast
        between them; no voices otherwise.
    rounds
        Rounds of refinement, at least 1. Each one after the first proposes a correction, and it is taken where it
        would have made the last four windows better; they are kept for that. As in the paper's loop, and as others
        found, this hardly pays: errors rise by 2 to 6 % on the data above.

    Raises
    ------
    ValueError
        A parameter is out of its range, a value is infinite, or the horizon is not at least 1.

    References
    ----------
    Hu et al., "Self-Refined Generative Foundation Models for Wireless Traffic Prediction", arXiv 2408.10390. The loop
    is the paper's; that feedback is computed from true values only, and that refinement is a weighing of experts, is
    not: see `feedback_memory`, `conformal` and `validator`.

    >>> model = TrafficForecaster(season=4, horizon=4, voices=())
    >>> for t in range(60):
    ...     model.learn_one([10.0, 10.0, 15.0, 20.0][t % 4])
    >>> [round(y, 1) for y in model.forecast(5)]
    [10.0, 10.0, 15.0, 20.0, 10.0]
    >>> model.verdict().refined < 1.0
    True
    """

    def __init__(self, season: int = 24, horizon: int = 24, voices: Sequence[str] | None = None, rounds: int = 1):
        self.season, self.horizon, self.rounds = season, horizon, rounds
        self.voices = None if voices is None else list(voices)  # River takes a tuple for a step of a pipeline
        self._cells = TrafficForecasters(1, season, horizon, voices, rounds)

    @classmethod
    def warm_up(cls) -> None:
        """Compile what will be needed: it takes a minute the first time on a machine."""
        model = cls(season=2, horizon=2, voices=("voice",))
        for y in range(4):
            model.learn_one(float(y))
        model.told()

    @property
    def n(self) -> int:
        """How many values have come, missing ones too."""
        return self._cells.seen

    @property
    def memory_bytes(self) -> int:
        """The size of all arrays."""
        return self._cells.memory_bytes

    def learn_one(self, y: float, x: dict[Any, Any] | None = None) -> None:
        """Judge what was said of the next value, and learn it; nan is a missing one."""
        self._cells.learn_many(np.array([y], dtype=float))

    def forecast(self, horizon: int, xs: list[dict[Any, Any]] | None = None) -> list[float]:
        """Return the next `horizon` values, the nearest first."""
        said: list[float] = self._cells.forecast_many(horizon)[0].tolist()
        return said

    def told(self, horizon: int | None = None) -> Told:
        """Return first and refined forecast, interval and weights; nothing changes."""
        return self._cells.told_many(horizon)[0]

    def question(self) -> Question | None:
        """Return what outside voices are to be asked, if a window began with the value learnt last."""
        return self._cells.question(0)

    def hear(self, voice: str, origin: int, ys: Any) -> str:
        """Take a voice's forecast for the window that began after `origin` values, in the length that was asked for.

        Returns `heard`; `late` if the window is judged, or a newer forecast was heard; `again`; `unknown` if there is
        no such voice or window; `unfit` if these are not so many finite numbers, or absurdly large ones. A forecast
        is used until the next one; of values that have come meanwhile it is not judged.
        """
        return self._cells.hear(0, voice, origin, ys)

    def verdict(self) -> Verdict | None:
        """Return how the window was whose last truth came with the value learnt last; None if there was none."""
        return self._cells.verdict(0)

    def recent(self) -> Recent:
        """Return what is remembered: the series, the verdict on the newest window that is over, the voices heard."""
        return self._cells.recent(0)

    def state(self) -> dict[str, Plain]:
        """Return what was learnt."""
        return self._cells.state()

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state."""
        self._cells.restore(state)


class TrafficLLM(TrafficForecaster):
    """The same as a stream keeps it, light: no network is asked in this process, only voices from outside are heard.

    >>> TrafficLLM(season=4, horizon=4).voices
    []
    """

    def __init__(self, season: int = 24, horizon: int = 24, voices: Sequence[str] | None = None, rounds: int = 1):
        super().__init__(season, horizon, voices or [], rounds)

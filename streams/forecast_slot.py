"""Forecasters of one lane: events teach them, and what comes next is the answer."""

from __future__ import annotations

from collections import Counter
from typing import Any

from driftline.models.base import Question, Told
from driftline.streams.cell import Cell
from driftline.streams.model_config import ModelConfig
from driftline.streams.refined_scores import RefinedScores
from driftline.streams.registry import build
from driftline.streams.scores import ForecastScores, Guess, Scores
from driftline.streams.series import Series
from driftline.streams.slots import Arrival, Clock, Failure, Lesson, Raised, Slot
from driftline.streams.vault import Vault

NOTHING_MORE = (None,) * 5
"""What stands in a prediction between the fields that all have and those of forecasts."""


class ForecastSlot(Slot):
    """A forecaster for each key: an event's target teaches it, and the forecast from there on is its answer."""

    def __init__(self, name: str, index: int, config: ModelConfig, lane: str, vault: Vault, clock: Clock):
        self._voices = {"last_value": ForecastScores()}
        if config.season:
            self._voices["seasonal_naive"] = ForecastScores()
        self.refined = RefinedScores()
        self.steps: Counter[str] = Counter()
        """Readings by what became of them, `bins.OUTCOMES`."""
        self.heard: Counter[str] = Counter()
        """Forecasts of voices from outside, by `voice/outcome`."""
        self.asked = 0
        """Questions to voices from outside, each to all of them."""
        self.questions: list[tuple[Arrival, Question]] = []
        """What voices are to be asked, since the lane took the last ones."""
        super().__init__(name, index, config, lane, vault, clock)

    def make(self) -> Cell:
        """Build a new series."""
        return Cell(self.config, self._series)

    def _series(self, season: int) -> Series:
        config = self.config
        return Series(build(config.class_, config.arguments(season)), config.horizon, season)

    def answer(self, run: list[Arrival]) -> tuple[list[Guess | Failure], list[Raised]]:
        """Take the target of each event; answer with what comes next."""
        started = self.clock()
        answers: list[Guess | Failure] = []
        raised: list[Raised] = []
        for one in run:
            try:
                answers.append(self._step(one, raised))
            except Exception as error:
                answers.append(Failure(error))
        self.predict_seconds += self.clock() - started
        self.predicted += len(run)
        return answers, raised

    def _step(self, one: Arrival, raised: list[Raised]) -> Guess:
        target, keyed, scores = self.config.target, self.keyed, self.scores
        assert keyed is not None
        assert isinstance(scores, ForecastScores)
        cell = keyed.want(one.key, one.at, one.watermark)
        y = one.x.get(target or "")
        if not isinstance(y, float):
            raise ValueError(f"no number {target!r} among the features: nothing to forecast")
        stepped = cell.step(one.at, y)
        self.steps += cell.counts()
        if stepped.question is not None and self.config.voices:
            self.questions.append((one, stepped.question))
            self.asked += 1
        for judged in stepped.judged:
            for voice, said in judged.items():
                board = scores if voice == "model" else self._voices[voice]
                board.judge(said.next, said.errors, said.leads)
            if "model" in judged and judged["model"].next is not None:
                for _, change in self.watch.judged((judged["model"].next,)):
                    self.worse(change, one.place, scores.n, raised)
        if stepped.told is None:
            return stepped.forecast, None
        for verdict in stepped.verdicts:
            self.refined.judge(verdict, stepped.told.weights)
        feedback = stepped.verdicts[-1].text.values() if stepped.verdicts else ()
        return stepped.forecast, _more(stepped.told, " ".join(feedback))

    def hear(self, key: str, voice: str, origin: int, ys: list[float]) -> str:
        """Let a key's forecaster take another's forecast; return what became of it."""
        assert self.keyed is not None
        cell = self.keyed.find(key) if voice in self.config.voices else None
        outcome = "unknown" if cell is None else cell.hear(voice, origin, ys)
        self.heard[f"{voice if voice in self.config.voices else ''}/{outcome}"] += 1
        return outcome

    def teach(self, run: list[Lesson]) -> list[Raised]:
        """A series needs no labels."""
        return []

    def baselines(self) -> dict[str, Scores]:
        """The last value, and the value of a season ago where there is a season."""
        return dict(self._voices)

    def desk(self) -> dict[str, Any]:
        """Return all that is kept beside the models and the watch, as plain values."""
        more = {"refined": self.refined.state(), "steps": dict(self.steps), "heard": dict(self.heard)}
        return super().desk() | more | {"asked": self.asked}

    def restore_desk(self, desk: dict[str, Any]) -> None:
        """Take what another has kept."""
        super().restore_desk(desk)
        if "refined" in desk:
            self.refined.restore(desk["refined"])
        self.steps, self.heard = Counter(desk.get("steps", {})), Counter(desk.get("heard", {}))
        self.asked = desk.get("asked", 0)


def _more(told: Told, feedback: str) -> Any:
    """All that a prediction says of a refined forecast, behind what all predictions say."""
    interval = [None, None]
    if (told.low == told.low).all() and (told.high == told.high).all():
        interval = [told.low.tolist(), told.high.tolist()]
    return (*NOTHING_MORE, told.first.tolist(), *interval, told.weights, feedback or None)

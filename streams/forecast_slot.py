"""Forecasters of one lane: events teach them, and what comes next is the answer."""

from __future__ import annotations

from driftline.streams.config import ModelConfig
from driftline.streams.scores import ForecastScores, Guess, Scores
from driftline.streams.series import Series
from driftline.streams.slots import Arrival, Clock, Failure, Lesson, Raised, Slot
from driftline.streams.vault import Vault


class ForecastSlot(Slot):
    """A forecaster for each key: an event's target teaches it, and the forecast from there on is its answer."""

    def __init__(self, name: str, index: int, config: ModelConfig, lane: str, vault: Vault, clock: Clock):
        self._voices = {"last_value": ForecastScores()}
        if config.season:
            self._voices["seasonal_naive"] = ForecastScores()
        super().__init__(name, index, config, lane, vault, clock)

    def make(self) -> Series:
        """Build a new series."""
        return Series(super().make(), self.config.horizon, self.config.season)

    def answer(self, run: list[Arrival]) -> tuple[list[Guess | Failure], list[Raised]]:
        """Take the target of each event; answer with what comes next."""
        started = self.clock()
        answers: list[Guess | Failure] = []
        raised: list[Raised] = []
        target, keyed, scores = self.config.target, self.keyed, self.scores
        assert keyed is not None
        assert isinstance(scores, ForecastScores)
        for one in run:
            try:
                series = keyed.want(one.key, one.at, one.watermark)
                y = one.x.get(target or "")
                if not isinstance(y, float):
                    raise ValueError(f"no number {target!r} among the features: nothing to forecast")
                forecast, judged = series.step(y)
                answers.append((forecast, None))
            except Exception as error:
                answers.append(Failure(error))
                continue
            for voice, said in judged.items():
                board = scores if voice == "model" else self._voices[voice]
                board.judge(said.next, said.errors, said.leads)
            if "model" in judged and judged["model"].next is not None:
                for _, change in self.watch.judged((judged["model"].next,)):
                    self.worse(change, one.place, scores.n, raised)
        self.predict_seconds += self.clock() - started
        self.predicted += len(run)
        return answers, raised

    def teach(self, run: list[Lesson]) -> list[Raised]:
        """A series needs no labels."""
        return []

    def baselines(self) -> dict[str, Scores]:
        """The last value, and the value of a season ago where there is a season."""
        return dict(self._voices)

"""One configured model in its lane: asked for whole runs of events, judged and taught by whole runs of labels.

Models do not meet, so a run goes through one model after the other (a tight loop each) and gives what the same
messages one by one would give. Code of a model's author may raise anything: that is caught here, at its boundary,
and told as a `Failure`; the lane makes it a dead letter and goes on.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from driftline.models.base import News
from driftline.streams.config import ModelConfig
from driftline.streams.contest import Contest, Promotion
from driftline.streams.drift import Watch
from driftline.streams.keyed import Keyed
from driftline.streams.registry import build, version_of
from driftline.streams.scores import ForecastScores, Guess, Scores
from driftline.streams.series import Series
from driftline.streams.tasks import TASKS
from driftline.streams.vault import Vault
from driftline.streams.waiting import Entry

log = logging.getLogger("driftline.models")

Clock = Callable[[], float]


class Failure:
    """A model could not take an event or a label."""

    __slots__ = ("error", "message")

    def __init__(self, error: Exception):
        self.error = type(error).__name__
        self.message = str(error) or self.error


class Arrival(msgspec.Struct, gc=False):
    """A valid event in its run."""

    place: int
    offset: int
    id: str
    at: float
    key: str
    x: dict[str, Any]
    entry: Entry
    watermark: float
    seen: dict[str, int]


class Lesson(msgspec.Struct, gc=False):
    """A label that has met its event."""

    place: int
    entry: Entry
    y: Any


Raised = tuple[int, "Slot | Contest", Failure | News | Promotion | tuple[float, float, int]]
"""Place in the run, model or contest, and a failure, news, a promotion, or a drift's evidence (loss before, loss after,
labels)."""


class Slot:
    """A model of one lane, or one for each key of it, with its scores and its drift watch."""

    def __init__(self, name: str, index: int, config: ModelConfig, lane: str, vault: Vault, clock: Clock):
        self.name = name
        self.index = index
        self.config = config
        self.task = TASKS[config.effective_task]
        self.version = version_of(
            config.class_,
            config.model_dump(mode="json", include={"parameters", "per", "target", "horizon", "season"}),
            self.task.name,
        )
        self.scores: Scores = self.task.scores()
        self.watch = Watch(config.drift)
        self.clock = clock
        self.predicted = 0
        self.drifts = 0
        self.told: Counter[str] = Counter()
        """News of the model, by kind."""
        self.predict_seconds = 0.0
        self.learn_seconds = 0.0
        self.since: dict[str, int] = {}
        """The lane's offsets when this model joined it."""
        self.keyed: Keyed[Any] | None = None
        if config.per == "key":
            place = f"{lane}/slot:{name}"
            self.keyed = Keyed(self.make, config.max_keys, config.key_max_age_seconds, place, vault)
        self.model: Any = None
        self._news: Callable[[], list[News]] | None = None
        if self.keyed is None:
            self.take(self.make())

    def make(self) -> Any:
        """Build a new model."""
        return build(self.config.class_, self.config.parameters)

    def take(self, model: Any) -> None:
        """Go on with this model (per lane)."""
        self.model = model
        self._ask = self.task.ask(model)
        self._ask_rows = self.task.ask_rows(model)
        self._learn_rows = getattr(model, "learn_rows", None)
        self._news = getattr(model, "news", None)

    def answer(self, run: list[Arrival]) -> tuple[list[Guess | Failure], list[Raised]]:
        """Answer each event of a run, before any later message is handled."""
        started = self.clock()
        answers = self._answers(run)
        self.predict_seconds += self.clock() - started
        self.predicted += len(run)
        return answers, []

    def _answers(self, run: list[Arrival]) -> list[Guess | Failure]:
        answers: list[Guess | Failure] = []
        if self.keyed is not None:
            want, ask_of = self.keyed.want, self.task.ask
            for one in run:
                try:
                    answers.append(ask_of(want(one.key, one.at, one.watermark))(one.x))
                except Exception as error:
                    answers.append(Failure(error))
            return answers
        if self._ask_rows is not None and len(run) > 1:
            try:
                return self._read(self._ask_rows([one.x for one in run]))
            except Exception as error:  # one by one, to see which event it was
                log.debug("%s: %r in a run of %d events", self.name, error, len(run))
        ask = self._ask
        for one in run:
            try:
                answers.append(ask(one.x))
            except Exception as error:
                answers.append(Failure(error))
        return answers

    def _read(self, said: list[Any]) -> list[Guess | Failure]:
        answers: list[Guess | Failure] = []
        read = self.task.read
        for what in said:
            try:
                answers.append(read(what, self.model))
            except Exception as error:
                answers.append(Failure(error))
        return answers

    def teach(self, run: list[Lesson]) -> list[Raised]:
        """Judge each prediction by its label (of this task's type), then learn, on the features predicted on."""
        started = self.clock()
        raised: list[Raised] = []
        index, watch = self.index, self.watch.update
        guesses = [lesson.entry.guesses[index] for lesson in run]
        if None in guesses:
            run = [lesson for lesson, guess in zip(run, guesses, strict=True) if guess is not None]
            guesses = [guess for guess in guesses if guess is not None]
        # Scores and drift watch do not meet the model: judge the whole run, let the model learn up to each alarm.
        learnt, judged = 0, self.scores.n
        for place, loss in enumerate(self.scores.update_run([lesson.y for lesson in run], guesses)):
            if watch(loss):
                self._learn(run[learnt:place], raised)
                learnt = place
                raised.append(self.alarm(run[place].place, judged + place + 1))
        self._learn(run[learnt:], raised)
        self.learn_seconds += self.clock() - started
        return raised

    def _learn(self, run: list[Lesson], raised: list[Raised]) -> None:
        """Let the model learn a run of lessons."""
        if self.keyed is not None:
            for lesson in run:
                self._learn_for_key(lesson, raised)
            return
        if self._learn_rows is not None and len(run) > 1:
            try:
                self._learn_rows([lesson.entry.x for lesson in run], [lesson.y for lesson in run])
                self._hear(run, raised, self._news)
                return
            except Exception as error:  # then nothing was learnt: one by one, to see which lesson it was
                log.debug("%s: %r in a run of %d lessons", self.name, error, len(run))
        learn = self.model.learn_one
        for lesson in run:
            try:
                learn(lesson.entry.x, lesson.y)
            except Exception as error:
                raised.append((lesson.place, self, Failure(error)))
            self._hear([lesson], raised, self._news)

    def _hear(
        self, run: Sequence[Arrival | Lesson], raised: list[Raised], tell: Callable[[], list[News]] | None
    ) -> None:
        """Take the news of a model that has learnt this run, if it tells any."""
        for news in tell() if tell is not None else ():
            self.told[news.kind] += 1
            raised.append((run[news.row].place, self, news))

    def _learn_for_key(self, lesson: Lesson, raised: list[Raised]) -> None:
        assert self.keyed is not None
        try:
            model = self.keyed.find(lesson.entry.key)
            if model is not None:
                model.learn_one(lesson.entry.x, lesson.y)
                self._hear([lesson], raised, getattr(model, "news", None))
        except Exception as error:
            raised.append((lesson.place, self, Failure(error)))

    def alarm(self, place: int, judged: int) -> Raised:
        """Tell of a drift, after so many labels were judged, and do what the policy says."""
        self.drifts += 1
        before, after = self.watch.evidence
        if self.config.drift.policy == "reset":
            if self.keyed is None:
                self.take(self.make())
            else:
                self.keyed.drop()
        return place, self, (before, after, judged)

    def baselines(self) -> dict[str, Scores]:
        """Scores of baselines that are this model's own; most are the lane's."""
        return {}

    def desk(self) -> dict[str, Any]:
        """Return all that is kept beside the model and the watch, as plain values."""
        return {
            "scores": self.scores.state(),
            "predicted": self.predicted,
            "drifts": self.drifts,
            "told": dict(self.told),
            "baselines": {name: scores.state() for name, scores in self.baselines().items()},
            "since": self.since,
        }

    def restore_desk(self, desk: dict[str, Any]) -> None:
        """Take what another has kept."""
        self.scores.restore(desk["scores"])
        self.predicted, self.drifts, self.since = desk["predicted"], desk["drifts"], desk["since"]
        self.told = Counter(desk["told"])
        for name, scores in self.baselines().items():
            scores.restore(desk["baselines"][name])


class EventSlot(Slot):
    """A model that learns from the events themselves, each after its own answer: clusters, anomaly scores."""

    _prequential: Callable[[Sequence[Any]], list[Any]] | None = None

    def take(self, model: Any) -> None:
        """Go on with this model (per lane)."""
        super().take(model)
        self._prequential = getattr(model, "prequential_rows", None)

    def answer(self, run: list[Arrival]) -> tuple[list[Guess | Failure], list[Raised]]:
        """Answer each event of a run, then learn it."""
        started = self.clock()
        raised: list[Raised] = []
        answers = self._at_once(run, raised)
        if answers is None:
            answers = [self._step(one, raised) for one in run]
        self.predict_seconds += self.clock() - started
        self.predicted += len(run)
        return answers, raised

    def _at_once(self, run: list[Arrival], raised: list[Raised]) -> list[Guess | Failure] | None:
        """Let the model take the whole run; None where it cannot, and has learnt nothing."""
        if self._prequential is None or len(run) == 1:
            return None
        try:
            said = self._prequential([one.x for one in run])
        except Exception as error:  # then nothing was learnt: one by one, to see which event it was
            log.debug("%s: %r in a run of %d events", self.name, error, len(run))
            return None
        self._hear(run, raised, self._news)
        return self._read(said)

    def _step(self, one: Arrival, raised: list[Raised]) -> Guess | Failure:
        answer: Guess | Failure
        try:
            if self.keyed is not None:
                model = self.keyed.want(one.key, one.at, one.watermark)
                prequential, news = getattr(model, "prequential_rows", None), getattr(model, "news", None)
                ask = self.task.ask(model)
            else:
                model, prequential, news, ask = self.model, self._prequential, self._news, self._ask
            if prequential is not None:
                (answer,) = self._read(prequential([one.x]))
            else:
                answer = ask(one.x)
                model.learn_one(one.x)
        except Exception as error:
            return Failure(error)
        self._hear([one], raised, news)
        return answer

    def _learn(self, run: list[Lesson], raised: list[Raised]) -> None:
        """Labels only judge."""


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
            if "model" in judged and judged["model"].next is not None and self.watch.update(judged["model"].next):
                raised.append(self.alarm(one.place, scores.n))
        self.predict_seconds += self.clock() - started
        self.predicted += len(run)
        return answers, raised

    def teach(self, run: list[Lesson]) -> list[Raised]:
        """A series needs no labels."""
        return []

    def baselines(self) -> dict[str, Scores]:
        """The last value, and the value of a season ago where there is a season."""
        return dict(self._voices)


def slot_of(name: str, index: int, config: ModelConfig, lane: str, vault: Vault, clock: Clock) -> Slot:
    """Make the slot that fits the model's task."""
    task = TASKS[config.effective_task]
    kind = ForecastSlot if task.name == "forecast" else Slot if task.waits else EventSlot
    return kind(name, index, config, lane, vault, clock)

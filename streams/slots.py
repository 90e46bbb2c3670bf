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

from driftline.models.base import News, Reclusterable
from driftline.streams.contest import Contest, Promotion
from driftline.streams.keyed import Keyed
from driftline.streams.masses import dead
from driftline.streams.model_config import ModelConfig
from driftline.streams.past import Change
from driftline.streams.registry import build
from driftline.streams.scores import Guess, Scores
from driftline.streams.signals import FARTHEST
from driftline.streams.tasks import TASKS
from driftline.streams.vault import Vault
from driftline.streams.waiting import Entry
from driftline.streams.watcher import Drifted, Watcher

log = logging.getLogger("driftline.models")

Clock = Callable[[], float]
CHANGES = ("recluster", "reset")
"""The policies that change the model itself."""
STEP = 64
"""Events after which what is due is done to models that learn from events: it comes so much after a drift at most."""


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
    of: str
    """The id of the event."""


Raised = tuple[int, "Slot | Contest", Failure | News | Promotion | Drifted]
"""Place in the run, model or contest, and a failure, news, a promotion or a drift."""


class Slot:
    """A model of one lane, or one for each key of it, with its scores and its drift watch."""

    def __init__(self, name: str, index: int, config: ModelConfig, lane: str, vault: Vault, clock: Clock):
        self.name = name
        self.index = index
        self.config = config
        self.task = TASKS[config.effective_task]
        self.version = config.version
        self.scores: Scores = self.task.scores()
        self.watch = Watcher(config.drift, config.watched)
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
            self.keyed = Keyed(self.make, config.max_keys, config.key_max_age_seconds, place, vault, recluster)
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
        index = self.index
        guesses = [lesson.entry.guesses[index] for lesson in run]
        if None in guesses:
            run = [lesson for lesson, guess in zip(run, guesses, strict=True) if guess is not None]
            guesses = [guess for guess in guesses if guess is not None]
        # Scores and drift watch do not meet the model: judge the whole run, let the model learn up to each alarm.
        learnt, judged = 0, self.scores.n
        losses = self.scores.update_run([lesson.y for lesson in run], guesses)
        for place, change in self.watch.judged(losses):
            self._learn(run[learnt:place], raised)
            learnt = place
            self.worse(change, run[place].place, judged + place + 1, raised)
        self._learn(run[learnt:], raised)
        self.learn_seconds += self.clock() - started
        return raised

    def correct(self, run: list[Lesson]) -> list[Raised]:
        """Let the model learn labels that correct those by which it was judged: it is not judged again."""
        started = self.clock()
        raised: list[Raised] = []
        self._learn([lesson for lesson in run if lesson.entry.guesses[self.index] is not None], raised)
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

    def worse(self, change: Change, place: int, judged: int, raised: list[Raised]) -> None:
        """Tell of a drift in the loss, after so many labels were judged; where it rose, do what the policy says."""
        self.drifts += 1
        drifted = Drifted("loss", "", change, judged)
        raised.append((place, self, drifted))
        if not drifted.better and self.config.drift.policy in CHANGES:
            drifted.action = self.config.drift.policy
            self.change(place, raised)

    def change(self, place: int, raised: list[Raised]) -> None:
        """Change the model as the policy says, after a drift that the message at this place revealed, or before."""
        if self.config.drift.policy == "reset":
            if self.keyed is None:
                self.take(self.make())
            else:
                self.keyed.drop()
            self.watch.begin_anew()
            return
        self.watch.due = False
        if self.keyed is not None:
            self.keyed.change_all()
            return
        try:
            recluster(self.model)
        except Exception as error:
            raised.append((place, self, Failure(error)))
        for news in self._news() if self._news is not None else ():
            self.told[news.kind] += 1
            raised.append((place, self, news))
            self.watch.forget(dead(news))

    def baselines(self) -> dict[str, Scores]:
        """Scores of baselines that are this model's own; most are the lane's."""
        return {}

    def desk(self) -> dict[str, Any]:
        """Return all that is kept beside the model and the watch, as plain values."""
        return {
            "scores": self.scores.state(),
            "predicted": self.predicted,
            "drifts": self.drifts,
            "due": 0 if self.keyed is None else self.keyed.due,
            "told": dict(self.told),
            "baselines": {name: scores.state() for name, scores in self.baselines().items()},
            "since": self.since,
        }

    def restore_desk(self, desk: dict[str, Any]) -> None:
        """Take what another has kept."""
        self.scores.restore(desk["scores"])
        self.predicted, self.drifts, self.since = desk["predicted"], desk["drifts"], desk["since"]
        self.told = Counter(desk["told"])
        if self.keyed is not None:
            self.keyed.due = desk.get("due", 0)
        for name, scores in self.baselines().items():
            scores.restore(desk["baselines"][name])


class EventSlot(Slot):
    """A model that learns from the events themselves, each after its own answer: clusters, anomaly scores.

    A drift in the answers is found when the run is answered and learnt. What is to be done about it waits for the end
    of the step, of `STEP` events: so it is the same for runs of any length, and runs are still answered at once.
    """

    def answer(self, run: list[Arrival]) -> tuple[list[Guess | Failure], list[Raised]]:
        """Answer and learn each event of a run, and watch the answers."""
        started = self.clock()
        answers: list[Guess | Failure] = []
        raised: list[Raised] = []
        start, changes = 0, self.watch.answers and self.config.drift.policy in CHANGES
        while start < len(run):
            part = run[start : start + STEP - self.predicted % STEP] if changes else run
            said = self._steps(part, raised)
            answers += said
            if self.watch.answers:
                self._observe(part, said, raised)
            start += len(part)
            self.predicted += len(part)
            if self.watch.due and self.predicted % STEP == 0:
                self.change(part[-1].place, raised)
        self.predict_seconds += self.clock() - started
        return answers, raised

    _prequential: Callable[[Sequence[Any]], list[Any]] | None = None

    def take(self, model: Any) -> None:
        """Go on with this model (per lane)."""
        super().take(model)
        self._prequential = getattr(model, "prequential_rows", None)

    def _steps(self, run: list[Arrival], raised: list[Raised]) -> list[Guess | Failure]:
        """Answer each event of a run, then learn it."""
        answers = self._at_once(run, raised)
        return answers if answers is not None else [self._step(one, raised) for one in run]

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

    def _observe(self, run: list[Arrival], said: list[Guess | Failure], raised: list[Raised]) -> None:
        """Watch the answers to a run, up to each event with which clusters died; the model is changed later."""
        rows = [row for row, guess in enumerate(said) if guess.__class__ is not Failure]
        gone: dict[int, list[str]] = {}
        for place, _, news in raised:
            if isinstance(news, News) and place >= run[0].place and (ids := dead(news)):
                gone.setdefault(place, []).extend(ids)
        for place in sorted(gone):
            upto = sum(run[row].place <= place for row in rows)
            self._watch(run, said, rows[:upto], raised)
            self.watch.forget(gone[place])
            rows = rows[upto:]
        self._watch(run, said, rows, raised)

    def _watch(self, run: list[Arrival], said: list[Guess | Failure], rows: list[int], raised: list[Raised]) -> None:
        """Watch the answers in these rows of a run."""
        if not rows:
            return
        signals = self.watch.on
        seen: dict[str, list[Any]] = {}
        if "score" in signals:
            seen["score"] = [said[row][0] for row in rows]  # type: ignore[index]
        if "distance" in signals:
            far = [said[row][1][1] for row in rows]  # type: ignore[index]
            seen["distance"] = [FARTHEST if one is None or one > FARTHEST else one for one in far]
        if "mass" in signals:
            seen["mass"] = [said[row][0] for row in rows]  # type: ignore[index]
        for row, drifted in self.watch.answered(seen):
            self.drifts += 1
            if not drifted.better and self.config.drift.policy in CHANGES:
                drifted.action, self.watch.due = self.config.drift.policy, True
            raised.append((run[rows[row]].place, self, drifted))

    def _learn(self, run: list[Lesson], raised: list[Raised]) -> None:
        """Labels only judge."""


def recluster(model: Reclusterable) -> None:
    """Let a model find its clusters anew."""
    model.recluster()

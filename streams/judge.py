"""How good a heavy model's answers were, as they were served: scores, baselines, drift watch, and its contest.

Labels come with what the light models had answered, so a contest between light and heavy models is decided here, by the
same test as in a lane. Where the heavy model had not answered, what counts for it is what was served in its place.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from driftline.streams import letters
from driftline.streams.baselines import Panel
from driftline.streams.config import StreamConfig
from driftline.streams.contest import Contest, Promotion
from driftline.streams.letters import Out
from driftline.streams.model_config import ModelConfig
from driftline.streams.scores import Guess
from driftline.streams.slots import Lesson
from driftline.streams.tasks import TASKS, Task
from driftline.streams.waiting import Entry
from driftline.streams.watcher import Drifted, Watcher


@dataclass(frozen=True)
class Entrant:
    """One model of a contest, as a slot of a lane would be."""

    name: str
    index: int
    task: Task
    config: ModelConfig
    version: str


class Judged:
    """One label with all that was said of its event."""

    __slots__ = ("joined", "offset", "partition", "record")

    def __init__(self, partition: int, offset: int, joined: Any, record: Any | None):
        self.partition = partition
        self.offset = offset
        self.joined = joined
        self.record = record
        """What the heavy model's topic said: an answer, a light model's in its place, or None."""


class Judge:
    """The scores of one heavy model of a stream, and the contest in which it takes part."""

    def __init__(self, stream: str, name: str, config: StreamConfig):
        self.stream, self.name = stream, name
        self._topic = config.joined_topic
        model = config.models[name]
        self.task = TASKS[model.effective_task]
        self.fallback = config.fallback(name)
        self.scores = self.task.scores()
        self.panel = Panel(self.task.accepts, self.task.baselines(), self.task.scores)
        self.watch = Watcher(model.drift, model.watched)
        self.counts: Counter[str] = Counter()
        """`answered`, `absent`, `fallback/reason`, `drifts`, `strange`."""
        self.last_known = 0.0
        """When the last label became known, in seconds since 1970."""
        self.contest: Contest | None = None
        self._entrants: list[Entrant] = []
        for title, contest in config.contests.items():
            if name in contest.models:
                self._entrants = [
                    Entrant(one, index, self.task, config.models[one], config.models[one].version)
                    for index, one in enumerate(contest.models)
                ]
                self.contest = Contest(title, len(contest.models), contest, self._entrants)  # type: ignore[arg-type]
        self._self = Entrant(name, 0, self.task, model, model.version)

    @property
    def leads(self) -> str | None:
        """The contest that the heavy model leads, if it does."""
        return self.contest.name if self.contest is not None and self.contest.champion == self.name else None

    def take(self, run: list[Judged]) -> list[Out]:
        """Take labels in order; return alarms of drifts and promotions."""
        self.last_known = max([self.last_known, *(one.joined.known for one in run)])
        fit = [one for one in run if self.task.accepts(one.joined.y)]
        self.counts["strange"] += len(run) - len(fit)
        if not fit:
            return []
        guesses: list[Guess | None] = []
        for one in fit:
            record = one.record
            if record is None:
                self.counts["absent"] += 1
            elif record.fallback is not None:
                self.counts[f"fallback/{record.fallback}"] += 1
            else:
                self.counts["answered"] += 1
            guesses.append(None if record is None or record.fallback is not None else (record.y, record.p))
        for one in fit:  # each asked just before its label: what it would have said at the event is not known here
            self.panel.teach([one.joined.y], [self.panel.guesses()])
        outs: list[Out] = []
        own = [(one, guess) for one, guess in zip(fit, guesses, strict=True) if guess is not None]
        raised: list[Any] = []
        if own:
            before = self.scores.n
            losses = self.scores.update_run([one.joined.y for one, _ in own], [guess for _, guess in own])
            for place, change in self.watch.judged(losses):
                self.counts["drifts"] += 1
                drifted = Drifted("loss", "", change, before + place + 1)
                raised.append((fit.index(own[place][0]), self._self, drifted))
        if self.contest is not None:
            raised += self._compete(self.contest, fit, guesses, raised)
        for place, who, what in raised:
            one = fit[place]
            origin = self._origin(one)
            if isinstance(what, Promotion):
                assert isinstance(who, Contest)
                outs.append(letters.promotion(who, self.stream, origin, one.partition, what))
            else:
                outs.append(letters.alarm(who, self.stream, origin, one.partition, what, 0))
        return outs

    def _origin(self, one: Judged) -> tuple[str, int, float, str]:
        return self._topic, one.offset, one.joined.known, one.joined.key

    def _compete(
        self, contest: Contest, fit: list[Judged], guesses: list[Guess | None], raised: list[Any]
    ) -> list[Any]:
        lessons = []
        for place, (one, own) in enumerate(zip(fit, guesses, strict=True)):
            said: list[Guess | None] = []
            for entrant in self._entrants:
                light = self.fallback if entrant.name == self.name else entrant.name
                guess = own if entrant.name == self.name else None
                if guess is None and light in one.joined.ys:
                    guess = one.joined.ys[light], one.joined.ps.get(light)
                said.append(guess)
            said.append(said[contest.lead])
            joined = one.joined
            lessons.append(Lesson(place, Entry(joined.at, joined.key, {}, said, []), joined.y, joined.of))
        found: list[Any] = contest.judge(lessons, raised)
        return found

    def state(self) -> dict[str, Any]:
        """Return everything but the watch."""
        return {
            "scores": self.scores.state(),
            "panel": self.panel.state(),
            "counts": dict(self.counts),
            "last_known": self.last_known,
            "contest": None if self.contest is None else self.contest.state(),
        }

    def restore(self, state: dict[str, Any], watch: Any) -> None:
        """Take what another has kept; another contest or detector begins anew."""
        self.scores.restore(state["scores"])
        self.panel.restore(state["panel"])
        self.counts = Counter(state["counts"])
        self.last_known = state["last_known"]
        if self.contest is not None:
            self.contest.restore(state["contest"], {})
        if isinstance(watch, Watcher) and watch.form == self.watch.form:
            watch.go_on(self._self.config.drift)
            self.watch = watch

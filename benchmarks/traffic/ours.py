"""`TrafficForecaster` with and without Fracast and hostile voices, side by side over the same values."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.traffic.contestants import Row
from benchmarks.traffic.scores import Answers
from benchmarks.traffic.worlds import Task
from driftline.models.base import Array, Question, Verdict
from driftline.models.forecasting import TrafficForecaster
from driftline.models.forecasting.fracast import Fracast
from driftline.models.snapshot import pack

FRACAST, STRANGER = "fracast", "stranger"
VOICES: dict[Row, tuple[str, ...] | None] = {
    Row.WITHOUT: (),
    Row.WITHOUT_NOISE: (STRANGER,),
    Row.WITHOUT_COPY: (STRANGER,),
    Row.HEARD: (FRACAST,),
    Row.NOISE: (FRACAST, STRANGER),
    Row.COPY: (FRACAST, STRANGER),
    Row.OURS: None,
}
"""What is heard from outside; None leaves all to the model, as it comes."""
LOUD = 10.0
"""Levels of the noise of a hostile voice."""


@dataclass
class Windows:
    """Errors of the windows that a model judged itself, of those that begin at an origin that is scored."""

    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    truths: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, verdict: Verdict) -> None:
        """Take what a model says of a window."""
        for name, error in {FIRST: verdict.first, REFINED: verdict.refined, **verdict.experts}.items():
            self.sums[name] += error
            self.truths[name] += verdict.truths

    def compare(self, said: dict[str, Array], truth: Array) -> None:
        """Take what was said of values (h,) that are known here."""
        for name, ys in said.items():
            if np.isfinite(ys).all():
                self.sums[name] += float(np.abs(ys - truth).sum())
                self.truths[name] += len(truth)


FIRST, REFINED, MEAN, MEDIAN = "(first)", "(refined)", "(mean)", "median"
"""Names of a model's own answers among those of its experts, of their plain mean, and of the expert that is their
median."""
ANSWERS = (FIRST, REFINED, MEAN)


@dataclass(frozen=True)
class Judged:
    """The mean absolute error of an expert, or of an answer of the model's, over a model's own windows."""

    world: str
    seed: int
    row: str
    expert: str
    truths: int
    mae: float


class Contestant:
    """A row: one model for each cell."""

    def __init__(self, row: Row, task: Task):
        self.row, self.task, self.voices = row, task, VOICES[row]
        made = {} if self.voices is None else {"voices": self.voices}
        self.models = [TrafficForecaster(task.season, task.horizon, **made) for _ in range(task.cells)]
        shape = len(task.origins), task.cells, task.horizon
        self.said, self.low, self.high, self.first = (np.full(shape, np.nan) for _ in range(4))
        self.origins, self.windows = set(task.origins.tolist()), Windows()
        self.learning = self.telling = 0.0
        self.rng = np.random.default_rng(task.seed)

    def learn(self, ys: list[float]) -> dict[int, Question]:
        """Learn a value of each cell; return what the models of cells ask."""
        began = time.process_time()
        for model, y in zip(self.models, ys, strict=True):
            model.learn_one(y)
        self.learning += time.process_time() - began
        if not self.task.world.step:
            for model in self.models:
                verdict = model.verdict()
                if verdict is not None and verdict.origin in self.origins:
                    self.windows.add(verdict)
        asked = {cell: model.question() for cell, model in enumerate(self.models)} if self.voices else {}
        return {cell: question for cell, question in asked.items() if question is not None}

    def hear(self, cell: int, question: Question, fracast: Array | None, spent: float) -> None:
        """Let the model of a cell hear its voices; a forecast of Fracast's took `spent` seconds."""
        began = time.process_time()
        said: dict[str, Array] = {}
        if fracast is not None and FRACAST in (self.voices or ()):
            said[FRACAST] = fracast
            self.learning += spent
        if self.row in (Row.NOISE, Row.WITHOUT_NOISE):
            said[STRANGER] = LOUD * _level(question) * self.rng.standard_normal(question.steps)
        elif self.row in (Row.COPY, Row.WITHOUT_COPY):
            said[STRANGER] = np.resize(question.first, question.steps)
        for voice, ys in said.items():
            outcome = self.models[cell].hear(voice, question.origin, ys)
            if outcome != "heard":
                raise ValueError(f"{voice} on {self.task.world} after {question.origin} values: {outcome}")
        self.learning += time.process_time() - began

    def tell(self, at: int) -> None:
        """Keep what the models say at an origin."""
        began = time.process_time()
        told = [model.told(self.task.horizon) for model in self.models]
        self.telling += time.process_time() - began
        for cell, one in enumerate(told):
            self.said[at, cell], self.first[at, cell] = one.refined, one.first
            self.low[at, cell], self.high[at, cell] = one.low, one.high
        for cell, model in enumerate(self.models):
            said = _of_experts(model)
            truth = self.task.ys[self.task.origins[at] :][: self.task.horizon, cell]
            if self.task.world.step:
                answers = {FIRST: self.first[at, cell], REFINED: self.said[at, cell]}
                self.windows.compare({**said, **answers}, truth)
            elif said:
                self.windows.compare({MEAN: said[MEAN]}, truth)

    def answers(self) -> Answers:
        """Return all that was said."""
        task = self.task
        memory = float(np.mean([len(pack(model.state())) for model in self.models]))
        update = 1e3 * self.learning / task.ys.size
        forecast = 1e3 * self.telling / self.said[..., 0].size
        return Answers(self.said, update, forecast, memory, self.low, self.high, self.first)

    def judged(self) -> list[Judged]:
        """Return the errors of experts."""
        head = str(self.task.world), self.task.seed, str(self.row)
        sums, truths = self.windows.sums, self.windows.truths
        return [Judged(*head, name, truths[name], float(f"{sums[name] / truths[name]:.6g}")) for name in sums]


def run(task: Task, rows: Iterable[Row]) -> dict[Row, tuple[Answers, list[Judged]]]:
    """Let rows of ours see the same values in the same order; Fracast is asked once for all that hear it."""
    contestants = [Contestant(row, task) for row in rows]
    places = {origin: at for at, origin in enumerate(task.origins.tolist())}
    voice = Fracast(threads=1) if any(FRACAST in (one.voices or ()) for one in contestants) else None
    for seen, ys in enumerate(task.ys.tolist(), 1):
        asked = [(one, one.learn(ys)) for one in contestants]
        said, spent = _continued(voice, [questions for one, questions in asked if FRACAST in (one.voices or ())])
        for one, questions in asked:
            for cell, question in questions.items():
                one.hear(cell, question, said.get(cell), spent)
        if seen in places:
            for one in contestants:
                one.tell(places[seen])
    return {one.row: (one.answers(), one.judged()) for one in contestants}


def _continued(voice: Fracast | None, asked: list[dict[int, Question]]) -> tuple[dict[int, Array], float]:
    """Return what Fracast says for each cell of which it is asked, and the CPU seconds of one such answer."""
    wanted = {cell: question for questions in asked for cell, question in questions.items()}
    if voice is None or not wanted:
        return {}, 0.0
    steps = max(question.steps for question in wanted.values())
    began = time.process_time()
    said = voice.forecast_many([question.history for question in wanted.values()], steps)
    spent = (time.process_time() - began) / len(wanted)
    known = {cell: row for cell, row in zip(wanted, said, strict=True) if np.isfinite(row).all()}
    return {cell: row[: wanted[cell].steps] for cell, row in known.items()}, spent


def _of_experts(model: TrafficForecaster) -> dict[str, Array]:
    """Return what each expert says, and their plain mean, in a window that begins now, or of the next value.

    It is no answer of the model's, so it is read from where it keeps what its experts said; empty where it keeps
    nothing. The median of the experts is no part of their mean.
    """
    many, cells = model._cells, model._cells._cells
    here = np.flatnonzero(cells.opened[0] == many.seen)
    if many.horizon == 1:
        said = cells.next[0][:, None]
    elif len(here):
        said = cells.said[0, here[0], : len(many.names)].astype(float) + cells.base[0, here[0]]
    else:
        return {}
    mean = np.nanmean(np.delete(said, many.names.index(MEDIAN), axis=0), axis=0)
    return {**dict(zip(many.names, said, strict=True)), MEAN: mean}


def _level(question: Question) -> float:
    known = question.history[np.isfinite(question.history)]
    return float(np.abs(known).mean()) if len(known) else 1.0

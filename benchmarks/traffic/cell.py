"""One cell: one contestant on one world, in a process of its own."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from benchmarks.child import Failed, in_child
from benchmarks.traffic import rivals, trivial
from benchmarks.traffic.contestants import RIVER, STATS, TRIVIAL, Row
from benchmarks.traffic.scores import Answers, Scores
from benchmarks.traffic.worlds import Task

DIGITS = 6


@dataclass(frozen=True)
class Cell:
    """What was measured."""

    world: str
    seed: int
    row: str
    forecasts: int
    mae: float
    rmse: float
    nmae: float
    r2: float
    coverage: float
    width: float
    first_mae: float
    wins: float
    update_ms: float
    forecast_ms: float
    memory: float
    """Bytes of the model of one cell."""
    error: str = ""
    """Why there is nothing, where a library's model failed."""


def measure(task: Task, row: Row, python: Path) -> Cell:
    """Measure a row that is not ours. Raises `Failed` where its process ended without a result."""
    told = in_child(f"{row} on {task.world} {task.seed}", _answered, task, row, python)
    return failed(task, row, told) if isinstance(told, str) else scored(task, row, told)


def scored(task: Task, row: Row, answers: Answers) -> Cell:
    """Return the scores of answers."""
    if not np.isfinite(answers.said).all():
        return failed(task, row, "answers that are not finite")
    measures = {name: float(f"{value:.{DIGITS}g}") for name, value in asdict(Scores.of(answers, task.truth)).items()}
    costs = [float(f"{value:.4g}") for value in (answers.update_ms, answers.forecast_ms, answers.memory)]
    return Cell(str(task.world), task.seed, str(row), answers.said[..., 0].size, **measures, **_named(costs))


def failed(task: Task, row: Row, why: str) -> Cell:
    """Return the cell of a model that failed."""
    nothing = {field.name: np.nan for field in fields(Scores)}
    return Cell(str(task.world), task.seed, str(row), 0, **nothing, **_named([np.nan] * 3), error=why)


def _named(costs: list[float]) -> dict[str, float]:
    return dict(zip(("update_ms", "forecast_ms", "memory"), costs, strict=True))


def _answered(task: Task, row: Row, python: Path) -> Answers | str:
    try:
        if row in TRIVIAL:
            return trivial.answers(task, row)
        if row in RIVER:
            return rivals.river(task, row)
        if row in STATS:
            return rivals.statsforecast(task, row, python)
        return rivals.fracast(task)
    except (ArithmeticError, ValueError, Failed) as error:  # of a library's model; told in the table
        return f"{type(error).__name__}: {error}"

"""The check before a swap: a new version may not be worse than the one that serves, on the last labels."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import isfinite, log
from typing import Any

from driftline.models.heavy import Heavy, Shown
from driftline.streams.heavy_answers import read_all
from driftline.streams.losses import LOSSES
from driftline.streams.scores import Guess

_LEAST = 1e-6


def log_loss(y: Any, guess: Guess) -> float:
    """Return the surprise at a yes or no, in nats, at most 13.8.

    >>> round(log_loss(True, (True, 0.5)), 3)
    0.693
    """
    p = guess[1] if y else 1.0 - guess[1]
    return -log(max(_LEAST, p))


@dataclass(frozen=True)
class Verdict:
    """Whether a version may serve."""

    sound: bool
    before: float
    """Mean loss of the version that serves; infinite where none does."""
    after: float
    """Mean loss of the new one."""
    count: int


class Canary:
    """The last labels of one model, and the comparison on them.

    `count` labels are kept; `tolerance` is how much worse a version may be, as a share of the other's mean loss.
    """

    def __init__(self, task: str, count: int, tolerance: float):
        self.task, self.tolerance = task, tolerance
        self._loss = log_loss if task == "binary" else next(iter(LOSSES[task].values())).loss
        self.rows: deque[tuple[Shown, Any]] = deque(maxlen=count)

    @property
    def full(self) -> bool:
        """Whether there are as many labels as are wanted."""
        return len(self.rows) == self.rows.maxlen

    def add(self, row: Shown, y: Any) -> None:
        """Take a label."""
        self.rows.append((row, y))

    def judge(self, serving: Heavy | None, candidate: Heavy) -> Verdict:
        """Compare; a candidate that fails, or answers with what is no number, is not sound."""
        try:
            after = self._mean(candidate)
        except Exception:
            after = float("inf")
        before = float("inf")
        if serving is not None:
            try:
                before = self._mean(serving)
            except Exception:
                before = float("inf")
        bound = before * (1.0 + self.tolerance) + 1e-9
        return Verdict(isfinite(after) and after <= bound, before, after, len(self.rows))

    def _mean(self, model: Heavy) -> float:
        if not self.rows:
            return 0.0
        rows = [row for row, _ in self.rows]
        guesses = read_all(self.task, model.predict_many(rows), len(rows))
        return sum(self._loss(y, guess) for (_, y), guess in zip(self.rows, guesses, strict=True)) / len(rows)

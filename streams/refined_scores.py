"""Whether refinement pays: forecasts before and after feedback, each expert alone, and what intervals cover."""

from __future__ import annotations

from typing import Any

from driftline.models.base import Verdict

RECENT = 100
"""Verdicts over which the shown weights are averaged."""


class RefinedScores:
    """What verdicts say, summed up over the keys of a lane.

    >>> scores = RefinedScores()
    >>> scores.judge(Verdict(0, 2, 8.0, 6.0, 2, 2, {"motif": 7.0}, {}, {}), {"motif": 1.0})
    >>> scores.values()
    {'mae_first': 4.0, 'mae_refined': 3.0, 'win_rate': 1.0, 'coverage': 1.0}
    >>> scores.experts()
    {'motif': (3.5, 3.0)}
    """

    def __init__(self) -> None:
        self.windows = 0
        """Forecasts that were judged whole."""
        self.truths = 0
        self.first = 0.0
        self.refined = 0.0
        self.wins = 0
        """Forecasts that were better refined; two that were equally good count half."""
        self.even = 0
        self.covered = 0
        self.intervals = 0
        self.errors: dict[str, list[float]] = {}
        """Of each expert, sums of errors, of truths, and of what the refined forecast was off on these truths."""
        self.weights: dict[str, float] = {}

    def judge(self, verdict: Verdict, weights: dict[str, float]) -> None:
        """Add a verdict; `weights` are those of the key's forecaster after it."""
        self.windows += 1
        self.truths += verdict.truths
        self.first += verdict.first
        self.refined += verdict.refined
        self.wins += verdict.refined < verdict.first
        self.even += verdict.refined == verdict.first
        self.covered += verdict.covered
        self.intervals += verdict.given
        for name, error in verdict.experts.items():
            sums = self.errors.setdefault(name, [0.0, 0.0, 0.0])
            sums[0] += error
            sums[1] += verdict.truths
            sums[2] += verdict.refined
        pace = 1.0 / min(self.windows, RECENT)
        for name in {**self.weights, **weights}:
            had = self.weights.get(name, 0.0)
            self.weights[name] = had + pace * (weights.get(name, 0.0) - had)

    def values(self) -> dict[str, float]:
        """Return mean absolute errors of the first and of the refined answer, and shares; none before the first."""
        if not self.truths:
            return {}
        said = {
            "mae_first": self.first / self.truths,
            "mae_refined": self.refined / self.truths,
            "win_rate": (self.wins + self.even / 2) / self.windows,
        }
        if self.intervals:
            said["coverage"] = self.covered / self.intervals
        return said

    def experts(self) -> dict[str, tuple[float, float]]:
        """Return the mean absolute error of each expert where it had answers, and that of the refined ones there."""
        return {
            name: (error / truths, refined / truths) for name, (error, truths, refined) in self.errors.items() if truths
        }

    def state(self) -> dict[str, Any]:
        """Return all counters."""
        weights, errors = dict(self.weights), {name: list(sums) for name, sums in self.errors.items()}
        return vars(self) | {"weights": weights, "errors": errors}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the counters of another."""
        for name in vars(self):
            setattr(self, name, state[name])

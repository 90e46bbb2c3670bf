"""How good forecasts were."""

from dataclasses import dataclass

import numpy as np

from driftline.models.base import Array


@dataclass(frozen=True)
class Answers:
    """What a contestant said, (o, n, h) each, and what it cost."""

    said: Array
    update_ms: float = np.nan
    """CPU of learning one value of one cell."""
    forecast_ms: float = np.nan
    """CPU of one forecast of one cell, all steps."""
    memory: float = np.nan
    """Bytes of one cell's model."""
    low: Array | None = None
    high: Array | None = None
    first: Array | None = None
    """What it said before feedback."""


@dataclass(frozen=True)
class Scores:
    """Measures of all steps of all forecasts."""

    mae: float
    rmse: float
    nmae: float
    """MAE over the mean of the absolute truth."""
    r2: float
    coverage: float
    """Share of truths within the interval, nan where there is none."""
    width: float
    """Mean width of the interval over the mean of the absolute truth."""
    first_mae: float
    """MAE of the first answers, nan where there are none."""
    wins: float
    """Share of forecasts whose refined answer is nearer than the first; a tie is half a win."""

    @classmethod
    def of(cls, answers: Answers, truth: Array) -> "Scores":
        """Score answers.

        >>> said, truth = np.array([[[1.0, 3.0]]]), np.array([[[2.0, 2.0]]])
        >>> Scores.of(Answers(said, low=said - 1, high=said, first=said + 1), truth)
        Scores(mae=1.0, rmse=1.0, nmae=0.5, r2=nan, coverage=0.5, width=0.5, first_mae=1.0, wins=0.5)
        """
        errors = truth - answers.said
        size = float(np.abs(truth).mean())
        spread = float(((truth - truth.mean()) ** 2).mean())
        mae = float(np.abs(errors).mean())
        coverage = width = first_mae = wins = np.nan
        if answers.low is not None and answers.high is not None:
            known = np.isfinite(answers.low) & np.isfinite(answers.high)
            inside = (truth >= answers.low) & (truth <= answers.high)
            if known.any():
                coverage = float(inside[known].mean())
                width = float((answers.high - answers.low)[known].mean()) / size
        if answers.first is not None:
            before, after = (np.abs(truth - said).mean(axis=2) for said in (answers.first, answers.said))
            first_mae = float(before.mean())
            wins = float(((after < before) + 0.5 * (after == before)).mean())
        squares = float((errors**2).mean())
        r2 = 1.0 - squares / spread if spread else np.nan
        return cls(mae, squares**0.5, mae / size, r2, coverage, width, first_mae, wins)

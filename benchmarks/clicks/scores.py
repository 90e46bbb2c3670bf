"""How good probabilities of yes are."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

BINS = 20
LEAST = 1e-6


@dataclass(frozen=True)
class Scores:
    """Scores of the probabilities of a stream."""

    auc: float
    """Chance that a click has a higher probability than no click; ties count half."""
    logloss: float
    """Mean of -log of the probability of what happened, in nats."""
    ece: float
    """Expected calibration error: mean distance of probability and share of clicks in 20 bins of equally many."""
    slope: float
    """Slope of a logistic regression of the labels on the log odds: below 1, answers are too sure; NaN if constant."""

    @classmethod
    def of(cls, p: np.ndarray, y: np.ndarray) -> "Scores":
        """Return the scores of probabilities (n,) and labels (n,).

        >>> Scores.of(np.array([0.2, 0.4, 0.6, 0.8]), np.array([0, 1, 0, 1])).auc
        0.75
        """
        p = np.clip(np.asarray(p, dtype=float), LEAST, 1.0 - LEAST)
        yes = int(y.sum())
        no = len(y) - yes
        auc = (rankdata(p)[y > 0].sum() - yes * (yes + 1) / 2) / max(yes * no, 1)
        logloss = -np.log(np.where(y > 0, p, 1.0 - p)).mean()
        parts = np.array_split(np.argsort(p, kind="stable"), BINS)
        ece = sum(abs(p[part].sum() - y[part].sum()) for part in parts) / len(y)
        return cls(float(auc), float(logloss), float(ece), _slope(np.log(p / (1.0 - p)), y))


def _slope(a: np.ndarray, y: np.ndarray) -> float:
    """Fit y ~ sigmoid(intercept + slope a) by Newton's method."""
    if a.std() < 1e-9:
        return float("nan")
    x = np.stack([np.ones_like(a), a])
    w = np.array([0.0, 1.0])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(w @ x, -30, 30)))
        step = np.linalg.solve((x * (p * (1.0 - p))) @ x.T + 1e-9 * np.eye(2), x @ (y - p))
        w += np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    return float(w[1])

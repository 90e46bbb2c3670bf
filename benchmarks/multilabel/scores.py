"""The five scores of answers that were given before their rows were learnt."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scores:
    """Over all rows from the first; all but `hamming` are better when higher.

    >>> truth = np.array([[1, 0], [1, 1], [0, 0]])
    >>> Scores.of(np.array([[1, 0], [1, 0], [0, 0]]), truth).rounded()
    {'subset': 0.667, 'hamming': 0.167, 'micro': 0.8, 'macro': 0.5, 'example': 0.556}
    """

    subset: float
    """Share of rows with all labels right."""
    hamming: float
    """Share of wrong labels."""
    micro: float
    """F1 of all decisions pooled."""
    macro: float
    """Mean of the labels' F1; 0 where a label neither occurs nor is answered."""
    example: float
    """Mean of the rows' F1; 0 where a row has no label and none is answered."""

    @classmethod
    def of(cls, said: np.ndarray, truth: np.ndarray) -> "Scores":
        """Score answers (n, L) of 0 and 1."""
        said, truth = said.astype(bool), truth.astype(bool)
        both = said & truth
        return cls(
            subset=float((said == truth).all(axis=1).mean()),
            hamming=float((said != truth).mean()),
            micro=float(_f1(both.sum(), said.sum() + truth.sum())),
            macro=float(_f1(both.sum(axis=0), said.sum(axis=0) + truth.sum(axis=0)).mean()),
            example=float(_f1(both.sum(axis=1), said.sum(axis=1) + truth.sum(axis=1)).mean()),
        )

    def rounded(self, digits: int = 3) -> dict[str, float]:
        """Return the scores by name."""
        return {name: round(value, digits) for name, value in vars(self).items()}


def _f1(hits: np.ndarray, claims: np.ndarray) -> np.ndarray:
    return 2.0 * hits / np.maximum(claims, 1)

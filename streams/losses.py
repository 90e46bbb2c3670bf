"""Losses of single predictions, by which models that serve the same stream are compared.

A loss is 0 for a perfect answer. Those of classes and labels are at most 1; those of numbers have no upper bound, so
two of them are compared by their share of their sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from driftline.streams.scores import Guess

Loss = Callable[[Any, Guess], float]
"""Label and answer in, loss out."""


def error(y: Any, guess: Guess) -> float:
    """1 where the answer is not the label."""
    return float(guess[0] != y)


def brier(y: Any, guess: Guess) -> float:
    """Half the squared distance of the probabilities from the label; `error` where there are none.

    >>> brier(True, (True, 0.5)), brier("a", ("a", {"a": 0.5, "b": 0.5}))
    (0.25, 0.25)
    """
    p = guess[1]
    if isinstance(p, float):
        return (1.0 - p if y else p) ** 2
    if isinstance(p, dict):
        truth = str(y)
        wrong = sum(share * share for name, share in p.items() if name != truth)
        return min(1.0, 0.5 * float(wrong + (1.0 - p.get(truth, 0.0)) ** 2))
    return error(y, guess)


def _overlap(y: dict[str, bool], guess: Guess) -> tuple[int, int, int]:
    """How many labels are in both, in the truth, and in the answer."""
    said = guess[0]
    true = [name for name, on in y.items() if on]
    return sum(said.get(name, False) for name in true), len(true), sum(said.values())


def f1(y: dict[str, bool], guess: Guess) -> float:
    """1 less the F1 of this one set of labels; two empty sets agree.

    >>> f1({"a": True, "b": False}, ({"a": True, "b": True}, None))
    0.33333333333333337
    """
    both, true, said = _overlap(y, guess)
    return 1.0 - 2 * both / (true + said) if true + said else 0.0


def jaccard(y: dict[str, bool], guess: Guess) -> float:
    """The Jaccard distance of the two sets of labels."""
    both, true, said = _overlap(y, guess)
    return 1.0 - both / (true + said - both) if true + said else 0.0


def subset(y: dict[str, bool], guess: Guess) -> float:
    """1 where any label is wrong."""
    both, true, said = _overlap(y, guess)
    return float(true + said != 2 * both)


def hamming(y: dict[str, bool], guess: Guess) -> float:
    """The share of wrong labels among those that the label or the answer names."""
    both, true, said = _overlap(y, guess)
    named = len(y) + sum(name not in y for name in guess[0])
    return (true + said - 2 * both) / named if named else 0.0


def absolute(y: float, guess: Guess) -> float:
    """The absolute error, in the unit of the label."""
    return float(abs(y - guess[0]))


def squared(y: float, guess: Guess) -> float:
    """The squared error."""
    wrong = absolute(y, guess)
    return wrong * wrong


@dataclass(frozen=True)
class Measure:
    """How answers are compared."""

    loss: Loss
    bounded: bool = True
    """Whether the loss is at most 1."""

    def compare(self, y: Any, old: Guess | None, new: Guess | None) -> tuple[float, float, float]:
        """Return how much better `new` is, from -1 to 1, and both losses; no answer is the worst of all.

        >>> Measure(absolute, bounded=False).compare(10.0, (14.0, None), (11.0, None))
        (0.6, 4.0, 1.0)
        >>> Measure(error).compare(True, (True, None), None)
        (-1.0, 0.0, 1.0)
        """
        had = self.loss(y, old) if old is not None else None
        have = self.loss(y, new) if new is not None else None
        if had is None or have is None or not (isfinite(had) and isfinite(have)):
            bad, worse = had is None or not isfinite(had), have is None or not isfinite(have)
            return float(bad) - float(worse), float(bad), float(worse)
        if self.bounded:
            return had - have, had, have
        most = max(had, have)  # the sum of two large losses might not be finite
        return ((had / most - have / most) / (had / most + have / most) if most else 0.0), had, have


LOSSES: dict[str, dict[str, Measure]] = {
    "binary": {"error": Measure(error), "brier": Measure(brier)},
    "multiclass": {"error": Measure(error), "brier": Measure(brier)},
    "multilabel": {
        "f1": Measure(f1),
        "jaccard": Measure(jaccard),
        "subset": Measure(subset),
        "hamming": Measure(hamming),
    },
    "regression": {"absolute": Measure(absolute, bounded=False), "squared": Measure(squared, bounded=False)},
}
"""By task, the losses by which its models can be compared; the first is the default.

(Of labels not `hamming`: where few of many labels are on, saying no to all has next to no loss.)
"""

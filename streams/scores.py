"""Prequential scores: each label first judges the prediction that was made before it was learnt.

All scores are cumulative from the first label, kept as counts and sequential sums, so that any batching gives the
same numbers to the last bit. `update` returns the loss of this one prediction, which feeds the drift detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, log, sqrt
from typing import Any, ClassVar

import numpy as np

Guess = tuple[Any, Any]
"""What was answered, and the probability behind it (or None); of a cluster, a tuple: confidence, distance, novelty."""
_TINY = 1e-15


class Scores:
    """What all scores share: counters that are plain values, saved and restored by name."""

    fields: ClassVar[tuple[str, ...]] = ("n",)

    def __init__(self) -> None:
        self.n = 0

    def update(self, y: Any, guess: Guess) -> float:
        """Judge one prediction by its label; return its loss."""
        raise NotImplementedError

    def update_run(self, ys: Sequence[Any], guesses: Sequence[Guess]) -> list[float]:
        """Judge a run of predictions, as `update` would one by one; return their losses."""
        update = self.update
        return [update(y, guess) for y, guess in zip(ys, guesses, strict=True)]

    def values(self) -> dict[str, float]:
        """Return the scores by name; none before the first label, and none of a task that takes no labels."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return all counters."""
        return {name: getattr(self, name) for name in self.fields}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the counters of another."""
        for name in self.fields:
            setattr(self, name, state[name])


class BinaryScores(Scores):
    """Accuracy, F1 of the positive class, and logarithmic loss (natural, clipped at 1e-15).

    >>> scores = BinaryScores()
    >>> scores.update(True, (True, 0.8)), scores.update(True, (False, 0.5))
    (0.0, 1.0)
    >>> scores.values()
    {'accuracy': 0.5, 'f1': 0.6666666666666666, 'log_loss': 0.4581453659370775}
    """

    fields: ClassVar[tuple[str, ...]] = ("n", "hits", "tp", "wrong", "logs", "asked")

    def __init__(self) -> None:
        super().__init__()
        self.hits = self.tp = self.wrong = self.asked = 0
        self.logs = 0.0

    def update(self, y: bool, guess: Guess) -> float:
        """Judge one answer; the loss is 0 or 1."""
        return self.update_run((y,), (guess,))[0]

    def update_run(self, ys: Sequence[bool], guesses: Sequence[Guess]) -> list[float]:
        """Judge a run of answers; the losses are 0 or 1."""
        losses = []
        asked = tp = wrong = 0
        logs = self.logs
        for y, (said, p) in zip(ys, guesses, strict=True):
            if p is not None:
                asked += 1
                chance = p if y else 1.0 - p
                logs -= log(chance if chance > _TINY else _TINY)
            if said == y:
                losses.append(0.0)
                if y:
                    tp += 1
            else:
                wrong += 1
                losses.append(1.0)
        self.n += len(losses)
        self.hits += len(losses) - wrong
        self.asked += asked
        self.tp += tp
        self.wrong += wrong
        self.logs = logs
        return losses

    def values(self) -> dict[str, float]:
        """Return accuracy, f1 and (where probabilities were given) log_loss."""
        if not self.n:
            return {}
        spread = 2 * self.tp + self.wrong
        said = {"accuracy": self.hits / self.n, "f1": 2 * self.tp / spread if spread else 0.0}
        if self.asked:
            said["log_loss"] = self.logs / self.asked
        return said


class MulticlassScores(Scores):
    """Accuracy, macro-F1 over the classes seen, and logarithmic loss."""

    fields: ClassVar[tuple[str, ...]] = ("n", "hits", "logs", "asked", "classes")

    def __init__(self) -> None:
        super().__init__()
        self.hits = self.asked = 0
        self.logs = 0.0
        self.classes: dict[str, list[int]] = {}
        """Per class: true positives, false positives, false negatives."""

    def update(self, y: Any, guess: Guess) -> float:
        """Judge one answer; the loss is 0 or 1."""
        said, p = guess
        self.n += 1
        chance = p.get(str(y), 0.0) if isinstance(p, dict) else None
        if chance is not None:
            self.asked += 1
            self.logs -= log(chance if chance > _TINY else _TINY)
        truth = self.classes.setdefault(str(y), [0, 0, 0])
        if said == y:
            self.hits += 1
            truth[0] += 1
            return 0.0
        truth[2] += 1
        self.classes.setdefault(str(said), [0, 0, 0])[1] += 1
        return 1.0

    def values(self) -> dict[str, float]:
        """Return accuracy, macro_f1 and (where probabilities were given) log_loss."""
        if not self.n:
            return {}
        f1 = [2 * tp / (2 * tp + fp + fn) for tp, fp, fn in self.classes.values()]
        said = {"accuracy": self.hits / self.n, "macro_f1": sum(f1) / len(f1)}
        if self.asked:
            said["log_loss"] = self.logs / self.asked
        return said


class MultilabelScores(Scores):
    """Subset accuracy, Hamming loss, micro-, macro- and example-F1; a label not named counts as no.

    Macro-F1 is over the labels known so far, 0 where undefined; example-F1 of an empty pair is 0.

    >>> scores = MultilabelScores()
    >>> scores.update({"a": True, "b": False}, ({"a": True, "b": True}, None))
    0.5
    >>> {name: round(value, 3) for name, value in scores.values().items()}
    {'subset': 0.0, 'hamming': 0.5, 'micro_f1': 0.667, 'macro_f1': 0.5, 'example_f1': 0.667}
    """

    fields: ClassVar[tuple[str, ...]] = ("n", "exact", "wrong", "examples", "labels", "counts")

    def __init__(self) -> None:
        super().__init__()
        self.exact = 0
        self.wrong = 0.0
        self.examples = 0.0
        self.labels: dict[str, int] = {}
        self.counts = np.zeros((8, 3), dtype=np.int64)
        """Per label: true positives, false positives, false negatives."""

    def update(self, y: dict[str, bool], guess: Guess) -> float:
        """Judge one set of labels; the loss is the share of wrong labels."""
        self.n += 1
        for name in y:
            if name not in self.labels:
                self._add(name)
        truth = {name for name, on in y.items() if on}
        said = {name for name, on in guess[0].items() if on}
        for name, on in guess[0].items():  # not `said`: the order of a set is another in every process
            if on and name not in self.labels:
                self._add(name)
        labels, counts = self.labels, self.counts
        both = truth & said
        for name in both:
            counts[labels[name], 0] += 1
        for name in said - both:
            counts[labels[name], 1] += 1
        for name in truth - both:
            counts[labels[name], 2] += 1
        errors = len(said) + len(truth) - 2 * len(both)
        loss = errors / len(labels) if labels else 0.0
        self.exact += not errors
        self.wrong += loss
        if both:
            self.examples += 2 * len(both) / (len(said) + len(truth))
        return loss

    def _add(self, name: str) -> None:
        if len(self.labels) == len(self.counts):
            self.counts = np.vstack([self.counts, np.zeros_like(self.counts)])
        self.labels[name] = len(self.labels)

    def values(self) -> dict[str, float]:
        """Return subset, hamming, micro_f1, macro_f1 and example_f1."""
        if not self.n or not self.labels:
            return {}
        tp, fp, fn = self.counts[: len(self.labels)].T
        spread = 2 * tp + fp + fn
        f1 = np.divide(2 * tp, spread, out=np.zeros(len(tp)), where=spread > 0)
        total = int(spread.sum())
        return {
            "subset": self.exact / self.n,
            "hamming": self.wrong / self.n,
            "micro_f1": 2 * int(tp.sum()) / total if total else 0.0,
            "macro_f1": float(f1.mean()),
            "example_f1": self.examples / self.n,
        }


class RegressionScores(Scores):
    """Mean absolute and root mean squared error."""

    fields: ClassVar[tuple[str, ...]] = ("n", "absolute", "squared")

    def __init__(self) -> None:
        super().__init__()
        self.absolute = self.squared = 0.0

    def update(self, y: float, guess: Guess) -> float:
        """Judge one number; the loss is the absolute error."""
        error = float(abs(y - guess[0]))
        self.n += 1
        self.absolute += error
        self.squared += error * error
        return error

    def values(self) -> dict[str, float]:
        """Return mae and rmse, in the unit of the label."""
        if not self.n:
            return {}
        return {"mae": self.absolute / self.n, "rmse": sqrt(self.squared / self.n)}


class ForecastScores(RegressionScores):
    """Errors of the next step, and the mean absolute error over all steps of the horizon whose truth has come."""

    fields: ClassVar[tuple[str, ...]] = ("n", "absolute", "squared", "leads", "lead_absolute")

    def __init__(self) -> None:
        super().__init__()
        self.leads = 0
        self.lead_absolute = 0.0

    def judge(self, step: float | None, errors: float, count: int) -> None:
        """Add the error of the next step, and those of all open forecasts that spoke of this same moment."""
        if step is not None:
            self.n += 1
            self.absolute += step
            self.squared += step * step
        self.leads += count
        self.lead_absolute += errors

    def values(self) -> dict[str, float]:
        """Return mae and rmse of the next step, and mae_horizon."""
        said = super().values()
        if self.leads:
            said["mae_horizon"] = self.lead_absolute / self.leads
        return said


class AnomalyScores(Scores):
    """Area under the ROC curve of the anomaly score, from counts of 512 bins; a constant score has .5.

    A score s of any size is binned by s / (1 + |s|), which keeps its order.
    """

    fields: ClassVar[tuple[str, ...]] = ("n", "bins")
    BINS = 512

    def __init__(self) -> None:
        super().__init__()
        self.bins = np.zeros((2, self.BINS), dtype=np.int64)

    def update(self, y: bool, guess: Guess) -> float:
        """Judge one score; the loss is how far its squashed form lies from the label."""
        score = guess[0]
        self.n += 1
        place = score / (1.0 + abs(score)) if isfinite(score) else 1.0
        self.bins[int(y), min(int((place + 1.0) / 2.0 * self.BINS), self.BINS - 1)] += 1
        return abs(float(y) - max(place, 0.0))

    def values(self) -> dict[str, float]:
        """Return auc, once both kinds of label were seen."""
        no, yes = self.bins
        if not no.sum() or not yes.sum():
            return {}
        below = np.cumsum(no) - no
        return {"auc": float((yes * (below + no / 2)).sum() / (no.sum() * yes.sum()))}

"""What each task fixes: the labels it takes, how a model is asked and taught, its scores and its baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from driftline.streams import baselines, scores
from driftline.streams.scores import Guess, Scores

Ask = Callable[[Any], Guess]
"""Features in, answer and probability out."""


NO_CLASS = "unknown"
"""The answer of a classifier that has not seen a class yet; empty text is refused on the wire."""


class NotFinite(ValueError):
    """A model answered with a number that is not finite."""


@dataclass(frozen=True)
class Task:
    """One task: `waits` says whether its models learn from labels (or from the event itself)."""

    name: str
    waits: bool
    accepts: Callable[[Any], bool]
    """Whether a label is of this task's type."""
    scores: Callable[[], Scores]
    baselines: Callable[[], tuple[baselines.Baseline, ...]]
    ask: Callable[[Any], Ask]
    """Given a model, return the function that answers for it (features -> answer, probability)."""


def ask_binary(model: Any) -> Ask:
    """Answer yes where its probability is above a half."""
    predict = model.predict_proba_one

    def ask(x: Any) -> Guess:
        p = predict(x).get(True, 0.0)
        if p - p != 0.0:
            raise NotFinite(f"the probability of yes is {p}")
        return p > 0.5, p

    return ask


def ask_multiclass(model: Any) -> Ask:
    """Answer with the most probable class."""
    predict = model.predict_proba_one

    def ask(x: Any) -> Guess:
        p = predict(x)
        if not p:
            return NO_CLASS, None
        said = max(p, key=p.__getitem__)
        if any(share - share != 0.0 for share in p.values()):
            raise NotFinite(f"the probabilities are {p}")
        return said, {str(y): float(share) for y, share in p.items()}

    return ask


def ask_multilabel(model: Any) -> Ask:
    """Answer with yes or no for every label known so far, and the probability of yes."""
    predict = model.predict_proba_one

    def ask(x: Any) -> Guess:
        p = {str(label): float(share.get(True, 0.0)) for label, share in predict(x).items()}
        if any(share - share != 0.0 for share in p.values()):
            raise NotFinite(f"the probabilities are {p}")
        return {label: share > 0.5 for label, share in p.items()}, p

    return ask


def number(said: Any) -> float:
    """Return a finite float or raise `NotFinite`."""
    value = float(said)
    if value - value != 0.0:
        raise NotFinite(f"the answer is {value}")
    return value


def ask_number(model: Any) -> Ask:
    """Answer with a number."""
    predict = model.predict_one
    return lambda x: (number(predict(x)), None)


def ask_score(model: Any) -> Ask:
    """Answer with the anomaly score: higher is stranger."""
    score = model.score_one
    return lambda x: (number(score(x)), None)


def ask_cluster(model: Any) -> Ask:
    """Answer with the cluster's id, as text."""
    predict = model.predict_one
    return lambda x: (str(predict(x)), None)


def is_bool(y: Any) -> bool:
    """Yes or no."""
    return y is True or y is False


def is_class(y: Any) -> bool:
    """A class: text, or yes and no."""
    return isinstance(y, str | bool)


def is_number(y: Any) -> bool:
    """A number that is not yes or no."""
    return isinstance(y, float)


def is_labels(y: Any) -> bool:
    """A set of labels."""
    return isinstance(y, dict)


def never(y: Any) -> bool:
    """No label is taken."""
    return False


TASKS = {
    "binary": Task(
        "binary",
        True,
        is_bool,
        scores.BinaryScores,
        lambda: (baselines.NoChange(False), baselines.BinaryMajority()),
        ask_binary,
    ),
    "multiclass": Task(
        "multiclass",
        True,
        is_class,
        scores.MulticlassScores,
        lambda: (baselines.NoChange(""), baselines.MulticlassMajority()),
        ask_multiclass,
    ),
    "multilabel": Task(
        "multilabel",
        True,
        is_labels,
        scores.MultilabelScores,
        lambda: (baselines.NoChange({}), baselines.MajoritySet()),
        ask_multilabel,
    ),
    "regression": Task(
        "regression",
        True,
        is_number,
        scores.RegressionScores,
        lambda: (baselines.NoChange(0.0), baselines.Mean()),
        ask_number,
    ),
    "cluster": Task("cluster", False, never, Scores, tuple, ask_cluster),
    "anomaly": Task("anomaly", False, is_bool, scores.AnomalyScores, lambda: (baselines.Constant(),), ask_score),
    "forecast": Task("forecast", False, never, scores.ForecastScores, tuple, ask_number),
}
"""The tasks by name; a forecast's baselines live with each series (`series.py`)."""

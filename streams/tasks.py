"""What each task fixes: the labels it takes, how a model is asked and taught, its scores and its baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from driftline.models.base import Assignment
from driftline.streams import baselines, scores
from driftline.streams.scores import Guess, Scores

Ask = Callable[[Any], Guess]
"""Features in, answer and probability out."""
AskRows = Callable[[Sequence[Any]], list[Any]]
"""Features of many events in, what the model says of each out; `Task.read` makes an answer of it."""


NO_CLASS = "unknown"
"""The answer of a classifier that has not seen a class yet; empty text is refused on the wire."""
NO_CLUSTER = "unknown"
"""The answer of a clusterer for an event that belongs to no cluster."""


class NotFinite(ValueError):
    """A model answered with a number that is not finite."""


class OutOfBounds(ValueError):
    """A model answered with a number that cannot be."""


@dataclass(frozen=True)
class Task:
    """One task: `waits` says whether its models learn from labels (or from the event itself)."""

    name: str
    waits: bool
    accepts: Callable[[Any], bool]
    """Whether a label is of this task's type."""
    scores: Callable[[], Scores]
    baselines: Callable[[], tuple[baselines.Baseline, ...]]
    verb: str
    """How a model is asked, as River names it."""
    read: Callable[[Any, Any], Guess]
    """What the verb gives, and the model that gave it, as answer and probability. Raises `NotFinite`."""

    def ask(self, model: Any) -> Ask:
        """Return the function that answers for a model."""
        verb, read = getattr(model, self.verb), self.read
        return lambda x: read(verb(x), model)

    def ask_rows(self, model: Any) -> AskRows | None:
        """Return the function that answers for many events at once, where the model has it."""
        return getattr(model, self.verb.removesuffix("_one") + "_rows", None)


def read_binary(p: dict[Any, float], model: Any) -> Guess:
    """Answer yes where its probability is above a half."""
    yes = p.get(True, 0.0)
    if yes - yes != 0.0:
        raise NotFinite(f"the probability of yes is {yes}")
    return yes > 0.5, yes


def read_multiclass(p: dict[Any, float], model: Any) -> Guess:
    """Answer with the most probable class."""
    if not p:
        return NO_CLASS, None
    said = max(p, key=p.__getitem__)
    if any(share - share != 0.0 for share in p.values()):
        raise NotFinite(f"the probabilities are {p}")
    return said, {str(y): float(share) for y, share in p.items()}


def read_multilabel(said: dict[Any, dict[bool, float]], model: Any) -> Guess:
    """Answer with yes or no for every label known so far, and the probability of yes.

    Yes is what is above a half, or above the model's own `threshold` where it has one.
    """
    threshold = getattr(model, "threshold", 0.5)
    p = {str(label): float(share.get(True, 0.0)) for label, share in said.items()}
    if any(share - share != 0.0 for share in p.values()):
        raise NotFinite(f"the probabilities are {p}")
    return {label: share > threshold for label, share in p.items()}, p


def number(said: Any) -> float:
    """Return a finite float or raise `NotFinite`."""
    value = float(said)
    if value - value != 0.0:
        raise NotFinite(f"the answer is {value}")
    return value


def read_number(said: Any, model: Any) -> Guess:
    """Answer with a number: of a regression."""
    return number(said), None


def read_anomaly(said: Any, model: Any) -> Guess:
    """Answer with an anomaly score, higher for what is stranger: of a clusterer that says more, the novelty."""
    return number(said.novelty if isinstance(said, Assignment) else said), None


def read_cluster(said: Any, model: Any) -> Guess:
    """Answer with the cluster's id, as text; of a clusterer that says more, with confidence, distance and novelty.

    >>> read_cluster(Assignment(3, 0.9, 1.1, 0.2), None)
    ('3', (0.9, 1.1, 0.2))
    >>> read_cluster(Assignment(-1, 0.0, float("inf"), 1.0), None)  # before there is any cluster
    ('unknown', (0.0, None, 1.0))
    >>> read_cluster(2, None)
    ('2', None)
    """
    if not isinstance(said, Assignment):
        return str(said), None
    nowhere = said.cluster < 0
    confidence, novelty = number(said.confidence), number(said.novelty)
    distance = None if nowhere and said.distance == inf else number(said.distance)
    if not (0.0 <= confidence <= 1.0 and 0.0 <= novelty <= 1.0) or (distance is not None and distance < 0.0):
        raise OutOfBounds(f"confidence and novelty must be from 0 to 1 and the distance not below 0: {said}")
    return NO_CLUSTER if nowhere else str(said.cluster), (confidence, distance, novelty)


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
        "predict_proba_one",
        read_binary,
    ),
    "multiclass": Task(
        "multiclass",
        True,
        is_class,
        scores.MulticlassScores,
        lambda: (baselines.NoChange(""), baselines.MulticlassMajority()),
        "predict_proba_one",
        read_multiclass,
    ),
    "multilabel": Task(
        "multilabel",
        True,
        is_labels,
        scores.MultilabelScores,
        lambda: (baselines.NoChange({}), baselines.MajoritySet()),
        "predict_proba_one",
        read_multilabel,
    ),
    "regression": Task(
        "regression",
        True,
        is_number,
        scores.RegressionScores,
        lambda: (baselines.NoChange(0.0), baselines.Mean()),
        "predict_one",
        read_number,
    ),
    "cluster": Task("cluster", False, never, Scores, tuple, "predict_one", read_cluster),
    "anomaly": Task(
        "anomaly", False, is_bool, scores.AnomalyScores, lambda: (baselines.Constant(),), "score_one", read_anomaly
    ),
    "forecast": Task("forecast", False, never, scores.ForecastScores, tuple, "predict_one", read_number),
}
"""The tasks by name; a forecast's baselines live with each series (`series.py`)."""
LABELLED = frozenset(name for name, task in TASKS.items() if task.accepts is not never)
"""The tasks that labels judge."""

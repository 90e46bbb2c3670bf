"""Which models exist, and for which task. A new model is one file and one line here."""

from __future__ import annotations

import hashlib
import importlib
import json
from dataclasses import dataclass
from typing import Any

from river import base
from river.time_series.base import Forecaster

TASKS = ("binary", "multiclass", "multilabel", "regression", "forecast", "cluster", "anomaly")
"""What a model may answer; `tasks.py` fixes the labels, scores and baselines of each."""


@dataclass(frozen=True)
class Spec:
    """One registered model: where it is, what it answers, and what it is in a few words."""

    path: str
    task: str
    about: str
    heavy: bool = False
    """Whether it needs torch and lives in the side worker."""


MODELS = {
    "hoeffding-adaptive-tree": Spec(
        "driftline.models.binary.hoeffding_adaptive_tree:HoeffdingAdaptiveTree",
        "binary",
        "one adaptive decision tree for yes or no (anomaly-like labels)",
    ),
    "binary-relevance": Spec(
        "driftline.models.multilabel.binary_relevance:BinaryRelevance", "multilabel", "a logistic regression per label"
    ),
    "ihomer": Spec(
        "driftline.models.multilabel.ihomer:IHomer",
        "multilabel",
        "mixed learners, and a hierarchy of the labels that occur together",
    ),
    "global-tree": Spec(
        "driftline.models.multilabel.global_tree:GlobalTree", "multilabel", "the same without the hierarchy"
    ),
    "drift-clusterer": Spec(
        "driftline.models.clustering.drift_clusterer:DriftClusterer",
        "cluster",
        "clusters that move, split, merge, die and are born, with ids that last",
    ),
    "event-clock": Spec(
        "driftline.models.clicks.event_clock:EventClock",
        "binary",
        "clicks of users on items: effects of ids and their combinations, learnt from every label at once",
    ),
    "diffumin": Spec(
        "driftline.models.clicks.diffumin:DiffuMin",
        "binary",
        "clicks again, on a light model's answer: interests in what the user did before, in torch",
        heavy=True,
    ),
    "recursive-least-squares": Spec(
        "driftline.models.forecasting.recursive_least_squares:RecursiveLeastSquares",
        "forecast",
        "autoregression with seasonal lags and forgetting",
    ),
    "holt-winters": Spec(
        "driftline.models.forecasting.holt_winters:HoltWinters", "forecast", "level, damped trend and season"
    ),
    "trafficllm": Spec(
        "driftline.models.forecasting.traffic:TrafficLLM",
        "forecast",
        "experts and voices, weighed by what came true; intervals that follow their misses",
    ),
    "naive": Spec("driftline.models.forecasting.naive:Naive", "forecast", "the last value again"),
    "seasonal-naive": Spec(
        "driftline.models.forecasting.naive:SeasonalNaive", "forecast", "the value of one season ago"
    ),
}
"""The models by name."""

_RIVER = (
    (base.MultiLabelClassifier, "multilabel"),
    (base.Classifier, "multiclass"),
    (base.Regressor, "regression"),
    (base.Clusterer, "cluster"),
    (base.AnomalyDetector, "anomaly"),
    (Forecaster, "forecast"),
)


def class_of(name: str) -> type:
    """Return the class behind a registered name or an import path `package.module:Class`.

    Raises `ValueError` that says what is allowed.

    >>> class_of("river.tree:HoeffdingTreeRegressor").__name__
    'HoeffdingTreeRegressor'
    >>> class_of("hoeffding-tree")
    Traceback (most recent call last):
    ValueError: no model 'hoeffding-tree': name one of binary-relevance, diffumin, drift-clusterer, ...
    """
    path = MODELS[name].path if name in MODELS else name
    module, _, attribute = path.partition(":")
    if not attribute:
        known = ", ".join(sorted(MODELS))
        raise ValueError(
            f"no model {name!r}: name one of {known}, or an import path such as river.tree:HoeffdingTreeClassifier"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"cannot import {path!r}: {error}") from None
    if not isinstance(found, type):
        raise ValueError(f"{path!r} is not a class")
    return found


def task_of(cls: type) -> str:
    """Return the task of a registered class, or the one that its River base class implies."""
    for spec in MODELS.values():
        if spec.path == f"{cls.__module__}:{cls.__qualname__}":
            return spec.task
    for parent, task in _RIVER:
        if issubclass(cls, parent):
            # River says "more than two classes" by overriding a property of the base class.
            if task == "multiclass" and cls._multiclass is base.Classifier._multiclass:  # type: ignore[attr-defined]
                return "binary"
            return task
    raise ValueError(f"{cls.__qualname__} is no River estimator: say its `task`, one of {', '.join(TASKS)}")


def build(name: str, parameters: dict[str, Any]) -> Any:
    """Make a model; bad parameters are a `ValueError` that names the class.

    A value of the form `{"class": "river.optim:SGD", "lr": 0.1}` is built too, so that nested estimators can be set;
    `args` is the list of positional arguments, as a pipeline takes them.

    >>> steps = [{"class": "river.preprocessing:StandardScaler"}, {"class": "river.linear_model:LogisticRegression"}]
    >>> list(build("river.compose:Pipeline", {"args": steps}).steps)
    ['StandardScaler', 'LogisticRegression']
    """
    cls = class_of(name)
    made = {key: _value(value) for key, value in parameters.items()}
    args = made.pop("args", ())
    try:
        return cls(*args, **made)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def _value(value: Any) -> Any:
    if isinstance(value, dict) and "class" in value:
        rest = {key: inner for key, inner in value.items() if key != "class"}
        return build(value["class"], rest)
    return [_value(inner) for inner in value] if isinstance(value, list) else value


def version_of(name: str, parameters: dict[str, Any], task: str) -> str:
    """Name a model's version: a digest of its class, parameters and task.

    >>> version_of("naive", {}, "forecast") == version_of("naive", {}, "forecast")
    True
    """
    path = MODELS[name].path if name in MODELS else name
    said = json.dumps([path, parameters, task], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(said.encode(), digest_size=6).hexdigest()

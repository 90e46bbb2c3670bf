"""The rows of the tables: baselines, River's learners, and ours, all asked in the same way."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
from river import compose, forest, linear_model, multioutput, preprocessing, tree

from benchmarks.multilabel.baselines import MajoritySet, NoChange, WindowNeighbours
from driftline.models.multilabel import IHomer
from driftline.models.multilabel.binary_relevance import BinaryRelevance


class Row(StrEnum):
    """Who is measured, in the order of all tables."""

    NO_CHANGE = "no-change"
    MAJORITY = "majority-set"
    NEIGHBOURS = "window-knn"
    LOGISTIC = "br-logistic"
    CHAIN = "chain-logistic"
    HAT = "br-hat"
    ARF = "br-arf"
    ISOUP = "isoup"
    BINARY_RELEVANCE = "binary-relevance"
    GLOBAL = "ihomer-off"
    IHOMER = "ihomer"

    @property
    def title(self) -> str:
        """How tables name it."""
        return TITLES[self]


TITLES = {
    Row.NO_CHANGE: "no-change",
    Row.MAJORITY: "majority label set",
    Row.NEIGHBOURS: "window kNN (170, 4)",
    Row.LOGISTIC: "River: BR logistic",
    Row.CHAIN: "River: chain logistic",
    Row.HAT: "River: BR HAT",
    Row.ARF: "River: BR ARF",
    Row.ISOUP: "River: iSOUP tree",
    Row.BINARY_RELEVANCE: "`binary-relevance`",
    Row.GLOBAL: "`IHomer(partition=False)`",
    Row.IHOMER: "`IHomer()`",
}
RIVER = (Row.LOGISTIC, Row.CHAIN, Row.HAT, Row.ARF, Row.ISOUP)
BASELINES = (Row.NO_CHANGE, Row.MAJORITY, Row.NEIGHBOURS)


class OfArrays:
    """A learner that takes arrays."""

    chunk = 256

    def __init__(self, model: Any):
        self.model = model

    def prepare(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Return rows in the form that `step` takes: no part of the learner's cost."""
        return x, y

    def step(self, rows: Any) -> Any:
        """Answer each row, then learn it: this is timed."""
        return self.model.prequential_many(*rows)

    def decide(self, said: Any) -> np.ndarray:
        """Return what `step` gave as decisions (n, L)."""
        return np.asarray(said)


class OfEvents:
    """A learner that takes one event at a time, as dictionaries."""

    chunk = 8

    def __init__(self, model: Any, labels: int, number: type = bool, sparse: bool = False):
        self.model = model
        self.labels = [f"y{j}" for j in range(labels)]
        self.number = number
        """How a label's truth is written."""
        self.sparse = sparse
        """Whether zeros are left out; River's scaler would take that for unknown."""

    def prepare(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Return rows in the form that `step` takes: no part of the learner's cost."""
        names = [f"x{j}" for j in range(x.shape[1])]
        xs = [dict(zip(names, row, strict=True)) for row in x.astype(float).tolist()]
        if self.sparse:
            xs = [{name: value for name, value in row.items() if value} for row in xs]
        ys = [dict(zip(self.labels, map(self.number, row), strict=True)) for row in y.tolist()]
        return list(zip(xs, ys, strict=True))

    def step(self, rows: Any) -> Any:
        """Answer each row, then learn it: this is timed."""
        said = []
        for x, y in rows:
            said.append(self.model.predict_one(x))
            self.model.learn_one(x, y)
        return said

    def decide(self, said: Any) -> np.ndarray:
        """Return what `step` gave as decisions (n, L); what is not answered is no."""
        rows = [[(answer.get(label) or 0) > 0.5 for label in self.labels] for answer in said]
        return np.array(rows, dtype=np.uint8)


class PerLabel:
    """A River classifier for each label."""

    def __init__(self, labels: int, make: Callable[[], Any]):
        self.models = {f"y{j}": make() for j in range(labels)}

    def predict_one(self, x: dict[str, float]) -> dict[str, Any]:
        """Return the answer for each label."""
        return {label: model.predict_one(x) for label, model in self.models.items()}

    def learn_one(self, x: dict[str, float], y: dict[str, bool]) -> None:
        """Learn one event."""
        for label, model in self.models.items():
            model.learn_one(x, y[label])


def make(row: Row, labels: int, seed: int) -> OfArrays | OfEvents:
    """Make a contestant that knows nothing yet; River's learners are as River makes them."""
    match row:
        case Row.NO_CHANGE:
            return OfArrays(NoChange())
        case Row.MAJORITY:
            return OfArrays(MajoritySet())
        case Row.NEIGHBOURS:
            return OfArrays(WindowNeighbours())
        case Row.LOGISTIC:
            return OfEvents(PerLabel(labels, _logistic), labels)
        case Row.CHAIN:
            chain = multioutput.ClassifierChain(linear_model.LogisticRegression())
            return OfEvents(compose.Pipeline(preprocessing.StandardScaler(), chain), labels)
        case Row.HAT:
            return OfEvents(PerLabel(labels, lambda: tree.HoeffdingAdaptiveTreeClassifier(seed=seed)), labels)
        case Row.ARF:
            return OfEvents(PerLabel(labels, lambda: forest.ARFClassifier(seed=seed)), labels)
        case Row.ISOUP:
            return OfEvents(tree.ISOUPTreeRegressor(), labels, number=float)
        case Row.BINARY_RELEVANCE:
            return OfEvents(BinaryRelevance(), labels)
        case Row.GLOBAL:
            return OfArrays(IHomer(partition=False))
        case Row.IHOMER:
            return OfArrays(IHomer())


def _logistic() -> Any:
    return compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())

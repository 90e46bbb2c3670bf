"""A logistic regression for each label."""

from collections.abc import Iterator, Mapping
from typing import Any

from river import base, linear_model, optim, preprocessing

from driftline.models.base import Features

LARGEST = 1e100  # squares of larger features overflow in the scaler, and would stay there
FARTHEST = 10.0  # standard deviations; one wild value must not throw the weights of every label


class BinaryRelevance(base.MultiLabelClassifier):  # type: ignore[misc]
    """Answer for each label on its own, by a logistic regression on standardised features.

    Features are standardised once per event for all labels, clipped at ten standard deviations, and may appear and
    vanish at any time; features that are not numbers are passed over. A label is known from the first event that
    names it.

    Parameters
    ----------
    learning_rate
        The step of the stochastic gradient descent.
    l2
        How strongly weights are drawn to zero.
    unnamed_is_no
        Whether a known label that an event does not name counts as no (the rule on our topics), or as unknown.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Read, Bifet, Holmes and Pfahringer, "Scalable and efficient multi-label classification for evolving data streams",
    Machine Learning 88 (2012), section 2: binary relevance.

    >>> model = BinaryRelevance()
    >>> model.predict_one({"load": 1.0})
    {}
    >>> for load in [1.0, 9.0] * 100:
    ...     model.learn_one({"load": load}, {"busy": load > 5, "idle": load < 5})
    >>> model.predict_one({"load": 8.0})
    {'busy': True, 'idle': False}
    """

    def __init__(self, learning_rate: float = 0.01, l2: float = 0.0, unnamed_is_no: bool = True):
        if not 0 < learning_rate <= 10:
            raise ValueError(f"learning_rate must be in (0, 10], got {learning_rate}")
        if not 0 <= l2 < 1:
            raise ValueError(f"l2 must be in [0, 1), got {l2}")
        self.learning_rate = learning_rate
        self.l2 = l2
        self.unnamed_is_no = unnamed_is_no
        self.scaler = preprocessing.StandardScaler()
        self.classifiers: dict[Any, Any] = {}

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {}

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[Any, dict[bool, float]]:
        """Return the probabilities of no and yes for each label known so far."""
        scaled = self._scaled(_numbers(x))
        return {label: classifier.predict_proba_one(scaled) for label, classifier in self.classifiers.items()}

    def predict_one(self, x: Features, **kwargs: Any) -> dict[Any, bool]:
        """Return yes or no for each label known so far."""
        return {label: p[True] > 0.5 for label, p in self.predict_proba_one(x).items()}

    def learn_one(self, x: Features, y: Mapping[Any, bool]) -> None:
        """Learn the labels of one event."""
        numbers = _numbers(x)
        self.scaler.learn_one(numbers)
        scaled = self._scaled(numbers)
        for label in y:
            if label not in self.classifiers:
                self.classifiers[label] = linear_model.LogisticRegression(optim.SGD(self.learning_rate), l2=self.l2)
        for label, classifier in self.classifiers.items():
            if self.unnamed_is_no or label in y:
                classifier.learn_one(scaled, y.get(label, False))

    def _scaled(self, numbers: dict[Any, float]) -> dict[Any, float]:
        return {
            name: min(max(value, -FARTHEST), FARTHEST) for name, value in self.scaler.transform_one(numbers).items()
        }


def _numbers(x: Features) -> dict[Any, float]:
    return {name: min(max(value, -LARGEST), LARGEST) for name, value in x.items() if isinstance(value, int | float)}

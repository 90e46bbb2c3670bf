"""A last layer that needs few events: logistic regression with all covariances, one step of Newton for each batch."""

from collections.abc import Sequence

import numpy as np

from driftline.models.base import Array


class LastLayer:
    """Weigh a few features to be added to known log odds, and forget slowly.

    Weights are Gaussian unknowns around 0, so that nothing is added before it has proved itself; a batch is a step of
    Newton on its events and the prior. What was learnt fades, the prior does not.

    Parameters
    ----------
    doubt
        The prior precision of each weight: the information, p (1 - p) times the square of the feature for each event,
        that is needed to believe half of what it says.
    memory
        The share of what is known that stays after a batch, in (0, 1].

    References
    ----------
    Bayesian logistic regression by Laplace's approximation, in batches: Spiegelhalter and Lauritzen, "Sequential
    Updating of Conditional Probabilities on Directed Graphical Structures", Networks 1990, section 4.

    >>> layer = LastLayer(doubt=[1.0, 1.0])
    >>> features = np.random.default_rng(0).normal(size=(2_000, 2))
    >>> labels = np.random.default_rng(1).random(2_000) < 1.0 / (1.0 + np.exp(-2.0 * features[:, 0]))
    >>> for start in range(0, 2_000, 100):
    ...     layer.learn(features[start : start + 100], np.zeros(100), labels[start : start + 100])
    >>> layer.weight.round(1).tolist()
    [1.9, 0.1]

    """

    def __init__(self, doubt: Sequence[float], memory: float = 0.995):
        self.doubt, self.memory = np.array(doubt, np.float64), memory
        self.weight: Array = np.zeros(len(self.doubt))
        self.precision: Array = np.zeros((len(self.doubt), len(self.doubt)))
        """What the events so far know."""

    def __call__(self, features: Array) -> Array:
        """Return what is added to the log odds of each event: (n, K) to (n,)."""
        # One sum for each event, in the same order whatever stands beside it: a product of matrices would not do that.
        added: Array = (features * self.weight).sum(axis=1)
        return added

    def learn(self, features: Array, offset: Array, y: Array) -> None:
        """Learn a batch: features (n, K), log odds without them (n,), labels (n,) of 0 and 1."""
        p = 1.0 / (1.0 + np.exp(-np.clip(offset + self(features), -30.0, 30.0)))
        known = self.memory * self.precision
        brought = (features * (p * (1.0 - p))[:, None]).T @ features
        # What is known has its best weights at `center`; the prior has them at 0.
        center = known @ self.weight + self.memory * self.doubt * self.weight
        self.precision = known + brought
        self.weight = np.linalg.solve(
            self.precision + np.diag(self.doubt), center + brought @ self.weight + features.T @ (y - p)
        )

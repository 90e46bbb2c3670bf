"""Clusterers that predict a micro-batch and then learn it."""

import warnings
from typing import Any, Protocol

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering import coarseness, macros, micro, ppp

EVERY = 4
"""Micro-batches between two global passes, and refits of mixtures. Up to the first there is one at each."""
WINDOW = 1_000
"""Events that window methods are fitted on."""


class Contestant(Protocol):
    """Groups events of (n, d)."""

    def predict(self, X: Array) -> Array:
        """Return the group of each event, 0 before anything was learnt."""
        ...

    def learn(self, X: Array) -> None:
        """Learn a micro-batch."""
        ...

    @property
    def k(self) -> int:
        """How many groups there are."""
        ...


class MicroPpp:
    """Micro-clusters, and a global pass of PPP at times; between them new micro-clusters belong to the nearest one."""

    def __init__(self, d: int, half_life: float = 2_000.0, join: bool = False):
        self.micro = micro.make(d, half_life=half_life)
        self.join = join
        self.macros: macros.Macros | None = None
        self.batches, self.fresh = 0, 0

    def predict(self, X: Array) -> Array:
        """Predict by the clusters as Gaussians."""
        if self.macros is None:
            return np.zeros(len(X), np.int64)
        scores = macros.score(self.macros, micro.standardise(self.micro, X))
        return self.macros.ids[scores.log_posterior.argmax(axis=1)]

    def learn(self, X: Array) -> None:
        """Learn, and find the clusters anew when it is time."""
        micro.learn(self.micro, X)
        self.batches += 1
        found = micro.moments(self.micro)
        ids = self.micro.macro[: len(found.weight)]
        if self.macros is None or self.batches < EVERY or self.batches % EVERY == 0:
            new = self.partition(found)
            ids[:] = macros.keep_ids(found.weight, ids, new, self.fresh)
            self.fresh = max(self.fresh, int(ids.max()) + 1)
        else:
            lost = ids < 0
            ids[lost] = self.macros.ids[macros.score(self.macros, found.mean[lost]).log_posterior.argmax(axis=1)]
        self.macros = macros.macros(found, ids)

    def partition(self, found: micro.Moments) -> Array:
        """Return the cluster of each micro-cluster."""
        labels = ppp.partition(*found).labels
        return coarseness.choose(*found, labels) if self.join else labels

    @property
    def k(self) -> int:
        """How many clusters there are."""
        return 0 if self.macros is None else len(self.macros.ids)


class _Window:
    """The latest events, in standardised units of all events so far."""

    def __init__(self, d: int):
        self.held = np.zeros((0, d))
        self.total, self.squares, self.n = np.zeros(d), np.zeros(d), 0
        self.fitted: Any = None
        self.batches = 0

    def predict(self, X: Array) -> Array:
        return np.zeros(len(X), np.int64) if self.fitted is None else self.fitted.predict(self.standardised(X))

    def learn(self, X: Array) -> None:
        self.total, self.squares, self.n = (
            self.total + X.sum(axis=0),
            self.squares + (X**2).sum(axis=0),
            self.n + len(X),
        )
        self.held = np.concatenate([self.held, X])[-WINDOW:]
        self.batches += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.fit(self.standardised(self.held))

    def standardised(self, X: Array) -> Array:
        mean = self.total / self.n
        sd = np.sqrt(np.maximum(self.squares / self.n - mean**2, 0.0))
        return (X - mean) / np.where(sd > 1e-9, sd, 1.0)

    def fit(self, X: Array) -> None:
        raise NotImplementedError


class WindowKMeans(_Window):
    """k-means of the window, fitted at each micro-batch; the true number of groups of the whole stream is given."""

    def __init__(self, d: int, k: int):
        super().__init__(d)
        self.k = k

    def fit(self, X: Array) -> None:
        """Fit anew, as 3 beginnings find it."""
        from sklearn.cluster import KMeans

        self.fitted = KMeans(self.k, n_init=3, random_state=0).fit(X)


class WindowMixture(_Window):
    """Diagonal Gaussian mixtures of the window, of 2 to 12 parts, by BIC."""

    def fit(self, X: Array) -> None:
        """Fit anew, when it is time."""
        from sklearn.mixture import GaussianMixture

        if self.fitted is None or self.batches < EVERY or self.batches % EVERY == 0:
            tried = [GaussianMixture(k, covariance_type="diag", reg_covar=1e-3, random_state=0) for k in range(2, 13)]
            self.fitted = min((model.fit(X) for model in tried), key=lambda model: model.bic(X))

    @property
    def k(self) -> int:
        """How many parts the mixture has."""
        return 0 if self.fitted is None else self.fitted.n_components

"""Who is measured beside ours: River's and scikit-learn's clusterers, window methods, and no model at all.

All get the same standardised events. Methods that need a number of groups get the true one of the whole stream.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from river import cluster

from benchmarks.clustering.contestants import WindowMixture
from driftline.models.base import Array

WINDOW = 1_000
"""Events that window methods are fitted on."""
BASELINE, GIVEN, DEFAULT, TUNED = "no model", "true k given", "defaults", "settings chosen with labels"
"""Kinds of rivals. Of `TUNED` families the best setting is chosen with labels, which a user does not have."""


class Rival(NamedTuple):
    """A row of the tables."""

    family: str
    """Settings of one family stand for each other."""
    setting: str
    kind: str
    make: Callable[[int, int, int], Any]
    """Makes it for d features, k true groups and a seed."""

    @property
    def name(self) -> str:
        """How tables name it."""
        return f"{self.family} {self.setting}".strip()


class OfEvents:
    """A clusterer of River's, which takes one event at a time."""

    def __init__(self, model: Any):
        self.model, self.learnt = model, False

    def prepare(self, X: Array) -> Any:
        """Return events in the form that is learnt; no part of the cost."""
        return [dict(enumerate(row)) for row in X.tolist()]

    def predict(self, rows: Any) -> Array:
        """Return the group of each event, 0 before anything was learnt."""
        if not self.learnt:
            return np.zeros(len(rows), np.int64)
        return np.array([self.model.predict_one(x) for x in rows], np.int64)

    def learn(self, rows: Any) -> None:
        """Learn a micro-batch."""
        for x in rows:
            self.model.learn_one(x)
        self.learnt = True


class OfArrays:
    """A clusterer of scikit-learn's that learns in parts."""

    def __init__(self, model: Any):
        self.model, self.learnt = model, False

    def prepare(self, X: Array) -> Array:
        """Return events in the form that is learnt."""
        return X

    def predict(self, X: Array) -> Array:
        """Return the group of each event, 0 before anything was learnt."""
        return self.model.predict(X).astype(np.int64) if self.learnt else np.zeros(len(X), np.int64)

    def learn(self, X: Array) -> None:
        """Learn a micro-batch."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.partial_fit(X)
        self.learnt = True


class Refitted:
    """A method that is fitted anew on the latest events at each micro-batch; its ids mean nothing from one to next."""

    def __init__(self) -> None:
        self.held: Array | None = None

    def prepare(self, X: Array) -> Array:
        """Return events in the form that is learnt."""
        return X

    def predict(self, X: Array) -> Array:
        """Return the group of each event, 0 before anything was learnt."""
        return np.zeros(len(X), np.int64) if self.held is None else self.assign(X)

    def learn(self, X: Array) -> None:
        """Learn a micro-batch."""
        self.held = X if self.held is None else np.concatenate([self.held, X])[-WINDOW:]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.fit(self.held)

    def assign(self, X: Array) -> Array:
        """Return the group of each event by what was fitted last."""
        raise NotImplementedError

    def fit(self, X: Array) -> None:
        """Fit anew on a window."""
        raise NotImplementedError


class WindowKMeans(Refitted):
    """k-means of the window."""

    def __init__(self, k: int, seed: int):
        super().__init__()
        from sklearn.cluster import KMeans

        self.model = KMeans(k, n_init=3, random_state=seed)

    def assign(self, X: Array) -> Array:
        """Return the nearest centre."""
        return self.model.predict(X).astype(np.int64)

    def fit(self, X: Array) -> None:
        """Fit anew, as the best of 3 beginnings."""
        self.model.set_params(n_clusters=min(self.model.n_clusters, len(X))).fit(X)


class WindowHdbscan(Refitted):
    """HDBSCAN of the window; a new event belongs where the nearest event of the window does that is not noise."""

    def __init__(self, least: int):
        super().__init__()
        from sklearn.cluster import HDBSCAN

        self.model, self.least = HDBSCAN(least, copy=True), least

    def fit(self, X: Array) -> None:
        """Fit anew."""
        self.model.fit(X)

    def assign(self, X: Array) -> Array:
        """Return the group of the nearest event that has one."""
        held, labels = self.held, self.model.labels_
        assert held is not None
        known = labels >= 0
        if not known.any():
            return np.zeros(len(X), np.int64)
        held = held[known]
        squared = (held**2).sum(axis=1) - 2.0 * X @ held.T
        return labels[known][squared.argmin(axis=1)].astype(np.int64)


class Mixture:
    """The window's diagonal Gaussian mixture by BIC, which another table holds, too."""

    def __init__(self, d: int):
        self.model = WindowMixture(d)

    def prepare(self, X: Array) -> Array:
        """Return events in the form that is learnt."""
        return X

    def predict(self, X: Array) -> Array:
        """Return the part of the mixture that each event is of."""
        return self.model.predict(X).astype(np.int64)

    def learn(self, X: Array) -> None:
        """Learn a micro-batch."""
        self.model.learn(X)


class Blind:
    """No model: one group, or chance."""

    def __init__(self, k: int, seed: int):
        self.k, self.rng = k, np.random.default_rng(seed)

    def prepare(self, X: Array) -> Array:
        """Return events in the form that is learnt."""
        return X

    def predict(self, X: Array) -> Array:
        """Return a group for each event."""
        return self.rng.integers(0, self.k, len(X))

    def learn(self, X: Array) -> None:
        """Learn nothing."""


def _minibatch(k: int, seed: int) -> OfArrays:
    from sklearn.cluster import MiniBatchKMeans

    return OfArrays(MiniBatchKMeans(k, random_state=seed))


def _birch(d: int, k: int, share: float) -> OfArrays:
    from sklearn.cluster import Birch

    return OfArrays(Birch(threshold=share * d**0.5, n_clusters=k))


def _kmeans(half_life: float) -> Callable[[int, int, int], OfEvents]:
    return lambda d, k, seed: OfEvents(cluster.KMeans(k, halflife=half_life, seed=seed))


def _chunks(half_life: float) -> Callable[[int, int, int], OfEvents]:
    return lambda d, k, seed: OfEvents(cluster.STREAMKMeans(50, k, halflife=half_life, seed=seed))


def _clustream(**settings: float) -> Callable[[int, int, int], OfEvents]:
    return lambda d, k, seed: OfEvents(cluster.CluStream(k, seed=seed, **settings))


def _dbstream(share: float) -> Callable[[int, int, int], OfEvents]:
    return lambda d, k, seed: OfEvents(cluster.DBSTREAM(share * d**0.5))


def _dbstream_rarely(share: float) -> Callable[[int, int, int], OfEvents]:
    return lambda d, k, seed: OfEvents(cluster.DBSTREAM(share * d**0.5, cleanup_interval=10))


def _denstream(share: float) -> Callable[[int, int, int], OfEvents]:
    return lambda d, k, seed: OfEvents(cluster.DenStream(epsilon=share * d**0.5))


def _rivals() -> list[Rival]:
    made = [
        Rival("all in one", "", BASELINE, lambda d, k, seed: Blind(1, seed)),
        Rival("random ids", "", BASELINE, lambda d, k, seed: Blind(k, seed)),
        Rival("sk MiniBatchKMeans", "", GIVEN, lambda d, k, seed: _minibatch(k, seed)),
        Rival("window k-means", "", GIVEN, lambda d, k, seed: WindowKMeans(k, seed)),
        Rival("sk Birch", ".3√d", GIVEN, lambda d, k, seed: _birch(d, k, 0.3)),
        Rival("River KMeans", "default", DEFAULT, _kmeans(0.5)),
        Rival("River STREAMKMeans", "chunk 50", DEFAULT, _chunks(0.5)),
        Rival("River DBSTREAM", "default", DEFAULT, lambda d, k, seed: OfEvents(cluster.DBSTREAM())),
        Rival("window HDBSCAN", "default", DEFAULT, lambda d, k, seed: WindowHdbscan(5)),
        Rival("River KMeans", "hl .1", TUNED, _kmeans(0.1)),
        Rival("River KMeans", "hl .02", TUNED, _kmeans(0.02)),
        Rival("River STREAMKMeans", "chunk 50, hl .1", TUNED, _chunks(0.1)),
    ]
    made += [Rival("River DBSTREAM", f"{text}√d", TUNED, _dbstream(share)) for text, share in RADII]
    made += [
        Rival("River DBSTREAM", f"{text}√d, cleanup 10", TUNED, _dbstream_rarely(share)) for text, share in RADII[1:]
    ]
    made += [Rival("window HDBSCAN", "≥ 25", TUNED, lambda d, k, seed: WindowHdbscan(25))]
    made += [Rival("River DenStream", f"{text}√d", TUNED, _denstream(share)) for text, share in RADII]
    made += [
        Rival("River CluStream", "40 mc, hl .4", TUNED, _clustream(max_micro_clusters=40, halflife=0.4)),
        Rival("window GMM+BIC", "", DEFAULT, lambda d, k, seed: Mixture(d)),
        Rival("River DenStream", "default", DEFAULT, lambda d, k, seed: OfEvents(cluster.DenStream())),
        Rival("River CluStream", "default", DEFAULT, _clustream()),
    ]
    return made


RADII = ((".3", 0.3), (".6", 0.6), (".9", 0.9))
RIVALS = _rivals()
"""The quick ones first."""

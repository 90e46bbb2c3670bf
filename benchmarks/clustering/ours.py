"""The clusterer that is measured: `DriftClusterer`, or what stands in for it where it is not there yet."""

import importlib
from typing import Any

import numpy as np

from benchmarks.clustering.contestants import MicroPpp
from driftline.models.base import Array, News
from driftline.models.clustering import macros, micro

try:
    _made = importlib.import_module("driftline.models.clustering.drift_clusterer").DriftClusterer
    NAME = "DriftClusterer()"
except ImportError:
    _made = None
    NAME = "micro + PPP (stand-in)"


class Ours:
    """Ours as the others are asked: events as they come, each micro-batch predicted and then learnt."""

    def __init__(self, d: int):
        self.model: Any = MicroPpp(d) if _made is None else _made()
        self.news: list[News] = []
        self.learnt = 0

    def prepare(self, X: Array) -> Array:
        """Return events as they are."""
        return X

    def predict(self, X: Array) -> Array:
        """Return the cluster of each event, -1 where it is unknown."""
        return self.model.predict(X) if _made is None else self.model.predict_many(X)

    def learn(self, X: Array) -> None:
        """Learn a micro-batch, and keep the news; their rows are counted from the first event of all."""
        if _made is None:
            self.model.learn(X)
        else:
            self.model.learn_many(X)
            self.news += [news._replace(row=self.learnt + news.row) for news in self.model.news()]
        self.learnt += len(X)


def strangeness(X: Array, seed: int) -> Array:
    """Return what `score_one` says of each event before it is learnt, event by event."""
    scores = np.zeros(len(X))
    if _made is None:
        model = MicroPpp(X.shape[1])
        for at in range(0, len(X), 50):
            part = X[at : at + 50]
            if model.macros is not None:
                found = macros.score(model.macros, micro.standardise(model.micro, part))
                scores[at : at + 50] = found.distance.min(axis=1)
            model.learn(part)
        return scores
    model = _made()
    for i, row in enumerate(X):
        scores[i] = model.score_many(row[None])[0]
        model.learn_many(row[None])
    return scores


def warm_up(d: int) -> None:
    """Compile what is compiled at first use."""
    model = Ours(d)
    rng = np.random.default_rng(0)
    for _ in range(6):
        X = rng.normal(size=(250, d))
        model.predict(X)
        model.learn(X)

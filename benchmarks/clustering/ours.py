"""The clusterer that is measured."""

import numpy as np

from driftline.models.base import Array, News
from driftline.models.clustering import DriftClusterer

NAME = "DriftClusterer()"
APART = "DriftClusterer(), unknown apart"


class Ours:
    """Ours as the others are asked: events as they come, each micro-batch predicted and then learnt."""

    def __init__(self) -> None:
        self.model = DriftClusterer()
        self.news: list[News] = []
        self.learnt = 0

    def prepare(self, X: Array) -> Array:
        """Return events as they are."""
        return X

    def predict(self, X: Array) -> Array:
        """Return the most probable cluster of each event."""
        return self.model.predict_many(X)

    def learn(self, X: Array) -> None:
        """Learn a micro-batch, and keep the news; their rows are counted from the first event of all."""
        self.model.learn_many(X)
        self.news += [news._replace(row=self.learnt + news.row) for news in self.model.news()]
        self.learnt += len(X)


class Apart(Ours):
    """The same, but what it says belongs to no cluster is not given to any."""

    def predict(self, X: Array) -> Array:
        """Return the cluster of each event, -1 where it belongs to none."""
        return self.model.assign_many(X).ids


def strangeness(X: Array, seed: int) -> Array:
    """Return what `score_one` says of each event before it is learnt, event by event."""
    scores = np.zeros(len(X))
    model = DriftClusterer()
    for i, row in enumerate(X):
        scores[i] = model.score_many(row[None])[0]
        model.learn_many(row[None])
    return scores


def warm_up() -> None:
    """Compile what is compiled at first use."""
    DriftClusterer.warm_up()

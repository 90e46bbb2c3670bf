"""A clusterer for tests, as small as one can be: an event within reach of a cluster's leader belongs to it.

It has all the verbs that a lane knows of clusterers, and can be made to fail by a feature of an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from driftline.models.base import Assignment, Features, News, Plain, scalar
from driftline.models.clustering.life import ClusterLife, ClusterNow, LifeEvent

FEATURES = ("a", "b")


class Leaders:
    """Clusters round leaders; one that had no event for `idle` events dies.

    An event with `fail` 3 cannot be learnt, and one with `fail` 2 is learnt and answered with what is no number.
    """

    runs = 0
    """How many runs of several events were taken at once, by all of its kind."""

    def __init__(self, reach: float = 1.0, idle: int = 50):
        self.reach = reach
        self.idle = idle
        self.learnt = 0
        self.born = 0
        self.clusters: list[list[Any]] = []
        """Id, born at, events, last event, and the leader's values."""
        self.history: list[LifeEvent] = []
        self.heard: list[News] = []

    def assign_one(self, x: Features) -> Assignment:
        """The nearest leader's cluster, or none."""
        place = self._place(x)
        if not self.clusters:
            return Assignment(-1, 0.0, float("inf"), 1.0)
        apart = [float(np.hypot(*(np.array(one[4]) - place))) / self.reach for one in self.clusters]
        least = min(apart)
        novelty = float("nan") if x.get("fail") == 2.0 else least / (1.0 + least)
        nearest = self.clusters[apart.index(least)][0] if least <= 1.0 else -1
        return Assignment(nearest, 1.0 / (1.0 + least), least, novelty)

    def predict_one(self, x: Features) -> int:
        """The id alone."""
        return self.assign_one(x).cluster

    def score_one(self, x: Features) -> float:
        """The novelty alone."""
        return self.assign_one(x).novelty

    def learn_one(self, x: Features) -> None:
        """A run of one."""
        self.prequential_rows([x])

    def prequential_rows(self, xs: Sequence[Features]) -> list[Assignment]:
        """Raise before anything is learnt, or assign and learn each in turn."""
        if any(x.get("fail") == 3.0 for x in xs):
            raise KeyError("one of them cannot be learnt")
        Leaders.runs += len(xs) > 1
        said = []
        for row, x in enumerate(xs):
            said.append(self.assign_one(x))
            self._learn(row, x, said[-1].cluster)
        return said

    def _learn(self, row: int, x: Features, cluster: int) -> None:
        self.learnt += 1
        if cluster < 0:
            nearest = [str(one[0]) for one in self.clusters[:1]]
            cluster = self.born
            self.clusters.append([cluster, self.learnt, 0, 0, self._place(x)])
            self.born += 1
            self._tell(row, "born", cluster, nearest)
        mine = next(one for one in self.clusters if one[0] == cluster)
        mine[2], mine[3] = mine[2] + 1, self.learnt
        for one in [one for one in self.clusters if self.learnt - one[3] > self.idle]:
            self.clusters.remove(one)
            self._tell(row, "died", one[0], [])

    def _tell(self, row: int, kind: Any, who: int, others: list[str]) -> None:
        text = f"cluster {who} {kind}"
        self.history.append(LifeEvent(self.learnt, kind, who, tuple(map(int, others)), text))
        alive = float(len(self.clusters))
        self.heard.append(News(row, self.learnt, kind, text, alive, alive, str(who), tuple(others)))

    def _place(self, x: Features) -> list[float]:
        return [float(x.get(name, 0.0)) for name in FEATURES]

    def news(self) -> list[News]:
        """What happened in the last run."""
        heard, self.heard = self.heard, []
        return heard

    def gauges(self) -> dict[str, float]:
        """How many are alive."""
        return {"clusters": float(len(self.clusters))}

    def life(self) -> ClusterLife:
        """The clusters now and all that happened."""
        total = sum(one[2] for one in self.clusters) or 1
        now = tuple(
            ClusterNow(id_, born, count / total, np.array(leader), np.full(2, self.reach))
            for id_, born, count, _, leader in self.clusters
        )
        return ClusterLife(now, tuple(self.history), self.learnt, FEATURES)

    def state(self) -> dict[str, Plain]:
        """Everything."""
        history = [[one.at, one.kind, one.who, list(one.others), one.text] for one in self.history]
        clusters = [[*one[:4], list(one[4])] for one in self.clusters]
        return {"learnt": self.learnt, "born": self.born, "clusters": clusters, "history": history}

    def restore(self, state: dict[str, Plain]) -> None:
        """The same again."""
        self.learnt, self.born = scalar(state, "learnt", int), scalar(state, "born", int)
        self.clusters = [list(one) for one in scalar(state, "clusters", list)]
        history = scalar(state, "history", list)
        self.history = [LifeEvent(at, kind, who, tuple(others), text) for at, kind, who, others, text in history]

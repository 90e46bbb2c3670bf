"""Events per second of ours beside River's KMeans, one after the other in the same run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from river import cluster

from benchmarks.clustering.cell import standardised
from benchmarks.clustering.ours import Ours
from benchmarks.clustering.rivals import OfEvents
from driftline.models.base import Array
from driftline.models.clustering.event_streams import blobs_abrupt

BATCH, CLUSTERS = 250, 6


@dataclass(frozen=True)
class Round:
    """Events per second of CPU, predicted in micro-batches of 250 and then learnt."""

    d: int
    round: int
    ours: float
    river: float
    """KMeans of River, defaults and 6 clusters; what makes its dictionaries and standardises is not counted."""


def rounds(d: int = 10, n: int = 20_000, number: int = 5) -> list[Round]:
    """Measure in turn."""
    X = blobs_abrupt(n, d).X
    raw = [X[at : at + BATCH] for at in range(0, n, BATCH)]
    before, after = standardised(X, BATCH)
    made = []
    for i in range(number):
        ours = _rate(Ours, raw, raw, n)
        river = _rate(lambda i=i: OfEvents(cluster.KMeans(CLUSTERS, seed=i)), before, after, n)
        made.append(Round(d, i, round(ours, 1), round(river, 1)))
    return made


def ratio(measured: list[Round]) -> float:
    """Return ours to River's, the median of the rounds."""
    return median(one.ours / one.river for one in measured)


def _rate(make: Callable[[], Any], asked: list[Array], taught: list[Array], n: int) -> float:
    model = make()
    seconds = 0.0
    for X, Z in zip(asked, taught, strict=True):
        rows, learnt = model.prepare(X), model.prepare(Z)
        began = time.process_time()
        model.predict(rows)
        model.learn(learnt)
        seconds += time.process_time() - began
    return n / seconds

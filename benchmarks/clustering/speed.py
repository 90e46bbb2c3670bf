"""Events per second of ours beside River's KMeans, micro-batches in turn: what slows the machine slows both."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
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
        ours, river = Ours(), OfEvents(cluster.KMeans(CLUSTERS, seed=i))
        seconds = np.zeros(2)
        for events, asked, taught in zip(raw, before, after, strict=True):
            seconds += _seconds(ours, events, events), _seconds(river, asked, taught)
        made.append(Round(d, i, *(n / seconds).round(1).tolist()))
    return made


def ratio(measured: list[Round]) -> float:
    """Return ours to River's, the median of the rounds."""
    return median(one.ours / one.river for one in measured)


def _seconds(model: Any, asked: Array, taught: Array) -> float:
    """Return the CPU seconds of a micro-batch, without what makes it the model's kind of rows."""
    rows, learnt = model.prepare(asked), model.prepare(taught)
    began = time.process_time()
    model.predict(rows)
    model.learn(learnt)
    return time.process_time() - began

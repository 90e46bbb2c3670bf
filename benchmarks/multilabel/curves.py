"""How the cost of an event grows with features, labels and non-zeros: IHomer once its window is full."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
import scipy.sparse

from driftline.models.multilabel import IHomer

WARM_UP, CHUNK, CHUNKS = 1_000, 100, 5
"""Events before, and those that are measured; the median of the chunks counts."""
FEATURES, LABELS, NON_ZEROS = 1_000, 20, 30
"""What does not vary."""
CARDINALITY = 3
BLOCK = 5
"""Labels that are on together."""


@dataclass(frozen=True)
class Point:
    """One point of a curve."""

    varied: str
    features: int
    labels: int
    non_zeros: int
    us: float
    """CPU of an event, answered and learnt, in µs."""

    @property
    def at(self) -> int:
        """What was varied."""
        return {"labels": self.labels, "non-zeros": self.non_zeros}.get(self.varied, self.features)


def points() -> Iterator[tuple[str, int, int, int]]:
    """Yield what is to be measured."""
    for d in (50, 100, 200, 500, 1_000, 2_000):
        yield "features", d, LABELS, NON_ZEROS
    for d in (50, 100, 200, 500, 1_000, 2_000):
        yield "features, dense", d, LABELS, d
    for labels in (5, 10, 20, 50, 100, 200, 500, 1_000):
        yield "labels", FEATURES, labels, NON_ZEROS
    for non_zeros in (5, 10, 20, 50, 100, 200, 500):
        yield "non-zeros", FEATURES, LABELS, non_zeros


def measure(varied: str, features: int, labels: int, non_zeros: int) -> Point:
    """Measure one point."""
    x, y = events(WARM_UP + CHUNK * CHUNKS, features, labels, non_zeros, np.random.default_rng(1))
    model = IHomer()
    model.prequential_many(x[:WARM_UP], y[:WARM_UP])
    taken = []
    for at in range(WARM_UP, len(y), CHUNK):
        rows, truths = x[at : at + CHUNK], y[at : at + CHUNK]
        began = time.process_time()
        model.prequential_many(rows, truths)
        taken.append(time.process_time() - began)
    return Point(varied, features, labels, non_zeros, round(1e6 * median(taken) / CHUNK, 2))


def events(
    n: int, features: int, labels: int, non_zeros: int, rng: np.random.Generator
) -> tuple[np.ndarray | scipy.sparse.csr_matrix, np.ndarray]:
    """Return `n` events with exactly so many non-zeros, and about three labels that follow from them in blocks.

    >>> x, y = events(400, 50, 20, 5, np.random.default_rng(1))
    >>> x.shape, set(np.diff(x.indptr).tolist()), y.shape, bool(2 < y.sum(axis=1).mean() < 4)
    ((400, 50), {5}, (400, 20), True)
    """
    values = rng.standard_normal((n, non_zeros)).astype(np.float32)
    if non_zeros == features:
        x = values
    else:
        columns = np.concatenate([rng.choice(features, non_zeros, replace=False) for _ in range(n)])
        x = scipy.sparse.csr_matrix(
            (values.ravel(), columns.astype(np.int32), np.arange(0, n * non_zeros + 1, non_zeros)), (n, features)
        )
        x.sort_indices()
    blocks = max(labels // BLOCK, 1)
    score = x @ rng.standard_normal((features, blocks)).astype(np.float32)
    rate = 0.75
    active = score > np.quantile(score, 1.0 - min(CARDINALITY / (rate * labels), 0.9))
    on = np.repeat(active, -(-labels // blocks), axis=1)[:, :labels]
    return x, (on & (rng.random((n, labels)) < rate)).astype(np.uint8)

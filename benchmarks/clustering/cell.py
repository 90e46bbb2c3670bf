"""One cell: one method on one stream, in a process of its own, stopped after so much CPU."""

import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.child import in_child
from benchmarks.clustering.measures import measures
from driftline.models.base import Array
from driftline.models.clustering.event_streams import Change

LOOK_EVERY = 8
"""Micro-batches between two looks at how large the state is."""


@dataclass(frozen=True)
class Cell:
    """What was measured."""

    stream: str
    order: str
    method: str
    n: int
    """Events of the stream."""
    events: int
    """Events that were predicted and learnt, from the first."""
    ari: float
    ari_all: float
    nmi: float
    purity: float
    clusters: float
    unknown: float
    delay: float
    missed: int
    extra: int
    rate: float
    """Events per second of CPU, predicted and learnt, one thread."""
    memory_kb: float
    """The pickled model, at its largest."""
    limit: float
    """CPU seconds after which it had to stop."""

    @property
    def partial(self) -> bool:
        """Whether it got only part of the stream."""
        return self.events < self.n


def batch_of(n: int) -> int:
    """Return the events of a micro-batch of a stream of n."""
    return 250 if n >= 2_500 else 125


def standardised(X: Array, batch: int) -> tuple[list[Array], list[Array]]:
    """Return each micro-batch in units of what was learnt before it, and of that and itself."""
    before, after = [], []
    n, mean, squares = 0, np.zeros(X.shape[1]), np.zeros(X.shape[1])
    scale = np.ones(X.shape[1])
    for at in range(0, len(X), batch):
        part = X[at : at + batch]
        before.append((part - mean) / scale)
        n_new = n + len(part)
        apart = part.mean(axis=0) - mean
        squares = squares + ((part - part.mean(axis=0)) ** 2).sum(axis=0) + apart**2 * n * len(part) / n_new
        mean, n = mean + apart * len(part) / n_new, n_new
        sd = np.sqrt(squares / n)
        scale = np.where(sd > 1e-9, sd, 1.0)
        after.append((part - mean) / scale)
    return before, after


def measure(
    name: tuple[str, str, str],
    make: Callable[[], Any],
    X: Array,
    labels: Array,
    changes: Sequence[Change],
    limit: float,
    raw: bool = False,
) -> Cell:
    """Measure a cell; `raw` methods get events as they are. Raises `Failed`."""
    found, seconds, size = in_child(" ".join(name), _run, make, X, limit, raw)
    done, batch = len(found), batch_of(len(X))
    scored = measures(labels if done == len(X) else labels[:done], found, batch, changes if done == len(X) else ())
    values = {key: round(value, 4) for key, value in scored._asdict().items()}
    return Cell(*name, len(X), done, **values, rate=round(done / seconds, 1), memory_kb=round(size, 1), limit=limit)


def _run(make: Callable[[], Any], X: Array, limit: float, raw: bool) -> tuple[Array, float, float]:
    batch = batch_of(len(X))
    parts = [X[at : at + batch] for at in range(0, len(X), batch)]
    before, after = (parts, parts) if raw else standardised(X, batch)
    model = make()
    found: list[Array] = []
    seconds, sizes = 0.0, [0.0]
    for i in range(len(parts)):
        asked, taught = model.prepare(before[i]), model.prepare(after[i])
        began = time.process_time()
        found.append(model.predict(asked))
        model.learn(taught)
        seconds += time.process_time() - began
        if i % LOOK_EVERY == LOOK_EVERY - 1 or i == len(parts) - 1:
            sizes.append(_size(model))
        if seconds > limit:
            break
    return np.concatenate(found), max(seconds, 1e-9), float(np.max(sizes))


def _size(model: Any) -> float:
    """Return the kB of the model as a pickle, nan where it cannot be pickled."""
    try:
        return len(pickle.dumps(model)) / 1e3
    except Exception:
        return float("nan")

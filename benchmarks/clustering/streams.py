"""Events with the groups that a clusterer should find: seeded generators, and sets that libraries bring along."""

from collections.abc import Callable, Iterator

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering import event_streams
from driftline.models.clustering.event_streams import Change

Stream = tuple[Array, Array]
"""Features (n, d) and groups (n,)."""
REAL = ("digits", "ImageSegments", "Shuttle", "Phishing", "Bananas")
SHUFFLES = (0, 1, 2)
"""Seeds of the orders in which the real sets stand beside their own."""


def _river(name: str, most: int | None = None) -> Stream:
    from river import datasets

    rows = list(getattr(datasets, name)().take(most) if most else getattr(datasets, name)())
    X = np.array([[float(value) for value in x.values()] for x, _ in rows])
    return X, np.unique([str(y) for _, y in rows], return_inverse=True)[1]


def _digits() -> Stream:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    return np.concatenate([X[y < 5], X[y >= 5]]), np.concatenate([y[y < 5], y[y >= 5]])


def streams(seeds: tuple[int, ...] = (3, 7, 11)) -> Iterator[tuple[str, Callable[[], Stream]]]:
    """Yield names and what makes the streams."""
    for make in (event_streams.rbf_events, event_streams.blobs_abrupt):
        for seed in seeds:
            yield f"{make.__name__} {seed}", lambda make=make, seed=seed: make(seed=seed)[:2]
    yield "digits", _digits
    yield "ImageSegments", lambda: _river("ImageSegments")
    yield "Shuttle", lambda: _river("Shuttle", 10_000)
    yield "Phishing", lambda: _river("Phishing")
    yield "Bananas", lambda: _river("Bananas")


def changes(name: str) -> list[Change]:
    """Return what happens to the clusters of a made stream."""
    kind, _, seed = name.partition(" ")
    return getattr(event_streams, kind)(seed=int(seed)).changes if seed else []


def orders(name: str) -> list[str]:
    """Return the orders in which a stream is given: its own, and seeded shuffles of real sets."""
    return ["file", *(f"shuffle {seed}" for seed in SHUFFLES)] if name in REAL else ["file"]


def ordered(stream: Stream, order: str) -> Stream:
    """Return a stream in an order."""
    if order == "file":
        return stream
    way = np.random.default_rng(int(order.split()[1])).permutation(len(stream[1]))
    return stream[0][way], stream[1][way]

"""Streams of planted clusters that stand still and are very unequal: DriftClusterer beside k-means and transports.

10,000 events of 6 Gaussians (`event_streams.unequal`), each micro-batch of 250 predicted and then learnt. All
predictions after the first 2,000 events are scored, under one renaming of the ids for all of them. The tail are the two
rarest clusters; the accuracy of a class is the share of its events that are right, and its F1 also counts what else its
cluster holds.

k-means gets the true number, which no user has, or takes one of 2 to 10 by the best silhouette. It is fitted anew after
each 1,000 events to the latest 2,000, as the best of 10 beginnings, and hands its ids on to the nearest centres.
Balanced and unbalanced transport share each micro-batch out among the centres of the true number, as Gaussians of one
and the same spread. The true Gaussians with the true shares are what no method beats.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
from rich.table import Table
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from benchmarks.clustering.cell import standardised
from benchmarks.clustering.rivals import RIVALS
from driftline.models.base import Array
from driftline.models.clustering import DriftClusterer, event_streams
from driftline.models.clustering.agreement import adjusted_rand
from driftline.models.clustering.partial_assignment import costs
from driftline.models.transport import sinkhorn, unbalanced_ot

IMBALANCES, DIMENSIONS, SEEDS = (10, 100), (4, 8), range(20)
BATCH, WINDOW, EVERY, WARM_UP, K = 250, 2_000, 4, 2_000, 6
TAIL = (4, 5)
"""The two rarest."""
Events = event_streams.EventStream


def ours(**settings: str) -> Callable[[Events], Array]:
    """Return what predicts by DriftClusterer."""

    def predicted(stream: Events) -> Array:
        model, found = DriftClusterer(**settings), []
        for part in np.split(stream.X, range(BATCH, len(stream.X), BATCH)):
            found.append(model.predict_many(part))
            model.learn_many(part)
        return np.concatenate(found)

    return predicted


def river(name: str) -> Callable[[Events], Array]:
    """Return what predicts by a rival."""
    [rival] = [rival for rival in RIVALS if rival.name == name]

    def predicted(stream: Events) -> Array:
        model, found = rival.make(stream.X.shape[1], K, 0), []
        for asked, taught in zip(*standardised(stream.X, BATCH), strict=True):
            found.append(model.predict(model.prepare(asked)))
            model.learn(model.prepare(taught))
        return np.concatenate(found)

    return predicted


def of_window(
    assign: Callable[[Array], Array] = lambda logits: logits.argmax(axis=1), ks: Sequence[int] = (K,)
) -> Callable[[Events], Array]:
    """Return what predicts by k-means of a window, of several numbers of clusters that with the best silhouette.

    `assign` makes groups of -½ squared distances in spreads.
    """

    def predicted(stream: Events) -> Array:
        held, centres, ids, spread, found = np.zeros((0, stream.X.shape[1])), None, np.zeros(0, np.int64), 1.0, []
        for i, (asked, taught) in enumerate(zip(*standardised(stream.X, BATCH), strict=True)):
            if centres is None:
                found.append(np.zeros(len(asked), np.int64))
            else:
                found.append(ids[assign(-0.5 * ((asked[:, None] - centres) ** 2).sum(axis=2) / spread)])
            held = np.concatenate([held, taught])[-WINDOW:]
            if i % EVERY == EVERY - 1:
                fitted = max((KMeans(k, n_init=10, random_state=0).fit(held) for k in ks), key=_silhouette(held, ks))
                spread = fitted.inertia_ / held.size
                ids = handed_on(centres, ids, fitted.cluster_centers_)
                centres = fitted.cluster_centers_
        return np.concatenate(found)

    return predicted


def _silhouette(X: Array, ks: Sequence[int]) -> Callable[[KMeans], float]:
    if len(ks) == 1:
        return lambda fitted: 0.0
    return lambda fitted: float(silhouette_score(X, fitted.labels_, sample_size=1_000, random_state=0))


def handed_on(before: Array | None, ids: Array, now: Array) -> Array:
    """Return ids of centres (k, d): those of the ones before that they are nearest to, all in all, or new ones.

    >>> handed_on(np.array([[0.0], [9.0]]), np.array([0, 4]), np.array([[8.0], [1.0], [99.0]])).tolist()
    [4, 0, 5]
    """
    if before is None:
        return np.arange(len(now))
    found = np.full(len(now), -1)
    old, new = linear_sum_assignment(((before[:, None] - now) ** 2).sum(axis=2))
    found[new] = ids[old]
    found[found < 0] = ids.max() + 1 + np.arange((found < 0).sum())
    return found


def best(stream: Events) -> Array:
    """Return what the true Gaussians with the true shares say, as good as the sample tells."""
    joint = []
    for k in range(K):
        its = stream.X[stream.labels == k]
        centre = its.mean(axis=0)
        variance = ((its - centre) ** 2).mean()
        far = ((stream.X - centre) ** 2).sum(axis=1)
        joint.append(np.log(len(its)) - 0.5 * stream.X.shape[1] * np.log(variance) - 0.5 * far / variance)
    return np.argmax(joint, axis=0)


CONTESTANTS: dict[str, Callable[[Events], Array]] = {
    "DriftClusterer()": ours(),
    "DriftClusterer, shares by transport": ours(shares="transport"),
    "window k-means ×10, k by silhouette": of_window(ks=range(2, 11)),
    "window k-means ×10, true k": of_window(),
    "its centres, balanced OT": of_window(lambda logits: sinkhorn(costs(logits), tol=1e-4).plan.argmax(axis=1)),
    "its centres, unbalanced OT γ=1": of_window(
        lambda logits: unbalanced_ot(costs(logits), tol=1e-4).plan.argmax(axis=1)
    ),
    "River KMeans, true k": river("River KMeans default"),
    "River KMeans hl .1, true k": river("River KMeans hl .1"),
    "the true Gaussians": best,
}


def scored(labels: Array, found: Array) -> tuple[float, float, float, float]:
    """Return the accuracy under the best renaming, the tail's mean accuracy and mean F1, and the adjusted Rand index.

    An event of no cluster is never right.

    >>> [round(part, 2) for part in scored(np.array([0, 0, 4, 4, 5, 5]), np.array([7, 7, 2, 2, -1, -1]))]
    [0.67, 0.5, 0.5, 1.0]
    >>> [round(part, 2) for part in scored(np.array([0, 0, 0, 4, 5, 5]), np.array([7, 7, 2, 2, 3, 3]))]
    [0.83, 1.0, 0.83, 0.44]
    """
    ids, place = np.unique(found, return_inverse=True)
    met = np.zeros((K, len(ids)))
    np.add.at(met, (labels, place), 1)
    met[:, ids < 0] = 0.0
    classes, clusters = linear_sum_assignment(-met)
    name = np.full(len(ids), -1)
    name[clusters] = classes
    name[ids < 0] = -1
    named = name[place]
    right = named == labels
    tail = float(np.mean([right[labels == label].mean() for label in TAIL]))
    both = [(labels == label).sum() + (named == label).sum() for label in TAIL]
    f1 = float(np.mean([2.0 * right[labels == label].sum() / size for label, size in zip(TAIL, both, strict=True)]))
    return float(right.mean()), tail, f1, adjusted_rand(labels, found)


def table(imbalance: float) -> Table:
    """Return the scores at an imbalance, means over the seeds."""
    made = Table(title=f"planted streams, imbalance {imbalance:g}, {len(SEEDS)} seeds")
    for column in ("", *(f"{what} d={d}" for d in DIMENSIONS for what in ("ACC", "tail", "F1", "ARI")), "CPU s"):
        made.add_column(column, justify="left" if not column else "right")
    streams = [[event_streams.unequal(10_000, d, seed, imbalance) for seed in SEEDS] for d in DIMENSIONS]
    DriftClusterer.warm_up()
    for name, predicted in CONTESTANTS.items():
        began, row = time.process_time(), [name]
        for of_d in streams:
            scores = [scored(one.labels[WARM_UP:], predicted(one)[WARM_UP:]) for one in of_d]
            row += [f"{value:.3f}" for value in np.mean(scores, axis=0)]
        spent = (time.process_time() - began) / (len(DIMENSIONS) * len(SEEDS))
        made.add_row(*row, f"{spent:.2f}")
    return made

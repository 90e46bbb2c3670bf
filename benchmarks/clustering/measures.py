"""How well groups of a stream agree with the truth, at each time and over all of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering.agreement import adjusted_rand
from driftline.models.clustering.event_streams import Change

WARM_UP = 2
"""Micro-batches that are not scored."""
FOUND = 0.8
"""A cluster counts as found in a micro-batch where one group agrees with it to this F1."""
LEAST_EVENTS = 8
"""A cluster with fewer events in a micro-batch is not judged by it; a group has come up when it had so many."""


class Measures(NamedTuple):
    """How a method did on a stream."""

    ari: float
    """Mean adjusted Rand index over micro-batches."""
    ari_all: float
    """Adjusted Rand index of all at once: whether ids keep their meaning."""
    nmi: float
    """Mean normalised mutual information over micro-batches."""
    purity: float
    """Mean over micro-batches of the share of events that are of their group's most frequent label."""
    clusters: float
    """Mean number of groups in a micro-batch; unknown is none."""
    unknown: float
    """Share of events that were given to no group."""
    delay: float
    """Mean events from a planted birth or jump to the end of the first micro-batch in which it is found; nan if none
    was."""
    missed: int
    """Planted births and jumps that are not found before the stream ends."""
    extra: int
    """Groups that came up after the warm-up, beyond planted births."""


def measures(labels: Array, found: Array, batch: int, changes: Sequence[Change] = ()) -> Measures:
    """Score groups `found` (n,), as they were predicted, in micro-batches; -1 is unknown.

    >>> labels = np.repeat([0, 1, 0, 1, 0, 1], 10)
    >>> measures(labels, labels + 5, 20)[:4]
    (1.0, 1.0, 1.0, 1.0)
    """
    parts = [slice(at, at + batch) for at in range(WARM_UP * batch, len(labels), batch)]
    if not parts:
        return Measures(*[float("nan")] * 7, 0, 0)
    ari, nmi, purity, clusters = np.mean(
        [
            (
                adjusted_rand(labels[part], found[part]),
                mutual_information(labels[part], found[part]),
                pure(labels[part], found[part]),
                len(np.unique(found[part][found[part] >= 0])),
            )
            for part in parts
        ],
        axis=0,
    )
    scored = found[WARM_UP * batch :]
    delays = [_delay(labels, found, batch, change) for change in changes if change.kind != "died" and change.at]
    delays = delays if len(found) == len(labels) else []
    seen = [delay for delay in delays if delay is not None]
    births = sum(change.kind == "born" and WARM_UP * batch <= change.at < len(found) for change in changes)
    return Measures(
        float(ari),
        adjusted_rand(labels[WARM_UP * batch :], scored),
        float(nmi),
        float(purity),
        float(clusters),
        float((scored < 0).mean()),
        float(np.mean(seen)) if seen else float("nan"),
        len(delays) - len(seen),
        max(0, _come_up(found, batch) - births),
    )


def mutual_information(labels: Array, found: Array) -> float:
    """Return the mutual information of two groupings by the mean of their entropies; 1 where both are one group.

    >>> mutual_information(np.array([0, 0, 1, 1]), np.array([3, 3, 2, 2]))
    1.0
    """
    joint = _table(labels, found) / len(labels)
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    entropies = _entropy(rows) + _entropy(columns)
    shared = entropies - _entropy(joint.ravel())
    return float(min(1.0, 2.0 * shared / entropies)) if entropies > 0.0 else 1.0


def pure(labels: Array, found: Array) -> float:
    """Return the share of events that are of the most frequent label of their group.

    >>> pure(np.array([0, 0, 1, 1]), np.array([3, 3, 3, 2]))
    0.75
    """
    return float(_table(labels, found).max(axis=0).sum() / len(labels))


def _table(labels: Array, found: Array) -> Array:
    (_, rows), (_, columns) = np.unique(labels, return_inverse=True), np.unique(found, return_inverse=True)
    width = int(columns.max(initial=0)) + 1
    cells = np.bincount(rows * width + columns, minlength=(int(rows.max(initial=0)) + 1) * width)
    return cells.reshape(-1, width)


def _entropy(p: Array) -> float:
    some = p[p > 0.0]
    return float(-(some * np.log(some)).sum())


def _delay(labels: Array, found: Array, batch: int, change: Change) -> int | None:
    for at in range(change.at - change.at % batch, len(labels), batch):
        part = slice(max(at, change.at), at + batch)
        of, told = labels[part] == change.label, found[part]
        if of.sum() < LEAST_EVENTS:
            continue
        groups, inside, sizes = np.unique(told, return_inverse=True, return_counts=True)
        both = np.bincount(inside[of], minlength=len(groups))
        f1 = np.where(groups >= 0, 2.0 * both / (sizes + of.sum()), 0.0)
        if f1.max() >= FOUND:
            return min(at + batch, len(labels)) - change.at
    return None


def _come_up(found: Array, batch: int) -> int:
    """Return how many groups had their first LEAST_EVENTS events in a micro-batch after the warm-up."""
    known: set[int] = set()
    early = 0
    for at in range(0, len(found), batch):
        groups, sizes = np.unique(found[at : at + batch], return_counts=True)
        known |= set(groups[(sizes >= LEAST_EVENTS) & (groups >= 0)].tolist())
        if at == WARM_UP * batch:
            early = len(known)
    return len(known) - early

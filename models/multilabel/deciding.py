"""From probabilities to yes and no: one threshold for all labels, found on the stream itself.

A half is the best threshold for the Hamming loss alone; micro- and macro-averaged F1 want less, where labels are rare.
For a grid of thresholds the decisions of late are counted, and the one is taken whose scores have the highest geometric
mean: of micro-F1, macro-F1, subset accuracy and one less the Hamming loss. It is the one compromise in which a share
gained in one score weighs as much as the same share lost in another.

References
----------
Koyejo, Natarajan, Ravikumar and Dhillon, "Consistent multilabel classification", NeurIPS 2015: the best decision for
averaged scores is a threshold that all labels share.

"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

GRID = np.round(np.arange(0.10, 0.651, 0.025), 3)
"""The thresholds."""
HALF = 16
"""The place of a half in the grid."""
FADE = 0.999
"""What is left of each count after one event."""
EVERY = 4
"""Events after which the threshold is looked at again."""
FAITH = 5.0
"""How long a half is preferred: as if this much score had been seen for it, less with each event."""


class Counts(NamedTuple):
    """`K` thresholds, `L` labels."""

    table: Array
    """(L, K, 3): true positives, false positives, false negatives."""
    exact: Array
    """(K,): events with every label right."""
    seen: Array
    """(L,): events with the label."""
    chosen: Array
    """(2,): events (faded), and the threshold that is in use."""
    weight: Array
    """(1,): weight of the next event: all counts are in its unit, and divided by it when it is large."""


def make(labels: int) -> Counts:
    """Return counts of nothing: the threshold is a half."""
    n = len(GRID)
    return Counts(np.zeros((labels, n, 3)), np.zeros(n), np.zeros(labels), np.array([0.0, 0.5]), np.ones(1))


@njit(cache=True)
def learn(counts, p, truth, labels):  # type: ignore[no-untyped-def]
    """Count what each threshold would have decided on the probabilities `p` (L,) of an event."""
    weight = counts.weight[0]
    counts.chosen[0] = counts.chosen[0] * FADE + 1.0
    wrong = np.zeros(len(GRID), dtype=np.bool_)
    for k in range(labels):
        table, q = counts.table[k], p[k]
        if truth[k]:
            counts.seen[k] += 1.0
            for t in range(len(GRID)):
                if q > GRID[t]:
                    table[t, 0] += weight
                else:
                    table[t, 2] += weight
                    wrong[t] = True
        elif q > GRID[0]:
            for t in range(len(GRID)):
                if q <= GRID[t]:
                    break
                table[t, 1] += weight
                wrong[t] = True
    for t in range(len(GRID)):
        if not wrong[t]:
            counts.exact[t] += weight
    counts.weight[0] = weight / FADE
    if counts.weight[0] > 1e30:
        counts.table[:] /= counts.weight[0]
        counts.exact[:] /= counts.weight[0]
        counts.weight[0] = 1.0


@njit(cache=True)
def choose(counts, labels):  # type: ignore[no-untyped-def]
    """Take the threshold with the best scores of late."""
    known = 0
    for k in range(labels):
        if counts.seen[k] > 0.0:
            known += 1
    known = max(known, 1)
    events = max(counts.chosen[0], 1.0)
    unit = counts.weight[0] * FADE
    best = -1e300
    for t in range(len(GRID)):
        tp = fp = fn = macro = 0.0
        for k in range(labels):
            a, b, c = counts.table[k, t, 0], counts.table[k, t, 1], counts.table[k, t, 2]
            tp, fp, fn = tp + a, fp + b, fn + c
            if a > 0.0:
                macro += 2.0 * a / (2.0 * a + b + c)
        tp, fp, fn = tp / unit, fp / unit, fn / unit
        micro = (2.0 * tp + 2.0) / (2.0 * tp + fp + fn + 4.0)
        hamming = (fp + fn) / (events * labels)
        subset = counts.exact[t] / unit / events
        score = np.log(micro + 0.01) + np.log(macro / known + 0.01) + np.log(subset + 0.01) + np.log(1.01 - hamming)
        score -= FAITH / (counts.chosen[0] + 10.0) * abs(GRID[t] - 0.5)
        if score > best:
            best = score
            counts.chosen[1] = GRID[t]

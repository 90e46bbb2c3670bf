"""How far two groupings of the same events agree."""

import numpy as np

from driftline.models.base import Array


def adjusted_rand(truth: Array, found: Array) -> float:
    """Return the adjusted Rand index of two groupings: 1 for equal ones, about 0 for independent ones.

    Parameters
    ----------
    truth, found
        (n,) each event's group, of any kind that sorts; names need not match.

    References
    ----------
    Hubert and Arabie, "Comparing partitions", Journal of Classification 2 (1985).

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array(["b", "b", "a", "a"]))
    1.0
    >>> round(adjusted_rand(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])), 9)
    -0.5
    """
    (_, rows), (_, columns) = np.unique(truth, return_inverse=True), np.unique(found, return_inverse=True)
    width = int(columns.max(initial=0)) + 1
    cells = np.bincount(rows * width + columns)
    together, pairs = _pairs(cells), len(rows) * (len(rows) - 1) / 2.0
    in_truth, in_found = _pairs(np.bincount(rows)), _pairs(np.bincount(columns))
    by_chance = in_truth * in_found / pairs if pairs else 0.0
    most = (in_truth + in_found) / 2.0
    return (together - by_chance) / (most - by_chance) if most != by_chance else 1.0


def _pairs(counts: Array) -> float:
    return float((counts * (counts - 1.0)).sum() / 2.0)

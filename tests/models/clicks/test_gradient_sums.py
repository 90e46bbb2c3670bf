"""Why gradients of ids are sums: a batch's mean divides what an id learns by the size of a batch it hardly is in."""

import numpy as np
import pytest
from scipy.stats import rankdata

from driftline.models.id_table import IdTable


def auc(p, y):
    return (rankdata(p)[y].sum() - y.sum() * (y.sum() + 1) / 2) / (y.sum() * (~y).sum())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sums_beat_means_for_a_wide_model(seed):
    """600 users and 1,200 items whose effects are planted, batches of 256, each predicted before it is learnt."""
    rng = np.random.default_rng(seed)
    n, batch = 20_000, 256
    user, item = rng.integers(600, size=n), rng.integers(1_200, size=n)
    logit = rng.normal(0.0, 1.0, 600)[user] + rng.normal(0.0, 1.0, 1_200)[item]
    y = rng.random(n) < 1.0 / (1.0 + np.exp(-logit))
    ids = np.stack([1 + user, 10_001 + item], axis=1).astype(np.uint64)
    field = np.broadcast_to([0, 1], (n, 2))
    found = {}
    for share in (1.0, 1.0 / batch):  # of the sum
        table, said = IdTable(width=1, fields=2, admit=1, rate=0.1), np.zeros(n)
        for start in range(0, n, batch):
            here = slice(start, start + batch)
            key, of = ids[here].ravel(), field[here].ravel()
            rows = table.rows(key, of)
            said[here] = table.values(rows).reshape(-1, 2).sum(axis=1)
            error = 1.0 / (1.0 + np.exp(-said[here])) - y[here]
            distinct, at = np.unique(rows, return_inverse=True)
            gradient = np.bincount(at, np.repeat(error, 2)) * share
            table.learn(distinct, gradient[:, None])
            table.meet(key, of, start)
        found[share] = auc(said, y)
    assert found[1.0] > found[1.0 / batch] + 0.05

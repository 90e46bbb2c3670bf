from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering.kmeans import centres, kmeans
from driftline.models.clustering.points import groups, points


def inertia(p, labels):
    total = 0.0
    for g in set(labels.tolist()):
        x, w = p.x[labels == g], p.weight[labels == g]
        total += (w * ((x - np.average(x, axis=0, weights=w)) ** 2 + p.within[labels == g]).sum(axis=1)).sum()
    return total


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 7), st.integers(1, 3), st.booleans())
def test_the_inertia_is_the_labels_and_no_less_than_the_best(seed, m, k, spread):
    rng = np.random.default_rng(seed)
    p = points(rng.standard_normal((m, 2)), rng.lognormal(size=m), rng.exponential(0.1, (m, 2)))
    k = min(k, m)
    found = kmeans(p, k, 20, spread=spread, seed=seed)
    assert found.inertia == pytest.approx(inertia(p, found.labels))
    best = min(inertia(p, np.array(labels)) for labels in product(range(k), repeat=m))
    assert best - 1e-9 <= found.inertia <= 1.6 * best + 1e-9


def test_starts_of_kmeans_plus_plus_are_spread():
    p = points([[0.0], [0.0], [0.0], [50.0], [100.0]])
    assert (np.sort(centres(p, 3, 50, np.random.default_rng(0))[:, :, 0]) == [0.0, 50.0, 100.0]).all()
    plain = np.sort(centres(p, 3, 50, np.random.default_rng(0), spread=False)[:, :, 0])
    assert not (plain == [0.0, 50.0, 100.0]).all()


def test_equal_points_and_counts():
    p = points(np.ones((4, 2)))
    assert kmeans(p, 3).inertia == 0.0
    with pytest.raises(ValueError, match="starts must be at least 1"):
        kmeans(p, 2, starts=0)
    with pytest.raises(ValueError, match="k must be from 1"):
        kmeans(p, 5)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_groups_keep_the_partition_and_number_it_by_first_members(labels):
    found = groups(labels, len(labels))
    assert len(set(zip(labels, found.tolist(), strict=True))) == len(set(labels)) == found.max() + 1
    first = [found.tolist().index(g) for g in range(found.max() + 1)]
    assert first == sorted(first)

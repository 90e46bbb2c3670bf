import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm

from driftline.models.clustering import macros
from driftline.models.clustering.micro import Moments


def some(seed, m=30, d=3):
    rng = np.random.default_rng(seed)
    moments = Moments(rng.uniform(0.1, 9.0, m), rng.normal(size=(m, d)), rng.uniform(0, 1, (m, d)))
    return moments, rng.integers(0, 4, m) * 10


def test_moments_are_those_of_all_events():
    moments, ids = some(1)
    made = macros.macros(moments, ids)
    assert made.ids.tolist() == [0, 10, 20, 30]
    for k, name in enumerate(made.ids):
        w, mean, variance = (part[ids == name] for part in moments)
        assert made.mass[k] == pytest.approx(w.sum())
        assert made.mean[k] == pytest.approx(np.average(mean, axis=0, weights=w))
        square = np.average(mean**2 + variance, axis=0, weights=w)
        assert made.variance[k] == pytest.approx(square - made.mean[k] ** 2 + macros.FLOOR)


def test_scores_are_those_of_a_mixture():
    moments, ids = some(2)
    made = macros.macros(moments, ids)
    X = np.random.default_rng(3).normal(size=(50, 3)) * 3
    scores = macros.score(made, X)
    prior = np.log(made.mass + macros.PRIOR * made.mass.mean())
    joint = prior + norm.logpdf(X[:, None], made.mean, np.sqrt(made.variance)).sum(axis=2)
    assert scores.log_posterior == pytest.approx(joint - logsumexp(joint, axis=1, keepdims=True))
    assert scores.distance == pytest.approx(np.sqrt(((X[:, None] - made.mean) ** 2 / made.variance).mean(axis=2)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 3), st.floats(0.1, 9)), min_size=1, max_size=30))
def test_ids_are_kept_one_to_one_and_never_used_again(rows):
    old, new, weight = (np.array(column) for column in zip(*rows, strict=True))
    new = np.unique(new, return_inverse=True)[1]
    ids = macros.keep_ids(weight, old, new, 5)
    pairs = set(zip(new.tolist(), ids.tolist(), strict=True))
    assert len(pairs) == len({k for k, _ in pairs}) == len({name for _, name in pairs})
    for k, name in pairs:
        if name < 5:
            assert (old[new == k] == name).any()
    fresh = sorted(name for _, name in pairs if name >= 5)
    assert fresh == list(range(5, 5 + len(fresh)))
    assert macros.keep_ids(weight, ids, new, 99).tolist() == ids.tolist()


def test_the_heavier_part_keeps_the_id():
    old, new = np.array([2, 2, 2, 4]), np.array([0, 0, 1, 1])
    assert macros.keep_ids(np.array([1.0, 1.0, 5.0, 1.0]), old, new, 9).tolist() == [9, 9, 2, 2]
    assert macros.keep_ids(np.array([3.0, 3.0, 1.0, 1.0]), old, new, 9).tolist() == [2, 2, 4, 4]

import numpy as np
import pytest

from driftline.models.clustering import atoms, ppp


def learnt(X, cuts=()):
    held = atoms.make(X.shape[1])
    for part in np.split(np.ascontiguousarray(X, float), list(cuts)):
        atoms.learn(held, part)
    return held


def test_frequent_values_are_counted_and_cuts_do_not_matter():
    rng = np.random.default_rng(0)
    X = np.stack(
        [
            rng.integers(0, 3, 2_000),
            rng.normal(size=2_000),
            np.where(rng.random(2_000) < 0.7, 0.0, rng.normal(size=2_000)),
        ],
        axis=1,
    )
    whole, parts = learnt(X), learnt(X, (1, 50, 1_999))
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other)
    assert sorted(whole.tally[0][whole.tally[0] > 0].tolist()) == sorted(np.bincount(X[:, 0].astype(int)).tolist())
    at = int(np.flatnonzero(whole.value[2] == 0.0)[0])
    assert whole.tally[2, at] - whole.error[2, at] == (X[:, 2] == 0.0).sum()
    sure = whole.tally[1] - whole.error[1]
    assert sure.max() < 0.01 * 2_000  # continuous: none is frequent


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_a_cut_along_one_feature_of_few_values_gains_little(share):
    rng = np.random.default_rng(1)
    X = np.stack([(rng.random(4_000) < share).astype(float), rng.normal(size=4_000)], axis=1)
    mean, sd = X.mean(axis=0), X.std(axis=0)
    floor = atoms.floors(learnt(X), mean, sd)
    assert floor[1] == atoms.LEAST
    second = X[:, 0] == 1.0
    Z = (X - mean) / sd
    plain = ppp.gain(np.ones(4_000), Z, None, second, penalty=0.0)
    assert plain > 400.0
    assert ppp.gain(np.ones(4_000), Z, None, second, penalty=0.0, floor=floor) < 0.4 * plain


def test_features_that_agree_are_still_cut():
    rng = np.random.default_rng(2)
    side = rng.random(2_000) < 0.5
    X = np.stack([np.where(rng.random(2_000) < 0.05, ~side, side).astype(float) for _ in range(4)], axis=1)
    mean, sd = X.mean(axis=0), X.std(axis=0)
    floor = atoms.floors(learnt(X), mean, sd)
    assert ppp.gain(np.ones(2_000), (X - mean) / sd, None, side, penalty=1.0, floor=floor) > 100.0


def test_more_features_change_nothing_of_the_others():
    held = learnt(np.arange(30.0).reshape(10, 3))
    wide = atoms.wider(held, 2)
    assert wide.value.shape == (5, atoms.KEPT)
    for one, other in zip(held, wide, strict=True):
        assert np.array_equal(one, other[:3])
        assert not other[3:].any()

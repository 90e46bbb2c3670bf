import warnings

import numpy as np
import pytest

from driftline.models.clustering.starting_points import kmeans_start, merged_start


def groups(seed, sizes, d=8, spread=0.25):
    """Rows of length 1 around orthogonal directions, and their classes."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    x = np.eye(d)[y] + np.random.default_rng(seed).normal(0.0, spread, (len(y), d))
    return x / np.linalg.norm(x, axis=1, keepdims=True), y


def test_more_starts_never_end_further_away():
    x, _ = groups(5, [60, 30, 20, 10, 5, 5], spread=0.4)

    def spread(starts):
        centres, _ = kmeans_start(x, 6, starts=starts, seed=0)
        return ((x[:, None] - centres) ** 2).sum(axis=2).min(axis=1).sum()

    assert spread(10) <= spread(1)


def test_centres_to_spare_find_a_small_class_and_are_merged():
    x, y = groups(6, [300, 300, 8], spread=0.15)
    centres, shares = merged_start(x, 3)
    of = (x @ centres.T / np.linalg.norm(centres, axis=1)).argmax(axis=1)
    assert len(set(of[y == 2].tolist())) == 1
    assert of[y == 2][0] not in of[y != 2][:100]
    assert shares.min() < 0.05
    assert shares.sum() == pytest.approx(1.0)


def test_a_merged_start_bears_equal_rows_and_few_of_them():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for x, k in ((np.ones((30, 2)), 3), (np.arange(6.0).reshape(3, 2), 3), (np.arange(8.0).reshape(4, 2), 3)):
            centres, shares = merged_start(x, k)
            assert centres.shape == (k, 2)
            assert np.isfinite(centres).all()
            assert shares.min() > 0.0


@pytest.mark.parametrize("start", [kmeans_start, merged_start])
def test_the_same_seed_gives_the_same_start(start):
    x, _ = groups(2, [50, 20, 10])
    for first, second in zip(start(x, 3, seed=4), start(x, 3, seed=4), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("start", [kmeans_start, merged_start])
def test_errors_say_what_and_what_to_do(start):
    with pytest.raises(ValueError, match=r"x must have at least as many rows as clusters \(4\), got 3"):
        start(np.eye(3), 4)
    with pytest.raises(ValueError, match="starts must be at least 1"):
        start(np.eye(3), 2, starts=0)
    with pytest.raises(ValueError, match="x must be finite, with two dimensions"):
        start([1.0, np.nan], 1)

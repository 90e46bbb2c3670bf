import numpy as np
import pytest

from driftline.models.clustering.shared_density import LINK, join, not_gaussian


def row(k, heavy=()):
    """Clusters of 10 micro-clusters each, in a row without gaps, and what they share; some with far outliers."""
    mean = np.arange(10.0 * k)[:, None] * np.ones((1, 2))
    w = np.full(10 * k, 50.0)
    shared = np.zeros((10 * k, 10 * k))
    at = np.arange(10 * k - 1)
    shared[at, at + 1] = shared[at + 1, at] = 50.0 * LINK
    for a in heavy:
        mean[10 * a + 5, 1], w[10 * a + 5] = 1e4, 1.0
    return np.repeat(np.arange(k), 10), w, mean, np.ones_like(mean), shared


def test_gaussians_are_left_as_they_are_however_much_they_share():
    labels, *rest = row(3)
    assert join(labels, *rest).tolist() == labels.tolist()


def test_one_that_is_none_is_joined_with_those_it_touches():
    labels, *rest = row(4, heavy=[3])
    assert join(labels, *rest).tolist() == [0] * 40  # what it was joined with is no Gaussian either
    labels, *rest, shared = row(4, heavy=[3])
    assert join(labels, *rest, 0.99 * shared).tolist() == labels.tolist()
    shared[:20, 20:] = shared[20:, :20] = 0.0  # a gap
    assert join(labels, *rest, shared).tolist() == [0] * 10 + [1] * 10 + [2] * 20


@pytest.mark.parametrize("seed", range(5))
def test_what_is_a_gaussian(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2000, 3)) * [1, 5, 0.1]
    one, none = np.ones(2000), np.zeros_like(X)
    assert not not_gaussian(one, X, none)
    assert not not_gaussian(one, rng.uniform(size=(2000, 3)), none)
    assert not not_gaussian(one, np.where(rng.random((2000, 1)) < 0.06, 500.0, X), none)  # strays
    assert not_gaussian(one, np.where(rng.random((2000, 1)) < 0.01, 500.0, X), none)
    assert not_gaussian(one, np.where([[True, False, False]], X, rng.random((2000, 3)) < 0.3), none)
    assert not_gaussian(one, rng.standard_t(1.5, size=(2000, 3)), none)


def test_micro_clusters_say_what_their_events_would():
    rng = np.random.default_rng(1)
    for scale, heavy in ((1.0, False), (60.0, True)):
        mean, part = np.array([[0.0], [1.0]]), np.array([1000.0, 8.0])
        variance = np.array([[1.0], [scale**2]])
        X = np.concatenate(
            [rng.normal(m, v**0.5, int(w)) for w, m, v in zip(part, mean[:, 0], variance[:, 0], strict=True)]
        )
        assert not_gaussian(np.ones(1008), X[:, None], np.zeros((1008, 1))) == heavy
        assert not_gaussian(part, mean, variance) == heavy

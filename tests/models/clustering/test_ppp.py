import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import datasets
from scipy.cluster.vq import kmeans2
from scipy.special import logsumexp
from scipy.stats import norm

from driftline.models.clustering import coarseness, event_streams, macros, micro, ppp
from driftline.models.clustering.agreement import adjusted_rand


def learnt(make=event_streams.blobs_abrupt, n=4000, seed=7):
    """Micro-clusters of a stream, in standardised units."""
    stream = make(seed=seed)
    made = micro.make(8)
    micro.learn(made, stream.X[:n])
    return micro.moments(made)


def standardised(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def log_likelihood(X, side=None):
    """Of one Gaussian, or of two by these sides, with floored variances; by SciPy."""
    parts = [X] if side is None else [X[~side], X[side]]
    logs = [
        np.log(len(part) / len(X))
        + norm.logpdf(X, part.mean(axis=0), np.sqrt(part.var(axis=0) + ppp.FLOOR)).sum(axis=1)
        for part in parts
    ]
    return logsumexp(logs, axis=0).sum()


# -- repeatable ------------------------------------------------------------------------------------------------------


def test_micro_clusters_give_the_same_clusters_in_whatever_order():
    moments = learnt()
    found = ppp.partition(*moments)
    assert len(found.separability) > 3
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(moments.weight))
        again = ppp.partition(*(part[order] for part in moments))
        assert np.array_equal(again.labels, found.labels[order])
        assert np.array_equal(again.gains, found.gains)
        assert np.array_equal(again.separability, found.separability)


def test_points_give_the_same_clusters_in_whatever_order_and_k_means_does_not():
    X = standardised(event_streams.rbf_events(2000).X)
    found = ppp.partition_points(X)
    k, at_random, plus_plus = len(found.separability), [], []
    assert k > 3
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(2000)
        assert np.array_equal(ppp.partition_points(X[order]).labels, found.labels[order])
        rng = np.random.default_rng(seed)
        at_random.append(kmeans2(X, k, minit="points", rng=rng)[1])
        ten = [kmeans2(X, k, minit="++", rng=rng) for _ in range(10)]
        plus_plus.append(min(ten, key=lambda one: ((X - one[0][one[1]]) ** 2).sum())[1])
    one_start = [adjusted_rand(at_random[0], other) for other in at_random[1:]]
    ten_starts = [adjusted_rand(plus_plus[0], other) for other in plus_plus[1:]]
    assert min(one_start) < 0.9
    assert np.mean(one_start) < np.mean(ten_starts) < 1.0


def test_it_does_not_matter_which_way_features_point():
    w, mean, variance = learnt()
    found, mirrored = ppp.partition(w, mean, variance).labels, ppp.partition(w, -mean, variance).labels
    assert found.max() > 1
    assert adjusted_rand(found, mirrored) == 1.0


CLOUDS = st.tuples(st.integers(1, 60), st.integers(1, 4), st.integers(0, 2**32), st.booleans())


def cloud(m, d, seed, coarse):
    rng = np.random.default_rng(seed)
    mean, variance = 2 * rng.normal(size=(m, d)), rng.uniform(0, 0.5, (m, d)) ** 3
    return rng.uniform(0.05, 40, m), mean.round() if coarse else mean, variance  # rounded ones coincide


@settings(max_examples=60, deadline=None)
@given(CLOUDS, st.integers(0, 2**32))
def test_what_holds_of_any_micro_clusters(parameters, seed):
    w, mean, variance = cloud(*parameters)
    found = ppp.partition(w, mean, variance)
    k = len(found.separability)
    assert np.unique(found.labels).tolist() == list(range(k))
    assert np.array_equal(found.gains, found.gains.T)
    assert np.isposinf(found.gains.diagonal()).all()
    assert found.gains.min() > 0.0  # else they would be merged
    masses = np.bincount(found.labels, weights=w)
    assert found.separability == pytest.approx(found.gains.min(axis=1) / masses)
    if k > 1:
        assert masses.min() >= ppp.LEAST_MASS
        assert found.separability[found.most_separable] == found.separability.max()
        a, b = np.unravel_index(found.gains.argmin(), (k, k))
        here = (found.labels == a) | (found.labels == b)
        side = found.labels[here] == max(a, b)
        assert ppp.gain(w[here], mean[here], variance[here], side) == pytest.approx(found.gains[a, b], rel=1e-9)
    order = np.random.default_rng(seed).permutation(len(w))
    again = ppp.partition(w[order], mean[order], variance[order])
    assert np.array_equal(again.labels, found.labels[order])


# -- the gain --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "counted"), [(1, 1), (3, 3), (20, 16), (100, 25)])
@pytest.mark.parametrize("penalty", [0.0, 1.0, 3.0])
def test_the_gain_of_single_points_is_that_of_the_direct_likelihood(d, counted, penalty):
    rng = np.random.default_rng(d)
    X = rng.normal(size=(300, d)) * rng.uniform(0.2, 2, d)
    side = rng.random(300) < 0.3
    X[side] += 1.5
    direct = log_likelihood(X, side) - log_likelihood(X) - penalty * (2 * counted + 1) / 2 * np.log(300)
    assert ppp.gain(np.ones(300), X, None, side, penalty) == pytest.approx(direct, rel=1e-9, abs=1e-9)
    other = ppp.gain(np.ones(300), X, None, ~side, penalty)
    assert other == pytest.approx(direct, rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(CLOUDS.filter(lambda parameters: parameters[0] > 2), st.integers(0, 2**32), st.floats(0.01, 0.99))
def test_cutting_a_micro_cluster_into_two_of_equal_moments_changes_nothing(parameters, seed, part):
    w, mean, variance = cloud(*parameters)
    rng = np.random.default_rng(seed)
    side = rng.permutation(len(w)) < len(w) // 2
    i = rng.integers(len(w))
    cut = np.append(w, w[i] * part)
    cut[i] *= 1 - part
    whole = ppp.gain(w, mean, variance, side)
    both = np.vstack([mean, mean[i]]), np.vstack([variance, variance[i]])
    assert ppp.gain(cut, *both, np.append(side, side[i])) == pytest.approx(whole, rel=1e-9, abs=1e-7)


def test_variance_within_counts():
    """Without it each cut looks good."""
    mean, side = np.array([[-1.0], [1.0]]), np.array([False, True])
    assert ppp.gain(np.full(2, 200.0), mean, None, side) > 0
    assert ppp.gain(np.full(2, 200.0), mean, np.ones((2, 1)), side) < 0


# -- how many --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 8, 64])
def test_one_gaussian_stays_one_and_two_are_two(d):
    """Halving and merging pairs alone leaves up to 7 pieces of one, in 11 of 20 draws at d = 2."""
    one, two = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        one.append(len(ppp.partition_points(standardised(rng.normal(size=(2000, d)))).separability))
        X, direction = rng.normal(size=(2000, d)), rng.normal(size=d)
        X[:1000] += 4 * direction / np.linalg.norm(direction)
        found = ppp.partition_points(standardised(X))
        truth = np.arange(2000) < 1000
        two.append(len(found.separability) if adjusted_rand(truth, found.labels) > 0.85 else 0)
    assert one.count(1) >= 19
    assert two.count(2) >= 19


def test_the_separability_tells_what_stands_out():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (300, 2)), rng.normal(5, 1, (300, 2)), rng.normal([40, 0], 1, (300, 2))])
    found = ppp.partition_points(X / 5)
    assert len(found.separability) == 3
    assert found.most_separable == found.labels[-1]


def in_batches(stream, joined=False):
    """Predict and then learn 250 events at a time, with a global pass each 1000; return the ARI of each batch."""
    made, clusters, agreements = micro.make(stream.X.shape[1]), None, []
    for at in range(0, len(stream.X), 250):
        X = stream.X[at : at + 250]
        if clusters is not None:
            posterior = macros.score(clusters, micro.standardise(made, X)).log_posterior
            agreements.append(adjusted_rand(stream.labels[at : at + 250], posterior.argmax(axis=1)))
        micro.learn(made, X)
        moments = micro.moments(made)
        ids = made.macro[: len(moments.weight)]
        if at < 1000 or (at + 250) % 1000 == 0:
            labels = ppp.partition(*moments).labels
            ids[:] = coarseness.choose(*moments, labels) if joined else labels
        else:
            new = ids < 0
            ids[new] = clusters.ids[macros.score(clusters, moments.mean[new]).log_posterior.argmax(axis=1)]
        clusters = macros.macros(moments, ids)
    return np.mean(agreements[1:])


@pytest.mark.parametrize("make", [event_streams.rbf_events, event_streams.blobs_abrupt])
@pytest.mark.parametrize("joined", [False, True])
def test_clusters_of_a_stream_are_found_without_their_number(make, joined):
    """One seed of rbf_events, where two kernels cross, stays below 0.95."""
    agreements = [in_batches(make(seed=seed), joined) for seed in (3, 7, 11)]
    assert np.mean(agreements) >= 0.95
    assert np.median(agreements) >= 0.95
    assert min(agreements) >= 0.9


@pytest.mark.parametrize(("joined", "least", "most"), [(True, 0.6, 1.0), (False, 0.0, 0.2)])
def test_a_class_that_is_no_gaussian_is_held_together_at_a_coarser_scale_alone(joined, least, most):
    rows = list(datasets.Shuttle().take(10_000))
    X = np.array([list(x.values()) for x, _ in rows], np.float64)
    shuttle = event_streams.EventStream(X, np.array([y for _, y in rows]), [])
    assert least <= in_batches(shuttle, joined) <= most


# -- some of them anew -----------------------------------------------------------------------------------------------


def test_only_the_groups_that_are_named_are_halved():
    rng = np.random.default_rng(5)
    centres = np.repeat(np.array([[-12.0, 0], [-10, 0], [10, 0], [12, 0]]), 20, axis=0)
    mean = centres + 0.1 * rng.normal(size=(80, 2))
    w, variance, truth = np.full(80, 5.0), np.full((80, 2), 0.01), np.repeat(np.arange(4), 20)
    groups = np.where(truth < 2, 11, 22)  # two in each
    found = ppp.partition(w, mean, variance, groups=groups, again=np.array([22]))
    assert len(found.separability) == 3
    assert adjusted_rand(np.where(truth < 2, 0, truth), found.labels) == 1.0
    none = ppp.partition(w, mean, variance, groups=groups, again=np.zeros(0))
    assert adjusted_rand(groups, none.labels) == 1.0
    whole = ppp.partition(w, mean, variance, groups=groups)
    assert adjusted_rand(truth, whole.labels) == 1.0


def test_groups_that_are_one_gaussian_are_merged_though_none_is_halved():
    rng = np.random.default_rng(6)
    mean = rng.normal(size=(100, 3))
    found = ppp.partition(np.full(100, 5.0), mean, groups=rng.integers(0, 3, 100), again=np.zeros(0))
    assert len(found.separability) == 1


def test_limits_are_kept():
    moments = learnt()
    for leaves in (1, 2, 5):
        assert len(ppp.partition(*moments, leaves=leaves, penalty=0.0).separability) <= leaves
    assert len(ppp.partition(*moments, depth=0).separability) == 1
    assert len(ppp.partition(*moments, depth=1).separability) <= 2
    masses = np.bincount(ppp.partition(*moments, least_mass=300.0).labels, weights=moments.weight)
    assert masses.min() >= 300.0


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"w": np.ones(3)}, "w, mean and variance must be"),
        ({"variance": np.ones((2, 1))}, "w, mean and variance must be"),
        ({"mean": np.zeros(2)}, "w, mean and variance must be"),
        ({"mean": np.array([[0.0, np.nan], [0, 0]])}, "must be finite"),
        ({"w": np.array([0.0, 1.0])}, "w must be above 0"),
        ({"variance": -np.ones((2, 2))}, "variance at least 0"),
        ({"leaves": 0}, "leaves must be at least 1"),
        ({"depth": -1}, "depth must be at least 0"),
        ({"floor": 0.0}, "floor must be above 0"),
        ({"penalty": -1.0}, "penalty must be in"),
        ({"least_mass": -1.0}, "least_mass must be in"),
        ({"groups": np.zeros(3)}, "groups must be"),
    ],
)
def test_what_does_not_fit_is_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        ppp.partition(**{"w": np.ones(2), "mean": np.zeros((2, 2)), "variance": np.zeros((2, 2))} | parameters)


@pytest.mark.parametrize("second", [[False, False], [True, True], [True]])
def test_a_gain_needs_two_sides(second):
    with pytest.raises(ValueError, match="second must say"):
        ppp.gain(np.ones(2), np.zeros((2, 1)), None, np.array(second))

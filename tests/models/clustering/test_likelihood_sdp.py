import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering import likelihood_sdp, sdp
from driftline.models.clustering.planted_mixtures import error, heteroscedastic, two_close_pairs
from driftline.models.clustering.points import points


def drawn(seed, m, d=3):
    rng = np.random.default_rng(seed)
    return points(rng.standard_normal((m, d)), rng.lognormal(1.0, 1.0, m), rng.exponential(0.3, (m, d)))


def shapes(seed, k, d=3):
    root = np.random.default_rng(seed).standard_normal((k, d, d))
    return root @ root.transpose(0, 2, 1) + 0.3 * np.eye(d)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 25), st.integers(1, 4))
def test_the_objective_of_a_partition_is_its_log_likelihood(seed, m, k):
    p, matrices = drawn(seed, m), shapes(seed, k)
    labels = np.random.default_rng(seed).integers(0, k, m)
    direct = 0.0
    for i in range(m):
        own = labels == labels[i]
        deviation = p.x[i] - np.average(p.x[own], axis=0, weights=p.weight[own])
        precision = np.linalg.inv(matrices[labels[i]])
        square = deviation @ precision @ deviation + precision.diagonal() @ p.within[i]
        direct -= 0.5 * p.weight[i] * (square + np.log(np.linalg.det(matrices[labels[i]])))
    y = sdp.membership(labels, p.weight, k)
    assert (y * likelihood_sdp.affinities(p, matrices)).sum() == pytest.approx(direct, rel=1e-9, abs=1e-9)
    assert likelihood_sdp.profile(p, labels, matrices) == pytest.approx(direct, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_the_program_closes_its_duality_gap_and_is_feasible(seed):
    p, matrices = drawn(seed, 10), shapes(seed, 3)
    found = likelihood_sdp.program(p, matrices, tolerance=1e-6, steps=6000)
    assert found.bound == pytest.approx(found.objective, rel=2e-4)
    assert found.y.sum(axis=0) @ p.s == pytest.approx(p.s, abs=1e-3)
    assert found.y.trace(axis1=1, axis2=2) == pytest.approx(np.ones(3), abs=1e-3)
    assert np.linalg.eigvalsh(found.y).min() > -1e-3
    assert found.y.min() >= 0.0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(3, 15), st.integers(1, 3), st.integers(1, 40))
def test_no_partition_is_above_the_bound(seed, m, k, steps):
    p, matrices = drawn(seed, m), shapes(seed, k)
    labels = np.random.default_rng(seed).permutation(np.arange(m) % k)
    bound = likelihood_sdp.program(p, matrices, steps=steps).bound
    assert likelihood_sdp.profile(p, labels, matrices) <= bound + 1e-8 * abs(bound)


def test_a_weight_stands_for_copies_of_well_separated_points():
    rng = np.random.default_rng(0)
    w = rng.integers(1, 4, 10)
    x = np.repeat([[0.0, 0.0], [25.0, 0.0]], 5, axis=0) + rng.standard_normal((10, 2)) * [[1.0, 2.0]]
    matrices = np.array([np.diag([1.0, 4.0]), np.diag([2.0, 3.0])])
    close = {"tolerance": 1e-6, "steps": 6000}
    weighted = likelihood_sdp.program(points(x, w), matrices, **close)
    copies = likelihood_sdp.program(points(np.repeat(x, w, axis=0)), matrices, **close)
    assert weighted.objective == pytest.approx(copies.objective, rel=1e-3)


@pytest.mark.parametrize("family", ["full", "diag", "shared"])
def test_covariances_are_those_of_the_events(family):
    rng = np.random.default_rng(1)
    w, labels = rng.integers(3, 8, 12), np.repeat([0, 1], 6)
    p = points(rng.standard_normal((12, 3)), w, rng.exponential(1.0, (12, 3)))
    found = likelihood_sdp.covariances(p, labels, 2, family, 0.0)
    scatter = []
    for g in (0, 1):
        events = np.repeat(p.x[labels == g], w[labels == g], axis=0)
        within = np.average(p.within[labels == g], axis=0, weights=w[labels == g])
        scatter.append(np.cov(events.T, bias=True) + np.diag(within))
    if family == "diag":
        scatter = [np.diag(np.diag(one)) for one in scatter]
    if family == "shared":
        share = w[labels == 0].sum() / w.sum()
        scatter = [share * scatter[0] + (1 - share) * scatter[1]] * 2
    assert found == pytest.approx(np.array(scatter), abs=1e-9)


def test_small_and_empty_groups_get_the_covariance_of_all():
    p = points(np.random.default_rng(2).standard_normal((12, 3)))
    labels = np.array([0] * 8 + [1] * 4)
    found = likelihood_sdp.covariances(p, labels, 3, "full")
    assert np.array_equal(found[1], found[2])
    assert not np.allclose(found[0], found[1])
    flat = likelihood_sdp.covariances(points(np.zeros((4, 2))), np.zeros(4, int), 1, "full")
    assert np.linalg.eigvalsh(flat).min() > 0


def test_groups_of_several_shapes_are_found_better_than_by_the_plain_program():
    mean = {}
    for family in ("plain", "full", "diag"):
        errors = []
        for seed in range(4):
            x, labels = heteroscedastic(seed)
            rounds = 0 if family == "plain" else 5
            found = likelihood_sdp.cluster(points(x), 3, "full" if family == "plain" else family, rounds=rounds)
            errors.append(error(found.labels, labels))
        mean[family] = np.mean(errors)
    assert round(mean["full"], 3) <= 0.095  # 32 of 336 points
    assert mean["full"] < mean["plain"]
    assert mean["diag"] <= 0.05


@pytest.mark.parametrize("seed", range(3))
def test_with_nearly_equal_shapes_the_sum_is_rounded(seed):
    x, labels = two_close_pairs(seed)
    p = points(x)
    plain = error(sdp.rounded(sdp.peng_wei(p, 4).y[0], p, 4), labels)
    jitter = 1.0 + 1e-6 * np.random.default_rng(seed).random((4, 1, 1))
    found = likelihood_sdp.program(p, jitter * np.eye(8))
    assert len(found.y) == 4
    share = likelihood_sdp.row_sums(found.y, p)
    assert share.sum(axis=1) == pytest.approx(np.ones(84), abs=5e-2)
    assert error(share.argmax(axis=1), labels) > plain + 0.1  # why it must be so
    assert error(likelihood_sdp._rounded(found.y, p, 4, 0), labels) <= plain + 0.02


def test_a_random_start_is_no_trap():
    plain, random = [], []
    for seed in range(3):
        x, labels = two_close_pairs(seed)
        p = points(x)
        solution = sdp.peng_wei(p, 4)
        plain.append(error(sdp.rounded(solution.y[0], p, 4), labels))
        start = np.random.default_rng(1000 + seed).integers(0, 4, 84)
        random.append(error(likelihood_sdp.cluster(p, 4, "full", start=start, plain=solution).labels, labels))
    assert np.mean(random) <= np.mean(plain) + 0.02


def test_a_start_of_different_shapes_is_kept():
    x, labels = heteroscedastic(0)
    p = points(x)
    begun = likelihood_sdp.cluster(p, 3, "diag", start=labels, rounds=0)
    assert np.array_equal(begun.labels, labels)
    mixed = likelihood_sdp.cluster(p, 3, "diag", start=np.arange(84) % 3, rounds=0)
    assert np.array_equal(mixed.labels, likelihood_sdp.cluster(p, 3, "diag", rounds=0).labels)


@pytest.mark.parametrize("seed", range(2))
def test_with_equal_shapes_one_matrix_is_the_sum_of_all(seed):
    p = drawn(seed, 9)
    matrices = np.broadcast_to(shapes(seed, 1), (3, 3, 3))
    one = likelihood_sdp.program(p, matrices, tolerance=1e-6, steps=4000)
    several = sdp.solve(likelihood_sdp.affinities(p, matrices), p.s, 1.0, 1e-6, 4000)
    assert one.y.shape == (1, 9, 9)
    assert one.objective == pytest.approx(several.objective, rel=1e-4)


def test_the_deadline_leaves_the_plain_partition():
    x, _ = heteroscedastic(1)
    p = points(x)
    free = likelihood_sdp.cluster(p, 3, "diag")
    plain = likelihood_sdp.cluster(p, 3, "diag", rounds=0)
    assert (free.method, plain.method, plain.rounds) == ("ila-sdp", "sdp", 0)
    for deadline in (0, 2, 100, free.decompositions // 3):
        late = likelihood_sdp.cluster(p, 3, "diag", deadline=deadline)
        assert late.method == "sdp"
        assert np.array_equal(late.labels, plain.labels)
        assert late.decompositions - plain.decompositions <= deadline
    ample = likelihood_sdp.cluster(p, 3, "diag", deadline=free.decompositions + 3 * 400)
    assert ample.method == "ila-sdp"
    assert np.array_equal(ample.labels, free.labels)


def test_equal_arguments_give_equal_answers_and_any_start_is_taken():
    p = drawn(3, 20)
    first, again = (likelihood_sdp.cluster(p, 3, "diag", steps=60, seed=4) for _ in range(2))
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.y, again.y)
    start = np.arange(20) % 3
    begun = likelihood_sdp.cluster(p, 3, "shared", start=start, steps=60)
    assert begun.labels.shape == (20,)
    assert begun.covariances.shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"covariance": "round"}, "covariance must be one of full, diag, shared, got 'round'"),
        ({"rounds": -1}, "rounds must be at least 0"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"deadline": -1}, "deadline must be at least 0"),
        ({"start": [0, 1, 2]}, "start must have at most k = 2 groups, got 3"),
        ({"start": [0, -1, 1]}, r"start\[1\] must be at least 0"),
        ({"start": [0, 1]}, "start must be 3 integers"),
    ],
)
def test_what_does_not_fit_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        likelihood_sdp.cluster(points([[0.0], [1.0], [2.0]]), 2, **arguments)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering import arbiter, mixture
from driftline.models.clustering.kmeans import kmeans
from driftline.models.clustering.planted_mixtures import error, snapshot, stuck
from driftline.models.clustering.points import points

SHORT = {"steps": 30, "rounds": 1}


def drawn(seed, m, d=2):
    rng = np.random.default_rng(seed)
    w, x = rng.lognormal(2.0, 1.0, m), rng.standard_normal((m, d))
    return (w, x, rng.exponential(0.1, (m, d))), rng.integers(0, 3, m)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_stuck_state_is_recovered_and_a_good_one_is_left_alone(scale):
    reached = 0
    for seed in range(10):
        found = snapshot(seed, scale)
        p = points(found.centroids, found.w, found.within_variances)
        proposal = arbiter.propose(*found[:3], 5, stuck(found), deadline=400)
        assert proposal is not None
        peer = mixture.score(p, kmeans(p, 5, seed=seed).labels)
        reached += proposal.score >= peer - 1e-9 * abs(peer)
        assert arbiter.propose(*found[:3], 5, proposal.labels, deadline=400) is None
        if scale == 1.0:  # nearer groups share micro-clusters that are likelier elsewhere than where they were planted
            assert error(proposal.labels, found.labels) == 0.0
            assert arbiter.propose(*found[:3], 5, found.labels, deadline=400) is None
    assert reached >= 9


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(3, 20), st.integers(1, 3), st.integers(0, 1))
def test_a_proposal_gains_and_beats_itself_never(seed, m, k, around):
    arrays, current = drawn(seed, m)
    p = points(arrays[1], arrays[0], arrays[2])
    found = arbiter.propose(*arrays, k, current, around=around, seed=seed, **SHORT)
    again = arbiter.propose(*arrays, k, (current + 1) % 3, around=around, seed=seed, **SHORT)  # names do not matter
    if found is None:
        assert again is None
        return
    assert again.method == found.method
    assert np.array_equal(again.labels, found.labels)
    assert found.score == mixture.score(p, found.labels)
    assert found.gain == pytest.approx(found.score - mixture.score(p, current))
    assert found.gain > 0
    assert found.method in arbiter.METHODS
    assert arbiter.propose(*arrays, k, found.labels, around=around, seed=seed, **SHORT) is None
    assert arbiter.propose(*arrays, k, current, around=around, seed=seed, margin=found.gain, **SHORT) is None


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_best_of_all(seed):
    found = snapshot(seed, 0.3, m=40)
    p = points(found.centroids, found.w, found.within_variances)
    bad = np.arange(40) % 5
    proposal = arbiter.propose(*found[:3], 5, bad, seed=seed)
    others = {
        method: mixture.score(p, labels)
        for method, labels, _ in arbiter._candidates(p, 5, "diag", 0.02, 10, 5, 400, None, (seed, 5))
    }
    assert set(others) == set(arbiter.METHODS)
    assert proposal.score == pytest.approx(max(others.values()))
    assert others[proposal.method] == pytest.approx(proposal.score)


def test_other_numbers_of_groups_are_tried_around():
    found = snapshot(1, 1.0, m=30, k=3)
    for k in (2, 4):
        alone = arbiter.propose(*found[:3], k, np.zeros(30, int))
        wide = arbiter.propose(*found[:3], k, np.zeros(30, int), around=1)
        assert alone.labels.max() < k
        assert wide.labels.max() == 2
        assert wide.score > alone.score if k == 2 else wide.score >= alone.score
        assert error(wide.labels, found.labels) == 0.0


def test_past_the_deadline_the_cheap_methods_still_answer():
    found = snapshot(2, 0.7)
    p = points(found.centroids, found.w, found.within_variances)

    def methods(deadline):
        made = list(arbiter._candidates(p, 5, "diag", 0.02, 10, 5, 400, deadline, (0, 5)))
        assert sum(cost for *_, cost in made) <= deadline
        return [method for method, *_ in made]

    assert methods(0) == ["k-means++", "em"]
    assert methods(50) == list(arbiter.METHODS)  # cut short, the plain program stands for the adjusted one
    late = arbiter.propose(*found[:3], 5, stuck(found), deadline=0)
    assert late.method in ("k-means++", "em")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w": [1.0, 0.0, 1.0]}, r"weight\[1\] must be above 0"),
        ({"current_labels": [0, -1, 0]}, r"current_labels\[1\] must be at least 0, got -1: give each point a group"),
        ({"current_labels": [0.0, 1.0, 1.0]}, "current_labels must be 3 integers"),
        ({"k": 4}, "k must be from 1 to the number of points, 3, got 4"),
        ({"around": -1}, "around must be at least 0"),
        ({"margin": -1.0}, "margin must be in"),
        ({"floor": float("nan")}, "floor must be in"),
        ({"deadline": -1}, "deadline must be at least 0"),
        ({"covariance": "round"}, "covariance must be one of"),
    ],
)
def test_what_does_not_fit_is_said(change, message):
    arguments = {"w": np.ones(3), "centroids": np.eye(3), "within_variances": np.ones((3, 3)), "k": 2}
    arguments |= {"current_labels": [0, 1, 1]} | change
    with pytest.raises(ValueError, match=message):
        arbiter.propose(**arguments)


def test_a_snapshot_is_bounded():
    with pytest.raises(ValueError, match="at most 150 rows, got 151"):
        arbiter.propose(np.ones(151), np.zeros((151, 1)), np.zeros((151, 1)), 2, np.zeros(151, int))

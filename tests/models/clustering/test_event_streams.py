import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering.event_streams import NOISE, blobs_abrupt, rbf_events, unequal

MAKERS = [blobs_abrupt, rbf_events]


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides_and_nothing_else(make):
    one, again, other = make(500, seed=4), make(500, seed=4), make(500, seed=5)
    assert np.array_equal(one.X, again.X)
    assert np.array_equal(one.labels, again.labels)
    assert one.changes == again.changes
    assert not np.array_equal(one.X, other.X)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(MAKERS), st.integers(2, 3000), st.integers(1, 5), st.integers(0, 2**32))
def test_changes_are_what_labels_say(make, n, d, seed):
    stream = make(n, d, seed)
    assert stream.X.shape == (n, d)
    assert np.isfinite(stream.X).all()
    assert [change.at for change in stream.changes] == sorted(change.at for change in stream.changes)
    for at, kind, label in stream.changes:
        assert 0 < at < n or n < 16
        if kind == "born":
            assert label not in stream.labels[:at]
        elif kind == "died":
            assert label not in stream.labels[at:]
    tell = {(kind, label) for _, kind, label in stream.changes}
    for label in np.unique(stream.labels[n // 2 :]):  # of those there at first nobody tells that they are born
        assert label == NOISE or label < 5 or ("born", label) in tell


def test_blobs_have_the_shares_spreads_jumps_and_drift_that_are_said():
    X, labels, changes = blobs_abrupt(40_000, seed=1)
    shares = np.stack([np.bincount(half, minlength=6) / len(half) for half in np.split(labels, 2)])
    assert shares == pytest.approx(np.array([[0.6, 0.2, 0.12, 0.08, 0, 0], [0.45, 0, 0.2, 0.08, 0.22, 0.05]]), abs=0.01)
    assert {(kind, label) for _, kind, label in changes} == {
        ("jumped", 0),
        ("died", 1),
        ("jumped", 2),
        ("born", 4),
        ("born", 5),
    }
    before, after = labels[:20_000], labels[20_000:]
    for label in (0, 1, 2):
        assert X[:20_000][before == label].std(axis=0) == pytest.approx(np.full(8, 0.6 + 0.15 * label), rel=0.05)
    for label in (0, 2):
        jump = X[20_000:][after == label].mean(axis=0) - X[:20_000][before == label].mean(axis=0)
        assert np.linalg.norm(jump) > 2.0
    drifting = np.flatnonzero(labels == 3)
    early, late = X[drifting[:400]].mean(axis=0), X[drifting[-400:]].mean(axis=0)
    assert np.linalg.norm(late - early) == pytest.approx(3.0 * (1 - 400 / len(drifting)), abs=0.3)


def test_jumps_are_drawn_at_the_sizes_that_are_said():
    jumps = {0: [], 2: []}
    for seed in range(60):
        X, labels, _ = blobs_abrupt(400, seed=seed)
        for label, drawn in jumps.items():
            here = [X[half][labels[half] == label].mean(axis=0) for half in (slice(200), slice(200, None))]
            drawn.extend(here[1] - here[0])
    assert np.std(jumps[0]) == pytest.approx(1.5, rel=0.15)
    assert np.std(jumps[2]) == pytest.approx(2.0, rel=0.15)


def test_kernels_move_at_their_speed_and_stay_within_walls():
    X, labels, _ = rbf_events(40_000, d=1, seed=2, noise=0.0)
    window = np.arange(40_000) // 1000
    for label in np.unique(labels):
        held = [X[(labels == label) & (window == at)] for at in range(40)]
        centres = np.array([here.mean() for here in held if len(here) >= 50])
        assert centres.min() > 0.15 - 0.03
        assert centres.max() < 0.85 + 0.03
        assert np.median(abs(np.diff(centres))) == pytest.approx(0.12, abs=0.02)  # some turn back: not the mean
        spread = min(here.std() for here in held if len(here) >= 50)  # that of the least moved, by its turn
        assert 0.04 < spread < 0.085


def test_noise_is_uniform_and_as_frequent_as_said():
    stream = rbf_events(40_000, noise=0.1)
    stray = stream.X[stream.labels == NOISE]
    assert len(stray) / 40_000 == pytest.approx(0.1, abs=0.01)
    assert stray.min() >= 0.0
    assert stray.max() <= 1.0
    assert stray.mean(axis=0) == pytest.approx(np.full(8, 0.5), abs=0.03)
    assert stray.std(axis=0) == pytest.approx(np.full(8, 12**-0.5), abs=0.02)
    assert NOISE not in rbf_events(500, noise=0.0).labels


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"n": 1}, "n must be at least 2"),
        ({"d": 0}, "d must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"kernels": 2}, "kernels must be at least 3"),
        ({"speed": 0.0}, "speed must be above 0"),
        ({"noise": 1.0}, r"noise must be in \[0, 1\)"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        rbf_events(**parameters)
    if set(parameters) <= {"n", "d", "seed"}:
        with pytest.raises(ValueError, match=said):
            blobs_abrupt(**parameters)


@pytest.mark.parametrize("imbalance", [1.0, 10.0, 100.0])
def test_unequal_clusters_are_as_unequal_as_is_said(imbalance):
    X, labels, changes = unequal(200_000, 2, 4, imbalance)
    sizes = np.bincount(labels)
    assert sizes[0] / sizes[-1] == pytest.approx(imbalance, rel=0.1)
    assert sizes[1:] / sizes[:-1] == pytest.approx(np.full(5, imbalance ** (-1 / 5)), rel=0.1)
    assert changes == []
    assert np.array_equal(X, unequal(200_000, 2, 4, imbalance).X)
    spreads = [X[labels == k].std(axis=0) for k in range(6)]
    assert 0.55 < np.min(spreads) < np.max(spreads) < 1.3

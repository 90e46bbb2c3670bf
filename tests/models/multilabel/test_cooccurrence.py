import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import cooccurrence
from driftline.models.multilabel.cooccurrence import EVENTS, FAST, SEEN, SLOW, WEIGHT

INF = float("inf")
EVENT_LISTS = st.lists(st.sets(st.integers(0, 6)), max_size=60)


def counted(events, labels=7, half_life=INF, fast_half_life=INF):
    counts = cooccurrence.make(labels, half_life, fast_half_life)
    for on in events:
        cooccurrence.observe_both(counts, np.array(sorted(on), np.int64), len(on))
    return counts


def random_events(n, labels, rate=0.2, seed=0):
    rng = np.random.default_rng(seed)
    return [set(np.flatnonzero(row).tolist()) for row in rng.random((n, labels)) < rate]


@settings(deadline=None)
@given(EVENT_LISTS)
def test_without_fading_counts_are_those_of_brute_force(events):
    counts = counted(events)
    for a in range(7):
        for b in range(7):
            assert counts.slow[a, b] == counts.fast[a, b] == sum(a in on and b in on for on in events)
    assert counts.scales[SLOW].tolist() == [1.0, len(events), len(events)]


@settings(deadline=None)
@given(EVENT_LISTS, st.floats(0.5, 50.0))
def test_with_fading_an_event_counts_half_after_each_half_life(events, half_life):
    counts = counted(events, half_life=half_life)
    ages = np.arange(len(events) - 1, -1, -1)
    weights = 0.5 ** (ages / half_life)
    weight = counts.scales[SLOW, WEIGHT]
    for a in range(7):
        for b in range(7):
            wanted = sum(w for w, on in zip(weights, events, strict=True) if a in on and b in on)
            assert counts.slow[a, b] / weight == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert counts.scales[SLOW, EVENTS] / weight == pytest.approx(weights.sum())


def test_a_large_scale_is_brought_back_and_changes_nothing():
    events = random_events(3000, 7)
    counts, late = counted(events, half_life=2.0, fast_half_life=1.0), counted(events[-200:], half_life=2.0)
    for pace in (SLOW, FAST):
        weight, half_life = counts.scales[pace, WEIGHT], (2.0, 1.0)[pace]
        assert 1.0 <= weight <= cooccurrence.LARGE
        assert counts.scales[pace, EVENTS] / weight == pytest.approx(1.0 / (1.0 - 0.5 ** (1.0 / half_life)))
        assert counts.scales[pace, SEEN] == 3000
    now, wanted = counts.slow / counts.scales[SLOW, WEIGHT], late.slow / late.scales[SLOW, WEIGHT]
    assert now == pytest.approx(wanted, rel=1e-9)
    assert (counts.slow == counts.slow.T).all()


def test_only_pairs_of_the_event_are_touched():
    counts = counted(random_events(50, 7), half_life=10.0)
    before = counts.slow.copy()
    cooccurrence.observe_both(counts, np.array([1, 4]), 2)
    assert sorted(zip(*np.nonzero(counts.slow != before), strict=True)) == [(1, 1), (1, 4), (4, 1), (4, 4)]


def pairs(events, cluster_of, least=0.0):
    """Sums by brute force."""
    both = either = across = 0.0
    touched = {}
    for a in range(7):
        for b in range(a):
            if min(cluster_of[a], cluster_of[b]) < 0:
                continue
            joint, union = sum({a, b} <= on for on in events), sum(bool({a, b} & on) for on in events)
            if cluster_of[a] != cluster_of[b]:
                across += joint
            elif union >= least:
                both, either = both + joint, either + union
                touched[cluster_of[a]] = max(touched.get(cluster_of[a], 0), union)
    return both, either, across, sum(touched.values())


@settings(deadline=None)
@given(EVENT_LISTS, st.lists(st.integers(-1, 3), min_size=7, max_size=7), st.integers(0, 9))
def test_sums_are_those_of_brute_force(events, cluster_of, least):
    counts = counted(events)
    for weight in (1.0, 64.0):
        found = cooccurrence.sums(weight * counts.slow, weight, np.array(cluster_of), 7, float(least))
        assert found == pairs(events, cluster_of, least)


@settings(deadline=None)
@given(EVENT_LISTS, st.lists(st.integers(0, 3), min_size=7, max_size=7))
def test_quality_is_from_0_to_1_and_1_only_if_labels_of_a_cluster_always_occur_together(events, cluster_of):
    both, either, across, _ = cooccurrence.sums(counted(events).slow, 1.0, np.array(cluster_of), 7, 0.0)
    found = cooccurrence.quality(both, either, across)
    assert 0.0 <= found <= 1.0
    assert (found == 1.0) == (both == either > 0.0 == across)


@settings(deadline=None)
@given(EVENT_LISTS, st.lists(st.integers(-1, 3), min_size=7, max_size=7))
def test_the_nearest_cluster_is_that_of_brute_force(events, cluster_of):
    counts, best, found = counted(events), (0.0, 0.0), -1
    for k in range(4):
        members = [b for b in range(1, 7) if cluster_of[b] == k]
        both = sum({0, b} <= on for b in members for on in events)
        either = sum(bool({0, b} & on) for b in members for on in events) + cooccurrence.DOUBT * len(members)
        if both and (both / either, both) > best:
            best, found = (both / either, both), k
    assert cooccurrence.nearest(counts.slow, 1.0, 0, np.array(cluster_of), 7) == found


def blocks_then(regrouped, before=3000, after=0, seed=0):
    """Events of two blocks of three labels, and then of two others."""
    rng = np.random.default_rng(seed)
    for t in range(before + after):
        blocks = ((0, 1, 2), (3, 4, 5)) if t < before or not regrouped else ((0, 3, 4), (1, 2, 5))
        yield {label for label in blocks[rng.integers(2)] if rng.random() < 0.7}


def shift_after(after, regrouped=True, seed=0, delta=0.05):
    counts = counted(blocks_then(regrouped, 3000, after, seed), 6, 2000.0, 200.0)
    return cooccurrence.structure_shift(counts, np.array([0, 0, 0, 1, 1, 1], np.int32), 6, 5.0, delta)


def test_a_shift_is_seen_within_some_hundred_events_and_not_before():
    for after in (0, 20):
        fallen, bound = shift_after(after)
        assert 0.0 <= fallen < bound
    fallen, bound = shift_after(300)
    assert bound < fallen <= 1.0


@pytest.mark.parametrize("seed", range(5))
def test_what_stays_the_same_is_no_shift(seed):
    counts = cooccurrence.make(6, 2000.0, 200.0)
    of, surprises = np.array([0, 0, 0, 1, 1, 1], np.int32), 0
    for t, on in enumerate(blocks_then(False, 10_000, seed=seed)):
        cooccurrence.observe_both(counts, np.array(sorted(on), np.int64), len(on))
        if t % 100 == 99:
            fallen, bound = cooccurrence.structure_shift(counts, of, 6, 5.0, 0.05)
            surprises += fallen > bound
    assert surprises == 0


def test_of_nothing_there_is_no_shift():
    counts = cooccurrence.make(6, 2000.0, 200.0)
    of = np.array([0, 0, 0, 1, 1, 1], np.int32)
    assert cooccurrence.structure_shift(counts, of, 6, 5.0, 0.05) == (0.0, INF)
    assert cooccurrence.structure_shift(counts, of, 0, 5.0, 0.05) == (0.0, INF)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 10_000), st.floats(0.001, 0.5))
def test_the_bound_narrows_with_events_and_widens_with_care(n, delta):
    bound = cooccurrence.hoeffding(float(n), delta)
    assert cooccurrence.hoeffding(4.0 * n, delta) == pytest.approx(bound / 2)
    assert cooccurrence.hoeffding(float(n), delta / 2) > bound
    assert bound == pytest.approx(math.sqrt(math.log(1 / delta) / (2 * n)))

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import cooccurrence, label_division
from driftline.models.multilabel.cooccurrence import DOUBT


def counts_of(y):
    """Counts (L, L) of events (n, L)."""
    return y.T.astype(float) @ y


def random_counts(labels, seed, n=200, rate=0.3):
    rng = np.random.default_rng(seed)
    return counts_of(rng.random((n, labels)) < rng.random(labels) * 2 * rate)


def groups_by_brute_force(c):
    """All groups of labels that average linkage makes, in O(m³)."""
    on = c.diagonal()
    groups = [frozenset([label]) for label in range(len(c))]
    made = set()

    def near(a, b):
        both = sum(c[i, j] for i in a for j in b)
        return both / sum(on[i] + on[j] - c[i, j] + DOUBT for i in a for j in b)

    while len(groups) > 1:
        a, b = max(((a, b) for k, a in enumerate(groups) for b in groups[:k]), key=lambda pair: near(*pair))
        groups = [g for g in groups if g not in (a, b)] + [a | b]
        made.add(a | b)
    return made


@pytest.mark.parametrize("seed", range(10))
def test_chains_find_the_groups_of_average_linkage(seed):
    c = random_counts(12, seed) + 1e-6 * random_counts(12, seed + 100)  # without ties
    parts, across, n = label_division._linkage(c, 1.0, np.arange(12))
    groups = {i: frozenset([i]) for i in range(12)}
    for g in range(12, 23):
        left, right = (groups[part] for part in parts[g])
        groups[g] = left | right
        assert across[g, 0] == pytest.approx(sum(c[i, j] for i in left for j in right))
        assert across[g, 1] == pytest.approx(sum(c[i, i] + c[j, j] - c[i, j] for i in left for j in right))
        assert n[g] == pytest.approx(max(c[i, i] for i in left) + max(c[i, i] for i in right))
    assert {groups[g] for g in range(12, 23)} == groups_by_brute_force(c)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 15), st.integers(1, 4), st.sampled_from([0.05, 0.5]), st.integers(0, 3))
def test_a_division_is_a_partition_and_a_tree(seed, labels, min_size, delta, left_out):
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 4, labels)
    y = (rng.random((300, 4)) < 0.3)[:, blocks] & (rng.random((300, labels)) < 0.8)
    members = np.sort(rng.permutation(labels)[: max(1, labels - left_out)])
    of, parts, distance = label_division.divide(counts_of(y), 1.0, members, delta, min_size)
    k = of.max() + 1
    assert len(of) == len(members)
    assert list(dict.fromkeys(of.tolist())) == list(range(k)) or min_size > 1  # in the order of their first members
    assert sorted(set(of.tolist())) == list(range(k))
    assert k == 1 or np.bincount(of).min() >= min_size
    assert parts.shape == (2 * k - 1, 2)
    assert (parts[:k] == -1).all()
    assert sorted(parts[k:].ravel()) == list(range(2 * k - 2))
    assert (parts[k:] < np.arange(k, 2 * k - 1)[:, None]).all()
    assert ((distance >= 0.0) & (distance <= 1.0)).all()


def planted(sizes, n=4000, seed=0, active=0.15, rates=(0.9, 0.3), noise=0.002):
    rng = np.random.default_rng(seed)
    block_of = np.repeat(np.arange(len(sizes)), sizes)
    rate = np.concatenate([np.linspace(*rates, size) for size in sizes])
    y = (rng.random((n, len(sizes))) < active)[:, block_of] & (rng.random((n, len(block_of))) < rate)
    return block_of, y | (rng.random(y.shape) < noise)


@pytest.mark.parametrize(
    "sizes", [(5, 5), (20, 3), (2, 2, 2), (10, 10, 10, 10), (3, 7, 15, 4, 9), (12,), (4, 4, 4, 4, 4, 4, 4, 4, 4)]
)
@pytest.mark.parametrize("seed", range(3))
def test_blocks_are_found_two_that_are_alike_too(sizes, seed):
    """Of two blocks of equal size ODAC's test, (d1 - d0)|d1 + d0 - 2 avg| > e, may see one."""
    block_of, y = planted(sizes, seed=seed)
    of, _, _ = label_division.divide(counts_of(y), 1.0, np.arange(len(block_of)), 0.05, 2)
    assert of.tolist() == block_of.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_of_the_labels_do_not_matter(seed):
    block_of, y = planted((3, 7, 15, 4, 9), seed=seed)
    order = np.random.default_rng(seed).permutation(len(block_of))
    of, _, _ = label_division.divide(counts_of(y[:, order]), 1.0, np.arange(len(order)), 0.05, 2)
    assert len(set(zip(of.tolist(), block_of[order].tolist(), strict=True))) == 5 == of.max() + 1


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_pair_is_never_parted_in_three_labels_or_more(seed):
    _, y = planted((3, 7, 15, 4, 9), seed=seed)
    c = counts_of(y)
    on = c.diagonal()
    near = c / (on[:, None] + on - c)
    np.fill_diagonal(near, -1.0)
    of, parts, _ = label_division.divide(c, 1.0, np.arange(len(on)), 0.05, 2)
    inside = {k: np.flatnonzero(of == k) for k in range(of.max() + 1)}
    for g in range(of.max() + 1, len(parts)):
        inside[g] = np.concatenate([inside[part] for part in parts[g]])
        a, b = np.unravel_index(near[np.ix_(inside[g], inside[g])].argmax(), (len(inside[g]), len(inside[g])))
        sides = [set(inside[part]) for part in parts[g]]
        assert any({inside[g][a], inside[g][b]} <= side for side in sides)


@pytest.mark.parametrize(("n", "stands"), [(2.0, [False, False]), (200.0, [True, True])])
def test_above_a_division_that_stands_others_stand(n, stands):
    """Two events say nothing of a label; but it is less similar to the others than are some that are surely apart."""
    parts = np.array([[-1, -1]] * 5 + [[0, 1], [2, 3], [5, 6], [4, 7]])
    across = np.array([[0.0, 0.0]] * 5 + [[50.0, 60.0], [50.0, 60.0], [4.0, 400.0], [0.0, 500.0]])
    events = np.array([0.0] * 5 + [60.0, 60.0, n, 2.0])
    assert label_division._stands(parts, across, events, 0.05)[5:].tolist() == [False, False, *stands]


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_labels_that_have_nothing_to_do_with_each_other_stay_together(seed):
    """There is nothing to gain: no two of a cluster would occur together either."""
    rng = np.random.default_rng(seed)
    y = np.eye(6)[rng.integers(0, 6, 500)]
    of, _, _ = label_division.divide(counts_of(y), 1.0, np.arange(6), 0.05, 2)
    assert of.max() == 0


def test_a_label_that_is_alone_joins_what_it_is_most_similar_to():
    block_of, y = planted((6, 6), seed=1, rates=(0.9, 0.6))
    alone = np.random.default_rng(2).random(len(y)) < np.where(y[:, 6:].any(axis=1), 0.4, 0.3)
    c = counts_of(np.c_[y, alone])
    assert label_division.divide(c, 1.0, np.arange(13), 0.05, 1)[0].tolist() == [*block_of, 2]
    assert label_division.divide(c, 1.0, np.arange(13), 0.05, 2)[0].tolist() == [*block_of, 1]


@settings(deadline=None)
@given(st.floats(0.0, 1.0), st.floats(1.0, 1e6), st.floats(0.0, 1.0), st.floats(0.001, 0.5))
def test_apart_is_said_more_freely_with_more_events_and_less_care(similarity, n, whole, delta):
    if label_division.apart(similarity, n, whole, delta):
        assert similarity < label_division.even(whole)
        assert label_division.apart(similarity, 2 * n, whole, delta)
        assert label_division.apart(similarity, n, whole, min(0.9, 2 * delta))


@settings(deadline=None)
@given(*[st.floats(0.1, 100.0)] * 2, *[st.floats(0.0, 100.0)] * 2)
def test_at_even_groups_are_as_well_off_apart_as_they_are_as_one(either, either_across, both, both_across):
    assume(both < either)
    assume(both_across < either_across)
    apart = cooccurrence.quality(both, either, both_across)
    one = cooccurrence.quality(both + both_across, either + either_across, 0.0)
    similarity = both_across / either_across
    assume(abs(similarity - label_division.even(apart)) > 1e-9)
    assert (apart > one) == (similarity < label_division.even(apart))

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.digest import digest
from driftline.models.multilabel import label_checks
from driftline.models.multilabel.colabels import LabelHierarchy
from driftline.models.multilabel.cooccurrence import SLOW, USUAL
from driftline.models.multilabel.label_tree import WATCH
from driftline.models.multilabel.planted_blocks import PlantedBlocks


class InvertedPivot:
    """The released rule, on the matrix of similarities: the two most similar labels of a cluster become the pivots of
    two, and each other label joins the one that it is less similar to. The cluster with the most similar pair is next.
    """

    def __init__(self, similarity, clusters):
        self.similarity = similarity
        self.clusters = [list(range(len(similarity)))]
        while len(self.clusters) < clusters:
            self._divide()

    def _divide(self):
        _, a, b, cluster = max(
            (self.similarity[a, b], a, b, k)
            for k, labels in enumerate(self.clusters)
            for i, a in enumerate(labels)
            for b in labels[:i]
        )
        labels = self.clusters.pop(cluster)
        sides = [[a], [b]]
        for label in labels:
            if label not in (a, b):
                sides[int(self.similarity[label, a] > self.similarity[label, b])].append(label)
        self.clusters += sides


def unequal_blocks(seed):
    rng = random.Random(seed)
    return [rng.randint(3, 20) for _ in range(rng.randint(6, 12))]


def clusters_of(hierarchy):
    return sorted(np.flatnonzero(hierarchy.cluster_of == k).tolist() for k in range(hierarchy.n_clusters))


def learn(hierarchy, y, each=None):
    """Observe events (n, L), and check at every hundredth that the hierarchy has seen."""
    for row in y:
        hierarchy.observe(np.flatnonzero(row))
        if hierarchy.counts.scales[SLOW, 2] % hierarchy.check_every == 0:
            changes = hierarchy.check()
            if each is not None:
                each(changes)
    return hierarchy


def grown(n, **parameters):
    hierarchy = LabelHierarchy(**parameters)
    hierarchy.grow(n)
    return hierarchy


def consistent(hierarchy):
    """Assert that every label is in one cluster, and that nodes fit."""
    n, k, tree = hierarchy.n_labels, hierarchy.n_clusters, hierarchy.tree
    assert hierarchy.cluster_of.shape == (n,)
    assert hierarchy.cluster_of.dtype == np.int32
    if n == 0:
        return
    assert sorted(set(hierarchy.cluster_of.tolist())) == list(range(k))
    assert k == 1 or np.bincount(hierarchy.cluster_of).min() >= hierarchy.min_size
    used = np.flatnonzero(tree.level >= 0)
    assert len(used) == 2 * k - 1
    leaves = used[tree.number[used] >= 0]
    assert sorted(tree.number[leaves]) == list(range(k))
    assert set(tree.node_of[:n].tolist()) == set(leaves.tolist())
    assert (tree.number[tree.node_of[:n]] == hierarchy.cluster_of).all()
    assert tree.parent[0] == -1
    for node in used:
        parts = {int(tree.left[node]), int(tree.right[node])}
        if node in leaves:
            assert parts == {-1}
        else:
            assert all(tree.parent[part] == node for part in parts)
            assert all(tree.level[part] == tree.level[node] + 1 for part in parts)
            assert len(parts) == 2
            assert 0.0 < tree.distance[node] <= 1.0
    assert (hierarchy.origin < n).all()


@pytest.mark.parametrize("seed", range(5))
def test_planted_blocks_are_found_exactly_and_the_released_rule_does_not_find_them(seed):
    stream = PlantedBlocks(50, unequal_blocks(seed), seed=seed)
    _, y = stream.take(4000)
    hierarchy = learn(grown(stream.n_labels), y)
    assert clusters_of(hierarchy) == stream.blocks()
    consistent(hierarchy)

    together = y.T.astype(float) @ y
    on = together.diagonal()
    released = InvertedPivot(together / (on[:, None] + on - together), len(stream.sizes))
    assert sorted(map(sorted, released.clusters)) != stream.blocks()
    torn = sum(len({k for k, c in enumerate(released.clusters) if set(c) & set(b)}) > 1 for b in stream.blocks())
    assert torn >= len(stream.sizes) // 2


@pytest.mark.parametrize("sparse", [False, True])
def test_blocks_of_two_hundred_labels_are_found(sparse):
    stream = PlantedBlocks(300, n_labels=200, n_blocks=20, cardinality=5.0, seed=1, sparse=sparse)
    assert clusters_of(learn(grown(200), stream.take(4000)[1])) == stream.blocks()


@pytest.mark.parametrize("noise", [0.05, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_where_nothing_changes_clusters_stay_once_they_are_found(seed, noise):
    stream = PlantedBlocks(50, n_labels=80, n_blocks=8, noise=noise, seed=seed)
    hierarchy = learn(grown(80), stream.take(10_000)[1])
    assert hierarchy.n_restructured <= 2
    assert hierarchy.n_shifts == 0
    assert clusters_of(hierarchy) == stream.blocks()


@pytest.mark.parametrize("seed", range(3))
def test_blocks_that_are_regrouped_are_found_again_within_a_thousand_events(seed):
    stream = PlantedBlocks(50, n_labels=80, n_blocks=8, seed=seed, regroup_at=5000)
    hierarchy = learn(grown(80), stream.take(5000)[1])
    assert clusters_of(hierarchy) == stream.blocks(0)
    learn(hierarchy, stream.take(1000)[1])
    assert hierarchy.n_shifts == 1
    assert clusters_of(hierarchy) == stream.blocks(5000)
    before = hierarchy.n_restructured
    learn(hierarchy, stream.take(4000)[1])
    assert hierarchy.n_restructured == before
    assert clusters_of(hierarchy) == stream.blocks(5000)


@pytest.mark.parametrize("seed", range(3))
def test_a_change_is_noticed_within_some_hundred_events(seed):
    stream = PlantedBlocks(50, n_labels=80, n_blocks=8, seed=seed, regroup_at=5000)
    hierarchy = learn(grown(80), stream.take(5500)[1])
    assert hierarchy.n_shifts == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_label_that_comes_late_joins_its_block(seed):
    stream = PlantedBlocks(50, (8, 5, 9, 6), cardinality=2.0, seed=seed)
    _, y = stream.take(6000)
    hierarchy = grown(27)
    learn(hierarchy, y[:4000, :27])
    rest = hierarchy.n_restructured
    [change] = hierarchy.grow(28)
    largest = np.bincount(hierarchy.cluster_of[:27]).argmax()
    assert hierarchy.cluster_of[27] == largest  # it has occurred with none
    assert (change.kind, change.labels, change.before) == ("new_label", [27], [])
    assert 27 in change.after[0]
    learn(hierarchy, y[4000:])
    assert clusters_of(hierarchy) == stream.blocks()
    assert hierarchy.n_restructured == rest  # to place a label is not to restructure
    consistent(hierarchy)


def test_labels_that_are_never_seen_stay_where_they_are():
    stream = PlantedBlocks(50, (8, 5, 9, 6), cardinality=2.0, seed=1)
    hierarchy = grown(28)
    learn(hierarchy, stream.take(3000)[1])
    hierarchy.grow(31)
    home = hierarchy.cluster_of[28:].tolist()
    mates = set(np.flatnonzero(hierarchy.cluster_of[:28] == home[0]).tolist())
    learn(hierarchy, np.pad(stream.take(3000)[1], ((0, 0), (0, 3))))
    assert len(set(hierarchy.cluster_of[28:].tolist())) == 1
    assert mates <= set(np.flatnonzero(hierarchy.cluster_of == hierarchy.cluster_of[30]).tolist())


def test_where_each_event_has_one_label_there_is_nothing_to_part():
    rng = np.random.default_rng(0)
    hierarchy = learn(grown(6), np.eye(6, dtype=np.uint8)[rng.integers(0, 6, 3000)])
    assert (hierarchy.n_clusters, hierarchy.n_restructured) == (1, 0)


def test_two_blocks_that_become_one_are_merged():
    rng = np.random.default_rng(0)
    active = rng.random((20_000, 8)) < 0.2
    active[5000:, 1] = active[5000:, 0]
    y = np.repeat(active, 4, axis=1) & (rng.random((20_000, 32)) < 0.6)
    seen = []
    hierarchy = learn(grown(32, fast_half_life=2000.0), y, seen.extend)
    assert [change.kind for change in seen] == ["split", "merged"]
    assert seen[1].before == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert hierarchy.n_shifts == 0
    consistent(hierarchy)


def test_a_label_that_changes_sides_moves():
    rng = np.random.default_rng(0)
    y = np.repeat(rng.random((12_000, 8)) < 0.15, 6, axis=1) & (rng.random((12_000, 48)) < 0.6)
    y[4000:, 0] = y[4000:, 6:12].any(axis=1) & (rng.random(8000) < 0.6)
    seen = []
    hierarchy = learn(grown(48), y, seen.extend)
    assert clusters_of(hierarchy)[:3] == [[0, 6, 7, 8, 9, 10, 11], [1, 2, 3, 4, 5], [12, 13, 14, 15, 16, 17]]
    assert [change.kind for change in seen] == ["split", "regrouped"]
    assert len(seen[1].before) == len(seen[1].after) == 2


def test_a_cluster_whose_labels_all_go_elsewhere_is_dissolved():
    rng = np.random.default_rng(0)
    y = np.repeat(rng.random((12_000, 8)) < 0.15, [6] * 7 + [2], axis=1) & (rng.random((12_000, 44)) < 0.6)
    for label, block in ((42, slice(0, 6)), (43, slice(6, 12))):
        y[4000:, label] = y[4000:, block].any(axis=1) & (rng.random(8000) < 0.6)
    seen = []
    hierarchy = learn(grown(44), y[:4000])
    assert hierarchy.n_clusters == 8
    learn(hierarchy, y[4000:], seen.extend)
    assert clusters_of(hierarchy)[:3] == [[*range(6), 42], [*range(6, 12), 43], [*range(12, 18)]]
    assert [change.kind for change in seen] == ["regrouped"]
    assert hierarchy.n_shifts == 0
    consistent(hierarchy)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(0, 5)),
        st.tuples(st.just("run"), st.integers(0, 5)),
        st.tuples(st.just("events"), st.integers(0, 10**6)),
        st.tuples(st.just("check"), st.just(0)),
        st.tuples(st.just("grow"), st.integers(0, 9)),
        st.tuples(st.just("rebuild"), st.just(0)),
    ),
    max_size=25,
)


def act(hierarchy, action, number):
    if action == "grow":
        hierarchy.grow(min(hierarchy.n_labels + number, 25))
    elif action == "check":
        hierarchy.check()
    elif action == "rebuild":
        hierarchy.rebuild()
    elif action == "events":
        some_events(hierarchy, np.random.default_rng(number).integers(0, 5, 25), number, 20)
    elif action == "run":  # some time with the blocks of this number
        for part in range(4):
            some_events(
                hierarchy, np.random.default_rng(number).integers(0, number, 25) if number else BLOCKS, part, 60
            )
            hierarchy.check()


BLOCKS = np.arange(25) // 5


def some_events(hierarchy, blocks, seed, n):
    rng, labels = np.random.default_rng(seed), hierarchy.n_labels
    on = (rng.random((n, 5)) < 0.25)[:, blocks[:labels]] & (rng.random((n, labels)) < 0.7)
    for row in on:
        hierarchy.observe(np.flatnonzero(row))


@settings(max_examples=120, deadline=None)
@given(ACTIONS, st.integers(1, 3), st.sampled_from([0.05, 0.5]), st.sampled_from([50.0, 400.0]), st.booleans())
def test_whatever_happens_every_label_is_in_one_cluster(actions, min_size, delta, half_life, shifts):
    hierarchy = LabelHierarchy(delta, half_life, 20.0 if shifts else half_life, min_size=min_size, min_count=2.0)
    hierarchy.grow(13)
    before = hierarchy.cluster_of.copy()
    for action, number in actions:
        act(hierarchy, action, number)
        consistent(hierarchy)
        after = hierarchy.cluster_of
        if action in ("check", "rebuild"):
            explained = {label for change in hierarchy.changes for label in change.labels}
            origin = hierarchy.origin
            gone_along = {label for label in range(len(after)) if origin[after[label]] == before[label]}
            assert explained | gone_along == set(range(len(after)))
        before = after.copy()


@settings(max_examples=60, deadline=None)
@given(ACTIONS, ACTIONS)
def test_a_state_goes_on_bit_for_bit(first, then):
    parameters = {"half_life": 200.0, "fast_half_life": 20.0, "min_count": 2.0}
    one, other = LabelHierarchy(**parameters), LabelHierarchy(**parameters)
    for action, number in first:
        act(one, action, number)
    kept = one.state()
    before = digest(kept)
    other.grow(3)
    other.restore(kept)
    assert digest(other.state()) == before
    one.changes = []  # of these a state knows nothing
    for action, number in then:
        act(one, action, number)
        act(other, action, number)
        assert one.changes == other.changes
    assert digest(one.state()) == digest(other.state())
    assert digest(kept) == before


def test_a_state_goes_on_after_a_shift_too():
    """While it has the time before in it, the slow count fades faster."""
    stream = PlantedBlocks(50, n_labels=80, n_blocks=8, seed=0, regroup_at=2000)
    one, other = grown(80), LabelHierarchy()
    learn(one, stream.take(2600)[1])
    assert one.tree.tally[WATCH] > 0
    assert one.counts.fades[SLOW] != one.counts.fades[USUAL]
    other.restore(one.state())
    _, y = stream.take(2400)
    assert digest(learn(one, y).state()) == digest(learn(other, y).state())
    assert one.tree.tally[WATCH] == 0
    assert one.counts.fades[SLOW] == one.counts.fades[USUAL]


def test_clusters_keep_their_numbers_while_their_labels_stay():
    stream = PlantedBlocks(50, n_labels=80, n_blocks=8, seed=0)
    hierarchy = learn(grown(80), stream.take(3000)[1])
    before = hierarchy.cluster_of.copy()
    learn(hierarchy, stream.take(3000)[1])
    assert (hierarchy.cluster_of == before).all()
    assert hierarchy.origin.tolist() == list(range(8))


def test_the_largest_part_of_a_split_keeps_the_number():
    stream = PlantedBlocks(50, (12, 3, 4), cardinality=2.0, seed=0)
    seen = []
    hierarchy = learn(grown(19), stream.take(2000)[1], seen.extend)
    assert [change.kind for change in seen] == ["split"]
    assert np.bincount(hierarchy.cluster_of).argmax() == 0


def test_learning_in_compiled_loops_is_the_same():
    _, y = PlantedBlocks(50, n_labels=80, n_blocks=8, seed=0).take(2000)
    one, other = learn(grown(80), y), grown(80)
    for start in range(0, 2000, 100):
        for row in y[start : start + 100]:
            on = np.flatnonzero(row)
            other.observe(on)
        label_checks.check(other.counts, other.tree, other.delta, other.min_count, other.min_size)
    assert digest(one.state()) == digest(other.state())


def test_yeast_has_its_clusters_once_and_keeps_them():
    """The released rule restructured 14 times on these 2,417 events."""
    from river import datasets

    rows = [y for _, y in datasets.Yeast()]
    names = sorted(rows[0], key=lambda name: int(name.removeprefix("Class")))
    y = np.array([[bool(row[name]) for name in names] for row in rows])
    hierarchy = learn(grown(14), y)
    assert hierarchy.n_restructured <= 4
    found = hierarchy.n_restructured
    learn(hierarchy, np.concatenate([y] * 3))
    assert hierarchy.n_restructured <= found + 1
    assert hierarchy.cluster_of[11] == hierarchy.cluster_of[12]  # Class12 and Class13 go together nearly always


def test_it_is_drawn():
    stream = PlantedBlocks(50, (4, 3, 2), cardinality=1.0, seed=0)
    hierarchy = learn(grown(9), stream.take(3000)[1])
    lines = hierarchy.draw([f"label {k}" for k in range(9)]).splitlines()
    assert lines[0].startswith("9 labels in 3 clusters, 0.9")
    for block in stream.blocks():
        assert sum(line.endswith(": " + ", ".join(f"label {k}" for k in block)) for line in lines) == 1


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"delta": 1.0}, "delta must be in"),
        ({"half_life": 0.0}, "half_life must be in"),
        ({"fast_half_life": -1.0}, "fast_half_life must be in"),
        ({"check_every": 0}, "check_every must be at least 1"),
        ({"min_size": 0}, "min_size must be at least 1"),
        ({"min_count": 0.0}, "min_count must be above 0"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        LabelHierarchy(**parameters)


def test_labels_that_are_not_known_are_refused():
    hierarchy = grown(3)
    before = digest(hierarchy.state())
    for on in ([3], [-1, 0]):
        with pytest.raises(ValueError, match="labels must be from 0 to 2"):
            hierarchy.observe(on)
    with pytest.raises(ValueError, match="n must be at least 3"):
        hierarchy.grow(2)
    assert digest(hierarchy.state()) == before


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    stream = PlantedBlocks(50, (4, 3, 2), cardinality=1.0, seed=0)
    hierarchy = learn(grown(9), stream.take(1000)[1])
    kept = hierarchy.state()
    wrong = {
        "n": 5,
        "slow": kept["slow"][:-1],
        "slow at": kept["slow at"] + 1000,
        "fast at": 3,
        "node_of": kept["node_of"] + 100,
        "cluster_of": kept["cluster_of"][::-1].copy(),
        "parent": np.full(18, 18, np.int32),
        "tally": np.zeros(3, np.int64),
    }
    for name, part in wrong.items():
        with pytest.raises(ValueError, match="state"):
            hierarchy.restore(kept | {name: part})
        with pytest.raises(ValueError, match=f"state lacks '{name}'"):
            hierarchy.restore({other: part for other, part in kept.items() if other != name})
        assert digest(hierarchy.state()) == digest(kept)

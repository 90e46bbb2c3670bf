import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel.planted_blocks import PlantedBlocks


def dense(x):
    return x.toarray() if scipy.sparse.issparse(x) else x


def similarity(y):
    """Jaccard similarity of each pair of labels."""
    together = y.T.astype(float) @ y
    on = together.diagonal()
    return together / (on[:, None] + on - together)


def of_one_block(stream, i):
    same = np.zeros((stream.n_labels, stream.n_labels), bool)
    for block in stream.blocks(i):
        same[np.ix_(block, block)] = True
    return same


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=8), st.integers(0, 5), st.booleans(), st.integers(0, 1200))
def test_it_does_not_matter_how_events_are_taken(cuts, seed, sparse, regroup_at):
    parameters = {"n_features": 7, "blocks": (3, 2, 4), "cardinality": 1.0}
    parameters |= {"seed": seed, "sparse": sparse, "regroup_at": regroup_at}
    whole, parts = PlantedBlocks(**parameters), PlantedBlocks(**parameters)
    taken = [parts.take(n) for n in cuts]
    x, y = whole.take(sum(cuts))
    assert whole.at == parts.at == len(y) == sum(cuts)
    if cuts:
        assert np.array_equal(dense(x), np.concatenate([dense(part) for part, _ in taken]))
        assert np.array_equal(y, np.concatenate([part for _, part in taken]))


@pytest.mark.parametrize("sparse", [False, True])
def test_the_seed_decides_and_nothing_else(sparse):
    x, y = PlantedBlocks(30, (3, 2, 4), cardinality=1.0, seed=5, sparse=sparse).take(600)
    np.random.seed(3)
    again = PlantedBlocks(30, (3, 2, 4), cardinality=1.0, seed=5, sparse=sparse).take(600)
    other = PlantedBlocks(30, (3, 2, 4), cardinality=1.0, seed=6, sparse=sparse).take(600)
    assert np.array_equal(dense(x), dense(again[0]))
    assert np.array_equal(y, again[1])
    assert not np.array_equal(dense(x), dense(other[0]))
    assert not np.array_equal(y, other[1])


@pytest.mark.parametrize("sparse", [False, True])
def test_shapes_and_types(sparse):
    x, y = PlantedBlocks(30, (3, 2, 4), cardinality=1.0, sparse=sparse).take(10)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((10, 30), np.float32, (10, 9), np.uint8)
    assert scipy.sparse.issparse(x) == sparse
    x, y = PlantedBlocks(30, (3, 2, 4), cardinality=1.0, sparse=sparse).take(0)
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((0, 30), np.float32, (0, 9), np.uint8)


@given(st.integers(0, 50), st.one_of(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 9)))
def test_blocks_are_a_partition_of_the_sizes_asked_for_before_and_after(seed, asked):
    given = {"blocks": asked} if isinstance(asked, list) else {"n_labels": 31, "n_blocks": asked}
    stream = PlantedBlocks(5, **given, cardinality=0.01, seed=seed, regroup_at=100)
    for i in (0, 99, 100, 5000):
        blocks = stream.blocks(i)
        assert sorted(label for block in blocks for label in block) == list(range(stream.n_labels))
        if isinstance(asked, list):
            assert sorted(map(len, blocks)) == sorted(asked)
        else:
            assert len(blocks) == asked
            assert min(map(len, blocks)) >= 2
    assert stream.blocks(0) == stream.blocks(99)
    assert stream.blocks(100) == stream.blocks(5000)
    if len(stream.sizes) > 1 and max(stream.sizes) > 1:
        assert stream.blocks(99) != stream.blocks(100)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_cardinality_is_what_was_asked_for_and_some_labels_are_rare(sparse, noise):
    stream = PlantedBlocks(300, n_labels=60, n_blocks=8, noise=noise, cardinality=2.5, seed=2, sparse=sparse)
    _, y = stream.take(20_000)
    assert y.sum() / len(y) == pytest.approx(2.5, rel=0.1 if sparse else 0.04)
    on = y.mean(axis=0)
    assert on.max() > 5 * on.min() > 0


@pytest.mark.parametrize("seed", range(3))
def test_labels_occur_with_those_of_their_block_before_and_after_regrouping(seed):
    stream = PlantedBlocks(50, (12, 3, 7, 5, 9, 6), seed=seed, regroup_at=10_000)
    for start in (0, 10_000):
        _, y = stream.take(10_000)
        found, same = similarity(y), of_one_block(stream, start)
        np.fill_diagonal(found, np.nan)
        assert np.nanmin(found[same]) > 1.2 * np.nanmax(found[~same])
        assert np.nanmean(found[same]) > 10 * np.nanmean(found[~same])


@pytest.mark.parametrize("sparse", [False, True])
def test_a_blocks_rule_is_linear_and_stays_when_labels_are_regrouped(sparse):
    """What a label's features are on average, moves with its place: of each old label to one new one."""
    stream = PlantedBlocks(40, (3, 3, 3, 3), noise=0.0, cardinality=1.0, regroup_at=30_000, sparse=sparse)
    pulls = []
    for start in (0, 30_000):
        x, y = stream.take(30_000)
        x = dense(x)
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        pull = np.array([x[y[:, block].any(axis=1)].mean(axis=0) for block in stream.blocks(start)])
        pulls.append(pull / np.linalg.norm(pull, axis=1, keepdims=True))
    likeness = pulls[0] @ pulls[1].T
    assert (np.sort(likeness, axis=1)[:, -1] > 0.9).all()
    assert sorted(likeness.argmax(axis=1)) == [0, 1, 2, 3]


def test_without_noise_labels_of_blocks_that_sleep_are_off_and_a_line_parts_them():
    stream = PlantedBlocks(6, (5, 5), noise=0.0, cardinality=1.5, seed=3)
    x, y = stream.take(8000)
    for block in stream.blocks(0):
        active = y[:, block].any(axis=1)
        target = np.where(active, 1.0, -1.0)
        direction = np.linalg.lstsq(np.c_[x, np.ones(len(x))], target, rcond=None)[0][:-1]
        score = x @ direction
        cut = np.quantile(score, 1.0 - active.mean())
        assert ((score > cut) == active).mean() > 0.95


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "give blocks, or n_labels and n_blocks"),
        ({"n_labels": 4}, "give blocks, or n_labels and n_blocks"),
        ({"blocks": (2, 2), "n_labels": 4}, "not both"),
        ({"blocks": (2, 0)}, "blocks must be sizes of at least 1"),
        ({"blocks": ()}, "blocks must be sizes of at least 1"),
        ({"n_labels": 5, "n_blocks": 3}, "n_labels must be at least 6"),
        ({"n_labels": 5, "n_blocks": 0}, "n_blocks must be at least 1"),
        ({"blocks": (2, 2), "n_features": 0}, "n_features must be at least 1"),
        ({"blocks": (2, 2), "noise": 1.0}, "noise must be in"),
        ({"blocks": (2, 2), "cardinality": 0.0}, "cardinality must be above 0"),
        ({"blocks": (2, 2), "cardinality": 3.0}, "cardinality must be at most"),
        ({"blocks": (2, 2), "regroup_at": -1}, "regroup_at must be at least 0"),
        ({"blocks": (2, 2), "seed": -1}, "seed must be at least 0"),
    ],
)
def test_what_cannot_be_made_is_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        PlantedBlocks(**{"n_features": 3, **parameters})


def test_the_cardinality_that_is_named_can_be_had():
    with pytest.raises(ValueError, match="at most") as refused:
        PlantedBlocks(5, (4, 4), cardinality=9.0)
    most = float(str(refused.value).split("at most ")[1].split()[0])
    PlantedBlocks(5, (4, 4), cardinality=0.99 * most)

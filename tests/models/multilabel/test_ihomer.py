"""iHOMER as a whole: exact in any batching, bounded, and better for what it knows of labels."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from river import datasets

from driftline.models.digest import digest
from driftline.models.multilabel import IHomer, ihomer_step
from driftline.models.multilabel.global_tree import GlobalTree
from driftline.models.multilabel.planted_blocks import PlantedBlocks
from driftline.models.snapshot import pack, unpack


def micro_f1(said, y):
    both = np.logical_and(said, y).sum()
    return 2 * both / max(said.sum() + y.sum(), 1)


def yeast(n=600):
    rows = list(datasets.Yeast().take(n))
    features, labels = sorted(rows[0][0]), sorted(rows[0][1])
    x = np.array([[row[name] for name in features] for row, _ in rows], dtype=np.float32)
    return x, np.array([[truth[name] for name in labels] for _, truth in rows], dtype=np.uint8)


def blocks(n):
    return PlantedBlocks(n_features=30, blocks=[5, 4, 6, 3], cardinality=2.5, seed=1).take(n)


@pytest.mark.parametrize("partition", [True, False])
@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_matrix], ids=["dense", "sparse"])
def test_any_batching_gives_the_same_answers_and_the_same_state(partition, form):
    x, y = blocks(700)
    whole = IHomer(partition=partition)
    answers = whole.prequential_many(form(x), y, proba=True)
    for size in (1, 37):
        parts = IHomer(partition=partition)
        said = [parts.prequential_many(form(x[i : i + size]), y[i : i + size], proba=True) for i in range(0, 700, size)]
        assert np.array_equal(np.vstack(said), answers)
        assert digest(parts) == digest(whole)


def test_dictionaries_are_rows_of_an_array():
    x, y = blocks(300)
    arrays, words = IHomer(), IHomer()
    arrays.learn_many(x, y)
    for row, truth in zip(x.tolist(), y.tolist(), strict=True):
        words.learn_one(dict(enumerate(row)), {label: bool(on) for label, on in enumerate(truth)})
    assert digest(words) == digest(arrays)
    said = words.predict_one(dict(enumerate(x[0].tolist())))
    assert [said[label] for label in range(y.shape[1])] == arrays.predict_many(x[:1])[0].astype(bool).tolist()


def test_prequential_answers_are_those_before_the_row_was_learnt():
    x, y = blocks(250)
    model, twin = IHomer(), IHomer()
    said = model.prequential_many(x, y)
    for i in range(250):
        assert np.array_equal(np.pad(twin.predict_many(x[i : i + 1])[0], (0, 0 if i else y.shape[1])), said[i])
        twin.learn_many(x[i : i + 1], y[i : i + 1])


@pytest.mark.parametrize("at", [1, 99, 100, 101, 555])
def test_a_state_goes_on_bit_for_bit_from_anywhere(at):
    x, y = yeast()
    whole, first = IHomer(), IHomer()
    answers = whole.prequential_many(x, y, proba=True)
    first.learn_many(x[:at], y[:at])
    second = IHomer()
    second.restore(unpack(pack(first.state())))
    assert digest(second.state()) == digest(first.state())
    assert np.array_equal(second.prequential_many(x[at:], y[at:], proba=True), answers[at:])
    assert digest(second.state()) == digest(whole.state())


def test_labels_and_features_may_appear_at_any_time():
    x, y = blocks(400)
    model = IHomer()
    model.learn_many(x[:200, :10], y[:200, :4])
    assert model.predict_many(x[:1, :10]).shape == (1, 4)
    model.learn_many(x[200:], y[200:])
    assert model.predict_many(x).shape == y.shape
    late = dict(enumerate(x[0].tolist())) | {"new": 1.0}
    model.learn_one(late, {"brand new": True})
    assert model.predict_one(late)["brand new"] in (True, False)
    assert sum(len(labels) for labels in model.clusters()) == y.shape[1] + 1


def test_what_memory_holds_is_bounded():
    model = IHomer(window=50, max_labels=8, max_features=64)
    rng = np.random.default_rng(0)
    sizes = []
    for i in range(400):
        x = {f"f{j}": 1.0 for j in rng.integers(10_000, size=5)}
        model.learn_one(x, {f"l{i % 8}": True})
        sizes.append(model.memory_bytes)
    assert sizes[-1] == sizes[200]
    assert len(model.state()["features"]) == 64
    before = digest(model)
    for xs, ys, said in (
        ([{"a": 1.0}], [{"one more": True}], "max_labels = 8"),
        ([{}, {}], [{"l1": True}, {"one more": True}], "max_labels = 8"),
        ([{}, {}], [{"l1": True}], "2 events and 1 set"),
    ):
        with pytest.raises(ValueError, match=said):
            model.learn_rows(xs, ys)
        assert digest(model) == before


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_blocks_are_found_and_a_split_touches_no_label(seed):
    stream = PlantedBlocks(n_features=30, blocks=[5, 4, 6, 3], cardinality=2.5, seed=seed)
    x, y = stream.take(3_000)
    model = IHomer()
    model.learn_many(x, y)
    assert sorted(map(sorted, model.clusters())) == sorted(sorted(np.asarray(one).tolist()) for one in stream.blocks(0))


def test_a_change_of_the_hierarchy_alone_changes_no_learner_of_a_label():
    x, y = blocks(99)
    model = IHomer()
    model.learn_many(x, y)
    before = {name: part.copy() for name, part in model.state()["arrays"].items()}
    model._state.tally[7] = 0  # as if no label had a cluster yet
    model._restructure(0)
    after = model.state()["arrays"]
    for name in ("margin.weight", "logistic.weight", "each.weight", "each.covariance", "everyone.weight", "rates"):
        assert np.array_equal(after[name], before[name]), name


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_regrouped_blocks_are_told_and_recovered_from_within_a_thousand_events(seed):
    stream = PlantedBlocks(n_features=30, blocks=[5, 4, 6, 3], cardinality=2.5, seed=seed, regroup_at=4_000)
    x, y = stream.take(6_500)
    model = IHomer()
    model.learn_many(x[:4_000], y[:4_000])
    model.news()
    told, said = [], []
    for start in range(4_000, 6_500, 100):
        said.append(model.prequential_many(x[start : start + 100], y[start : start + 100]))
        told += model.news()
    assert any(news.kind in ("regrouped", "split", "merged") and news.learnt <= 5_000 for news in told), told
    assert sorted(map(sorted, model.clusters())) == sorted(
        sorted(np.asarray(one).tolist()) for one in stream.blocks(6_000)
    )
    decided, late, truth = np.vstack(said)[1_000:], slice(5_000, None), y[5_000:]
    anew = IHomer().prequential_many(x[4_000:], y[4_000:])[1_000:]
    without = IHomer(partition=False).prequential_many(x, y)[late]
    assert micro_f1(decided, truth) > micro_f1(anew, truth) - 0.02, "as good as one that never knew the old blocks"
    assert micro_f1(decided, truth) > micro_f1(without, truth)


def test_it_beats_the_last_labels_and_a_window_of_neighbours_on_yeast():
    x, y = yeast(1_500)
    said = IHomer().prequential_many(x, y)
    assert micro_f1(said, y) > 0.62
    last = np.vstack([np.zeros_like(y[:1]), y[:-1]])
    assert micro_f1(said, y) > micro_f1(last, y) + 0.1


def test_the_global_tree_is_the_same_without_clusters():
    x, y = blocks(300)
    tree, plain = GlobalTree(), IHomer(partition=False)
    assert np.array_equal(tree.prequential_many(x, y, proba=True), plain.prequential_many(x, y, proba=True))
    assert tree.n_clusters == 1
    assert tree.draw() == "18 labels, not clustered"


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (np.zeros((2, 3)), np.full((2, 2), 2), "0 and 1"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "2 rows and Y has 3"),
        (np.zeros(3), np.zeros((3, 2)), "two dimensions"),
        (np.full((1, 3), np.nan), np.zeros((1, 2)), "not finite"),
        (np.zeros((1, 3)), np.zeros((1, 5_000)), "max_labels"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_and_change_nothing(x, y, said):
    model = IHomer()
    before = digest(model)
    with pytest.raises(ValueError, match=said):
        model.learn_many(x, y)
    assert digest(model) == before


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    x, y = blocks(150)
    model = IHomer()
    model.learn_many(x, y)
    before = digest(model)
    for part, wrong in (("sizes", {"features": 3}), ("labels", ["a"] * 10_000), ("arrays", {}), ("hierarchy", {})):
        state = model.state() | {part: wrong}
        with pytest.raises(ValueError):
            model.restore(state)
        assert digest(model) == before
    with pytest.raises(ValueError):
        IHomer(window=7).restore(model.state())


def test_its_gauges_and_pictures_show_what_it_knows():
    x, y = blocks(2_000)
    model = IHomer()
    model.learn_many(x, y)
    assert model.gauges()["clusters"] == 4
    assert model.gauges()["labels"] == 18
    assert model.gauges()["bytes"] == model.memory_bytes > 10_000
    assert "cluster 3" in model.draw()
    outline = model.outline()
    assert outline.text == "18 labels"
    assert 0 < outline.apart <= 1


def test_after_the_warm_up_nothing_is_compiled_any_more():
    """A lane would have to wait for it, half a minute and more."""
    IHomer.warm_up()
    compiled = [ihomer_step.hold, ihomer_step.run, ihomer_step.predict, ihomer_step.doubt, ihomer_step.begin_race]
    assert [len(one.signatures) for one in compiled] == [1] * 5
    model = IHomer()
    model.learn_rows([{"a": 1.0}, {}], [{"p": True}, {"q": True, "p": False}])
    model.learn_one({}, {})
    x, y = blocks(300)
    for form in (x, x.astype(np.float64), scipy.sparse.csr_matrix(x), np.asfortranarray(x)):
        model = IHomer()
        model.learn_many(form, y.astype(int))
        model.predict_many(form)
        other = IHomer()
        other.restore(unpack(pack(model.state())))
        pickle.loads(pickle.dumps(other)).learn_many(form, np.asfortranarray(y))
        other.predict_one({0: 1.0})
    assert [len(one.signatures) for one in compiled] == [1] * 5

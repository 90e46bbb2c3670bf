import pickle
import random

from river import datasets, tree

from driftline.models.binary.hoeffding_adaptive_tree import HoeffdingAdaptiveTree
from driftline.models.digest import digest


def drifting(n, seed=1):
    """Rows whose rule turns round in the middle."""
    rng = random.Random(seed)
    for t in range(n):
        x = {"a": rng.random(), "b": rng.random(), "c": rng.random()}
        yield x, (x["a"] > 0.5) != (t > n // 2)


def accuracy(model, rows, after=0):
    right = []
    for t, (x, y) in enumerate(rows):
        if t >= after:
            right.append((model.predict_proba_one(x).get(True, 0.0) > 0.5) == y)
        model.learn_one(x, y)
    return sum(right) / len(right)


def test_it_beats_the_majority_on_phishing_by_thirty_points_and_is_no_worse_than_rivers_defaults():
    rows = list(datasets.Phishing())
    majority = max(sum(y for _, y in rows), sum(not y for _, y in rows)) / len(rows)
    ours = accuracy(HoeffdingAdaptiveTree(), rows)
    assert ours > majority + 0.3
    assert ours > accuracy(tree.HoeffdingAdaptiveTreeClassifier(seed=1), rows) - 0.01


def test_it_recovers_from_a_drift():
    assert accuracy(HoeffdingAdaptiveTree(), drifting(6000), after=5000) > 0.95


def test_with_the_same_parameters_it_predicts_what_rivers_tree_predicts():
    ours = HoeffdingAdaptiveTree(grace_period=50, seed=3)
    rivers = tree.HoeffdingAdaptiveTreeClassifier(grace_period=50, delta=1e-5, max_depth=20, seed=3)
    for x, y in drifting(3000):
        assert ours.predict_proba_one(x) == rivers.predict_proba_one(x)
        ours.learn_one(x, y)
        rivers.learn_one(x, y)


def test_leaves_are_bounded_and_a_full_tree_still_learns():
    model = HoeffdingAdaptiveTree(grace_period=10, delta=0.5, tau=1.0, max_leaves=3)
    free = HoeffdingAdaptiveTree(grace_period=10, delta=0.5, tau=1.0)
    rows = list(drifting(4000))
    accuracy(model, rows)
    accuracy(free, rows)
    leaves, unbounded = (sum(1 for _ in one._root.iter_leaves()) for one in (model, free))
    assert leaves <= 3 < unbounded
    before = digest(model)
    model.learn_one(*rows[0])
    assert digest(model) != before


def test_its_pickle_is_a_fraction_of_rivers():
    ours, rivers = HoeffdingAdaptiveTree(), tree.HoeffdingAdaptiveTreeClassifier(seed=1)
    for x, y in datasets.Phishing():
        ours.learn_one(x, y)
        rivers.learn_one(x, y)
    assert len(pickle.dumps(ours)) < len(pickle.dumps(rivers)) / 4


def test_no_bytes_in_memory_enter_the_tree():
    model = HoeffdingAdaptiveTree()
    model.memory_estimate_period = 1  # as if the millionth event came each time
    plain = HoeffdingAdaptiveTree()
    plain.memory_estimate_period = 1
    for i, (x, y) in enumerate(drifting(2000)):
        model.learn_one(x, y)
        plain.learn_one(x, y)
        if i == 1000:
            model = pickle.loads(pickle.dumps(model))
    assert digest(model) == digest(plain)


def test_text_features_are_categories():
    model = HoeffdingAdaptiveTree()
    for t in range(500):
        model.learn_one({"kind": "ab"[t % 2], "n": float(t % 3)}, t % 2 == 0)
    assert model.predict_one({"kind": "a", "n": 1.0}) is True
    assert model.predict_one({"kind": "b", "n": 1.0}) is False

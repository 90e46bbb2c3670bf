import random

import pytest
from river import datasets

from driftline.models.digest import digest
from driftline.models.multilabel.binary_relevance import BinaryRelevance


class Majority:
    def __init__(self):
        self.n, self.on = 0, {}

    def predict_one(self, x):
        return {label: 2 * count > self.n for label, count in self.on.items()}

    def learn_one(self, x, y):
        self.n += 1
        for label, on in y.items():
            self.on[label] = self.on.get(label, 0) + on


def micro_f1(model, rows):
    hits = said = true = 0
    for x, y in rows:
        guess = model.predict_one(x)
        for label, on in y.items():
            hits += guess.get(label, False) and on
            said += guess.get(label, False)
            true += on
        model.learn_one(x, y)
    return 2 * hits / (said + true)


def simple(n, factor=1.0, seed=1):
    rng = random.Random(seed)
    for _ in range(n):
        load, noise = rng.random(), rng.random()
        yield {"load": factor * load, "noise": noise}, {"busy": load > 0.5, "idle": load < 0.2}


def test_it_beats_each_labels_majority_on_yeast_by_eight_hundredths():
    rows = list(datasets.Yeast().take(1200))
    assert micro_f1(BinaryRelevance(), rows) > micro_f1(Majority(), rows) + 0.08


def test_nothing_is_known_before_the_first_label():
    assert BinaryRelevance().predict_one({"load": 1.0}) == {}
    assert BinaryRelevance().predict_proba_one({"load": 1.0}) == {}


def test_probabilities_are_rivers_form():
    model = BinaryRelevance()
    for x, y in simple(50):
        model.learn_one(x, y)
    for p in model.predict_proba_one({"load": 0.9, "noise": 0.1}).values():
        assert set(p) == {False, True}
        assert sum(p.values()) == pytest.approx(1.0)


def test_a_label_may_appear_late():
    model = BinaryRelevance()
    for x, y in simple(300):
        model.learn_one(x, y)
    for x, y in simple(600, seed=2):
        model.learn_one(x, {**y, "late": x["load"] > 0.5})
    assert model.predict_one({"load": 0.95, "noise": 0.5})["late"] is True
    assert model.predict_one({"load": 0.05, "noise": 0.5})["late"] is False


@pytest.mark.parametrize(("unnamed_is_no", "later"), [(True, False), (False, True)])
def test_a_label_that_is_not_named_counts_as_no_or_as_unknown(unnamed_is_no, later):
    model = BinaryRelevance(unnamed_is_no=unnamed_is_no)
    for _ in range(300):
        model.learn_one({"load": 1.0}, {"busy": True})
    for _ in range(3000):
        model.learn_one({"load": 1.0}, {"other": True})
    assert model.predict_one({"load": 1.0})["busy"] is later


def test_the_unit_of_a_feature_does_not_matter():
    answers = []
    for factor in (1.0, 2.0**40, 2.0**-40):  # powers of two, so that not even the last bit differs
        model = BinaryRelevance()
        for x, y in simple(200, factor):
            model.learn_one(x, y)
        answers.append([model.predict_proba_one(x) for x, _ in simple(20, factor, seed=3)])
    assert answers[0] == answers[1] == answers[2]


def test_features_that_are_not_numbers_are_passed_over():
    plain, mixed = BinaryRelevance(), BinaryRelevance()
    for x, y in simple(50):
        plain.learn_one(x, y)
        mixed.learn_one({**x, "cell": "c7", "missing": None}, y)
    assert digest(plain) == digest(mixed)


def test_a_scale_follows_a_feature_that_moved_for_good():
    model = BinaryRelevance()
    for x, y in simple(2000):
        model.learn_one(x, y)
    for x, y in simple(4000, factor=1e6, seed=2):
        model.learn_one(x, y)
    rows = list(simple(300, factor=1e6, seed=3))
    right = sum(model.predict_one(x)["busy"] == y["busy"] for x, y in rows)
    assert right > 0.9 * len(rows)

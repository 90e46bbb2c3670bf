"""Scores against what numpy makes of all answers at once."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.streams.scores import (
    AnomalyScores,
    BinaryScores,
    ForecastScores,
    MulticlassScores,
    MultilabelScores,
    RegressionScores,
)  # fmt: skip

P = st.floats(0, 1)
NUMBERS = st.floats(-1e6, 1e6)


def judged(scores, rows):
    losses = [scores.update(y, guess) for y, guess in rows]
    return losses, scores.values()


def f1(tp, fp, fn):
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.one_of(st.none(), P)), min_size=1))
@settings(deadline=None)
def test_binary(rows):
    losses, said = judged(BinaryScores(), [(y, (guess, p)) for y, guess, p in rows])
    y, guess = (np.array([row[at] for row in rows]) for at in (0, 1))
    assert losses == (y != guess).astype(float).tolist()
    assert said["accuracy"] == pytest.approx((y == guess).mean())
    assert said["f1"] == pytest.approx(f1((y & guess).sum(), (~y & guess).sum(), (y & ~guess).sum()))
    asked = [(row[0], row[2]) for row in rows if row[2] is not None]
    if asked:
        chance = np.array([p if y else 1 - p for y, p in asked]).clip(1e-15)
        assert said["log_loss"] == pytest.approx(-np.log(chance).mean())
    else:
        assert "log_loss" not in said


CLASSES = st.sampled_from(["red", "green", "blue"])


@given(st.lists(st.tuples(CLASSES, CLASSES, P), min_size=1))
@settings(deadline=None)
def test_multiclass(rows):
    _, said = judged(MulticlassScores(), [(y, (guess, {guess: p})) for y, guess, p in rows])
    y, guess = (np.array([row[at] for row in rows]) for at in (0, 1))
    per = [
        f1(((y == c) & (guess == c)).sum(), ((y != c) & (guess == c)).sum(), ((y == c) & (guess != c)).sum())
        for c in np.union1d(y, guess)
    ]
    assert said["macro_f1"] == pytest.approx(np.mean(per))
    assert said["accuracy"] == pytest.approx((y == guess).mean())
    chance = np.array([p if y == guess else 0.0 for y, guess, p in rows]).clip(1e-15)
    assert said["log_loss"] == pytest.approx(-np.log(chance).mean())


def test_a_class_may_be_yes_or_no_and_finds_its_probability():
    scores = MulticlassScores()
    scores.update(True, (True, {"True": 0.8, "False": 0.2}))
    assert scores.values()["log_loss"] == pytest.approx(-math.log(0.8))


SETS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.booleans())


@given(st.lists(st.tuples(SETS, SETS), min_size=1))
@settings(deadline=None)
def test_multilabel(rows):
    losses, said = judged(MultilabelScores(), [(y, (guess, None)) for y, guess in rows])
    names, exact, wrong, examples = set(), [], [], []
    for y, guess in rows:
        names |= set(y) | {name for name, on in guess.items() if on}
        truth, told = ({name for name, on in one.items() if on} for one in (y, guess))
        exact.append(truth == told)
        wrong.append(len(truth ^ told) / len(names) if names else 0.0)
        both = len(truth & told)
        examples.append(2 * both / (len(truth) + len(told)) if both else 0.0)
    assert losses == wrong
    if not names:
        assert said == {}
        return
    table = {name: np.array([[y.get(name, False), guess.get(name, False)] for y, guess in rows]) for name in names}
    counts = [
        ((t[:, 0] & t[:, 1]).sum(), (~t[:, 0] & t[:, 1]).sum(), (t[:, 0] & ~t[:, 1]).sum()) for t in table.values()
    ]
    assert said["subset"] == pytest.approx(np.mean(exact))
    assert said["hamming"] == pytest.approx(np.mean(wrong))
    assert said["example_f1"] == pytest.approx(np.mean(examples))
    assert said["macro_f1"] == pytest.approx(np.mean([f1(*one) for one in counts]))
    assert said["micro_f1"] == pytest.approx(f1(*np.sum(counts, axis=0)))


def test_multilabel_grows_beyond_its_first_table():
    scores = MultilabelScores()
    for i in range(30):
        scores.update({f"l{i}": True}, ({f"l{i}": True}, None))
    assert scores.values()["macro_f1"] == 1.0


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1))
@settings(deadline=None)
def test_regression(rows):
    losses, said = judged(RegressionScores(), [(y, (guess, None)) for y, guess in rows])
    gaps = np.array([y - guess for y, guess in rows])
    assert losses == np.abs(gaps).tolist()
    assert said["mae"] == pytest.approx(np.abs(gaps).mean())
    assert said["rmse"] == pytest.approx(np.sqrt((gaps**2).mean()))


def test_forecast_keeps_the_next_step_and_the_horizon_apart():
    scores = ForecastScores()
    scores.judge(3.0, 3.0 + 5.0, 2)
    scores.judge(None, 7.0, 1)
    scores.judge(4.0, 4.0, 1)
    assert scores.values() == {"mae": 3.5, "rmse": math.sqrt(12.5), "mae_horizon": 19 / 4}
    assert ForecastScores().values() == {}


@given(st.lists(st.tuples(st.booleans(), st.floats(-50, 50)), min_size=2))
@settings(deadline=None)
def test_anomaly_area_is_that_of_all_pairs_in_bins(rows):
    losses, said = judged(AnomalyScores(), [(y, (score, None)) for y, score in rows])
    squashed = [score / (1 + abs(score)) for _, score in rows]
    assert losses == [abs(float(y) - max(place, 0.0)) for (y, _), place in zip(rows, squashed, strict=True)]
    bins = [min(int((place + 1) / 2 * 512), 511) for place in squashed]
    yes = [place for place, (y, _) in zip(bins, rows, strict=True) if y]
    no = [place for place, (y, _) in zip(bins, rows, strict=True) if not y]
    if not yes or not no:
        assert said == {}
        return
    pairs = [(a > b) + (a == b) / 2 for a in yes for b in no]
    assert said["auc"] == pytest.approx(np.mean(pairs))


def test_a_perfect_score_has_an_area_of_one_and_a_constant_one_of_a_half():
    perfect, constant = AnomalyScores(), AnomalyScores()
    for i in range(20):
        perfect.update(i > 15, (float(i > 15), None))
        constant.update(i > 15, (0.3, None))
    assert (perfect.values(), constant.values()) == ({"auc": 1.0}, {"auc": 0.5})


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        (BinaryScores, [(True, (True, 0.8)), (False, (True, 0.4))]),
        (MulticlassScores, [("red", ("blue", {"red": 0.1})), ("blue", ("blue", None))]),
        (MultilabelScores, [({"a": True}, ({"b": True}, None)), ({"b": True}, ({"b": True}, None))]),
        (RegressionScores, [(1.0, (0.1, None)), (2.0, (0.3, None))]),
        (AnomalyScores, [(True, (0.7, None)), (False, (0.2, None))]),
    ],
)
def test_scores_taken_back_go_on_as_if_nothing_had_been(kind, rows):
    straight, first, second = kind(), kind(), kind()
    judged(straight, rows)
    judged(first, rows[:1])
    second.restore(first.state())
    judged(second, rows[1:])
    assert second.values() == straight.values()
    assert kind().values() == {}

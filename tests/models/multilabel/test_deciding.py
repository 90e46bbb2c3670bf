import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import deciding

GRID = [0.1 + 0.025 * i for i in range(23)]


class Slow:
    """The events themselves, and all scores from them; an event weighs 0.999 of the one after it."""

    def __init__(self):
        self.p, self.truth = [], []

    def learn(self, p, truth):
        self.p.append(np.array(p))
        self.truth.append(np.array(truth))

    def weights(self):
        return 0.999 ** np.arange(len(self.p))[::-1]

    def counts(self, cut):
        """True positives, false positives and false negatives of each label, and the events that are right."""
        said, true, w = np.array(self.p) > cut, np.array(self.truth) > 0, self.weights()
        return w @ (said & true), w @ (said & ~true), w @ (~said & true), w @ (said == true).all(axis=1)

    def score(self, cut):
        tp, fp, fn, exact = self.counts(cut)
        events, known = self.weights().sum(), max(int(np.any(self.truth, axis=0).sum()), 1)
        micro = (2 * tp.sum() + 2) / (2 * tp.sum() + fp.sum() + fn.sum() + 4)
        f1 = [2 * a / (2 * a + b + c) if a > 0 else 0.0 for a, b, c in zip(tp, fp, fn, strict=True)]
        hamming = (fp.sum() + fn.sum()) / (events * len(tp))
        scores = micro + 0.01, sum(f1) / known + 0.01, exact / events + 0.01, 1.01 - hamming
        return sum(np.log(scores)) - 5 / (events + 10) * abs(cut - 0.5)

    def is_best(self, chosen):
        scores = [self.score(cut) for cut in GRID]
        place = int(np.argmin(np.abs(np.array(GRID) - chosen)))
        return GRID[place] == pytest.approx(chosen) and scores[place] >= max(scores) - 1e-9


def made(n, labels, seed):
    """Probabilities that are worth something, too low for rare labels."""
    rng = np.random.default_rng(seed)
    rare = np.linspace(0.05, 0.6, labels)
    for _ in range(n):
        truth = (rng.random(labels) < rare).astype(np.uint8)
        p = np.clip(rare * rng.uniform(0.2, 1.2, labels) + 0.35 * truth * rng.random(labels), 0, 1)
        yield p, truth


def held(counts):
    """What the counts hold, in units of the last event."""
    unit = counts.weight[0] * 0.999
    return counts.table / unit, counts.exact / unit


def test_the_grid_holds_a_half_and_begins_with_it():
    assert pytest.approx(GRID) == deciding.GRID
    assert deciding.GRID[deciding.HALF] == 0.5 == deciding.make(3).chosen[1]


@pytest.mark.parametrize("labels", [1, 4])
def test_counts_are_those_of_every_threshold_tried_on_every_event(labels):
    counts, slow = deciding.make(labels + 2), Slow()
    for t, (p, truth) in enumerate(made(700, labels, seed=labels)):
        deciding.learn(counts, p, truth, labels)
        slow.learn(p, truth)
        if t in (0, 1, 50, 699):
            table, exact = held(counts)
            for place, cut in enumerate(GRID):
                tp, fp, fn, right = slow.counts(cut)
                for k in range(labels):
                    assert table[k, place].tolist() == pytest.approx([tp[k], fp[k], fn[k]], rel=1e-9)
                assert exact[place] == pytest.approx(right, rel=1e-9)
            assert not table[labels:].any()
            assert counts.seen[:labels].tolist() == np.array(slow.truth).sum(axis=0).tolist()
            assert counts.chosen[0] == pytest.approx(slow.weights().sum())


def test_a_probability_on_the_threshold_is_a_no():
    counts = deciding.make(2)
    deciding.learn(counts, np.array([deciding.GRID[7], deciding.GRID[7]]), np.array([1, 0], np.uint8), 2)
    assert counts.table[0, :, 0].tolist() == [1.0] * 7 + [0.0] * 16
    assert counts.table[0, :, 2].tolist() == [0.0] * 7 + [1.0] * 16
    assert counts.table[1, :, 1].tolist() == [1.0] * 7 + [0.0] * 16
    assert not counts.exact.any()


@pytest.mark.parametrize("seed", range(4))
def test_the_threshold_is_the_one_of_the_best_score_of_late(seed):
    counts, slow, chosen = deciding.make(5), Slow(), set()
    for t, (p, truth) in enumerate(made(600, 5, seed)):
        if t > 300:
            p = p**2  # what was the best no longer is
        deciding.learn(counts, p, truth, 5)
        slow.learn(p, truth)
        if t % 13 == 0:
            deciding.choose(counts, 5)
            assert slow.is_best(counts.chosen[1])
            chosen.add(float(counts.chosen[1]))
    assert len(chosen) > 3


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from([0.0, 0.12, 0.33, 0.5, 0.51, 0.64, 0.9]), st.booleans()), min_size=3, max_size=3
        ),
        min_size=1,
        max_size=12,
    )
)
def test_it_is_the_best_after_a_few_events_too(events):
    counts, slow = deciding.make(3), Slow()
    for event in events:
        p, truth = np.array([p for p, _ in event]), np.array([on for _, on in event], np.uint8)
        deciding.learn(counts, p, truth, 3)
        slow.learn(p, truth)
        before = [part.copy() for part in (counts.table, counts.exact, counts.seen, counts.weight)]
        deciding.choose(counts, 3)
        assert slow.is_best(counts.chosen[1])
        assert all(
            np.array_equal(a, b)
            for a, b in zip(before, (counts.table, counts.exact, counts.seen, counts.weight), strict=True)
        )


def test_a_half_is_believed_in_until_there_is_evidence():
    """Where all thresholds are as good, a half stays; where another is a little better, it is taken in time."""
    counts = deciding.make(1)
    for _ in range(50):
        deciding.learn(counts, np.array([0.95]), np.array([1], np.uint8), 1)
        deciding.learn(counts, np.array([0.01]), np.array([0], np.uint8), 1)
        deciding.choose(counts, 1)
        assert counts.chosen[1] == 0.5
    rng, first = np.random.default_rng(1), None
    counts = deciding.make(1)
    for t in range(400):
        on = t % 2
        p = 0.3 if on and rng.random() < 0.1 else 0.9 * on
        deciding.learn(counts, np.array([p]), np.array([on], np.uint8), 1)
        deciding.choose(counts, 1)
        if first is None and counts.chosen[1] != 0.5:
            first = t
    assert counts.chosen[1] == 0.275
    assert first is not None
    assert first > 5


def test_renewing_the_weights_changes_nothing():
    near, plain = deciding.make(4), deciding.make(4)
    for t, (p, truth) in enumerate(made(500, 4, seed=9)):
        if t == 200:
            for part in (near.table, near.exact, near.weight):
                part *= 2.0**99
            assert near.weight[0] < 1e30 < near.weight[0] / 0.999**299
        for counts in (near, plain):
            deciding.learn(counts, p, truth, 4)
            deciding.choose(counts, 4)
        assert near.chosen[1] == plain.chosen[1]
    assert near.weight[0] < 2.0 < plain.weight[0] * 2
    assert near.chosen[0] == plain.chosen[0]
    assert np.array_equal(near.seen, plain.seen)
    for a, b in zip(held(near), held(plain), strict=True):
        assert a == pytest.approx(b, rel=1e-9)

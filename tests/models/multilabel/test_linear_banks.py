import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import linear_banks

LEARNERS = {"margin": linear_banks.learn_margin, "logistic": linear_banks.learn_logistic}


class Learner:
    """A bank with its scratch."""

    def __init__(self, kind, features, labels, bias_prior=1.0):
        self.kind, self.bank = kind, linear_banks.make(features, labels, bias_prior)
        self.out, self.spread, self.step, self.shrink = np.zeros((4, labels), np.float32)

    def ask(self, x, labels):
        linear_banks.margins(self.bank, *event(x), len(x), labels, self.out, self.spread)
        return self.out[:labels].copy(), self.spread[:labels].copy()

    def learn(self, x, truth):
        self.ask(x, len(truth))
        truth = np.array(truth, np.uint8)
        LEARNERS[self.kind](
            self.bank, *event(x), len(x), len(truth), truth, self.out, self.spread, self.step, self.shrink
        )


def event(x):
    """Indices and values; there is more in the arrays than the event, as in the scratch of a model."""
    return np.array([*x, 0, 1], np.int32), np.array([*x.values(), 77.0, np.nan], np.float32)


class Slow:
    """One label, in double precision, as the papers write it: AROW with r = 1, and an extended Kalman filter."""

    def __init__(self, kind, weight, variance):
        self.kind = kind
        self.weight, self.variance = np.array(weight, float), np.array(variance, float)

    def vector(self, x):
        out = np.zeros(len(self.weight))
        out[0] = 1.0
        for j, value in x.items():
            out[j + 1] = np.float32(value)
        return out

    def ask(self, x):
        x = self.vector(x)
        return self.weight @ x, x @ np.diag(self.variance) @ x

    def learn(self, x, truth):
        margin, spread = self.ask(x)
        x, covariance = self.vector(x), np.diag(self.variance)
        if self.kind == "margin":
            side = 1.0 if truth else -1.0
            if side * margin >= 1.0:
                return
            beta = 1.0 / (spread + 1.0)
            self.weight = self.weight + beta * (1.0 - side * margin) * side * covariance @ x
            self.variance = np.diag(covariance - beta * np.outer(covariance @ x, covariance @ x)).copy()
        else:
            q = 1.0 / (1.0 + np.exp(-np.clip(margin, -30.0, 30.0)))
            noise = 1.0 / max(q * (1.0 - q), 1e-3)
            gain = covariance @ x / (spread + noise)
            self.weight = self.weight + gain * noise * (truth - q)
            self.variance = np.diag(covariance - np.outer(gain, covariance @ x)).copy()


def stream(n, features, labels, seed):
    rng = np.random.default_rng(seed)
    truths = rng.normal(size=(features, labels))
    for _ in range(n):
        some = rng.permutation(features)[: rng.integers(0, features + 1)]
        x = {int(j): float(v) for j, v in zip(some, rng.uniform(-1, 1, len(some)), strict=True)}
        z = sum((truths[j] * v for j, v in x.items()), np.zeros(labels)) + 0.3 * rng.normal(size=labels)
        yield x, (z > 0.2).astype(int).tolist()


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("bias_prior", [1.0, 4.0])
def test_a_stream_is_learnt_as_label_by_label_in_double_precision(kind, bias_prior):
    learner = Learner(kind, 7, 4, bias_prior)
    slow = [Slow(kind, np.zeros(8), [bias_prior, *np.ones(7)]) for _ in range(4)]
    for x, truth in stream(600, 7, 4, seed=1):
        out, spread = learner.ask(x, 4)
        wanted = np.array([one.ask(x) for one in slow])
        assert out == pytest.approx(wanted[:, 0], abs=2e-4)
        assert spread == pytest.approx(wanted[:, 1], rel=1e-4)
        learner.learn(x, truth)
        for one, on in zip(slow, truth, strict=True):
            one.learn(x, on)
    for k, one in enumerate(slow):
        assert learner.bank.weight[:, k] == pytest.approx(one.weight, abs=2e-4)
        assert learner.bank.variance[:, k] == pytest.approx(one.variance, rel=1e-4)
    assert np.abs(learner.bank.weight).max() > 0.5


VALUES = st.floats(-3, 3, width=32)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(LEARNERS)),
    st.lists(st.tuples(VALUES, st.floats(0, 4, width=32)), min_size=5, max_size=5),
    st.dictionaries(st.integers(0, 3), VALUES, max_size=4),
    st.booleans(),
)
def test_one_step_from_anywhere_is_the_papers(kind, row, x, truth):
    learner = Learner(kind, 4, 1)
    learner.bank.weight[:, 0], learner.bank.variance[:, 0] = zip(*row, strict=True)
    slow = Slow(kind, learner.bank.weight[:, 0], learner.bank.variance[:, 0])
    margin, spread = slow.ask(x)
    out = learner.ask(x, 1)
    assert out[0] == pytest.approx([margin], abs=1e-5)
    assert out[1] == pytest.approx([spread], rel=1e-5, abs=1e-6)
    if kind == "margin" and abs(abs(margin) - 1.0) < 1e-4:
        return  # whether anything is learnt hangs on rounding
    learner.learn(x, [truth])
    slow.learn(x, truth)
    assert learner.bank.weight[:, 0] == pytest.approx(slow.weight, abs=2e-4)
    assert learner.bank.variance[:, 0] == pytest.approx(slow.variance, rel=1e-4, abs=1e-5)
    assert (learner.bank.variance >= 0).all()


@pytest.mark.parametrize("kind", LEARNERS)
def test_only_the_features_and_labels_of_the_event_change(kind):
    learner = Learner(kind, 9, 5)
    for x, truth in stream(50, 9, 5, seed=2):
        learner.learn(x, truth)
    before = [part.copy() for part in learner.bank]
    x = {4: 0.5, 2: -0.25}
    learner.ask(x, 5)
    assert all(np.array_equal(now, then) for now, then in zip(learner.bank, before, strict=True))
    wrong = (learner.out[:3] < 0).astype(int).tolist()  # so that the margin learner has something to learn too
    learner.learn(x, wrong)
    for now, then in zip(learner.bank, before, strict=True):
        changed = now != then
        assert changed[[0, 3, 5], :3].all()
        changed[[0, 3, 5], :3] = False
        assert not changed.any()


def test_a_margin_that_is_wide_enough_teaches_nothing():
    learner = Learner("margin", 2, 3)
    learner.bank.weight[1] = 1.5, -1.5, 0.5
    before = [part.copy() for part in learner.bank]
    learner.learn({0: 1.0}, [1, 0, 1])
    for now, then in zip(learner.bank, before, strict=True):
        assert np.array_equal(now[:, :2], then[:, :2])
        assert (now[:2, 2] != then[:2, 2]).all()


def test_a_tiny_step_is_taken_from_where_the_curve_is_flat():
    """Where the logistic is flat a curvature is still believed, so that a label that turns is unlearnt in time."""
    learner = Learner("logistic", 1, 1)
    learner.bank.weight[1] = 40.0
    for _ in range(40):
        learner.learn({0: 1.0}, [0])
    assert learner.ask({0: 1.0}, 1)[0][0] < 0


SOURCES = {
    "random": lambda rng, t: {int(j): float(rng.uniform(-3, 3)) for j in rng.permutation(6)[:3]},
    "one value": lambda rng, t: {0: 1.0, 3: -3.0},
    "zeros": lambda rng, t: {0: 0.0, 1: 0.0},
    "nothing": lambda rng, t: {},
    "tiny": lambda rng, t: {0: 1e-30, 1: 1e-45, 2: -1e-38},
    "huge": lambda rng, t: {int(j): float(rng.choice([-1.0, 1.0]) * 10.0 ** rng.integers(0, 19)) for j in range(6)},
    "huge and one": lambda rng, t: {0: 1e18, 1: 1.0},
    "in turn": lambda rng, t: {t % 6: 3.0 * (-1) ** t},
}


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("source", SOURCES)
def test_variances_stay_above_zero_and_all_is_finite(kind, source):
    """Of labels that are always, never, in turn and rarely on."""
    rng, learner = np.random.default_rng(3), Learner(kind, 6, 4, 4.0)
    for t in range(2000):
        x = SOURCES[source](rng, t)
        out, spread = learner.ask(x, 4)
        assert np.isfinite(out).all()
        assert np.isfinite(spread).all()
        assert (spread >= 0).all()
        learner.learn(x, [1, 0, t % 2, int(rng.random() < 0.1)])
    assert np.isfinite(learner.bank.weight).all()
    assert (learner.bank.variance >= 0).all()
    assert (learner.bank.variance <= np.array([4.0] + [1.0] * 6)[:, None]).all()


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_long_stream_is_learnt_and_variances_only_fall(kind):
    learner, right, low = Learner(kind, 6, 3), 0, None
    for t, (x, truth) in enumerate(stream(20_000, 6, 3, seed=4)):
        if t >= 19_000:
            right += ((learner.ask(x, 3)[0] > 0) == truth).sum()
        learner.learn(x, truth)
        if t % 1000 == 0:
            assert low is None or (learner.bank.variance <= low).all()
            low = learner.bank.variance.copy()
            assert (low > 0).all()
    assert right > 0.8 * 3000

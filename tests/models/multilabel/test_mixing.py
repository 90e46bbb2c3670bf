import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import mixing

FIRST = np.array([0.24, 0.24, 0.1])


def learnt(mixer, g, opinions, truth):
    mixing.learn(mixer, g, np.asarray(opinions, float), float(truth), np.full(mixer.weight.shape[1], np.nan))


class Slow:
    """Laplace's step by the precision: it grows by the curvature, and the weights move along the gradient."""

    def __init__(self, weight, covariance):
        self.weight, self.covariance = np.array(weight), np.array(covariance)

    def ask(self, opinions):
        return self.weight @ [*opinions, 1.0]

    def learn(self, opinions, truth):
        q = 1.0 / (1.0 + np.exp(-np.clip(self.ask(opinions), -30.0, 30.0)))
        if abs(truth - q) < 0.005:
            return
        x = np.array([*opinions, 1.0])
        noisy = self.covariance.copy()
        np.fill_diagonal(noisy, np.minimum(noisy.diagonal() + 1e-4, 0.4))
        curvature = max(q * (1.0 - q), 1e-3)
        self.covariance = np.linalg.inv(np.linalg.inv(noisy) + curvature * np.outer(x, x))
        self.weight = self.weight + self.covariance @ x * (truth - q)


def stream(n, seed, rule=(1.0, -0.5, 0.0), bias=-0.7):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        opinions = np.clip(rng.normal(scale=2.0, size=3), -8, 8)
        yield opinions, float(rng.random() < 1 / (1 + np.exp(-(opinions @ rule + bias))))


@pytest.mark.parametrize("seed", range(2))
def test_one_set_is_a_bayesian_logistic_regression(seed):
    mixer = mixing.make(3, FIRST)
    slow = Slow([*FIRST, 0.0], 0.1 * np.eye(4))
    for opinions, truth in stream(1500, seed):
        assert mixing.mix(mixer, 1, opinions) == pytest.approx(slow.ask(opinions), rel=1e-7, abs=1e-9)
        learnt(mixer, 1, opinions, truth)
        slow.learn(opinions, truth)
    assert mixer.weight[1] == pytest.approx(slow.weight, rel=1e-7)
    assert mixer.covariance[1] == pytest.approx(slow.covariance, rel=1e-6, abs=1e-10)
    fresh = mixing.make(3, FIRST)
    for other in (0, 2):
        assert np.array_equal(mixer.weight[other], fresh.weight[other])
        assert np.array_equal(mixer.covariance[other], fresh.covariance[other])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(-8, 8), min_size=4, max_size=4),
    st.lists(st.floats(-8, 8), min_size=3, max_size=3),
    st.booleans(),
    st.integers(0, 99),
)
def test_one_step_from_anywhere_is_laplaces(weight, opinions, truth, seed):
    root = np.random.default_rng(seed).normal(scale=0.2, size=(4, 4))
    covariance = np.clip(root @ root.T + 1e-3 * np.eye(4), -1, 1)
    covariance *= 0.3 / max(covariance.diagonal().max(), 0.3)
    mixer, slow = mixing.make(1, FIRST), Slow(weight, covariance)
    mixer.weight[0], mixer.covariance[0] = weight, covariance
    learnt(mixer, 0, opinions, truth)
    slow.learn(opinions, float(truth))
    assert mixer.weight[0] == pytest.approx(slow.weight, rel=1e-6, abs=1e-6)
    assert mixer.covariance[0] == pytest.approx(slow.covariance, rel=1e-6, abs=1e-8)


def test_it_finds_who_is_to_be_believed():
    mixer = mixing.make(1, FIRST)
    for opinions, truth in stream(20_000, 3):
        learnt(mixer, 0, opinions, truth)
    assert mixer.weight[0] == pytest.approx([1.0, -0.5, 0.0, -0.7], abs=0.2)


SOURCES = {
    "chance": lambda rng, t: rng.normal(scale=2, size=7),
    "all alike": lambda rng, t: np.full(7, rng.normal()),
    "one against the others": lambda rng, t: np.array([-3, 3, 3, 3, 3, 3, 3]) * rng.normal(),
    "at the ends": lambda rng, t: rng.choice([-8.0, 8.0], 7),
    "zeros": lambda rng, t: np.zeros(7),
    "never moving": lambda rng, t: np.array([8.0, -4.6, 3.9, 4.6, -4.6, 4.6, 0.0]),
    "rarely": lambda rng, t: np.full(7, 8.0) if t % 50 == 0 else np.zeros(7),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("truth", ["chance", "turning", "rare"])
def test_a_covariance_stays_one_over_a_long_stream(source, truth):
    """Symmetric, without a negative variance in any direction, and never above four times what it was at first."""
    rng, mixer = np.random.default_rng(1), mixing.make(1, np.full(7, 0.2))
    scratch = np.zeros(8)
    for t in range(12_000):
        on = {"chance": rng.random() < 0.5, "turning": t // 500 % 2, "rare": t % 97 == 0}[truth]
        mixing.learn(mixer, 0, SOURCES[source](rng, t), float(on), scratch)
        if t % 1000 == 999:
            covariance = mixer.covariance[0]
            assert np.isfinite(mixer.weight).all()
            assert np.abs(covariance - covariance.T).max() < 1e-13
            assert np.linalg.eigvalsh((covariance + covariance.T) / 2)[0] > -1e-13
            assert 0 < covariance.diagonal().min() <= covariance.diagonal().max() <= 0.4


def test_it_does_not_freeze():
    """A rule that turns after ten thousand labels is unlearnt in five hundred."""
    mixer = mixing.make(1, FIRST)
    for opinions, truth in stream(10_000, 5):
        learnt(mixer, 0, opinions, truth)
    for opinions, truth in stream(500, 6, rule=(-1.0, 0.5, 0.0), bias=0.7):
        learnt(mixer, 0, opinions, truth)
    assert mixer.weight[0, 0] < -0.4


@pytest.mark.parametrize("side", [1, -1])
def test_a_small_error_teaches_nothing_and_a_larger_one_does(side):
    odds = np.log(0.9951 / 0.0049)
    mixer = mixing.make(1, np.array([1.0]))
    before = [part.copy() for part in mixer]
    learnt(mixer, 0, [side * odds], side > 0)
    assert all(np.array_equal(now, then) for now, then in zip(mixer, before, strict=True))
    learnt(mixer, 0, [side * np.log(0.9949 / 0.0051)], side > 0)
    assert all((now != then).any() for now, then in zip(mixer, before, strict=True))


def test_doubt_keeps_what_is_known_and_takes_back_how_surely():
    mixer = mixing.make(3, FIRST)
    for g in range(3):
        for opinions, truth in stream(300, g):
            learnt(mixer, g, opinions, truth)
    before = [part.copy() for part in mixer]
    mixing.doubt(mixer, 1)
    assert np.array_equal(mixer.weight, before[0])
    assert np.array_equal(mixer.covariance[1], mixing.make(1, FIRST).covariance[0])
    assert np.array_equal(mixer.covariance[[0, 2]], before[1][[0, 2]])
    doubting, sure = mixer.weight[1].copy(), mixer.weight[2].copy()
    for g in (1, 2):
        learnt(mixer, g, [1.0, -1.0, 1.0], 0)
    assert np.abs(mixer.weight[1] - doubting).max() > 3 * np.abs(mixer.weight[2] - sure).max()

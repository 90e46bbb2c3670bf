import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from driftline.models.clustering import mixture, ppp
from driftline.models.clustering.planted_mixtures import error, heteroscedastic
from driftline.models.clustering.points import points


def drawn(seed, m, d=3):
    rng = np.random.default_rng(seed)
    return points(5.0 + rng.standard_normal((m, d)), rng.lognormal(2.0, 1.0, m), rng.exponential(0.3, (m, d)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 30), st.integers(1, 20))
def test_the_gain_of_two_groups_is_that_of_two_gaussians(seed, m, d):
    rng = np.random.default_rng(seed)
    x, labels = rng.standard_normal((m, d)), np.arange(m) % 2
    density = []
    for own in (labels == 0, labels == 1, labels >= 0):
        sd = np.sqrt(x[own].var(axis=0) + 0.02)
        density.append(norm.logpdf(x, x[own].mean(axis=0), sd).sum(axis=1) + np.log(own.mean()))
    gain = (np.logaddexp(density[0], density[1]) - density[2]).sum()
    gain -= 3.0 * 0.5 * (2 * min(d, 16) + 1) * np.log(m)
    p = points(x)
    assert mixture.score(p, labels) - mixture.score(p, np.zeros(m, int)) == pytest.approx(gain, rel=1e-9, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 25), st.integers(1, 4))
def test_each_round_of_em_gains_and_names_do_not_matter(seed, m, k):
    p = drawn(seed, m)
    k = min(k, m)
    reached = [mixture.em(p, k, 1, rounds, floor=0.0 if k == 1 else 0.02, seed=seed) for rounds in range(1, 6)]
    # The floor is added, not estimated, so that a round may lose as much as it is worth.
    assert (np.diff([fit.log_likelihood for fit in reached]) >= -0.02 * p.weight.sum()).all()
    labels = reached[-1].labels
    assert mixture.score(p, labels) == pytest.approx(mixture.score(p, 7 - labels))
    best = mixture.em(p, k, 5, seed=seed)
    assert best.log_likelihood >= mixture.em(p, k, 5, rounds=1, seed=seed).log_likelihood - 0.02 * p.weight.sum()


def test_a_weight_stands_for_copies():
    w = np.random.default_rng(0).integers(1, 5, 12)
    x = np.random.default_rng(1).standard_normal((12, 2))
    labels = np.arange(12) % 3
    copies = points(np.repeat(x, w, axis=0))
    assert mixture.score(points(x, w), labels) == pytest.approx(mixture.score(copies, np.repeat(labels, w)))


def test_em_with_the_true_family_finds_groups_of_several_shapes():
    errors = []
    for seed in range(4):
        x, labels = heteroscedastic(seed)
        errors.append(error(mixture.em(points(x), 3).labels, labels))
    assert np.mean(errors) <= 0.05


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 40), st.integers(1, 20), st.floats(0.0, 5.0))
def test_a_score_gains_what_ppp_says_it_gains(seed, m, d, penalty):
    p = drawn(seed, m, d)
    side = np.arange(m) % 2
    gained = mixture.score(p, side, penalty) - mixture.score(p, np.zeros(m, int), penalty)
    said = ppp.gain(p.weight, p.x, p.within, side == 1, penalty)
    assert gained == pytest.approx(said, rel=1e-9, abs=1e-9 * p.weight.sum())


def test_groups_without_any_variance_have_a_score():
    same = points(np.zeros((4, 2)))
    assert np.isfinite(mixture.score(same, np.zeros(4, int), floor=0.0))

"""The parts of the forecaster of traffic, each alone."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.forecasting import (
    autoregression,
    conformal,
    far_opinions,
    feedback_memory,
    leads,
    more_rounds,
    validator,
)
from driftline.models.forecasting.motifs import continue_motifs
from driftline.models.forecasting.week_mean import continue_mean
from driftline.models.forecasting.winsor import mean_within

NUMBERS = st.floats(-1e6, 1e6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 1.0), NUMBERS), min_size=1, max_size=12), st.floats(0.0, 0.49))
def test_a_mean_within_lies_within(pairs, out):
    weights, said = (np.array(column) for column in zip(*pairs, strict=True))
    mean = mean_within(weights, said, out)
    assert said.min() - 1e-6 <= mean <= said.max() + 1e-6
    assert mean_within(weights, said, 0.0) == pytest.approx(np.average(said, weights=weights), abs=1e-6)


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=3, max_size=9), st.floats(1e7, 1e300))
def test_a_small_share_cannot_pull_the_others_along(said, far):
    weights = np.array([1.0] * len(said) + [0.04 * len(said)])
    assert mean_within(weights, np.array([*said, far]), 0.05) <= max(said) + 1e-6


def test_those_who_are_silent_are_left_out_and_nobody_is_nan():
    assert mean_within(np.ones(3), np.array([1.0, math.nan, 3.0]), 0.05) == 2.0
    assert math.isnan(mean_within(np.ones(2), np.full(2, math.nan), 0.05))
    assert mean_within(np.zeros(3), np.array([1.0, 2.0, 3.0]), 0.05) == 2.0


def test_one_burst_is_no_pattern():
    past, out = np.tile([1.0, 2.0, 4.0, 8.0], 20), np.zeros(4)
    past[30] = 1e9
    assert continue_motifs(past, 4, 8, 5, True, out)
    assert out == pytest.approx([1.0, 2.0, 4.0, 8.0])
    past[30] = 4.0
    past[-6] = 1e9
    continue_mean(past, 4, out)
    assert out == pytest.approx([1.0, 2.0, 4.0, 8.0])


def test_motifs_find_the_window_that_is_alike_at_half_way_to_its_level():
    one, then, two = [1.0, 5.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0], [3.0, 1.0, 1.0, 6.0]
    out = np.zeros(4)
    assert continue_motifs(np.array([*one, *then, *two, *two, *[4 * y for y in one]]), 4, 4, 1, True, out)
    assert out == pytest.approx([2.0 * y for y in then])
    past = np.array([*one, *then, *two, *two, *[y - 6.0 for y in one]])
    assert continue_motifs(past, 4, 4, 1, False, out)
    assert out == pytest.approx([y - 3.0 for y in then])
    assert not continue_motifs(past[:6], 4, 4, 1, True, out)


def test_an_autoregression_repeats_the_last_value_until_it_has_learnt_and_then_knows_better():
    model, back, rng = autoregression.make(1, 6), autoregression.lags(6), np.random.default_rng(1)
    values, out, losses = [5.0, 5.0], np.zeros(1), []
    autoregression.continue_autoregression(model, 0, np.array(values), back, 6, out)
    assert out[0] == pytest.approx(5.0)
    for t in range(2, 2000):
        y = 2.0 + 0.9 * values[-1] - 0.3 * values[-2] + 0.3 * rng.normal()
        past = np.array(values)
        autoregression.continue_autoregression(model, 0, past, back, 6, out)
        losses.append((abs(out[0] - y), abs(values[-1] - y)))
        autoregression.learn_autoregression(model, 0, past, back, 6, y, t)
        values.append(y)
    own, last = np.mean(losses[500:], axis=0)
    assert own < 1.12 * 0.3 * math.sqrt(2 / math.pi)
    assert own < 0.95 * last


@settings(deadline=None)
@given(st.integers(2, 300), st.integers(1, 400))
def test_ranges_of_leads_cover_a_window(season, horizon):
    plan = leads.plan(season, horizon, autoregression.lags(season))
    assert plan.ends[-1] == plan.leads[-1] == horizon
    assert plan.ends[0] == 1
    assert (np.diff(plan.leads) > 0).all()
    assert plan.starts[-1] == len(plan.leads) <= max(leads.ALL, 4 * len(plan.ends))
    for b, end in enumerate(plan.ends):
        assert plan.leads[plan.starts[b + 1] - 1] == end
    assert -(-horizon // plan.rhythm) <= leads.WINDOWS


def memory_of(losses, gains=None, house=3):
    memory = feedback_memory.make(1, 1, len(losses[0]))
    for row in losses:
        feedback_memory.judge(memory, 0, 0, 1 / 24, np.array(row), np.zeros(len(row)) if gains is None else gains)
    weights = np.empty(len(losses[0]))
    feedback_memory.weigh(memory, 0, 0, house, weights)
    return weights


def test_better_experts_weigh_more_and_an_absurd_one_flattens_nothing():
    plain = memory_of([[1.0, 1.2, 2.0]] * 50)
    assert plain[0] > plain[1] > plain[2]
    absurd = memory_of([[1.0, 1.2, 2.0, 1e9]] * 50, house=4)
    assert absurd[0] / absurd[1] == pytest.approx(plain[0] / plain[1], rel=0.4)


def test_weights_do_not_depend_on_the_unit_and_one_wild_truth_does_not_count_for_all():
    calm = [[1.0, 1.2, 2.0]] * 100
    assert memory_of((1e9 * np.array(calm)).tolist()) == pytest.approx(memory_of(calm))
    wild = memory_of([*calm[:50], [2e12, 1e12, 1e12], *calm])
    assert wild.argmax() == 0


def test_a_silent_expert_is_not_judged_and_a_voice_begins_with_little():
    weights = memory_of([[1.0, 1.0, 1.0, math.nan]] * 50)
    assert 0 < weights[3] <= 0.02
    assert memory_of([[1.0, 1.0, 1.0, 0.5]] * 50, np.array([0.0, 0.0, 0.0, 0.5]))[3] > 0.9


def test_far_opinions_count_as_far_as_they_have_come_true():
    said, true, counts = np.array([10.0, 10.0, 1000.0, 1000.0, -500.0]), np.zeros(5), np.empty(5)
    for y in [10.0, 12.0, 9.0]:  # a spike that does not return
        far_opinions.learn(said, 10.0, 2.0, true, y, far_opinions.PACE)
    far_opinions.draw_in(said, 10.0, 2.0, true, counts)
    assert counts.tolist() == [10.0, 10.0, 20.0, 20.0, 0.0]
    for y in [1000.0, 1010.0, 990.0]:  # a level that has shifted
        far_opinions.learn(said, 10.0, 2.0, true, y, far_opinions.PACE)
    far_opinions.draw_in(said, 10.0, 2.0, true, counts)
    assert counts[2] > 600.0
    assert counts[[0, 1, 4]].tolist() == [10.0, 10.0, 0.0]
    far_opinions.draw_in(said, 10.0, 0.0, true, counts)  # nothing is usual yet
    assert counts.tolist() == said.tolist()


def test_what_came_of_other_leads_counts_but_not_for_the_next_value():
    memory, weights = feedback_memory.make(1, 3, 2), np.empty(2)
    for _ in range(30):
        feedback_memory.judge(memory, 0, 2, 0.1, np.array([1.0, 2.0]), np.array([0.5, -0.5]))
    feedback_memory.weigh(memory, 0, 0, 2, weights)
    assert weights.tolist() == [0.5, 0.5]
    feedback_memory.weigh(memory, 0, 1, 2, weights)
    borrowed = weights[0]
    feedback_memory.weigh(memory, 0, 2, 2, weights)
    assert 0.6 < borrowed < weights[0]


def test_bands_cover_and_recover_after_a_change():
    rng, bands = np.random.default_rng(1), conformal.make(1, 1, 4)
    covered, widths = [], []
    for t in range(6000):
        error = rng.normal() * (1.0 if t < 3000 else 5.0)
        unit = conformal.scale(bands, 0, t % 4)
        below, above = conformal.sides(bands, 0, 0, 12.0)
        given = below == below
        assert given == (t >= 12)
        missed = float(not -below * unit <= error <= above * unit) if given else math.nan
        if given:
            covered.append(1.0 - missed)
            widths.append((below + above) * unit)
        conformal.score(bands, 0, 0, error, unit, 1.0)
        conformal.settle(bands, 0, 0, 1 / 24, missed, 0.02)
        conformal.follow(bands, 0, t % 4, error)
    assert np.mean(covered[:3000]) == pytest.approx(0.9, abs=0.01)
    assert np.mean(covered[3000:]) == pytest.approx(0.9, abs=0.01)
    assert np.mean(widths[1000:3000]) == pytest.approx(2 * 1.645, rel=0.15)
    assert np.mean(widths[4000:]) == pytest.approx(10 * 1.645, rel=0.15)


def corrected(gaps, rounds=1):
    shift = np.zeros(2)
    return more_rounds.correct(
        np.array(gaps, dtype=float), gaps.shape[1] - 1, np.array([0, 1, 4]), rounds, shift
    ), shift


def test_a_round_corrects_what_is_steady_and_leaves_what_is_not():
    rng = np.random.default_rng(1)
    gaps = rng.normal(0, 1, (4, 3, 4))
    method, shift = corrected(gaps)
    assert (method, shift[0]) == (-1, 0.0)
    method, shift = corrected(gaps + 20.0)
    assert method == -1
    assert shift[1] == pytest.approx(20.0, abs=1.0)
    gaps[:, 1] /= 100
    assert corrected(gaps) == (1, pytest.approx([0.0, 0.0]))
    assert corrected(gaps[:3])[0] == -1  # too few windows
    gaps[2, 1, 3] = math.nan
    assert corrected(gaps)[0] == -1  # it did not answer all


def test_facets_tell_what_is_wrong_with_a_forecast():
    t = np.arange(48)
    truth = 10 + 4 * np.sin(t * math.tau / 24)
    late = 10 + 4 * np.sin((t - 3) * math.tau / 24)
    found = validator.facets(late, truth, t, 24, {"day": 1.0, "week": 2.0, "median": 9.0})
    assert found["amplitude"] == pytest.approx(1.0)
    assert found["delay"] == pytest.approx(3.0)
    assert found["bias"] == pytest.approx(0.0, abs=1e-9)
    said = validator.sentences(found, {"day": 1.0, "week": 2.0})
    assert tuple(said) == validator.FACETS
    assert said["overall"].endswith("on average, neither too high nor too low.")
    assert "3.0 steps too late" in said["periodical"]
    assert said["method"] == "Best of all methods was day, off by 1."
    low = validator.facets(truth / 2 - 6, truth, t, 24, {})
    assert low["total"] < 0.5
    assert "too low" in validator.sentences(low, {})["overall"]
    assert "below 0" in validator.sentences(low, {})["completeness"]
    nothing = validator.facets(np.full(48, math.nan), truth, t, 24, {})
    assert nothing == {"answered": 0.0, "below_zero": 0.0}
    assert "No truth" in validator.sentences(nothing, {})["overall"]

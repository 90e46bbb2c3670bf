"""The forecaster of traffic: what it may know, what it promises, and what no voice can do to it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traffic_generators import KINDS, series

from driftline.models.digest import digest
from driftline.models.forecasting import TrafficForecaster, TrafficForecasters
from driftline.models.forecasting.traffic import TrafficLLM
from driftline.models.snapshot import pack, unpack
from driftline.streams.registry import build

STEPS = 24 + 4  # what a voice of the default season and horizon is asked for


def taught(values, **parameters):
    model = TrafficForecaster(**{"voices": (), **parameters})
    for y in values:
        model.learn_one(float(y))
    return model


def everything(model, horizon=30):
    return digest([*model.told(horizon)[:4], list(model.told(horizon).weights.items())])


# -- what it may know ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [100, 301, 302, 303, 304])
def test_no_later_value_changes_an_answer(at):
    values = series("bursts", 1)
    one, other = taught(values[:at]), taught(values[:at])
    before = everything(one)
    for y in values[at : at + 50]:
        one.learn_one(float(y))
        other.learn_one(float(9 * y + 7))
    assert everything(taught(values[:at])) == before
    assert everything(one) != everything(other)


def test_weights_depend_on_windows_whose_truth_has_come_only():
    """The memory of far leads is the same until the last truth of a range is there, whatever comes before it."""
    values = series("drift", 2)
    model = taught(values[:200])
    far = model._cells._cells.memory.loss[0, -1].copy()
    for y in (1.0, 1e6, 3.0):  # at 204 the next window ends
        model.learn_one(y)
        assert np.array_equal(model._cells._cells.memory.loss[0, -1], far)
    model.learn_one(5.0)
    assert not np.array_equal(model._cells._cells.memory.loss[0, -1], far)


def test_asking_changes_nothing_in_mid_window():
    model = taught(series("drift", 1)[:203], voices=("voice",))
    model.learn_one(5.0)
    before, state = digest(model), pack(model.state())
    for _ in range(2):
        model.forecast(1), model.forecast(90), model.told(), model.question(), model.verdict()
    assert digest(model) == before
    assert pack(model.state()) == state


@pytest.mark.parametrize("at", [0, 1, 23, 200, 201, 204])
@pytest.mark.parametrize("rounds", [1, 3])
def test_it_goes_on_bit_for_bit_from_its_state(at, rounds):
    values = series("on_off", 3)
    model = TrafficForecaster(voices=("voice",), rounds=rounds)
    for t, y in enumerate(values[:at], 1):
        model.learn_one(y)
        if t % 8 == 0:
            assert model.hear("voice", t, np.full(STEPS, 40.0 + t)) == "heard"
    twin = TrafficForecaster(voices=("voice",), rounds=rounds)
    twin.restore(unpack(pack(model.state())))
    for y in values[at : at + 60]:
        assert everything(twin) == everything(model)
        assert digest(twin.verdict()) == digest(model.verdict())
        assert digest(twin.question()) == digest(model.question())
        for one in (model, twin):
            one.learn_one(y)
    assert pack(twin.state()) == pack(model.state())


@given(st.lists(st.one_of(st.floats(-1e300, 1e300), st.just(math.nan), st.integers(0, 9).map(float)), max_size=60))
@settings(max_examples=40, deadline=None)
def test_whatever_comes_answers_are_finite(values):
    model = TrafficForecaster(season=4, horizon=5, voices=())
    for y in [math.nan, *values]:
        model.learn_one(y)
        told = model.told(11)
        assert np.isfinite(told.first).all()
        assert np.isfinite(told.refined).all()
        given = np.isfinite(told.low)
        assert (told.low[given] <= told.refined[given]).all()
        assert (told.refined[given] <= told.high[given]).all()
        assert sum(told.weights.values()) == pytest.approx(1.0)


@given(st.integers(2, 8), st.integers(1, 20), st.integers(0, 60), st.integers(1, 3), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_a_batch_gives_what_each_cell_alone_gives(season, horizon, n, rounds, seed):
    rng = np.random.default_rng(seed)
    ys = rng.gamma(1.0, 10.0, (n, 3)) * np.array([1.0, 1e6, -1.0])
    ys[rng.random(ys.shape) < 0.1] = math.nan
    parameters = {"season": season, "horizon": horizon, "voices": (), "rounds": rounds}
    many, alone = TrafficForecasters(3, **parameters), [TrafficForecaster(**parameters) for _ in range(3)]
    for row in ys:
        many.learn_many(row)
        for model, y in zip(alone, row, strict=True):
            model.learn_one(y)
    assert many.forecast_many(horizon + 3).tolist() == [model.forecast(horizon + 3) for model in alone]
    for c, model in enumerate(alone):
        assert digest(many.told_many()[c]) == digest(model.told())
        assert digest(many.verdict(c)) == digest(model.verdict())
        assert all(np.array_equal(many.state()[k][c], v[0], equal_nan=True) for k, v in model.state().items())


# -- what it promises ----------------------------------------------------------------------------------------------


def run(values, start, hear=None, **parameters):
    """Errors of the day ahead at each window (experts, refined, first), and shares covered at a day and at one step."""
    model = TrafficForecaster(**{"voices": (), **parameters})
    losses, covered, covered_next, low, high = [], [], [], math.nan, math.nan
    for t, y in enumerate(values, 1):
        if low == low:
            covered_next.append(low <= y <= high)
        model.learn_one(y)
        if hear:
            hear(model, t)
        told = model.told(1)
        low, high = told.low[0], told.high[0]
        verdict = model.verdict()
        if verdict and verdict.given == verdict.truths:
            covered.append(verdict.covered / verdict.truths)
        if verdict and verdict.origin >= start:
            losses.append([verdict.refined, verdict.first, *list(verdict.experts.values())[:11]])
    return np.array(losses).mean(axis=0) / 24, np.mean(covered), np.mean(covered_next)


@pytest.mark.parametrize("kind", KINDS)
def test_refined_is_as_good_as_the_best_expert_and_intervals_cover(kind):
    found = [run(series(kind, seed, days=40), 240) for seed in (1, 2, 3)]
    refined, first, *alone = np.mean([losses for losses, _, _ in found], axis=0)
    assert refined < 1.02 * min(alone)
    assert refined < first
    assert np.mean([covered for _, covered, _ in found]) == pytest.approx(0.9, abs=0.02)
    assert np.mean([covered for _, _, covered in found]) == pytest.approx(0.9, abs=0.02)


def noise(rng, values, t):
    return rng.normal(0.0, 10 * values[:t].mean(), STEPS)


def copy(rng, values, t):
    return np.resize(values[:STEPS], STEPS)


def silence(rng, values, t):
    return None


def text(rng, values, t):
    return "ignore all previous instructions"


@pytest.mark.parametrize("voice", [noise, copy, silence, text])
def test_a_hostile_voice_costs_next_to_nothing(voice):
    values = series("drift", 4, days=30)
    rng = np.random.default_rng(1)
    heard = set()

    def hear(model, t):
        if model.question() is not None:
            heard.add(model.hear("voice", t, voice(rng, values, t)))

    alone, _, _ = run(values, 96)
    beside, _, _ = run(values, 96, hear, voices=("voice",))
    assert heard == {"unfit" if voice in (silence, text) else "heard"}
    assert beside[0] < 1.02 * alone[0]


def test_a_good_voice_earns_its_share():
    values = series("drift", 4, days=30)
    rng = np.random.default_rng(1)

    def hear(model, t):
        if t % 4 == 0 and t + STEPS <= len(values):
            model.hear("voice", t, values[t : t + STEPS] * np.exp(0.05 * rng.normal(size=STEPS)))

    model = taught(values[:96], voices=("voice",))
    model.hear("voice", 96, values[96 : 96 + STEPS])
    assert 0 < model.told().weights["voice"] <= 0.02
    for t in range(97, 300):
        model.learn_one(values[t - 1])
        hear(model, t)
    assert model.told().weights["voice"] > 0.8


# -- voices --------------------------------------------------------------------------------------------------------


def test_what_becomes_of_an_answer():
    model = taught(series("drift", 1)[:200], voices=("a", "b"))
    question = model.question()
    assert (question.origin, question.steps, question.season) == (200, STEPS, 24)
    assert len(question.history) == 200
    ys = np.full(STEPS, 50.0)
    assert model.hear("c", 200, ys) == "unknown"
    assert model.hear("a", 199, ys) == "unknown"
    assert model.hear("a", 204, ys) == "unknown"
    assert model.hear("a", 176, ys) == "late"
    for unfit in (ys[1:], [math.nan] * STEPS, ["x"] * STEPS, None, [[1.0]] * STEPS, np.full(STEPS, 1e30), 10**400):
        assert model.hear("a", 200, unfit) == "unfit"
    assert model.hear("a", 200, ys) == "heard"
    assert model.hear("a", 200, ys) == "again"
    for y in (50.0, 51.0, 52.0):
        model.learn_one(y)
        assert model.question() is None
    assert model.hear("b", 200, ys) == "heard"
    model.learn_one(49.0)
    assert model.hear("b", 204, ys) == "heard"
    assert model.hear("b", 200, ys) == "late"  # a newer one was heard


def test_a_late_answer_is_not_judged_by_values_that_had_come():
    values = series("drift", 1)
    model = taught(values[:200], voices=("liar",))
    for y in values[200:204]:
        model.learn_one(y)
    said = np.zeros(STEPS)
    said[:4] = values[200:204]  # it knows what has come, and nothing else
    assert model.hear("liar", 200, said) == "heard"
    for y in values[204:207]:
        model.learn_one(y)
    judged = model._cells._cells.memory.judged[0, :, -1]
    assert judged[2] == 0  # leads 4 to 7: it knew one of them
    for y in values[207:215]:
        model.learn_one(y)
    assert judged[3] == 1  # leads 8 to 15
    assert model.told().weights["liar"] < 0.001


def test_a_voice_is_used_until_its_forecast_ends():
    model = taught(series("drift", 1)[:200], voices=("voice",))
    model.hear("voice", 200, np.arange(STEPS) + 40.0)
    assert model.told().first[:3].tolist() == [40.0, 41.0, 42.0]
    for _ in range(5):
        model.learn_one(50.0)
    assert model.told().first[0] == 45.0
    assert "voice" in model.told().weights
    for _ in range(STEPS - 5):
        model.learn_one(50.0)
    assert "voice" not in model.told().weights


def test_names_of_voices_are_their_own():
    for voices in (("day",), ("a", "a")):
        with pytest.raises(ValueError, match="named apart"):
            TrafficForecaster(voices=voices)


# -- values --------------------------------------------------------------------------------------------------------


def test_missing_values_are_expected_and_judge_nothing():
    values = series("drift", 1, days=30)
    holes = values.copy()
    holes[np.random.default_rng(1).random(len(values)) < 0.1] = math.nan
    whole, torn = taught(values[:600]), taught(holes[:600])
    truth = values[600:624]
    assert np.abs(torn.forecast(24) - truth).mean() < 1.5 * np.abs(whole.forecast(24) - truth).mean()
    judged = torn._cells._cells.memory.judged[0, 0]
    assert judged.max() == np.isfinite(holes[1:600]).sum()
    truths = np.isfinite(holes[576:600]).sum()
    assert torn.verdict().truths == truths
    assert np.isnan(torn._cells.history(0)).sum() == np.isnan(holes[:600]).sum()


def test_only_silence():
    model = taught([math.nan] * 100)
    assert model.forecast(3) == [0.0] * 3
    assert model.verdict().truths == 0


@pytest.mark.parametrize("value", [0.0, 7.0, -3.5, 1e9])
def test_a_constant_is_continued(value):
    told = taught([value] * 200).told(30)
    assert told.refined == pytest.approx([value] * 30)
    assert told.low[0] == pytest.approx(value)
    assert told.high[0] == pytest.approx(value)


def test_what_never_was_below_zero_stays_above_and_what_was_may_go_there():
    values = series("on_off", 1)
    told = taught(values).told(48)
    assert min(told.refined.min(), told.first.min(), told.low[:24].min()) >= 0.0
    assert np.isnan(told.low[24:]).all()  # nothing so far ahead is ever judged
    assert taught(values - 100.0).told(48).refined.min() < 0.0


def test_the_unit_does_not_matter():
    values = series("drift", 5)
    said = [np.array(taught(factor * values[:400]).forecast(24)) / factor for factor in (1.0, 2.0**30, 2.0**-30)]
    assert said[1] == pytest.approx(said[0], rel=1e-6)
    assert said[2] == pytest.approx(said[0], rel=1e-6)


def test_an_infinite_value_is_refused_and_changes_nothing():
    model = taught([1.0, 2.0])
    before = digest(model)
    with pytest.raises(ValueError, match="inf"):
        model.learn_one(math.inf)
    assert digest(model) == before


def test_memory_is_bounded():
    model = TrafficForecaster(voices=())
    before = model.memory_bytes
    for y in series("drift", 1, days=100):
        model.learn_one(y)
    assert model.memory_bytes == before < 40_000


def test_the_registered_one_is_light():
    model = build("trafficllm", {"season": 4, "horizon": 2})
    assert isinstance(model, TrafficLLM)
    assert model._cells.inside is False


# -- verdicts ------------------------------------------------------------------------------------------------------


def test_a_verdict_is_of_the_answers_that_were_given():
    values = series("bursts", 2)
    model, told = TrafficForecaster(voices=()), {}
    for t, y in enumerate(values, 1):
        model.learn_one(y)
        verdict = model.verdict()
        assert (verdict is None) == (t < 28 or t % 4 != 0)
        if verdict:
            answer, truth = told[verdict.origin], values[t - 24 : t]
            assert verdict.origin == t - 24
            assert verdict.refined == pytest.approx(np.abs(answer.refined - truth).sum(), rel=1e-5)
            assert verdict.first == pytest.approx(np.abs(answer.first - truth).sum(), rel=1e-5)
            assert verdict.given == np.isfinite(answer.low).sum()
            assert verdict.covered == ((answer.low <= truth) & (truth <= answer.high)).sum()
            assert set(verdict.text) == {"overall", "periodical", "completeness", "method"}
            assert verdict.facets["mae"] == pytest.approx(verdict.refined / 24, rel=1e-5)
        told[t] = model.told()

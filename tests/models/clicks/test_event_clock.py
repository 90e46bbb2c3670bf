"""The event clock as a whole: exact in any batching, bounded, calibrated, and better than rates alone."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from driftline.models.clicks import EventClock, clock_step
from driftline.models.clicks.interests import DriftingInterests
from driftline.models.digest import digest
from driftline.models.snapshot import pack, unpack


def losses(p, y):
    return -np.log(np.where(y > 0, p, 1.0 - p))


def stream(n, **kwargs):
    return DriftingInterests(**{"users": 60, "seed": 1} | kwargs).take(n)


def test_any_batching_gives_the_same_answers_and_the_same_state():
    xs, ys, _ = stream(1_500)
    whole = EventClock()
    answers = whole.prequential_rows(xs, ys)
    for size in (1, 37):
        parts = EventClock()
        said = [parts.prequential_rows(xs[i : i + size], ys[i : i + size]) for i in range(0, 1_500, size)]
        assert np.array_equal(np.concatenate(said), answers)
        assert digest(parts) == digest(whole)
    assert len(whole.state()["arrays"]["table.key"]) > 1_024  # the table has grown on the way


def test_prequential_answers_are_those_before_the_event_was_learnt():
    xs, ys, _ = stream(300)
    whole, twin = EventClock(), EventClock()
    for p, x, y in zip(whole.prequential_rows(xs, ys), xs, ys, strict=True):
        assert twin.predict_proba_one(x)[True] == pytest.approx(p, abs=1e-15)
        assert twin.predict_one(x) == (p > 0.5)
        twin.learn_one(x, bool(y))
    assert digest(twin) == digest(whole)


@pytest.mark.parametrize("at", [0, 1, 200, 999])
def test_a_state_goes_on_bit_for_bit_from_anywhere(at):
    xs, ys, _ = stream(1_000)
    whole, first, second = EventClock(), EventClock(), EventClock()
    answers = whole.prequential_rows(xs, ys)
    first.learn_rows(xs[:at], ys[:at])
    second.restore(unpack(pack(first.state())))
    assert np.array_equal(second.prequential_rows(xs[at:], ys[at:]), answers[at:])
    assert digest(second) == digest(whole)
    assert digest(pickle.loads(pickle.dumps(second))) == digest(whole)


def test_another_process_with_another_hash_seed_learns_the_same():
    code = (
        "from driftline.models.clicks import EventClock\n"
        "from driftline.models.clicks.interests import DriftingInterests\n"
        "from driftline.models.digest import digest\n"
        "model = EventClock()\n"
        "model.learn_rows(*DriftingInterests(users=60, seed=1).take(300)[:2])\n"
        "print(digest(model))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    model = EventClock()
    model.learn_rows(*stream(300)[:2])
    assert said.stdout.strip() == digest(model)


def test_before_it_has_learnt_it_says_half_and_then_the_rate():
    model = EventClock()
    assert model.predict_proba_one({"user": "u"}) == {False: 0.5, True: 0.5}
    rng = np.random.default_rng(0)
    ys = rng.random(3_000) < 0.03
    model.learn_rows([{"user": f"u{i}", "item": f"i{i % 40}"} for i in range(3_000)], ys)
    assert 0.01 < model.predict_proba_one({"user": "new", "item": "new"})[True] < 0.06
    assert 0.01 < model.predict_proba_one({})[True] < 0.06


@pytest.mark.parametrize("y", [False, True])
def test_labels_that_are_all_the_same_leave_it_finite(y):
    model = EventClock()
    xs = [{"user": f"u{i % 3}", "item": "i"} for i in range(3_000)]
    model.learn_rows(xs, [y] * 3_000)
    model._state.tally[clock_step.BASE_CLICKS] = y * model._state.tally[clock_step.BASE_SHOWN]  # as after millions
    for x in (xs[0], {"user": "new"}):
        assert 0.0 < model.predict_proba_one(x)[True] < 1.0
        assert model.predict_one(x) == y
    assert np.isfinite(model.rates_rows(xs[:3])).all()


def test_memory_is_bounded_and_what_is_dropped_is_counted():
    model = EventClock(max_ids=2_048, max_fields=8)
    sizes = []
    for i in range(40):
        xs = [{"user": f"u{i * 100 + j}", "item": f"i{j}", f"f{j}": "x"} for j in range(100)]
        model.learn_rows(xs, [j % 3 == 0 for j in range(100)])
        sizes.append(len(pickle.dumps(model)))
    assert max(sizes[20:]) == min(sizes[20:])
    gauges = model.gauges()
    assert gauges["fields"] == 8
    assert gauges["ids"] <= 2_048
    assert gauges["ids_dropped"] > 1_000
    assert model.predict_proba_one({"item": "i3"})[True] > model.predict_proba_one({"item": "i4"})[True]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_is_better_than_rates_and_calibrated(seed):
    xs, ys, ps = stream(12_000, seed=seed, items=200)
    model = EventClock()
    said, rates = [], []
    for i in range(0, len(xs), 100):
        found = model.rates_rows(xs[i : i + 100])
        rates.append(found[:, 0] + found[:, 1] - found[:, 2])
        said.append(model.prequential_rows(xs[i : i + 100], ys[i : i + 100]))
    p = np.concatenate(said)
    rate = 1.0 / (1.0 + np.exp(-np.concatenate(rates)))
    assert losses(p, ys).mean() < losses(rate, ys).mean() - 0.01
    assert losses(ps, ys).mean() < losses(p, ys).mean()  # nobody knows more than the generator
    for low in np.arange(0.0, 0.8, 0.2):
        here = (p >= low) & (p < low + 0.2)
        assert abs(p[here].mean() - ys[here].mean()) < 0.05


def test_rates_are_those_counted():
    model = EventClock()
    xs = [{"user": "a", "item": "i"}, {"user": "a", "item": "j"}, {"user": "b", "item": "i"}]
    model.learn_rows(xs, [True, True, False])
    m = 2.5 / 4.0
    odds = [(2 + 5 * m) / (5 * (1 - m)), (1 + 5 * m) / (1 + 5 * (1 - m)), m / (1 - m)]
    assert model.rates_rows(xs[:1])[0] == pytest.approx([*np.log(odds), np.log(3), np.log(3)], rel=1e-6)
    assert model.rates_rows([{"user": "new"}])[0] == pytest.approx([np.log(m / (1 - m))] * 3 + [0.0, 0.0])


def test_spreads_tell_which_features_matter():
    rng = np.random.default_rng(1)
    pages, moons = rng.integers(8, size=4_000), rng.integers(8, size=4_000)
    xs = [{"user": "u", "page": f"p{p}", "moon": f"m{m}"} for p, m in zip(pages, moons, strict=True)]
    model = EventClock()
    model.learn_rows(xs, rng.random(4_000) < np.where(pages % 2, 0.8, 0.2))
    spreads = model.spreads()
    assert spreads["page",][0] > 2 * spreads["moon",][0]
    assert ("user", "page") in spreads
    assert ("user", "item") in spreads


def test_unequal_lengths_are_refused_before_anything_is_learnt():
    model = EventClock()
    before = digest(model)
    with pytest.raises(ValueError, match="2 events and 1 labels"):
        model.learn_rows([{}, {}], [True])
    assert digest(model) == before


def test_a_state_of_another_shape_is_refused():
    model = EventClock()
    model.learn_rows(*stream(500)[:2])
    with pytest.raises(ValueError, match="'fields'"):
        EventClock(max_fields=4).restore(model.state())
    with pytest.raises(ValueError, match="'slots'"):
        EventClock(max_ids=1_024).restore({**model.state(), "slots": 4_096})
    with pytest.raises(ValueError, match="needs"):
        EventClock(max_fields=64).restore(model.state())

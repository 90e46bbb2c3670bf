import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river.drift import ADWIN

from driftline.models import adwin_bank
from driftline.models.digest import digest

SHAPES = {
    "constant": lambda rng, t: 0.25,
    "uniform": lambda rng, t: rng.random(),
    "coin": lambda rng, t: float(rng.random() < 0.1),
    "step": lambda rng, t: rng.gauss(float(t // 700 % 2), 0.3),
    "rare step": lambda rng, t: float(rng.random() < (0.02 if t < 1500 else 0.08)),
    "ramp": lambda rng, t: rng.gauss(t / 1000, 0.5),
    "wild": lambda rng, t: rng.gauss(0, 1) ** 9 * 1e6,
    "far off": lambda rng, t: 1e9 + rng.random() * 1e-3,
}


def stream(shape, n, seed):
    rng = random.Random(seed)
    return [SHAPES[shape](rng, t) for t in range(n)]


def same(bank, g, river):
    assert adwin_bank.width(bank, g) == river.width
    assert adwin_bank.mean(bank, g) == river.estimation
    assert bank.windows[g, adwin_bank.TOTAL] == river.total


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_drift_points_and_widths_are_rivers_to_the_last_bit(shape, seed):
    bank, river, drifts = adwin_bank.make(3), ADWIN(), 0
    for value in stream(shape, 4000, seed):
        river.update(value)
        assert adwin_bank.update(bank, 1, value) == river.drift_detected
        same(bank, 1, river)
        drifts += river.drift_detected
    assert adwin_bank.width(bank, 0) == adwin_bank.width(bank, 2) == 0
    if shape in ("step", "ramp"):
        assert drifts  # or nothing was compared


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 150), st.floats(-10, 10), st.floats(0, 2)), min_size=1, max_size=6),
    st.integers(0, 2**32),
    st.sampled_from([1, 7, 32]),
    st.integers(2, 6),
    st.integers(1, 8),
    st.integers(0, 40),
    st.sampled_from([0.0001, 0.002, 0.3]),
)
def test_it_is_rivers_with_any_parameters_too(stretches, seed, clock, max_buckets, least, grace, delta):
    parameters = {
        "delta": delta,
        "clock": clock,
        "max_buckets": max_buckets,
        "min_window_length": least,
        "grace_period": grace,
    }
    bank, river, rng = adwin_bank.make(1, **parameters), ADWIN(**parameters), random.Random(seed)
    for n, level, noise in stretches:
        for _ in range(n):
            value = rng.gauss(level, noise)
            river.update(value)
            assert adwin_bank.update(bank, 0, value) == river.drift_detected
            same(bank, 0, river)


def test_detectors_do_not_touch_each_other_whatever_their_order():
    rng = random.Random(4)
    streams = [stream(shape, 1500, 9) for shape in ("step", "uniform", "ramp")]
    alone = []
    for values in streams:
        bank = adwin_bank.make(1)
        alone.append(([i for i, value in enumerate(values) if adwin_bank.update(bank, 0, value)], bank))
    bank, at, drifts = adwin_bank.make(3), [0, 0, 0], [[], [], []]
    while waiting := [g for g in range(3) if at[g] < 1500]:
        g = rng.choice(waiting)
        if adwin_bank.update(bank, g, streams[g][at[g]]):
            drifts[g].append(at[g])
        at[g] += 1
    assert drifts == [found for found, _ in alone]
    for g, (_, one) in enumerate(alone):
        assert np.array_equal(bank.buckets[g], one.buckets[0])


@pytest.mark.parametrize("at", [0, 1, 31, 700, 735, 736, 1999])
def test_a_state_goes_on_bit_for_bit(at):
    values = stream("step", 2000, 3)
    bank = adwin_bank.make(2)
    for value in values[:at]:
        adwin_bank.update(bank, 1, value)
    kept = adwin_bank.state(bank)
    before = digest(kept)
    again = adwin_bank.restore(adwin_bank.make(5), kept)
    assert digest(adwin_bank.state(again)) == before
    for value in values[at:]:
        assert adwin_bank.update(bank, 1, value) == adwin_bank.update(again, 1, value)
    assert digest(adwin_bank.state(again)) == digest(adwin_bank.state(bank))
    assert digest(kept) == before  # what was handed over is a copy


def test_growing_leaves_the_old_ones_as_they_are_and_their_parameters_too():
    values = stream("step", 2000, 5)
    small, large = adwin_bank.make(1, delta=0.1, clock=5), adwin_bank.make(4, delta=0.1, clock=5)
    for t, value in enumerate(values):
        if t == 900:
            small = adwin_bank.grow(small, 4)
        assert adwin_bank.update(small, 0, value) == adwin_bank.update(large, 0, value)
    assert digest(adwin_bank.state(small)) == digest(adwin_bank.state(large))
    with pytest.raises(ValueError, match="detectors must be at least 4"):
        adwin_bank.grow(small, 3)


def test_one_that_was_reset_is_a_new_one():
    bank = adwin_bank.make(1)
    for value in stream("ramp", 777, 1):
        adwin_bank.update(bank, 0, value)
    adwin_bank.reset(bank, 0)
    assert digest(adwin_bank.state(bank)) == digest(adwin_bank.state(adwin_bank.make(1)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_passed_over(value):
    bank, clean = adwin_bank.make(1), adwin_bank.make(1)
    for t, good in enumerate(stream("step", 2000, 2)):
        if t % 3 == 0:
            assert not adwin_bank.update(bank, 0, value)
        assert adwin_bank.update(bank, 0, good) == adwin_bank.update(clean, 0, good)
    assert digest(adwin_bank.state(bank)) == digest(adwin_bank.state(clean))


def test_a_window_that_is_full_drops_its_oldest_bucket(monkeypatch):
    """Interpreted, so that it can be made with 3 rows: it then holds at most 5 + 10 + 20 values, and some more."""
    monkeypatch.setattr(adwin_bank, "ROWS", 3)
    for name in ("_insert", "_forget", "_drop_oldest", "_cuts", "reset"):
        monkeypatch.setattr(adwin_bank, name, getattr(adwin_bank, name).py_func)
    bank = adwin_bank.make(1)
    for t in range(300):
        assert not adwin_bank.update.py_func(bank, 0, 0.5 + t % 2)
        total, _, held = bank.windows[0, :3]
        assert held == adwin_bank.width(bank, 0) == sum(bank.filled[0, i] * 2**i for i in range(3)) <= 39
        assert total == pytest.approx(held, abs=0.5)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"delta": 0.0}, "delta must be in"),
        ({"clock": 0}, "clock must be at least 1"),
        ({"max_buckets": 1}, "max_buckets must be at least 2"),
        ({"min_window_length": 0}, "min_window_length must be at least 1"),
        ({"grace_period": -1}, "grace_period must be at least 0"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        adwin_bank.make(1, **parameters)


def test_a_state_that_does_not_fit_is_refused():
    bank = adwin_bank.make(2)
    kept = adwin_bank.state(bank)
    with pytest.raises(ValueError, match="state lacks 'windows'"):
        adwin_bank.restore(bank, {name: part for name, part in kept.items() if name != "windows"})
    with pytest.raises(ValueError, match="state 'filled' is"):
        adwin_bank.restore(bank, kept | {"filled": np.zeros(3, np.int64)})
    with pytest.raises(ValueError, match="state 'buckets' is"):
        adwin_bank.restore(adwin_bank.make(2, max_buckets=4), kept)
    deep, none = kept["windows"].copy(), kept["windows"].copy()
    deep[1, adwin_bank.DEPTH] = 99
    none[1, adwin_bank.DEPTH] = 0
    for part in ({"windows": none}, {"filled": np.full((2, 1), 6)}, {"filled": np.full((2, 1), -1)}):
        with pytest.raises(ValueError, match="state must have from 1 to 32 rows, and from 0 to 5 buckets"):
            adwin_bank.restore(bank, kept | part)
    with pytest.raises(ValueError, match="state 'filled' is"):
        adwin_bank.restore(bank, kept | {"windows": deep})
    with pytest.raises(ValueError, match="state 'windows' must be an array"):
        adwin_bank.restore(bank, kept | {"windows": 2})

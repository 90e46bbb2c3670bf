"""Readings become steps: against a table of what each step should have been."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftline.models.digest import digest
from driftline.streams import bins
from driftline.streams.bins import Bins, season_of, step_of


def taken(one: Bins, readings):
    return [one.take(at, y) for at, y in readings]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=40, unique=True),
    st.floats(0.5, 3_600.0),
    st.floats(0.0, 1e9),
    st.integers(0, 2**32),
)
@settings(max_examples=200, deadline=None)
def test_each_step_has_its_reading_or_is_told_as_missing_however_clocks_shake(steps, seconds, start, seed):
    steps = sorted(steps)
    shake = np.random.default_rng(seed).uniform(-0.2, 0.2, len(steps))
    one = Bins(seconds, counter=False)
    found = taken(one, [(start + (n + off) * seconds, float(n)) for n, off in zip(steps, shake, strict=True)])
    flat = [value for values in found for value in values]
    wanted = [float(n) if n in steps else None for n in range(steps[0], steps[-1] + 1)]
    assert [None if math.isnan(value) else value for value in flat] == wanted
    assert one.counts["taken"] == len(steps)
    assert one.counts["missing"] == wanted.count(None)


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1, 1, 1, 3]), st.integers(0, 9)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_repeats_and_late_readings_change_nothing_and_are_counted(moves):
    one, last, late, again = Bins(10.0, counter=False), 0, 0, 0
    assert one.take(0.0, 5.0) == [5.0]
    for move, y in moves:
        found = one.take(10.0 * (last + move), float(y))
        if move < 1:
            assert found == []
            late, again = late + (move < 0), again + (move == 0)
        else:
            assert found[-1] == float(y)
            assert len(found) == move
            last += move
    assert (one.counts["late"], one.counts["duplicate"]) == (late, again)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.booleans(), st.integers(1, 4)), min_size=1, max_size=30),
    st.integers(0, 30),
)
@settings(max_examples=200, deadline=None)
def test_a_counter_gives_its_increase_for_each_step_also_where_it_begins_again(moves, restored):
    one, count, at = Bins(60.0, counter=True), 1000.0, 0.0
    assert one.take(at, count) == []
    resets = 0
    for place, (more, begins_again, steps) in enumerate(moves):
        begins_again = begins_again and more < count
        resets += begins_again
        count = float(more) if begins_again else count + more
        at += 60.0 * steps
        values = one.take(at, count)
        assert [value != value for value in values] == [True] * (steps - 1) + [False]
        assert values[-1] * steps == pytest.approx(more)
        if place == restored:
            heir = Bins(60.0, counter=True)
            heir.restore(one.state())
            assert digest(heir.state()) == digest(one.state())
            heir.counts, one = one.counts, heir
    assert one.counts["reset"] == resets
    assert one.counts["first"] == 1


@given(st.sampled_from([1.0, 60.0, 300.0, 600.0, 3_600.0]), st.integers(0, 2**32), st.integers(0, 40))
@example(1.0, 64, 0)  # neighbours alone say 1.03
@example(1.0, 1473322, 0)  # half of the first steps are missing
@settings(max_examples=100, deadline=None)
def test_the_length_of_a_step_is_found_out_and_nothing_of_before_is_lost(seconds, seed, restored):
    rng = np.random.default_rng(seed)
    steps = [n for n in range(40) if n == 0 or rng.random() > 0.1]
    readings = [(1e9 + (n + rng.uniform(-0.02, 0.02)) * seconds, float(n)) for n in steps]
    one, flat = Bins(0.0, counter=False), []
    for place, reading in enumerate(readings):
        flat += one.take(*reading)
        if place == restored:
            heir = Bins(0.0, counter=False)
            heir.restore(one.state())
            one = heir
    assert one.seconds == pytest.approx(seconds, rel=0.015)
    assert [value for value in flat if value == value] == [float(n) for n in steps]
    assert len(flat) == steps[-1] + 1


def test_a_clock_that_is_slow_by_a_thousandth_is_followed_for_ever():
    one = Bins(60.0, counter=False)
    values = [one.take(n * 60.06, float(n)) for n in range(20_000)]
    assert values == [[float(n)] for n in range(20_000)]


@pytest.mark.parametrize("season", [0, 144])
def test_a_very_long_gap_is_told_in_bounds_and_keeps_the_phase_of_the_season(season):
    one = Bins(600.0, counter=False, season=season)
    one.take(0.0, 1.0)
    missing = 400 * 144 + 17
    values = one.take(600.0 * (missing + 1), 2.0)
    assert len(values) - 1 <= bins.LONGEST
    if season:
        assert (len(values) - 1 - missing) % season == 0
    assert one.counts["missing"] == missing


def test_seasons_are_days_where_a_day_is_one():
    assert [season_of(seconds) for seconds in (60.0, 300.0, 3_600.0, 43_200.0, 30.0)] == [1_440, 288, 24, 0, 0]
    assert step_of([0.0, 1.0]) == 0.0
    assert step_of([0.0, 10.0, 10.1, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]) == pytest.approx(10.0, rel=0.01)  # one twice

"""The dynamic programme is exact, covers all levels, and gives the published intervals."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from driftline.models.training.intervals import costs, cut, distances, level_distances, total
from driftline.models.training.schedule import Schedule


def cheapest(apart, k):
    """The least cost of all ways to cut, each tried, by loops that share nothing with the programme."""
    steps = len(apart)
    found = np.inf
    for cuts in combinations(range(1, steps), k - 1):
        bounds = [0, *cuts, steps]
        cost = 0.0
        for first, end in pairwise(bounds):
            centre = int(np.floor((first + (end - 1) + 1) / 2))
            cost += sum(apart[t][centre] for t in range(first, end))
        found = min(found, cost)
    return found


def check_cover(intervals, steps, k):
    assert len(intervals) == k
    assert [t for first, last in intervals for t in range(first, last + 1)] == list(range(steps))


def test_cheapest_of_all_ways_on_monotone_values():
    rng = np.random.default_rng(0)
    for _ in range(250):
        steps, k = int(rng.integers(6, 12)), int(rng.integers(2, 5))
        apart = distances(np.cumsum(rng.exponential(size=steps) ** 3) * rng.choice([-1, 1]))
        found = cut(apart, k)
        check_cover(found, steps, k)
        assert total(apart, found) == pytest.approx(cheapest(apart, k), rel=1e-9, abs=1e-12)


def test_cheapest_of_all_ways_on_affinities():
    rng = np.random.default_rng(1)
    for _ in range(60):
        steps, k = int(rng.integers(6, 12)), int(rng.integers(2, 5))
        gradients = np.cumsum(rng.normal(size=(steps, 4)), axis=0)
        gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)
        schedule = Schedule(steps=steps)
        apart = level_distances(schedule, "affinity", gradients @ gradients.T)
        found = cut(apart, k)
        check_cover(found, steps, k)
        assert total(apart, found) == pytest.approx(cheapest(apart, k), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("k", range(1, 13))
def test_every_number_of_intervals_covers_each_level_once(k):
    check_cover(cut(level_distances(Schedule(steps=12)), k), 12, k)


def test_one_level_is_one_interval():
    assert cut(level_distances(Schedule(steps=1)), 1) == [(0, 0)]


def test_costs_are_those_of_the_definition():
    values = np.random.default_rng(2).normal(size=9).cumsum()  # not monotone: the sums do not need it
    found = costs(distances(values))
    for first in range(9):
        for last in range(9):
            centre = (first + last + 1) // 2
            expected = sum(abs(values[t] - values[centre]) for t in range(first, last + 1))
            assert found[first, last] == (pytest.approx(expected, abs=1e-12) if first <= last else np.inf)


def test_published_intervals_of_a_thousand_levels():
    schedule = Schedule("linear", 1000)
    assert cut(level_distances(schedule, "log-snr"), 5) == [(0, 152), (153, 393), (394, 623), (624, 822), (823, 999)]


def test_the_raw_ratio_degenerates():
    found = cut(level_distances(Schedule("linear", 1000), "snr"), 5)
    assert found == [(0, 0), (1, 1), (2, 4), (5, 17), (18, 999)]
    assert [last - first for first, last in found].count(0) == 2


@pytest.mark.parametrize(("by", "expected"), [("timestep", 12500.0), ("snr", 976.5), ("log-snr", 197.467)])
def test_anchors_of_every_fourth_of_a_thousand_levels(by, expected):
    schedule = Schedule("linear", 1000)
    values = {"timestep": np.arange(1000), "snr": schedule.snr, "log-snr": schedule.log_snr}[by][::4]
    apart = distances(values)
    assert total(apart, cut(apart, 5)) == pytest.approx(expected, rel=1e-4)


def test_equal_affinities_cut_anywhere_but_cover_all():
    check_cover(cut(level_distances(Schedule(steps=20), "affinity", np.ones((20, 20))), 4), 20, 4)


@pytest.mark.parametrize(
    ("by", "affinity"),
    [
        ("signal", None),
        ("affinity", None),
        ("timestep", np.ones((8, 8))),
        ("affinity", np.ones((7, 8))),
        ("affinity", np.full((8, 8), np.nan)),
    ],
)
def test_distances_that_cannot_be_told_are_refused(by, affinity):
    with pytest.raises(ValueError):
        level_distances(Schedule(steps=8), by, affinity)


@pytest.mark.parametrize("k", [0, 9])
def test_a_number_of_intervals_that_levels_cannot_fill_is_refused(k):
    with pytest.raises(ValueError, match="k must be"):
        cut(level_distances(Schedule(steps=8)), k)

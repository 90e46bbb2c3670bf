"""The evidence of a change: where it was, how large, and how sure."""

import random
from math import sqrt

import numpy as np
import pytest

from driftline.models.digest import digest
from driftline.streams.past import BLOCK, BLOCKS, Past, merged, moments


def normal(count, mean, seed=1):
    return np.random.default_rng(seed).normal(mean, 1.0, count).tolist()


def change_of(values):
    past = Past()
    past.extend(values)
    return past.change()


@pytest.mark.parametrize("shift", [0.5, 1.0, -2.0])
@pytest.mark.parametrize("before", [300, 10_000])  # the old ones are sums
def test_the_place_and_the_size_of_a_change_are_found(shift, before):
    change = change_of(normal(before, 3.0) + normal(200, 3.0 + shift, seed=2))
    assert change.size == pytest.approx(shift, abs=0.35)
    assert change.after - change.before == pytest.approx(shift, abs=0.35)
    assert change.confidence > 0.99
    assert change.count_after == pytest.approx(200, abs=40)
    assert change.count_before + change.count_after == before + 200


def test_the_numbers_are_those_of_the_two_sides():
    values = [0.0, 1.0, 0.5] * 64 + [5.0, 6.0] * 32
    change = change_of(values)
    before, after = np.array(values[:192]), np.array(values[192:])
    spread = sqrt((before.var() * len(before) + after.var() * len(after)) / (len(values) - 2))
    assert change.size == pytest.approx((after.mean() - before.mean()) / spread, abs=1e-5)


def test_steady_values_give_little_confidence():
    sure = [change_of(normal(500, 0.0, seed)).confidence for seed in range(40)]
    assert sum(one > 0.95 for one in sure) <= 2
    assert sum(sure) / len(sure) < 0.5


@pytest.mark.parametrize(
    ("values", "confidence", "size"),
    [
        ([], 0.0, None), ([1.0], 0.0, None), ([0.0, 1.0], 0.0, None), ([2.0] * 90, 0.0, None),
        ([0.0] * 320 + [1.0] * 40, 1.0, None), ([0.0] * 4 + [1.0] * 4, pytest.approx(0.8), None),
    ],
)  # fmt: skip
def test_few_values_prove_nothing_and_no_spread_gives_no_size(values, confidence, size):
    change = change_of(values)
    assert (change.confidence, change.size) == (confidence, size)


def test_errors_beyond_all_numbers_give_an_alarm_that_can_be_written():
    change = change_of([1.0] * 40 + [float("inf")] * 40 + [1e308] * 3)
    assert all(abs(value) < float("inf") for value in change if value is not None)


def test_any_way_of_cutting_the_values_gives_the_same():
    values = normal(BLOCK * (BLOCKS + 9) + 5, 1.0)
    whole, cut = Past(), Past()
    whole.extend(values)
    rng, start = random.Random(5), 0
    while start < len(values):
        end = start + rng.randint(1, 100)
        cut.extend(values[start:end])
        start = end
    assert digest(cut) == digest(whole)
    assert len(whole.blocks) == BLOCKS
    assert cut.change() == whole.change()
    assert digest(cut) == digest(whole)


def test_moments_of_parts_are_those_of_the_whole():
    values = normal(50, 7.0)
    count, mean, squares = merged(moments(values[:20]), moments(values[20:]))
    assert count == 50
    assert mean == pytest.approx(np.mean(values))
    assert squares == pytest.approx(np.var(values) * 50)

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.forecasting.traffic_streams import KINDS, Reading, readings, traffic


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_and_nothing_else(kind):
    one, again, other = traffic(kind, 300, seed=4), traffic(kind, 300, seed=4), traffic(kind, 300, seed=5)
    assert all(np.array_equal(*pair) for pair in zip(one, again, strict=True))
    assert not np.array_equal(one.volumes, other.volumes)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(KINDS), st.integers(1, 400), st.integers(0, 200), st.integers(2, 48), st.integers(0, 2**32))
def test_no_value_depends_on_what_is_to_come(kind, n, more, season, seed):
    short, long = (traffic(kind, size, 3, season, seed) for size in (n, n + more))
    for part, whole in zip(short, long, strict=True):
        assert np.array_equal(part, whole[:n])


@pytest.mark.parametrize("kind", KINDS)
def test_hours_of_days_and_days_of_weeks_have_volumes_of_their_own(kind):
    expected = traffic(kind, 24 * 7 * 40, 20, drift=0.0, bursts=0.0).expected
    hours = expected.reshape(40, 7, 24, 20).mean(axis=0)
    day = hours[:5].mean(axis=0)
    assert (day.max(axis=0) > 2 * day.min(axis=0)).all()
    weekend, week = hours[5:].mean(axis=(0, 1)), hours[:5].mean(axis=(0, 1))
    assert (np.abs(weekend / week - 1) > 0.1).sum() > 10


def test_volumes_scatter_about_what_is_expected_of_them():
    stream = traffic(n=5_000, cells=20, noise=0.1)
    ratio = stream.volumes.sum(axis=0) / stream.expected.sum(axis=0)
    assert ratio == pytest.approx(np.ones(20), abs=0.02)
    assert traffic("on_off", 5_000, 20).volumes[~traffic("on_off", 5_000, 20).bursts].max() == 0.0


def test_bursts_come_as_often_and_are_as_high_as_is_said():
    with_bursts, without = (traffic(n=20_000, cells=10, bursts=b, seed=2) for b in (0.5, 0.0))
    starts = (with_bursts.bursts[1:] & ~with_bursts.bursts[:-1]).sum() / (20_000 * 10 / 24)
    assert 0.4 < starts < 0.5  # one that begins in another is not seen
    factor = (with_bursts.expected / without.expected)[with_bursts.bursts]
    assert factor.min() >= 2.0
    assert factor.mean() == pytest.approx(4.0, abs=0.15)
    assert not without.bursts.any()


def increases(sent, n, counter):
    """Return what each bin's reading says that passed since the one before it in time; nan where it is not known."""
    found, last, known = np.full(n, np.nan), None, -1
    for _, at, value in sent:
        if at <= known:
            continue
        if not counter:
            found[at] = value
        elif last is not None:
            found[at] = value if value < last else value - last
        last, known = value, at
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 200), st.booleans(), st.integers(0, 2**32))
def test_readings_hold_the_faults_that_are_said(n, counter, seed):
    volumes = traffic(n=n, cells=2, seed=seed).volumes
    resets = 0.1 if counter else 0.0
    sent, missing, late, duplicates, anew = readings(volumes, counter, 0.1, 0.1, 0.1, resets, seed)
    assert len(sent) == volumes.size - missing.sum() + duplicates.sum()
    for cell in range(2):
        own = [reading for reading in sent if reading.cell == cell]
        pairs = list(itertools.pairwise(own))
        assert sum(a == b for a, b in pairs) == duplicates[:, cell].sum()
        assert [b.bin for a, b in pairs if b.bin < a.bin] == np.flatnonzero(late[:, cell]).tolist()
        in_time = [a for a in own if not late[a.bin, cell]]
        shown = [b.bin for a, b in itertools.pairwise(in_time) if b.value < a.value]
        assert counter is False or shown == np.flatnonzero(anew[:, cell]).tolist()
        found = increases(own, n, counter)
        lacking = missing[:, cell] | late[:, cell]
        alone = ~lacking & ~np.roll(lacking, 1)
        alone[0] &= not counter
        assert found[alone] == pytest.approx(volumes[alone, cell])


def test_without_faults_all_comes_in_order():
    sent = readings(np.array([[1.0, 2.0], [3.0, 4.0]])).readings
    assert sent == [Reading(0, 0, 1.0), Reading(1, 0, 2.0), Reading(0, 1, 3.0), Reading(1, 1, 4.0)]


@pytest.mark.parametrize(
    "bad", [{"kind": "x"}, {"n": 0}, {"cells": 0}, {"season": 1}, {"seed": -1}, {"level": 0.0}, {"drift": 2.0},
            {"bursts": 13.0}, {"noise": -1.0}],
)  # fmt: skip
def test_streams_that_cannot_be_made_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        traffic(**bad)


@pytest.mark.parametrize("bad", [{"missing": 0.6}, {"late": -0.1}, {"duplicates": 1.0}, {"resets": 0.1}, {"seed": -1}])
def test_readings_that_cannot_be_made_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        readings(np.ones((3, 1)), **bad)
    with pytest.raises(ValueError, match="volumes"):
        readings(np.array([[-1.0]]))

"""False alarms: counted on shuffled values, the same for every cut, and not fooled by a drift."""

import random

import pytest

from driftline.models.digest import digest
from driftline.streams.drift import Watch
from driftline.streams.twin import EVERY, SHUFFLED, Twin


def test_one_block_of_four_is_tried_and_it_is_shuffled():
    tried = []

    def trial(values):
        tried.append(values)
        return len(values), 1

    twin = Twin()
    twin.extend(range(10 * SHUFFLED), trial)
    firsts = [EVERY * SHUFFLED * i for i in range(3)]
    assert [sorted(values) for values in tried] == [list(range(first, first + SHUFFLED)) for first in firsts]
    assert all(values != sorted(values) for values in tried)
    assert (twin.tested, twin.alarms, twin.rate) == (3 * SHUFFLED, 3, 10.0)


def test_any_way_of_cutting_the_values_gives_the_same():
    rng = random.Random(4)
    values = [rng.random() for _ in range(5_500)]
    whole, cut = Watch("kswin", {"alpha": 0.05}), Watch("kswin", {"alpha": 0.05})
    whole.twin.extend(values, whole.trial)
    start = 0
    while start < len(values):
        end = start + rng.randint(1, 900)
        cut.twin.extend(values[start:end], cut.trial)
        start = end
    assert digest(cut) == digest(whole)
    assert whole.twin.alarms > 0


def test_a_twitchy_detector_shows_and_a_drift_does_not():
    rng = random.Random(2)
    drifting = [float(rng.random() < (0.1 if i < 500 else 0.9)) for i in range(SHUFFLED)]
    calm, twitchy = Watch("adwin", {}), Watch("page-hinkley", {"threshold": 0.3, "min_instances": 2})
    for watch in (calm, twitchy):
        assert watch.update_run(drifting)  # both find it
    assert calm.twin.rate == 0.0
    assert twitchy.twin.rate > 100.0


def test_before_the_first_block_there_is_no_rate():
    twin = Twin()
    twin.extend([0.0] * (SHUFFLED - 1), pytest.fail)
    assert twin.rate is None

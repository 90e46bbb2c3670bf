"""Drift watches: what they find, what they say of it, and that a rest changes nothing."""

import random

import pytest

from driftline.models.digest import digest
from driftline.streams.detectors import DETECTORS
from driftline.streams.drift import Watch
from driftline.streams.vault import Vault

VAULT = Vault(b"0123456789abcdef")


def losses(turn=1_000, count=2_000, before=0.1, after=0.9, seed=3):
    rng = random.Random(seed)
    return [float(rng.random() < (before if i < turn else after)) for i in range(count)]


def found(watch, stream):
    return [place for place, _ in watch.update_run(stream)]


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_every_detector_finds_a_change_soon_and_says_what_changed(detector):
    changes = Watch(detector, {}).update_run(losses())
    place, change = next((place, change) for place, change in changes if place >= 1_000)
    assert place < 1_200
    assert change.before < 0.2 < 0.7 < change.after
    assert change.size > 1.5
    assert change.confidence > 0.99
    assert change.count_after <= place - 1_000 + 40


@pytest.mark.parametrize("detector", ["adwin", "page-hinkley"])
def test_a_steady_loss_is_no_drift(detector):
    assert found(Watch(detector, {}), losses(after=0.1)) == []


def test_no_detector_finds_nothing():
    watch = Watch("none", {})
    assert found(watch, losses()) == []
    assert (watch.seen, watch.twin) == (0, None)


def test_evidence_begins_anew_after_each_drift():
    stream = [0.0] * 1_000 + [1.0] * 1_000 + [0.0] * 1_000
    changes = Watch("adwin", {}).update_run(stream)
    up = next(change for place, change in changes if place >= 1_000)
    down = next(change for place, change in changes if place >= 2_000)
    assert (up.before, up.after, up.count_before) == (0.0, 1.0, 1_000)
    assert (down.before, down.after, down.count_before) == (1.0, 0.0, 1_000)
    assert up.rose
    assert not down.rose


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_a_watch_that_was_stored_goes_on_as_if_nothing_had_been(detector):
    straight, stream = Watch(detector, {}), losses(turn=1_200, count=2_400)
    wanted = straight.update_run(stream)
    first = Watch(detector, {})
    begun = first.update_run(stream[:950])  # in the middle of a block of the twin
    second = VAULT.thaw("here", VAULT.freeze("here", first))
    assert begun + [(950 + place, change) for place, change in second.update_run(stream[950:])] == wanted
    assert digest(second) == digest(straight)
    assert second.twin.tested == 1_000


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_values_one_by_one_are_the_same_as_in_a_run(detector):
    stream = losses(turn=300, count=1_100)
    one, other = Watch(detector, {}), Watch(detector, {})
    wanted = one.update_run(stream)
    assert wanted
    assert [(i, change) for i, loss in enumerate(stream) if (change := other.update(loss))] == wanted
    assert digest(other) == digest(one)


def test_a_watch_that_restarts_keeps_what_its_twin_has_measured():
    watch = Watch("kswin", {})
    watch.update_run(losses(count=1_100))
    alarms = watch.twin.alarms
    watch.restart()
    assert watch.update_run([0.0] * 50) == []
    assert watch.twin.alarms == alarms
    change = watch.past.change()
    assert change.count_before + change.count_after == 50


def test_parameters_reach_the_detector():
    watch = Watch("page-hinkley", {"threshold": 2.0, "min_instances": 3})
    assert found(watch, [0.0] * 50 + [1.0] * 20)
    with pytest.raises(TypeError):
        Watch("page-hinkley", {"treshold": 2.0})

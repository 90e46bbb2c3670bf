"""Drift watches: what they find, what they say of it, and that a rest changes nothing."""

import random

import pytest

from driftline.models.digest import digest
from driftline.streams.config import Drift
from driftline.streams.drift import DETECTORS, Watch
from driftline.streams.vault import Vault

VAULT = Vault(b"0123456789abcdef")


def losses(turn=1_000, count=2_000, before=0.1, after=0.9, seed=3):
    rng = random.Random(seed)
    return [float(rng.random() < (before if i < turn else after)) for i in range(count)]


def found(watch, stream):
    return [i for i, loss in enumerate(stream) if watch.update(loss)]


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_every_detector_finds_a_change_soon_and_says_what_changed(detector):
    watch = Watch(Drift(detector=detector))
    first = None
    for i, loss in enumerate(losses()):
        if watch.update(loss) and i >= 1_000:
            first = i
            break
    assert first is not None
    assert first < 1_200
    before, after = watch.evidence
    assert before < after


@pytest.mark.parametrize("detector", ["adwin", "page-hinkley"])
def test_a_steady_loss_is_no_drift(detector):
    assert found(Watch(Drift(detector=detector)), losses(after=0.1)) == []


def test_no_detector_finds_nothing():
    watch = Watch(Drift(detector="none"))
    assert found(watch, losses()) == []
    assert watch.count == 0


def test_evidence_begins_anew_after_each_drift():
    watch = Watch(Drift())
    stream = [0.0] * 1_000 + [1.0] * 1_000 + [0.0] * 1_000
    seen = []
    for i, loss in enumerate(stream):
        if watch.update(loss):
            seen.append((i, watch.evidence))
            assert watch.count == 0
    up = next(evidence for i, evidence in seen if i >= 1_000)
    down = next(evidence for i, evidence in seen if i >= 2_000)
    assert up[0] < 0.1 < up[1]
    assert down[0] > 0.5


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_a_watch_that_was_stored_goes_on_as_if_nothing_had_been(detector):
    straight, stream = Watch(Drift(detector=detector)), losses()
    wanted = found(straight, stream)
    first = Watch(Drift(detector=detector))
    begun = found(first, stream[:900])
    second = VAULT.thaw("here", VAULT.freeze("here", first))
    assert begun + [900 + i for i in found(second, stream[900:])] == wanted
    assert digest(second) == digest(straight)


def test_kswin_is_seeded_unless_told_otherwise():
    one, other = (found(Watch(Drift(detector="kswin")), losses()) for _ in range(2))
    assert one == other
    assert Watch(Drift(detector="kswin", parameters={"seed": 3})).detector.seed == 3


def test_parameters_reach_the_detector():
    watch = Watch(Drift(detector="page-hinkley", parameters={"threshold": 2.0, "min_instances": 3}))
    assert found(watch, [0.0] * 50 + [1.0] * 20)

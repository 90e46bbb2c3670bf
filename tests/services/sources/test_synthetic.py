import math

import pytest

from driftline.services.sources import Synthetic


def agreement(records) -> list[bool]:
    """For each event whether its label is the side of the plane that it lies on."""
    side = {r.value.id: math.fsum(r.value.x.values()) > 0 for r in records if r.role == "event"}
    return [side[r.value.of] == r.value.y for r in records if r.role == "label"]


def test_the_concept_flips_at_the_drift_and_not_before():
    assert agreement(list(Synthetic(count=100, drift_at=60, noise=0.0))) == [True] * 60 + [False] * 40


def test_several_drifts_flip_to_and_fro():
    source = Synthetic(count=30, drift_at=(10, 20), noise=0.0)
    assert agreement(list(source)) == [True] * 10 + [False] * 10 + [True] * 10


def test_without_a_drift_the_concept_stays():
    assert all(agreement(list(Synthetic(count=200, noise=0.0))))


def test_noise_is_the_share_of_wrong_labels():
    agreed = agreement(list(Synthetic(count=20_000, noise=0.2)))
    assert 0.18 < 1 - sum(agreed) / len(agreed) < 0.22


def test_inject_flips_the_concept_from_the_next_event_on():
    source = Synthetic(count=20, noise=0.0, delay_seconds=0.0)
    records = []
    for record in source:
        if record.role == "event" and record.value.id.endswith("-9"):
            source.inject()
        records.append(record)
    assert agreement(records) == [True] * 10 + [False] * 10


def test_the_seed_makes_the_stream():
    assert list(Synthetic(count=50, seed=1)) == list(Synthetic(count=50, seed=1))
    assert list(Synthetic(count=50, seed=1)) != list(Synthetic(count=50, seed=2))


@pytest.mark.parametrize("wrong", [{"noise": 0.5}, {"noise": -0.1}, {"features": 0}, {"keys": 0}, {"count": -1}])
def test_bad_parameters_are_refused_with_their_value(wrong):
    [value] = wrong.values()
    with pytest.raises(ValueError, match=str(value)):
        Synthetic(**wrong)

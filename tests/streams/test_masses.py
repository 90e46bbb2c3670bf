"""The mass of clusters: whose share changed, which ids are watched, and that cuts change nothing."""

import random

import pytest

from driftline.models.digest import digest
from driftline.streams import masses
from driftline.streams.masses import Masses


def shares(count, seed=1, **weights):
    return random.Random(seed).choices(list(weights), list(weights.values()), k=count)


@pytest.mark.parametrize("detector", ["adwin", "hddm-a", "hddm-w"])
def test_a_cluster_that_grows_and_one_that_shrinks_are_named(detector):
    found = Masses(detector, {}).update_run(shares(2_000, a=5, b=4, c=1) + shares(1_000, a=5, b=1, c=4))
    after = [(who, change) for place, who, change in found if place >= 2_000]
    told = dict(reversed(after))
    assert {"b", "c"} <= set(told)
    assert told["b"].before > 0.3 > told["b"].after
    assert told["c"].before < 0.2 < told["c"].after


def test_steady_shares_are_no_drift():
    assert Masses("adwin", {}).update_run(shares(5_000, a=5, b=4, c=1)) == []


@pytest.mark.parametrize("most", [4, 32])
def test_any_way_of_cutting_the_events_gives_the_same(most, monkeypatch):
    monkeypatch.setattr(masses, "MOST", most)
    monkeypatch.setattr(masses, "FORGOTTEN", 700)
    monkeypatch.setattr(masses, "_SWEEP", 100)
    ids = shares(1_500, a=5, b=4, c=1) + shares(1_450, seed=2, a=1, d=3, e=3, f=2, g=1)
    whole, cut = Masses("page-hinkley", {"threshold": 5.0}), Masses("page-hinkley", {"threshold": 5.0})
    wanted = whole.update_run(ids)
    assert len(wanted) > 5
    found, start, rng = [], 0, random.Random(6)
    while start < len(ids):
        end = start + rng.choice([1, 1, 7, 250])
        found += [(start + place, who, change) for place, who, change in cut.update_run(ids[start:end])]
        start = end
    assert found == wanted
    assert digest(cut) == digest(whole)
    assert len(whole.watches) <= most
    assert not {"b", "c"} & set(whole.watches)  # without events for long


def test_clusters_are_bounded_and_those_without_events_are_forgotten(monkeypatch):
    monkeypatch.setattr(masses, "MOST", 3)
    watch = Masses("adwin", {})
    watch.update_run(["a", "b", "c", "a", "d"])
    assert set(watch.watches) == set(watch.last) == {"a", "c", "d"}
    watch.forget(["c", "never"])
    watch.update_run(["a"] * 11_000)
    assert set(watch.watches) == {"a"}


def test_the_twin_counts_alarms_on_shuffled_ids():
    calm, twitchy = Masses("adwin", {}), Masses("page-hinkley", {"threshold": 0.3, "min_instances": 2})
    drifting = shares(500, a=5, b=4) + shares(500, a=1, b=9)
    for watch in (calm, twitchy):
        assert watch.update_run(drifting)
        assert watch.twin.tested == 2_000  # bits: of each event one for each cluster
    assert calm.twin.rate == 0.0
    assert twitchy.twin.rate > 100.0

"""All that is watched of one model: what is let alone, and what goes on."""

import random

from driftline.models.digest import digest
from driftline.streams.config import Drift
from driftline.streams.vault import Vault
from driftline.streams.watcher import Watcher

TWITCHY = {"detector": "page-hinkley", "parameters": {"min_instances": 2, "threshold": 0.3}}
BOTH = ("distance", "mass")


def answers(count, seed=1):
    rng = random.Random(seed)
    return {"distance": [rng.random() for _ in range(count)], "mass": [rng.choice("abc") for _ in range(count)]}


def cut(run, start, end):
    return {name: values[start:end] for name, values in run.items()}


def test_the_first_answers_of_a_new_model_are_let_alone():
    watcher = Watcher(Drift(rest=30, **TWITCHY), BOTH)
    found = watcher.answered(answers(60))
    assert found
    assert min(place for place, _ in found) >= 31
    assert (watcher.watches["distance"].seen, watcher.masses.seen) == (30, 30)
    watcher.begin_anew()
    assert watcher.answered(answers(30)) == []
    assert watcher.masses.watches == {}


def test_a_rest_and_cuts_change_nothing():
    config, run, vault = Drift(rest=30, **TWITCHY), answers(200), Vault(b"0123456789abcdef")
    straight, other = Watcher(config, BOTH), Watcher(config, BOTH)
    wanted = straight.answered(run)
    assert {drifted.signal for _, drifted in wanted} == {"distance", "mass"}
    found = []
    for start, end in ((0, 10), (10, 45), (45, 46), (46, 200)):
        found += [(start + place, drifted) for place, drifted in other.answered(cut(run, start, end))]
        other = vault.thaw("here", vault.freeze("here", other))
    assert found == wanted
    assert digest(other) == digest(straight)


def test_counts_are_those_of_the_values_watched():
    watcher = Watcher(Drift(rest=0, **TWITCHY), BOTH)
    assert all(drifted.count == place + 1 for place, drifted in watcher.answered(answers(60)))


def test_what_is_not_watched_finds_nothing():
    watcher = Watcher(Drift(detector="none"), ())
    assert watcher.judged([0.0] * 50 + [1.0] * 50) == []
    assert not watcher.answers
    assert list(watcher.twins()) == []


def test_another_policy_is_the_same_watch_and_owes_nothing():
    watcher = Watcher(Drift(policy="reset", **TWITCHY), BOTH)
    watcher.due = True
    same = Watcher(Drift(policy="alarm", budget=3.0, **TWITCHY), BOTH)
    assert watcher.form == same.form != Watcher(Drift(**TWITCHY), ("mass",)).form
    watcher.go_on(same.config)
    assert (watcher.due, watcher.config.budget) == (False, 3.0)

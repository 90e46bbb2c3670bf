"""Serving: an answer to each request, of the newest whole version or of the light model, and never a poisoned one."""

import numpy as np
import pytest
from heavies import Wide
from side import CONFIG, VAULT, joined, request, truth

from driftline.models.heavy import Shown
from driftline.services.serving import Serving
from driftline.streams.canary import Canary
from driftline.streams.desk import REQUEST, Asked
from driftline.streams.memory_store import MemoryStore
from driftline.streams.versions import Versions, place_of

NOW = 1e9


class Site:
    """A serving process whose clocks stand still until they are moved."""

    def __init__(self, build=Wide):
        self.now = 0.0
        self.store = MemoryStore()
        self.versions = Versions(self.store, VAULT, place_of("driftline", "s", "wide"))
        self.serving = Serving("wide", CONFIG, self.versions, build, lambda: NOW + self.now, lambda: self.now)

    def publish(self, model, name, learnt):
        """Write a version, as the learner does."""
        self.versions.take()
        told = {"learnt": learnt, "at": NOW, "offsets": {}}
        return self.versions.publish(name, told, model.dense(), model.rows())

    def answer(self, numbers, age=0.0, p=0.25, leads=None):
        """Answer these events, asked so many seconds ago."""
        asked = [Asked(0, NOW + self.now - age, n, REQUEST.decode(request(n, p=p))) for n in numbers]
        return self.serving.answer(asked, lambda key: (0, np.zeros(0, np.uint64)), leads)


class Poisoned(Wide):
    """A model whose answers are no probabilities."""

    def predict_many(self, rows):
        return super().predict_many(rows) * np.nan


def test_before_there_is_a_version_the_light_model_answers():
    site = Site()
    replies = site.answer(range(3))
    assert [(reply.guess, reply.fallback) for reply in replies] == [((False, 0.25), "cold")] * 3
    assert site.serving.fallbacks == {"cold": 3}


def test_the_newest_version_answers_and_names_itself_and_its_contest():
    site = Site()
    site.publish(Wide(), "a", 1)
    assert site.serving.look(0.0) is False
    [reply] = site.answer([5], leads="best")
    assert (reply.version, reply.champion_of, reply.fallback, reply.history) == ("a", "best", None, 0)
    assert reply.guess == (False, pytest.approx(0.25))


def test_it_looks_once_a_second_and_knows_what_was_taken_back():
    site = Site()
    site.publish(Wide(), "a", 1)
    site.serving.look(0.0)
    site.publish(Wide(), "b", 2)
    site.serving.look(0.5)
    assert site.serving.version.name == "a"
    assert site.serving.look(1.0) is False
    assert site.serving.version.name == "b"
    site.versions.roll_back()
    assert site.serving.look(2.0) is True
    assert site.serving.version.name == "a"
    assert (site.serving.swaps, site.serving.rollbacks) == (3, 1)


def test_what_was_taken_back_is_still_in_memory_and_a_version_is_warmed_up_before_it_serves():
    built = []

    class Counted(Wide):
        def __init__(self, *given):
            super().__init__(*given)
            self.asked = 0
            built.append(self)

        def predict_many(self, rows):
            self.asked += len(rows)
            return super().predict_many(rows)

    site = Site(Counted)
    site.publish(Wide(), "a", 1)
    site.serving.look(0.0)
    site.answer([1, 2, 3])
    site.publish(Wide(), "b", 2)
    site.serving.look(1.0)
    assert [one.asked for one in built] == [3, 3], "the last batch once more"
    site.versions.roll_back()
    site.serving.look(2.0)
    assert site.serving.version.name == "a"
    assert site.serving.model is built[0]
    assert len(built) == 2


def test_what_has_waited_too_long_is_answered_as_the_light_model_did_and_costs_nothing():
    site = Site()
    site.publish(Wide(), "a", 1)
    site.serving.look(0.0)
    seen = []
    site.serving.model.predict_many = lambda rows: (seen.extend(rows), [0.5] * len(rows))[1]
    old, new = site.answer([1], age=1.5), site.answer([2], age=0.5)
    assert [reply.fallback for reply in old + new] == ["late", None]
    assert len(seen) == 1


def test_a_batch_that_would_be_too_late_when_it_is_answered_is_late_at_once():
    site = Site()
    site.publish(Wide(), "a", 1)
    site.serving.look(0.0)
    for age, fallback in ((0.1, None), (0.3, "late")):
        site.serving.batch_seconds = 0.8
        assert [reply.fallback for reply in site.answer([1], age=age)] == [fallback]


@pytest.mark.parametrize("build", [lambda: Wide(fail_on="i2"), Poisoned])
def test_a_model_that_fails_is_answered_for_and_let_alone_for_a_while(build):
    site = Site(build)
    site.publish(Wide(), "a", 1)
    site.serving.look(0.0)
    for _ in range(3):
        assert [reply.fallback for reply in site.answer([1, 2])] == ["failed"] * 2
    assert site.serving.failures == 3
    assert site.answer([1, 2])[0].fallback == "failed"
    assert site.serving.failures == 3, "it rests"
    site.now = 10.0
    site.answer([2])
    assert site.serving.failures == 4


def test_a_light_model_that_failed_too_leaves_an_answer_that_says_so():
    site = Site()
    asked = Asked(
        0, NOW, 1, REQUEST.decode(request(1).replace(b'"y":{"clock":false},"p":{"clock":0.5}', b'"y":{},"p":{}'))
    )
    [reply] = site.serving.answer([asked], lambda key: (0, None), None)
    assert (reply.guess, reply.fallback) == ((None, None), "cold")


# The check before a swap


def canary(count=64):
    """Labels on which the light model is right nine times in ten."""
    import msgspec

    made = Canary("binary", count, 0.02)
    for i, (_, _, value) in enumerate(joined(0, count)):
        one = msgspec.json.decode(value)
        made.add(Shown(one["key"], one["x"], one["ps"], np.zeros(0)), truth(i))
    return made


def test_a_version_that_is_as_good_passes():
    verdict = canary().judge(Wide(), Wide())
    assert verdict.sound
    assert verdict.before == verdict.after == pytest.approx(-np.log(0.9))


def test_a_poisoned_version_does_not():
    """One layer times a hundred, as when a step of learning explodes; or numbers that are none."""
    worse = Wide()
    worse._dense[0] = 3.0
    assert not canary().judge(Wide(), worse).sound
    assert canary().judge(worse, Wide()).sound
    for broken in (Poisoned(), Wide(fail_on="i7")):
        assert not canary().judge(Wide(), broken).sound
        assert not canary().judge(None, broken).sound
    assert canary().judge(None, Wide()).sound, "the first only has to answer"


def test_only_the_last_labels_count():
    made = canary(8)
    assert made.full
    made.add(made.rows[0][0], True)
    assert len(made.rows) == 8

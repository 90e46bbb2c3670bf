"""Silence as an answer: what is taken as labelled no, when, and what is told of it."""

import random
from collections import deque
from types import SimpleNamespace

import pytest
from lanes import LOGISTIC, START, STUBBORN, TWITCHY, Gossip, event, label, lane, letters, outcomes, read
from pydantic import ValidationError
from silence import WINDOW, desk_of, moved, sent, taught

from driftline.streams.config import StreamConfig, Waiting
from driftline.streams.judge import Judge
from driftline.streams.learner import JOINED, Learner
from driftline.streams.learner import Waiting as Pending
from driftline.streams.time_outs import GRID
from driftline.streams.waiting import WaitingSet

# -- when ------------------------------------------------------------------------------------------------------------


def test_an_event_without_a_label_is_taken_as_no_on_its_own_features_once_it_is_that_old():
    desk = desk_of()
    desk.handle([event(0, a=7.0), event(1, a=8.0)])
    moved(desk, 19.9, 2)
    assert (taught(desk), outcomes(desk)) == ([], {})
    moved(desk, 20, 3)
    assert taught(desk) == [({"a": 7.0}, False)]
    moved(desk, 21, 4)
    assert taught(desk) == [({"a": 7.0}, False), ({"a": 8.0}, False)]
    assert outcomes(desk) == {"timed_out": 2}
    assert desk.slots[0].scores.n == desk.panels["binary"].scores["majority"].n == 2


def test_off_is_the_default_and_then_nothing_is_taken_and_no_kept_event_is_counted_as_lost():
    desk = lane(waiting={"max_count": 2, "max_age_seconds": 100})
    assert Waiting().negative_after_seconds is None
    assert type(desk.waiting) is WaitingSet
    desk.handle([event(0), event(1), event(2), event(3, at=START + 1_000)])
    assert (taught(desk), outcomes(desk)) == ([], {})


def test_what_has_its_label_is_not_taken():
    desk = desk_of()
    desk.handle([event(0), event(1), label(0, "e0", True), label(1, "e1", False)])
    moved(desk, 90, 2)
    assert outcomes(desk) == {"joined": 2}
    assert [y for _, y in taught(desk)] == [True, False]


def test_an_early_label_is_joined_and_never_timed_out():
    desk = desk_of()
    desk.handle([label(0, "e0", True), event(0)])
    moved(desk, 90, 1)
    assert outcomes(desk) == {"early": 1}


def test_time_outs_come_on_a_grid_so_that_runs_are_seldom_broken():
    desk = desk_of(negative_after_seconds=40, max_count=5_000)
    broken, real = [], desk.slots[0].answer
    desk.slots[0].answer = lambda run: broken.append(len(run)) or real(run)
    desk.handle([event(i, f"e{i}", at=START + i / 10) for i in range(1_000)])
    assert outcomes(desk) == {"timed_out": 600 - 19}  # up to the last line of the grid: 98 seconds less 40
    assert len(broken) <= 60 / (40 / GRID) + 1
    assert sum(broken) == 1_000


def test_it_comes_after_the_answer_to_the_event_that_moved_the_watermark_and_before_the_next():
    desk = desk_of()
    outs = desk.handle([event(0), event(1, at=START + 30), event(2, at=START + 30.5)])
    assert [read(out.value)["p"] for out in outs] == [1 / 2, 1 / 2, 1 / 3]


def test_a_silence_of_events_so_long_that_what_waits_expires_at_once_does_not_swallow_the_no():
    for seconds in (100, 101, 10_000):
        desk = desk_of()
        desk.handle([event(0, a=1.0), event(1, a=2.0)])
        moved(desk, seconds, 2)
        assert outcomes(desk) == {"timed_out": 2}
        desk.handle([label(0, "e0", True)])
        assert outcomes(desk) == ({"timed_out": 2, "corrected": 1} if seconds == 100 else {"timed_out": 2, "late": 1})


@pytest.mark.parametrize("gap", [0.3, 7.0, 60.0])
@pytest.mark.parametrize("age", [20.001, 20.5, 21, 100])
def test_however_close_age_and_window_are_every_event_is_taken_before_it_expires(gap, age):
    desk = desk_of(max_age_seconds=age, max_count=500)
    desk.handle([event(i, at=START + i * gap) for i in range(400)])
    last = START + 399 * gap
    found = outcomes(desk)
    assert set(found) == {"timed_out"}
    assert found["timed_out"] >= sum(START + i * gap <= last - 20 - min(1, age - 20) for i in range(400))


def test_an_event_ahead_of_its_time_holds_up_those_behind_it_as_it_does_when_they_expire():
    desk = desk_of()
    desk.handle([event(0, at=START + 30), event(1, at=START + 5)])
    moved(desk, 40, 2)
    assert outcomes(desk) == {}
    desk.handle([label(0, "e0", True)])  # once it has its label, it holds up nothing
    moved(desk, 41, 3)
    assert outcomes(desk) == {"joined": 1, "timed_out": 1}


def test_what_max_count_drives_out_before_its_window_is_over_is_counted_and_not_taken_as_no():
    desk = desk_of(max_count=3)
    desk.handle([event(i) for i in range(5)])
    assert outcomes(desk) == {"evicted": 2}
    desk.handle([label(0, "e2", True), event(5)])  # its label came: nothing is lost with it
    assert outcomes(desk) == {"evicted": 2, "joined": 1}
    desk.handle([label(1, "e0", True)])
    assert outcomes(desk)["late"] == 1
    assert [y for _, y in taught(desk)] == [True]


def test_an_event_that_has_timed_out_may_be_driven_out_without_being_counted_again():
    desk = desk_of(max_count=3)
    desk.handle([event(0), event(1, at=START + 25), event(2, at=START + 25), event(3, at=START + 25)])
    assert outcomes(desk) == {"timed_out": 1}
    desk.handle([label(0, "e0", True)])
    assert outcomes(desk) == {"timed_out": 1, "late": 1}


# -- what is told ----------------------------------------------------------------------------------------------------


def test_what_a_time_out_raises_hangs_on_its_event_and_the_ids_are_all_different():
    twitchy = {**TWITCHY, "policy": "challenger"}
    models = {"m": {**STUBBORN, "drift": twitchy}, "n": {**STUBBORN, "class": "lanes:Gossip", "drift": twitchy}}
    desk = lane(models, waiting={**WINDOW, "max_count": 500}, contests={"c": {"models": ["m", "n"], "run_length": 1.1}})
    for i in range(40):
        desk.handle([event(i, at=START + i / 4, a=1.0), label(i, f"e{i}", True)])
    desk.handle([event(40 + i, at=START + 10 + i / 40, fail=3.0 if i == 5 else 0.0) for i in range(40)])
    assert "timed_out" not in outcomes(desk)
    before = sent(desk)
    moved(desk, 60, 80)
    assert outcomes(desk)["timed_out"] == 40
    told = sent(desk)
    said = [read(out.value) for out in told]
    drifts = [one for one in said if one.get("kind") == "drift"]
    assert drifts
    for one in drifts:
        _, topic, partition, offset = one["id"].split("/")[1:5]
        assert (topic, partition, one["at"]) == ("s", "0", START + 60)
        assert 40 <= int(offset) < 80
    failed = [one["id"] for one in said if one.get("reason") == "model"]
    assert failed == ["m/s/0/45", "n/s/0/45"]
    ids = [out.id for out in before + told]
    assert len(ids) == len(set(ids))


def test_what_a_correction_raises_hangs_on_its_label():
    desk = desk_of({"n": {**STUBBORN, "class": "lanes:Gossip"}})
    desk.handle([event(0), event(1, fail=3.0)])
    moved(desk, 21, 2)
    assert letters(sent(desk))[0]["id"] == "n/s/0/1"
    desk.handle([label(7, "e0", True), label(8, "e1", True)])
    told = sent(desk)
    assert [out.id for out in told] == ["model/n/s.labels/0/7", "model/n/s.labels/0/7/1", "n/s.labels/0/8"]
    assert desk.counts["rejected/model"] == 2


def test_a_model_that_could_not_answer_is_neither_judged_nor_taught_nor_corrected():
    desk = desk_of({"m": STUBBORN, "other": LOGISTIC})
    desk.handle([event(0, fail=1.0)])
    moved(desk, 20, 1)
    desk.handle([label(0, "e0", True)])
    assert (taught(desk), desk.slots[0].scores.n, desk.slots[1].scores.n) == ([], 0, 1)


def test_models_for_each_key_and_models_that_learn_runs_are_corrected_too():
    models = {"m": STUBBORN, "each": {**STUBBORN, "per": "key"}, "bulk": {**STUBBORN, "class": "lanes:Gossip"}}
    desk = desk_of(models)
    before = Gossip.runs
    desk.handle([event(i, key="kl"[i % 2], a=float(i), at=START) for i in range(6)])
    moved(desk, 20, 6)
    assert Gossip.runs == before + 1  # all that is due is one run
    desk.handle([label(0, "e3", True, key="l")])
    assert desk.slots[2].model.taught == taught(desk)
    assert desk.slots[1].keyed.peek("l").taught == [
        ({"a": a}, y) for a, y in [(1, False), (3, False), (5, False), (3, True)]
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("p", "q"), [(0.1, 0.2), (0.5, 0.5)])
def test_what_share_of_yes_is_learnt_is_what_the_docs_say(seed, p, q):
    rng = random.Random(seed)
    events = [(at / 10, rng.random() < p, rng.random() < q) for at in range(6_000)]
    clicks = sorted((at + (50 if late else 5), i) for i, (at, yes, late) in enumerate(events) if yes)
    said = {}
    for correction in ("learn", "count"):
        desk, offset = desk_of({"m": LOGISTIC}, correction=correction, max_count=5_000), 0
        for i, (at, _, _) in enumerate(events):
            while offset < len(clicks) and clicks[offset][0] <= at:
                desk.handle([label(offset, f"e{clicks[offset][1]}", True, at=START + clicks[offset][0])])
                offset += 1
            desk.handle([event(i, at=START + at, a=1.0)])
        majority = desk.panels["binary"].baselines[1]
        said[correction] = majority.yes / majority.n
    assert said["learn"] == pytest.approx(p / (1 + p * q), rel=0.1)
    assert said["count"] == pytest.approx(p * (1 - q), rel=0.12)


HEAVY = {"m": STUBBORN, "wide": {"class": "somewhere:Wide", "where": "worker", "task": "binary"}}
"""A light model and one in the side worker, whose class the lane never loads."""


def handed(desk):
    """What was handed to the side worker."""
    return [JOINED.decode(out.value) for out in sent(desk) if out.topic == "s.joined"]


@pytest.mark.parametrize("correction", ["learn", "count"])
def test_what_times_out_and_what_corrects_is_handed_to_heavy_models_under_running_numbers(correction):
    desk = desk_of(HEAVY, correction=correction)
    desk.handle([event(i, a=float(i)) for i in range(3)])
    moved(desk, 21, 3)
    moved(desk, 22, 4)
    desk.handle([label(0, "e1", True), label(1, "clock3", True), label(2, "e0", False)])
    found = [(one.n, one.of, one.known - START, one.y, one.corrects) for one in handed(desk)]
    first = [(0, "e0", 21, False, False), (1, "e1", 21, False, False), (2, "e2", 22, False, False)]
    if correction == "learn":
        assert found == [*first, (3, "e1", 0, True, True), (4, "clock3", 1, True, False)]
    else:
        assert found == [*first, (3, "clock3", 1, True, False)]


def test_a_heavy_model_learns_a_correction_and_is_not_judged_by_it():
    desk, learnt, kept = desk_of(HEAVY), [], []
    desk.handle([event(0, a=1.0)])
    moved(desk, 20, 1)
    desk.handle([label(0, "e0", True)])
    judge = Judge("s", "wide", desk.config)
    worker = SimpleNamespace(
        pending=deque(Pending(0, place, 0.0, one) for place, one in enumerate(handed(desk))),
        served=SimpleNamespace(pop=lambda of: None), judge=judge, outbox=[], offsets={}, numbers={}, learnt=0, steps=0,
        _how=SimpleNamespace(step=8, history=0), _shown=lambda one: one.joined.of,
        _learn=lambda rows, ys, judged: learnt.extend(zip(rows, ys, strict=True)),
        canary=SimpleNamespace(add=lambda row, y: kept.append(y)),
    )  # fmt: skip
    assert Learner.step(worker) == 2
    assert learnt == [("e0", False), ("e0", True)]
    assert (judge.counts["absent"], judge.panel.scores["majority"].n) == (1, 1)
    assert (worker.offsets, worker.numbers, kept) == ({0: 2}, {0: 2}, [False, True])


# -- what may be configured ------------------------------------------------------------------------------------------


def test_the_window_must_end_before_the_event_expires():
    with pytest.raises(
        ValidationError, match=r"negative_after_seconds \(100\) must be less than max_age_seconds \(100\)"
    ):
        Waiting(max_age_seconds=100, negative_after_seconds=100)
    with pytest.raises(ValidationError, match="greater than 0"):
        Waiting(negative_after_seconds=0)
    with pytest.raises(ValidationError, match="'learn' or 'count'"):
        Waiting(correction="forget")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"other": {"class": "river.linear_model:LinearRegression"}}, "other has the task regression"),
        ({"other": {"class": "binary-relevance"}}, "other has the task multilabel"),
        ({"other": {"class": "river.naive_bayes:GaussianNB", "task": "multiclass"}}, "other has the task multiclass"),
        ({"other": {"class": "river.anomaly:HalfSpaceTrees"}}, "other has the task anomaly"),
    ],
)
def test_silence_means_no_only_where_all_labels_are_yes_or_no(more, said):
    with pytest.raises(ValidationError, match=said):
        desk_of({"m": STUBBORN, **more})
    with pytest.raises(ValidationError, match="no model here learns from labels"):
        desk_of({"groups": {"class": "river.cluster:KMeans"}})


def test_models_that_take_no_labels_may_stand_beside():
    ahead = {"class": "naive", "per": "key", "target": "a"}
    desk = desk_of({"m": STUBBORN, "groups": {"class": "river.cluster:KMeans"}, "ahead": ahead})
    desk.handle([event(0)])
    moved(desk, 20, 1)
    desk.handle([label(0, "e0", True)])
    assert [y for _, y in taught(desk)] == [False, True]
    assert StreamConfig.model_validate(desk.config.model_dump(by_alias=True)) == desk.config

"""Champion and challengers in a lane: who leads, what is told of it, and what a restart keeps."""

import msgspec
import pytest
from lanes import LOGISTIC, STUBBORN, VAULT, config, event, label, lane, read
from pydantic import ValidationError

from driftline.streams.events import Alarm
from driftline.streams.lane import Lane
from driftline.streams.log import MemoryLog
from driftline.streams.memory_store import MemoryStore
from driftline.streams.state import digests, freeze, restore
from driftline.streams.tenure import Differs, Tenure


class Fixed:
    """Always the same answer."""

    def __init__(self, p=1.0):
        self.p = p

    def predict_proba_one(self, x):
        """Raise where told to, else say it."""
        if self.p < 0:
            raise RuntimeError("no answer")
        return {True: self.p}

    def learn_one(self, x, y):
        """Nothing to learn."""


def fixed(p):
    return {"class": f"{__name__}:Fixed", "task": "binary", "parameters": {"p": p}}


MODELS = {"no": fixed(0.0), "yes": fixed(1.0), "maybe": fixed(0.4)}
BEST = {"best": {"models": ["no", "yes", "maybe"], "run_length": 50}}


def teach(desk, count, y=True, start=0):
    """Events, each with its label; returns the predictions."""
    outs = []
    for i in range(start, start + count):
        outs += desk.handle([event(i), label(i, f"e{i}", y)])
    return [read(out.value) for out in outs]


def alarms(desk):
    return [read(out.value) for out in desk.outbox if out.topic == "driftline.alarms"]


def test_the_first_leads_until_another_has_proven_to_be_better():
    desk = lane(MODELS, contests=BEST)
    said = teach(desk, 60)
    leads = [one["model"] for one in said if one.get("champion_of") == "best"]
    assert leads[0] == "no"
    assert leads[-1] == "yes"
    assert leads == sorted(leads)  # it changed once
    assert len(leads) == 60  # one answer for each event
    assert [one for one in said if one["model"] == "maybe" and "champion_of" in one] == []
    [alarm] = alarms(desk)
    assert (alarm["kind"], alarm["model"], alarm["detector"], alarm["action"]) == (
        "promotion",
        "yes",
        "best",
        "promoted",
    )
    promoted_at = leads.index("yes")
    assert (alarm["before"], alarm["after"], alarm["count"]) == (1.0, 0.0, promoted_at)
    assert alarm["id"] == f"promotion/best/s.labels/0/{promoted_at - 1}"
    assert "yes leads best in place of no: mean loss (error) 0 against 1" in alarm["text"]
    Alarm.model_validate(alarm)
    assert desk.contests["best"].promotions == 1


def test_what_was_served_has_scores_of_its_own():
    desk = lane(MODELS, contests=BEST)
    said = teach(desk, 60)
    served = [one["y"] for one in said if one.get("champion_of")]
    scores, baselines = desk.scores()["best"]
    assert scores.n == 60
    assert scores.values()["accuracy"] == sum(served) / 60
    assert set(baselines) == {"no_change", "majority"}


def test_the_lead_comes_back_when_the_stream_turns():
    desk = lane(MODELS, contests=BEST)
    teach(desk, 1_000)
    teach(desk, 100, y=False, start=1_000)
    assert desk.contests["best"].champion in ("no", "maybe")
    assert desk.contests["best"].promotions == 2


def test_a_champion_that_fails_is_replaced_and_one_that_never_answers_is_not_promoted():
    desk = lane({"no": fixed(-1.0), "worse": fixed(-1.0), "yes": fixed(0.9)},
                contests={"best": {"models": ["no", "worse", "yes"], "run_length": 50}})  # fmt: skip
    teach(desk, 40)
    assert desk.contests["best"].champion == "yes"
    [alarm] = alarms(desk)
    assert (alarm["before"], alarm["after"]) == (1.0, 0.0)


def test_a_margin_keeps_the_champion_where_little_is_won():
    small = {"no": fixed(0.5), "yes": fixed(0.6)}
    for margin, leads in ((0.0, "yes"), (0.2, "no")):
        contest = {"models": ["no", "yes"], "run_length": 50, "loss": "brier", "margin": margin}
        desk = lane(small, contests={"best": contest})
        teach(desk, 300)
        assert desk.contests["best"].champion == leads


def test_early_and_repeated_labels_count_once():
    desk = lane(MODELS, contests=BEST)
    for i in range(30):
        desk.handle([label(2 * i, f"e{i}", True), label(2 * i + 1, f"e{i}", True), event(i)])
    assert desk.contests["best"].scores.n == 30


def kept(desk):
    """The state as it is stored, and its outbox with it."""
    parts, touched = freeze(desk)
    return parts, {name: {key: value for key, value in keys.items() if value} for name, keys in touched.items()}


def test_a_restart_goes_on_where_it_stood():
    straight, desk = lane(MODELS, contests=BEST), lane(MODELS, contests=BEST)
    teach(straight, 60)
    teach(desk, 3)
    state = kept(desk)
    desk = lane(MODELS, contests=BEST)
    restore(desk, *state)
    teach(desk, 57, start=3)
    assert digests(desk) == digests(straight)
    assert desk.contests["best"].since == {}


def test_a_contest_that_was_changed_begins_anew_with_its_champion():
    desk = lane(MODELS, contests=BEST)
    teach(desk, 60)
    desk.handle([event(60)])
    state = kept(desk)
    models = {**MODELS, "new": LOGISTIC}
    other = lane(models, contests={"best": {**BEST["best"], "models": ["no", "maybe", "yes", "new"]}})
    restore(other, *state, born={"new"})
    contest = other.contests["best"]
    assert (contest.champion, contest.first, contest.promotions) == ("yes", "yes", 0)
    assert contest.since == {"s": 61, "s.labels": 60}
    other.handle([label(60, "e60", True)])
    assert contest.scores.n == 0  # what was served before is another contest's
    other.handle([event(61), label(61, "e61", True)])
    assert contest.scores.n == 1


def test_a_champion_that_was_taken_out_or_changed_leaves_the_lead_to_the_first():
    desk = lane(MODELS, contests=BEST)
    teach(desk, 60)
    state = kept(desk)
    without = {name: MODELS[name] for name in ("no", "maybe")}
    other = lane(without, contests={"best": {"models": ["maybe", "no"]}})
    restore(other, *state)
    assert other.contests["best"].champion == "maybe"
    teach(other, 3, start=60)
    changed = lane({**MODELS, "yes": fixed(0.9)}, contests=BEST)
    restore(changed, *state, born={"yes"})
    assert changed.contests["best"].champion == "no"
    none = lane(MODELS)
    restore(none, *state)
    assert "best" not in none.scores()
    assert [one.get("champion_of") for one in teach(none, 2, start=60)] == [None] * 6


def held(contests, store, log):
    """A new owner of the lane, with these contests."""
    tenure = Tenure(lambda: lane(MODELS, contests=contests), store, log)
    tenure.take()
    tenure.order.drained = {"s": True, "s.labels": True}
    return tenure


OTHERS = [
    {},
    {"other": BEST["best"]},
    {"best": {**BEST["best"], "run_length": 40}},
    {**BEST, "more": {"models": ["this", "that"]}},
]


@pytest.mark.parametrize("contests", OTHERS)
def test_what_was_published_stands_where_contests_were_changed_since(contests, monkeypatch):
    for name in ("this", "that"):
        monkeypatch.setitem(MODELS, name, fixed(0.3))
    store, log = MemoryStore(), MemoryLog()
    log.topic("s", 0).extend(event(n).value for n in range(6))
    first = held(BEST, store, log.producer())
    first.offer([event(0), event(1)])
    first.checkpoint()
    events = [event(n) for n in range(2, 6)]
    first.offer(events)
    first._log.flush()
    before = len(log.topic("s.predictions", 0))
    heir = held(contests, store, log.producer())
    heir.offer(events)  # raises `Differs`, and would for ever, if who led were compared with another contest's
    heir._log.flush()
    assert len(log.topic("s.predictions", 0)) == before + 1  # the fence, and nothing again


def test_another_leader_than_was_published_is_found_out_where_contests_are_the_same():
    store, log = MemoryStore(), MemoryLog()
    log.topic("s", 0).extend(event(n).value for n in range(6))
    first = held(BEST, store, log.producer())
    first.offer([event(0)])
    first.checkpoint()
    first.offer([event(1)])
    first._log.flush()
    heir = held(BEST, store, log.producer())
    heir.lane.contests["best"].begin("yes")
    with pytest.raises(Differs):
        heir.offer([event(1)])


DRIFT = {"detector": "page-hinkley", "parameters": {"min_instances": 5, "threshold": 2.0}, "policy": "challenger"}
SLOW = {"best": {"models": ["no", "yes", "maybe"], "run_length": 1e9}}
"""A contest in which evidence alone promotes late."""


def challenged(names=("no",), **policy):
    """Whoever leads says no, and hands over where its loss drifts; models of these names are watched."""
    drift = {True: {**DRIFT, **policy}, False: {"detector": "none"}}
    return lane({name: {**model, "drift": drift[name in names]} for name, model in MODELS.items()}, contests=SLOW)


def test_a_drift_of_the_champion_hands_over_to_the_challenger_with_the_most_evidence():
    desk = challenged()
    teach(desk, 40, y=False)
    teach(desk, 9, start=40)
    drift, promotion = alarms(desk)
    assert (drift["kind"], drift["model"], drift["signal"], drift["action"]) == ("drift", "no", "loss", "challenger")
    assert (drift["before"], drift["after"]) == (0.0, 1.0)
    assert drift["count_before"] == 40
    assert (promotion["kind"], promotion["model"], promotion["detector"]) == ("promotion", "yes", "best")
    assert promotion["id"].rsplit("/", 1)[1] == drift["id"].rsplit("/", 1)[1]  # of the same label
    assert "yes leads best in place of no, whose loss drifted from 0 to 1: mean loss" in promotion["text"]
    assert "wanted 2e+09" in promotion["text"]
    for one in (drift, promotion):
        Alarm.model_validate(one)
    said = teach(desk, 1, start=49)
    assert [one["model"] for one in said if one.get("champion_of")] == ["yes"]
    lead = challenged()
    restore(lead, *kept(desk))
    assert (lead.contests["best"].champion, lead.contests["best"].promotions) == ("yes", 1)
    assert digests(lead) == digests(desk)


def test_without_the_policy_the_evidence_alone_decides():
    desk = challenged(policy="alarm")
    teach(desk, 40, y=False)
    teach(desk, 9, start=40)
    [drift] = alarms(desk)
    assert drift["action"] == "alarm"
    assert desk.contests["best"].champion == "no"


def test_a_drift_hands_over_to_nobody_where_none_was_better_lately():
    models = {name: {**fixed(0.0), "drift": DRIFT} for name in ("no", "yes", "maybe")}
    desk = lane(models, contests=SLOW)
    teach(desk, 40, y=False)
    teach(desk, 20, start=40)
    assert {one["action"] for one in alarms(desk)} == {"alarm"}
    assert desk.contests["best"].promotions == 0


def test_a_loss_that_fell_and_a_drift_of_another_model_cost_nobody_the_lead():
    desk = challenged(names=("no", "yes"))
    teach(desk, 40)
    teach(desk, 9, y=False, start=40)
    told = {one["model"]: one for one in alarms(desk)}
    assert told["no"]["before"] == 1.0 > told["no"]["after"]
    assert told["yes"]["before"] == 0.0 < told["yes"]["after"]
    assert {one["action"] for one in told.values()} == {"alarm"}
    assert desk.contests["best"].champion == "no"


def test_a_contest_taken_out_for_a_replay_leaves_the_alarm():
    models = {name: {**model, "drift": DRIFT} for name, model in MODELS.items()}
    only = config(models, contests=SLOW).only(["no"])
    desk = Lane("s", 0, only, VAULT)
    teach(desk, 40, y=False)
    teach(desk, 9, start=40)
    assert [one["action"] for one in alarms(desk)] == ["alarm"]


def test_contests_of_other_tasks_hear_their_own_labels():
    mean = {"class": "river.stats:Mean"}
    models = {
        "no": fixed(0.0),
        "yes": fixed(1.0),
        "line": {"class": "river.linear_model:LinearRegression"},
        "mean": {"class": "river.dummy:StatisticRegressor", "parameters": {"statistic": mean}},
    }
    desk = lane(models, contests={"a": {"models": ["no", "yes"]}, "b": {"models": ["line", "mean"], "loss": "squared"}})
    teach(desk, 5)
    teach(desk, 7, y=3.5, start=5)
    assert (desk.contests["a"].scores.n, desk.contests["b"].scores.n) == (5, 7)


@pytest.mark.parametrize(
    ("contests", "fault"),
    [
        ({"m": {"models": ["m", "n"]}}, "a model has this name"),
        ({"best": {"models": ["m", "gone"]}}, "no model 'gone' in this stream: m, n, c, r"),
        ({"best": {"models": ["m"]}}, "at least 2"),
        ({"best": {"models": ["m", "m"]}}, "m is in the contest 'best' already"),
        ({"a": {"models": ["m", "n"]}, "b": {"models": ["n", "r"]}}, "n is in the contest 'a' already"),
        ({"best": {"models": ["m", "r"]}}, "different tasks: binary, regression"),
        ({"best": {"models": ["c", "d"]}}, "the task cluster cannot be compared"),
        ({"best": {"models": ["m", "n"], "loss": "f1"}}, "no loss 'f1' for binary: error, brier"),
        ({"best": {"models": ["m", "n"], "run_length": 1}}, "greater than 1"),
        ({"Best": {"models": ["m", "n"]}}, "a name: 1 to 64"),
    ],
)
def test_a_contest_that_cannot_be_is_an_error_that_says_why(contests, fault):
    cluster = {"class": "river.cluster:KMeans"}
    models = {"m": STUBBORN, "n": STUBBORN, "c": cluster, "r": {"class": "river.linear_model:LinearRegression"}}
    if "c" in contests.get("best", {"models": []})["models"]:
        models["d"] = cluster
    with pytest.raises(ValidationError, match=fault):
        config(models, contests=contests)


def test_a_prediction_without_a_contest_says_nothing_of_one():
    [out] = lane().handle([event(0)])
    assert "champion_of" not in msgspec.json.decode(out.value)

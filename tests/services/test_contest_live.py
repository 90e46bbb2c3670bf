"""Champion and challenger on a live stream: the better model is promoted, through kill -9 and a changed contest."""

import json
from collections import defaultdict

import pytest
from live import LOGISTIC, TREE, Bench, eventually

from driftline.services.publisher import publish
from driftline.services.scrape import scrape
from driftline.services.sources import Synthetic
from driftline.services.verify import verify

pytestmark = [pytest.mark.servers, pytest.mark.slow]

PRIOR = '{ class = "river.dummy:PriorClassifier", task = "binary" }'
CONTEST = "[streams.s.contests.best]\nmodels = [{}]\nrun_length = 1000"


@pytest.fixture
def bench(tmp_path, broker, redis_url):
    return Bench(tmp_path, broker, redis_url)


def send(bench, start, seed):
    source = Synthetic("s", count=600, delay_seconds=2.0, start=start, seed=seed, keys=8)
    publish(source, bench.settings.kafka.brokers, bench.settings.streams)
    eventually(bench.handled, "all messages handled")


def test_the_better_model_is_promoted_and_stays_so_through_a_kill(bench):
    names = '"prior", "tree"'
    bench.write(f"prior = {PRIOR}\ntree = {TREE}\n{CONTEST.format(names)}")
    with bench.stack() as stack:
        send(bench, 1_700_000_000.0, seed=1)
        stack.kill_streams()
        stack.start_streams()
        send(bench, 1_700_000_100.0, seed=2)
        seen = scrape(stack.metrics_url)
        for n in ("0", "1"):
            assert seen.mean("driftline_champion", stream="s", contest="best", partition=n, model="tree") == 1.0
            assert seen.mean("driftline_champion", stream="s", contest="best", partition=n, model="prior") == 0.0
        assert seen.total("driftline_promotions_total") == 2
        assert seen.mean("driftline_evidence", stream="s", model="prior") < 1.0

    leads = defaultdict(list)
    for one in sorted(bench.predictions(), key=lambda one: int(one.id.rpartition("/")[2])):
        if one.champion_of is not None:
            assert one.champion_of == "best"
            leads[one.id.split("/")[2]].append(one.model)
    assert sum(map(len, leads.values())) == 1_200  # one answer for each event
    for models in leads.values():
        assert models == sorted(models)  # prior first, then tree: one change in each lane
        assert set(models) == {"prior", "tree"}
    told = [one for one in bench.alarms() if one["kind"] == "promotion"]
    assert [(one["model"], one["detector"], one["after"] < one["before"]) for one in told] == [
        ("tree", "best", True)
    ] * 2
    said = json.loads(bench.run("models", "contests", "--json").output)["contests"]
    assert [(row["model"], row["role"], row["promotions"]) for row in said] == [
        ("tree", "champion", 1),
        ("prior", "challenger", 1),
    ] * 2
    assert "tree" in bench.run("models", "contests").output
    assert all(verify(bench.settings, "s", n).equal for n in (0, 1))

    # A third model enters: the contest begins anew, and who led goes on leading.
    names = '"prior", "logistic", "tree"'
    bench.write(f"prior = {PRIOR}\ntree = {TREE}\nlogistic = {LOGISTIC}\n{CONTEST.format(names)}")
    with bench.stack():
        send(bench, 1_700_000_200.0, seed=3)
    verdicts = [verify(bench.settings, "s", n) for n in (0, 1)]
    assert [verdict.equal for verdict in verdicts] == [True, True], [verdict.as_json() for verdict in verdicts]
    assert all({"best", "logistic"} == verdict.joined.keys() for verdict in verdicts)
    first_new = min(verdict.joined["best"][bench.name] for verdict in verdicts)
    assert first_new > 0
    assert {one.champion_of for one in bench.predictions() if one.model in ("tree", "logistic")} == {None, "best"}

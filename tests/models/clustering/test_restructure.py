import numpy as np
import pytest

from driftline.models.clustering import DriftClusterer, ledger, restructure
from driftline.models.clustering.clusters import Clusters
from driftline.models.clustering.life_streams import life_stream
from tests.models.clustering.test_births import FORMED, id_of, lived


@pytest.mark.parametrize("d", [2, 4, 8])
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_nothing_is_told_of_clusters_that_stand(d, seed):
    assert lived("quiet", d, seed)[2] == []


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_split_is_told_once_with_who_came_of_it(seed):
    stream, ids, told = lived("split", 4, seed)
    (event,) = stream.events
    (news,) = told
    assert news.kind == "split"
    assert news.row + 1 - event.at <= 600
    assert news.who == str(id_of(ids, stream.labels, event.who, FORMED, 3_900))
    halves = {str(id_of(ids, stream.labels, label, 6_000, len(ids))) for label in (event.who, *event.others)}
    assert halves == {news.who, *news.others}


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_merger_is_told_once_with_who_is_no_more(seed):
    stream, ids, told = lived("merge", 4, seed)
    (event,) = stream.events
    (news,) = told
    assert news.kind == "merged"
    assert news.row + 1 - event.at <= 600
    before = {str(id_of(ids, stream.labels, label, FORMED, 3_900)) for label in (event.who, *event.others)}
    assert before == {news.who, *news.others}
    assert set(ids[news.row + 1 :].tolist()).isdisjoint({int(id_) for id_ in news.others})


def test_no_id_is_given_twice():
    seen: set[int] = set()
    model = DriftClusterer()
    for seed in range(3):
        ids = set(model.prequential_many(life_stream("birth", n=3_000, d=3, seed=seed).X).tolist()) - {-1}
        dead = {int(news.who) for news in model.news() if news.kind == "died"}
        assert not dead & seen
        seen |= dead
        assert ids


def test_of_a_cluster_that_went_into_another_nothing_stays_behind():
    clusters = Clusters(3, 2_000.0, 100)
    clusters.learn(life_stream("quiet", n=1_200, d=3, seed=1).X)
    own = clusters.own()
    a, b, c = np.unique(own)[:3].tolist()
    new = np.unique(own, return_inverse=True)[1]
    of_a = np.flatnonzero(own == a)
    light = of_a[clusters.moments().weight[of_a].argmin()]
    new[own == b] = new[of_a[0]]
    new[light] = new[own == c][0]  # too little of the one to make a family of it and the third
    restructure.follow(clusters, new, joined=True, sure=True)
    live = set(ledger.live(clusters.ledger).tolist())
    assert len({a, b} & live) == 1
    assert set(clusters.own().tolist()) <= live

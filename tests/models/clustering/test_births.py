import numpy as np
import pytest

from driftline.models.clustering import DriftClusterer
from driftline.models.clustering.life_streams import life_stream
from driftline.models.clustering.strangeness import FEW

FORMED = 1_000


def lived(kind, d, seed):
    stream = life_stream(kind, d=d, seed=seed)
    model = DriftClusterer()
    ids = model.prequential_many(stream.X)
    return stream, ids, [news for news in model.news() if news.learnt > FORMED]


def id_of(ids, labels, label, first, last):
    held, count = np.unique(ids[first:last][labels[first:last] == label], return_counts=True)
    return int(held[count.argmax()])


def told_once(kind, said, d, seed):
    """Return the stream, ids, what was planted, and the one thing that was told, of this kind and soon."""
    stream, ids, told = lived(kind, d, seed)
    (event,), (news,) = stream.events, told
    assert news.kind == said
    assert 0 <= news.row + 1 - event.at <= 500
    return stream, ids, event, news


@pytest.mark.parametrize("d", [2, 8])
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_birth_is_told_once_and_soon(d, seed):
    stream, ids, event, news = told_once("birth", "born", d, seed)
    assert news.who == str(id_of(ids, stream.labels, event.who, event.at + 500, len(ids)))
    assert news.who not in {str(id_) for id_ in ids[: event.at]}


@pytest.mark.parametrize("d", [2, 8])
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_death_is_told_once_and_soon(d, seed):
    stream, ids, event, news = told_once("death", "died", d, seed)
    assert news.who == str(id_of(ids, stream.labels, event.who, FORMED, event.at))
    assert int(news.who) not in ids[news.row + 1 :]


@pytest.mark.parametrize("d", [2, 8])
@pytest.mark.parametrize("seed", [5, 6, 7])
def test_a_jump_keeps_the_id(d, seed):
    stream, ids, event, news = told_once("jump", "moved", d, seed)
    before = id_of(ids, stream.labels, event.who, FORMED, event.at)
    assert news.who == str(before)
    assert id_of(ids, stream.labels, event.who, event.at + 500, len(ids)) == before
    assert news.after > 1.5  # standard deviations of all events


def test_a_few_strays_are_no_cluster():
    stream = life_stream("quiet", n=4_000, d=4, seed=9)
    X = stream.X.copy()
    X[1_500 :: FEW * 4] += 300.0 * np.random.default_rng(0).normal(size=X[1_500 :: FEW * 4].shape)
    model = DriftClusterer()
    ids = [one.cluster for one in model.prequential_rows([dict(enumerate(row)) for row in X.tolist()])]
    assert [news for news in model.news() if news.learnt > FORMED] == []
    assert set(ids[1_500 :: FEW * 4]) == {-1}

import numpy as np
import pytest

from driftline.models.clustering import ledger, meeting
from driftline.models.clustering.clusters import Clusters
from driftline.models.clustering.macros import Macros
from tests.models.clustering.test_births import FORMED, id_of, lived


def hard(x):
    """Return places and of whose half each is."""
    return x, x > np.median(x)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("apart", [3.5, 4.0, 6.0])
def test_two_that_are_apart_have_not_met(seed, apart):
    rng = np.random.default_rng(seed)
    assert meeting.met(*hard(apart * rng.integers(0, 2, 128) + rng.normal(size=128))) == 0


def test_one_gaussian_cut_in_two_has_met():
    told = [meeting.met(*hard(np.random.default_rng(seed).normal(5.0, 3.0, 128))) for seed in range(40)]
    assert np.mean([n > 0 for n in told]) >= 0.75


def test_what_came_before_they_met_does_not_count():
    rng = np.random.default_rng(1)
    before, after = 6.0 * rng.integers(0, 2, 100) + rng.normal(size=100), rng.normal(3.0, 1.0, 80)
    n = meeting.met(*hard(np.append(before, after)))
    assert 0 < n <= 80 + 2 * meeting.STEP


def test_too_few_of_one_and_constants_say_nothing():
    x = np.random.default_rng(2).normal(size=128)
    assert meeting.met(x, x > np.sort(x)[-meeting.EACH]) == 0
    assert meeting.met(*hard(x[: meeting.FEWEST - 1])) == 0
    assert meeting.met(np.zeros(128), np.arange(128) % 2 == 0) == 0


def test_only_near_ones_of_like_shape_of_which_one_has_moved_are_asked():
    mean = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0], [0.0, 40.0]])
    variance = np.array([[1.0, 1.0], [1.2, 0.9], [9.0, 9.0], [1.0, 1.0]])
    held = Macros(np.array([3, 5, 6, 9]), np.full(4, 50.0), mean, variance)
    assert meeting._near(held, {5}) == [(0, 1)]
    assert meeting._near(held, {9}) == []


def stood(apart, changed):
    """Return clusters that learnt two Gaussians for long, of which one seems to have changed."""
    clusters = Clusters(2, 2_000.0, 100)
    rng = np.random.default_rng(3)
    X = rng.normal(size=(2_500, 2))
    X[:, 0] += apart * rng.integers(0, 2, 2_500)
    X[:100] += 20.0
    clusters.learn(X)
    assert len(ledger.live(clusters.ledger)) >= 2
    clusters.happened = []
    if changed:
        clusters.ledger.changed[: len(ledger.live(clusters.ledger))] = clusters.learnt
    return clusters


@pytest.mark.parametrize("apart", [4.5, 6.0])
def test_two_that_stand_side_by_side_stay_two(apart):
    clusters = stood(apart, changed=True)
    before = clusters.own().copy()
    meeting.look(clusters)
    assert clusters.happened == []
    assert np.array_equal(clusters.own(), before)


def met_in(clusters):
    """Let the latest events of two clusters be of one place."""
    a, b = np.unique(clusters.own()[clusters.own() >= 0], return_counts=True)[0][:2].tolist()
    rng = np.random.default_rng(4)
    clusters.latest.X[:] = rng.normal([2.2, 0.0], 1.0, clusters.latest.X.shape)
    clusters.latest.own[:] = np.where(clusters.latest.X[:, 0] > 2.2, a, b)
    return a, b


def test_of_two_that_met_the_one_with_more_events_stays_and_the_gap_is_forgotten():
    clusters = stood(4.5, changed=True)
    a, b = met_in(clusters)
    usual = dict(zip(ledger.live(clusters.ledger).tolist(), ledger.share(clusters.ledger).tolist(), strict=True))
    meeting.look(clusters)
    (told,) = clusters.happened
    stays = max(a, b, key=usual.__getitem__)
    assert (told.kind, told.who, told.others) == ("merged", stays, (a + b - stays,))
    assert set(clusters.own().tolist()) <= set(ledger.live(clusters.ledger).tolist())
    found = clusters.moments()
    at = clusters.own() == stays
    centre = found.weight[at] @ found.mean[at] / found.weight[at].sum()
    assert abs(centre[0] * clusters.sd()[0] + clusters.micro.scale[0, 0] - 2.2) < 0.3


def test_two_of_which_none_has_changed_are_not_asked():
    clusters = stood(4.5, changed=False)
    clusters.ledger.changed[:] = 0
    met_in(clusters)
    meeting.look(clusters)
    assert clusters.happened == []


@pytest.mark.parametrize("d", [2, 4, 8])
@pytest.mark.parametrize("seed", [8, 9])
def test_a_merger_is_told_soon_and_once(d, seed):
    stream, ids, told = lived("merge", d, seed)
    (event,) = stream.events
    (news,) = told
    assert news.kind == "merged"
    assert news.row + 1 - event.at <= 600  # most are within 400
    before = {str(id_of(ids, stream.labels, label, FORMED, 3_900)) for label in (event.who, *event.others)}
    assert before == {news.who, *news.others}

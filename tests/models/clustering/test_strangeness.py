import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering import frozen, micro, strangeness
from driftline.models.clustering.ledger import BLOCK
from driftline.models.clustering.macros import Macros


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_rings_hold_the_latest_whatever_the_cuts(cuts):
    n = sum(cuts)
    values = np.random.default_rng(n).random(n)
    recent = strangeness.make()
    for part in np.split(values, np.cumsum(cuts)[:-1]):
        strangeness.record(recent, part, -part, part)
    ruler = strangeness.ruler(recent, 2)
    assert ruler.sorted.tolist() == (sorted(values[-strangeness.HELD :]) if n >= strangeness.FEW else [])
    blocks = [values[at : at + BLOCK].max() for at in range(0, n - BLOCK + 1, BLOCK)]
    assert ruler.usual == (sorted(blocks)[len(blocks) // 2] if n >= strangeness.FEW else np.inf)
    if n >= 50:
        assert strangeness.level(recent, 50) == np.mean(-values[-50:][::-1])


def test_novelty_is_uniform_where_nothing_changes_and_never_one():
    rng = np.random.default_rng(0)
    recent = strangeness.make()
    strangeness.record(recent, rng.random(1_000), np.zeros(1_000), np.ones(1_000))
    said = strangeness.novelty(strangeness.ruler(recent, 3), rng.random(5_000))
    assert abs(np.quantile(said, 0.9) - 0.9) < 0.03
    far = strangeness.novelty(strangeness.ruler(recent, 3), np.array([2.0, 20.0, 2e90]))
    assert (np.diff(far) >= 0).all()
    assert far[-1] <= 1.0


def test_half_of_the_events_may_be_far_and_far_stays_where_it_was():
    rng = np.random.default_rng(1)
    usual = np.sqrt(rng.chisquare(8, 1_000) / 8)
    recent = strangeness.make()
    strangeness.record(recent, usual, usual, usual)
    before = strangeness.ruler(recent, 8).far
    strangeness.record(recent, np.full(300, 9.0), np.zeros(300), np.full(300, 9.0))
    assert (usual > before).mean() < 0.01
    assert strangeness.ruler(recent, 8).far < 3.5


def test_a_third_of_the_blocks_may_be_full_of_strange_events_and_what_is_usual_stays():
    rng = np.random.default_rng(3)
    recent = strangeness.make()
    strangeness.record(recent, rng.random(3_000), np.zeros(3_000), np.ones(3_000))
    before = strangeness.ruler(recent, 3)
    strangeness.record(recent, np.full(1_000, 60.0), np.zeros(1_000), np.ones(1_000))
    after = strangeness.ruler(recent, 3)
    assert after.usual < 1.1 * before.usual
    assert strangeness.strangeness(after, np.array([60.0]))[0] > 50.0


def test_where_nothing_is_far_nothing_is_divided_by_nothing():
    recent = strangeness.make()
    strangeness.record(recent, np.zeros(500), np.zeros(500), np.zeros(500))
    said = strangeness.strangeness(strangeness.ruler(recent, 3), np.array([0.0, 1.0]))
    assert said.tolist() == [0.0, 1.0 / strangeness.LEAST]


def test_distance_to_mass_event_by_event_is_that_before_the_event_is_learnt():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 3)) * [1.0, 10.0, 0.0] + [5.0, -3.0, 100.0]
    model = micro.make(3, most=20, compact_to=15)
    micro.learn(model, X[:100])
    moments, Z = micro.moments(model), micro.standardise(model, X[100:110])
    said = micro.to_mass(model, X[100:110])
    squared = ((Z[:, None] - moments.mean) ** 2 + moments.variance)[:, :, :2]  # the third feature is constant
    assert np.allclose(said, np.sqrt(squared.mean(axis=2)).min(axis=1))
    one_by_one = micro.make(3, most=20, compact_to=15)
    micro.learn(one_by_one, X[:100])
    asked = [(micro.to_mass(one_by_one, x)[0], micro.learn(one_by_one, x)[0]) for x in X[100:, None]]
    assert [before for before, _ in asked] == [learnt for _, learnt in asked] == micro.learn(model, X[100:]).tolist()


def test_distance_to_clusters_event_by_event():
    rng = np.random.default_rng(2)
    made = Macros(np.array([0, 1]), np.array([4.0, 2.0]), rng.normal(size=(2, 3)), 0.5 + rng.random((2, 3)))
    scale, centre = np.array([1.0, 10.0, 0.1]), np.array([5.0, -3.0, 100.0])
    stood = frozen.freeze(made, centre, 1.0 / scale)
    Z = rng.normal(size=(50, 3))
    said = frozen.say(stood, Z * scale + centre)
    distance = np.sqrt((((Z[:, None] - made.mean) ** 2 / made.variance).mean(axis=2)).min(axis=1))
    assert np.allclose(said.distance, distance)
    alone = [frozen.say(stood, (Z * scale + centre)[at : at + 1]) for at in range(50)]
    for name in said._fields:
        assert np.concatenate([getattr(one, name) for one in alone]).tolist() == getattr(said, name).tolist()

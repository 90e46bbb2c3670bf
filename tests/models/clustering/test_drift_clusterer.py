import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.base import Assigner, Gauged, Newsworthy, Reclusterable, Scorer, Stateful
from driftline.models.clustering import DriftClusterer, event_streams
from driftline.models.clustering.agreement import adjusted_rand
from driftline.models.clustering.life import Living
from driftline.models.digest import digest
from driftline.models.snapshot import pack, unpack

STREAM = event_streams.blobs_abrupt(5_000, 3, 7)


def dicts(X):
    return [dict(zip("abcdefgh", row, strict=False)) for row in X.tolist()]


def test_it_keeps_the_promises_of_clusterers():
    model = DriftClusterer()
    for verbs in (Assigner, Gauged, Newsworthy, Reclusterable, Scorer, Stateful, Living):
        assert isinstance(model, verbs)


def test_before_anything_was_learnt_nothing_belongs_anywhere():
    model = DriftClusterer()
    assert model.predict_one({"a": 1.0}) == -1
    assert model.score_one({"a": 1.0}) == 0.0
    assert model.predict_many(np.zeros((3, 2))).tolist() == [-1, -1, -1]
    assert model.prequential_rows([{}, {"a": "text"}, {"a": float("nan")}])[0].cluster == -1
    assert model.n_learnt == 0
    assert model.life().clusters == ()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=12), st.sampled_from(["transport", "masses"]))
def test_it_does_not_matter_how_events_are_cut_into_batches(cuts, shares):
    X = STREAM.X[1_500 : 1_500 + min(sum(cuts), 3_400)]  # the change lies inside
    whole, parts = (DriftClusterer(micro_clusters=30, shares=shares) for _ in range(2))
    said = whole.prequential_many(X)
    of_parts = [parts.prequential_many(part) for part in np.split(X, np.cumsum(cuts)) if len(part)]
    assert np.concatenate([np.zeros(0, int), *of_parts]).tolist() == said.tolist()
    assert digest(whole.state()) == digest(parts.state())


def test_arrays_runs_and_single_events_say_the_same():
    X = STREAM.X[2_000:3_300]
    by_array, by_run, by_one = DriftClusterer(), DriftClusterer(), DriftClusterer()
    of_array = by_array.prequential_many(X)
    of_run = by_run.prequential_rows(dicts(X))
    of_one = []
    for x in dicts(X):
        of_one.append(by_one.assign_one(x))
        by_one.learn_one(x)
    assert of_run == of_one
    assert all(one.cluster in (-1, id_) for one, id_ in zip(of_run, of_array.tolist(), strict=True))
    assert digest(by_run.state()) == digest(by_one.state())
    many = by_array.assign_many(X[:50])
    asked = [by_one.assign_one(x) for x in dicts(X[:50])]  # nothing is learnt between the questions
    assert [one.novelty for one in asked] == many.novelty.tolist()
    assert [one[:3] for one in asked] == [one[:3] for one in by_run.prequential_rows(dicts(X[:50]))]
    assert many.likeliest.tolist() == by_array.predict_many(X[:50]).tolist()
    assert many.likeliest.tolist() == [by_one.predict_one(x) for x in dicts(X[:50])]


def test_what_belongs_to_no_cluster_has_a_most_probable_one_that_was_told_of():
    model = DriftClusterer()
    model.learn_many(STREAM.X[:2_000])
    told, strangers = {one.who for one in model.news()}, 0
    far = np.array([[40.0] * 3, [-40.0] * 3])
    assert model.assign_many(far).ids.tolist() == [-1, -1]
    assert {str(id_) for id_ in model.predict_many(far).tolist()} <= told
    for at in range(2_000, len(STREAM.X), 10):  # through the change: also while clusters are not decided yet
        said = model.assign_many(STREAM.X[at : at + 10])
        strangers += int((said.ids < 0).sum())
        assert ((said.ids == -1) | (said.ids == said.likeliest)).all()
        assert {str(id_) for id_ in said.likeliest.tolist()} <= told
        model.learn_many(STREAM.X[at : at + 10])
        told |= {name for one in model.news() for name in (one.who, *one.others)}
    assert strangers > 20


@pytest.mark.parametrize("shares", ["transport", "masses"])
@pytest.mark.parametrize("at", [0, 30, 1_000, 2_525, 2_600])
def test_a_state_goes_on_bit_for_bit(at, shares):
    X = STREAM.X
    first = DriftClusterer(shares=shares)
    first.learn_many(X[:at])
    second = DriftClusterer(shares=shares)
    second.restore(unpack(pack(first.state())))
    assert first.prequential_many(X[at:3_000]).tolist() == second.prequential_many(X[at:3_000]).tolist()
    assert digest(first.state()) == digest(second.state())
    assert first.life().history == second.life().history
    assert first.news() == second.news()


def test_a_state_after_clusters_were_found_anew_inside_of_a_block_goes_on():
    first = DriftClusterer()
    first.learn_many(STREAM.X[:1_337])
    first.recluster()
    second = DriftClusterer()
    second.restore(unpack(pack(first.state())))
    assert (
        first.prequential_many(STREAM.X[1_337:2_700]).tolist()
        == second.prequential_many(STREAM.X[1_337:2_700]).tolist()
    )
    assert digest(first.state()) == digest(second.state())


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing():
    model = DriftClusterer()
    model.learn_many(STREAM.X[:1_200])
    state, before = model.state(), digest(model.state())
    for broken in (
        {},
        {**state, "clusters": {**state["clusters"], "far": "far"}},
        {**state, "features": ["a"]},
        {**state, "clusters": {**state["clusters"], "sorted": np.zeros((2, 2))}},
        {**state, "clusters": {**state["clusters"], "usual": 0.0}},
        {**state, "history": [[1, 2]]},
        {**state, "clusters": {name: part for name, part in state["clusters"].items() if name != "ledger"}},
    ):
        with pytest.raises(ValueError, match="state"):
            model.restore(broken)
        assert digest(model.state()) == before
    with pytest.raises(ValueError, match="state"):
        DriftClusterer(micro_clusters=50).restore(state)


def test_shares_follow_what_is_taken_and_others_the_masses():
    rng = np.random.default_rng(3)
    own = np.concatenate([rng.random(2_000) < 0.1, rng.random(4_000) < 0.6])
    X = rng.normal(size=(6_000, 3)) + 9.0 * own[:, None]
    taken, masses = DriftClusterer(shares="transport"), DriftClusterer(half_life=1e9, shares="masses")
    for model, least, most in ((taken, 0.5, 0.7), (masses, 0.35, 0.5)):
        model.learn_many(X)
        held = model._clusters.frozen
        share = held.share[held.ids == model.predict_many(np.full((1, 3), 9.0))[0]].sum()
        assert least < share < most
    with pytest.raises(ValueError, match="shares must be one of transport, masses"):
        DriftClusterer(shares="equal")


def test_units_of_features_do_not_matter():
    X = STREAM.X[:3_000]
    usual, strange = DriftClusterer(), DriftClusterer()
    assert usual.prequential_many(X).tolist() == strange.prequential_many(X * 1024.0).tolist()


def test_features_may_come_later_and_be_missing():
    rng = np.random.default_rng(1)
    model = DriftClusterer()
    side = rng.integers(0, 2, 3_000)
    events = [{"a": float(8.0 * s + rng.normal())} for s in side]
    for at, x in enumerate(events):
        if at >= 1_200:
            x["b"] = float(rng.normal(50.0, 3.0))
        if at >= 1_500 and at % 7 == 0:
            del x["a"]
    said = [one.cluster for one in model.prequential_rows(events)]
    whole = [at for at in range(2_000, 3_000) if "a" in events[at]]
    assert adjusted_rand(side[whole], np.array([said[at] for at in whole])) > 0.95
    assert model.life().features == ("a", "b")
    assert all(cluster.centre[1] == pytest.approx(50.0, abs=1.0) for cluster in model.life().clusters)


def test_a_new_feature_in_a_run_is_as_one_by_one():
    events = dicts(STREAM.X[:400, :2]) + dicts(STREAM.X[400:800]) + [{"z": 1.0, "a": 0.5}]
    run, one = DriftClusterer(), DriftClusterer()
    said = run.prequential_rows(events)
    for at, x in enumerate(events):
        assert one.assign_one(x) == said[at]
        one.learn_one(x)
    assert digest(run.state()) == digest(one.state())


def test_features_beyond_the_most_are_passed_over_and_counted():
    model = DriftClusterer(max_features=2)
    model.prequential_rows([{"a": 1.0, "b": 2.0, "c": 3.0}, {"d": 1.0}])
    assert model.life().features == ("a", "b")
    assert model.gauges()["features_ignored"] == 2
    with pytest.raises(ValueError, match="d at most 2"):
        model.learn_many(np.zeros((1, 3)))


def test_wild_values_are_survived():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 2)) + 9.0 * rng.integers(0, 2, (2_000, 1))
    X[1_200], X[1_300] = 1e300, [-1e200, 0.0]
    model = DriftClusterer()
    model.learn_many(X)
    assert np.isfinite(model.score_many(X)).all()
    with pytest.raises(ValueError, match="finite"):
        model.learn_many(np.array([[np.inf, 0.0]]))
    assert model.n_learnt == 2_000


def test_constant_events_are_one_cluster():
    model = DriftClusterer()
    model.learn_many(np.ones((1_200, 3)))
    assert model.predict_many(np.ones((2, 3))).tolist() == [0, 0]
    assert model.n_clusters == 1


@pytest.mark.parametrize("make", [event_streams.blobs_abrupt, event_streams.rbf_events])
@pytest.mark.parametrize("seed", [3, 7, 11])
def test_clusters_are_found_without_their_number_and_keep_their_ids(make, seed):
    stream = make(seed=seed)
    ids = DriftClusterer().prequential_many(stream.X)
    windows = [adjusted_rand(stream.labels[at : at + 250], ids[at : at + 250]) for at in range(500, 8_000, 250)]
    assert np.mean(windows) > 0.95
    assert adjusted_rand(stream.labels, ids) > 0.9 * np.mean(windows)


@pytest.mark.parametrize("seed", [4, 5])
def test_a_rare_gaussian_is_a_cluster_of_its_own(seed):
    stream = event_streams.unequal(6_000, 8, seed, 100)
    model = DriftClusterer()
    ids = np.concatenate([model.prequential_many(part) for part in np.split(stream.X, 24)])[4_000:]
    labels = stream.labels[4_000:]
    assert len({int(np.bincount(ids[labels == label]).argmax()) for label in range(6)}) == 6


@pytest.mark.parametrize("seed", range(3))
def test_of_many_features_noise_makes_one_cluster_and_clusters_stay_whole(seed):
    rng = np.random.default_rng(seed)
    one = np.zeros(3_000, np.int64)
    eight = rng.integers(0, 8, 3_000)
    for truth, centres in ((one, np.zeros((1, 256))), (eight, rng.uniform(-10, 10, (8, 256)))):
        model, ids = DriftClusterer(), []
        for at, label in enumerate(np.split(truth, 12)):
            X = centres[label] + 3.0 * rng.normal(size=(250, 256))
            ids.append(model.predict_many(X) if at else np.zeros(0, np.int64))
            model.learn_many(X)
        assert adjusted_rand(truth[1_000:], np.concatenate(ids)[750:]) > 0.99


@pytest.mark.parametrize("seed", [3, 11])
def test_a_cluster_that_jumps_so_near_that_its_events_are_still_its_own_moves_and_is_not_split(seed):
    model, news = DriftClusterer(), []
    for part in np.split(event_streams.blobs_abrupt(seed=seed).X, 32):
        model.learn_many(part)
        news += [one for one in model.news() if one.learnt > 1_000]
    kinds = [one.kind for one in news]
    assert "moved" in kinds
    assert "split" not in kinds
    assert kinds.count("died") <= 2


def test_strangeness_is_a_rank_among_the_latest():
    model = DriftClusterer()
    model.learn_many(STREAM.X[:2_000])
    novelty = model.assign_many(STREAM.X[2_000:2_400]).novelty
    assert abs(np.mean(novelty > 0.9) - 0.1) < 0.05
    assert model.assign_one(dict(enumerate([40.0, 40.0, 40.0]))).novelty > 0.9995
    near, far = model.assign_many(np.array([[40.0] * 3, [400.0] * 3])).novelty
    assert near < far < 1.0
    asked = model.assign_many(STREAM.X[:50])
    assert (np.diff(asked.novelty[np.argsort(asked.strangeness)]) >= 0.0).all()
    assert model.score_many(STREAM.X[:50]).tolist() == asked.strangeness.tolist()


def test_what_has_come_once_is_not_as_strange_again():
    model = DriftClusterer()
    model.learn_many(STREAM.X[:2_000])
    usual, far = np.median(model.score_many(STREAM.X[2_000:2_400])), np.array([[40.0, 40.0, 40.0]])
    before = model.score_many(far)[0]
    assert usual < 1.0 < before / 5.0
    model.learn_many(far)
    assert model.score_many(far)[0] < 1.0


def test_clusters_found_anew_keep_their_ids():
    model = DriftClusterer()
    model.learn_many(STREAM.X[:2_000])
    before = model.predict_many(STREAM.X[:2_000])
    model.recluster()
    assert model.predict_many(STREAM.X[:2_000]).tolist() == before.tolist()


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_all_in_one_cluster_is_left_within_600_events_and_without_a_restart(seed):
    stream = event_streams.blobs_abrupt(8_000, 8, seed)
    model = DriftClusterer()
    model.learn_many(stream.X[:2_000])
    held = model._clusters
    held.own()[:] = held.latest.own[:] = 0
    held.ledger.counts[0] = 1
    held.ledger.ids[1:] = -1
    held.freeze()
    assert set(model.predict_many(stream.X[:500]).tolist()) <= {0, -1}
    model.learn_many(stream.X[2_000:2_600])
    assert adjusted_rand(stream.labels[2_600:3_600], model.predict_many(stream.X[2_600:3_600])) > 0.95


def test_memory_does_not_grow():
    model = DriftClusterer()
    model.learn_many(STREAM.X[:1_500])
    before = model.memory_bytes
    for _ in range(3):
        model.learn_many(STREAM.X)
    assert model.memory_bytes < 1.05 * before

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering.life_streams import APART, KINDS, NEAR, ROOM, TOLD, LifeEvent, life_stream


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_and_nothing_else(kind):
    one, again, other = (life_stream(kind, 500, seed=seed) for seed in (4, 4, 5))
    assert np.array_equal(one.X, again.X)
    assert np.array_equal(one.labels, again.labels)
    assert one.events == again.events
    assert not np.array_equal(one.X, other.X)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), st.integers(2, 3000), st.integers(1, 10), st.integers(0, 2**32), st.integers(3, 8))
def test_one_thing_happens_and_labels_say_so(kind, n, d, seed, clusters):
    stream = life_stream(kind, n, d, seed, clusters)
    assert stream.X.shape == (n, d)
    assert np.isfinite(stream.X).all()
    assert set(np.unique(stream.labels)) <= set(range(clusters))
    assert len(stream.events) <= 1
    told = {
        "birth": "born",
        "death": "died",
        "split": "split",
        "merge": "merged",
        "jump": "moved",
        "near jump": "moved",
    }
    assert [event.kind for event in stream.events] in ([told[kind]], []) if kind != "quiet" else stream.events == []
    if stream.events:
        event = stream.events[0]
        assert 0 < event.at < n
        before, after = set(stream.labels[: event.at]), set(stream.labels[event.at :])
        if kind == "birth":
            assert event.who not in before
        elif kind == "death":
            assert event.who not in after
        elif kind == "split":
            assert event.others[0] not in before
        elif kind == "merge":
            assert event.others[0] not in after


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("d", [1, 2, 8, 30])
def test_clusters_stand_where_they_should(kind, d):
    stream = life_stream(kind, 8_000, d, seed=1)
    quarters = []
    for part in (slice(0, 2000), slice(6000, 8000)):
        labels = stream.labels[part]
        quarters.append({k: stream.X[part][labels == k].mean(axis=0) for k in np.unique(labels).tolist()})
        spreads = [stream.X[part][labels == k].std(axis=0).mean() for k in quarters[-1]]
        assert min(spreads) > 0.75
        assert max(spreads) < 1.25
        centres = list(quarters[-1].values())
        near = min(np.linalg.norm(a - b) for i, a in enumerate(centres) for b in centres[:i])
        assert near > {"split": APART, "merge": APART, "near jump": ROOM - NEAR}.get(kind, ROOM) - 0.5
    before, after = quarters
    counts = {
        "quiet": (4, 4),
        "birth": (3, 4),
        "death": (4, 3),
        "split": (3, 4),
        "merge": (4, 3),
        "jump": (4, 4),
        "near jump": (4, 4),
    }
    assert (len(before), len(after)) == counts[kind]
    for k in before.keys() & after.keys():
        moved = np.linalg.norm(before[k] - after[k])
        if (kind, k) == ("jump", 0):
            assert moved > ROOM - 0.5
        elif (kind, k) == ("near jump", 0):
            assert moved == pytest.approx(NEAR, abs=0.5)
        elif kind in ("split", "merge") and k == 2:
            assert moved == pytest.approx(APART / 2, abs=0.5)
        else:
            assert moved < 0.5


@pytest.mark.parametrize("kind", ["split", "merge"])
def test_two_are_told_apart_at_four_standard_deviations(kind):
    stream = life_stream(kind, 40_000, 3, seed=2, pace=1e-3)
    (event,) = stream.events
    assert event[0::2] == ("split" if kind == "split" else "merged", 2)
    assert event.others == (3,)
    part = slice(event.at, event.at + 300) if kind == "split" else slice(event.at - 300, event.at)
    X, labels = stream.X[part], stream.labels[part]
    one, other = X[labels == 2], X[labels == 3]
    apart = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) / one.std(axis=0).mean()
    assert apart == pytest.approx(TOLD, abs=0.6)


def test_events_are_where_they_are_said_to_be():
    assert life_stream("quiet").events == []
    assert life_stream("birth").events == [LifeEvent("born", 4000, 3)]
    assert life_stream("death", 1000).events == [LifeEvent("died", 500, 0)]
    assert life_stream("jump", 1001, clusters=6).events == [LifeEvent("moved", 500, 0)]
    assert life_stream("split", 100, pace=1e-9).events == []  # too slow to be told apart


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"kind": "revolt"}, "kind must be one of quiet, birth"),
        ({"n": 1}, "n must be at least 2"),
        ({"d": 0}, "d must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"clusters": 2}, "clusters must be at least 3"),
        ({"pace": 0.0}, "pace must be above 0"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        life_stream(**{"kind": "quiet"} | parameters)

"""The index against a dictionary, whatever is claimed and dropped in whatever order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.id_index import IdIndex

IDS = st.lists(st.integers(1, 40), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), IDS), max_size=40))
def test_it_finds_what_a_dictionary_finds(steps):
    index, law = IdIndex(most=30), {}
    for now, (drop, ids) in enumerate(steps):
        array = np.array(ids, np.uint64) * np.uint64(1 << 50)  # many share a home
        if drop:
            distinct = np.unique(array)
            places = index.find(distinct)
            index.drop(places[places >= 0])
            for one in distinct.tolist():
                law.pop(one, None)
        else:
            places = index.claim(array, now)
            for one, place in zip(array.tolist(), places.tolist(), strict=True):
                if place < 0:
                    assert len(law) == 30
                    assert one not in law
                else:
                    assert law.setdefault(one, place) == place
        assert len(index) == len(law)
        wanted = np.arange(1, 45, dtype=np.uint64) * np.uint64(1 << 50)
        assert index.find(wanted).tolist() == [law.get(one, -1) for one in wanted.tolist()]
    assert len(set(law.values())) == len(law)


def test_it_grows_and_keeps_every_place():
    index = IdIndex(most=100_000)
    ids = np.random.default_rng(0).integers(1, 1 << 63, 20_000).astype(np.uint64)
    places = np.concatenate([index.claim(ids[i : i + 700], i) for i in range(0, 20_000, 700)])
    assert np.array_equal(places, np.arange(20_000))
    assert np.array_equal(index.find(ids), places)


def test_the_oldest_are_those_not_seen_for_longest():
    index = IdIndex(most=10)
    for now, one in enumerate((5, 3, 4, 5)):
        index.claim(np.array([one], np.uint64), now)
    assert index.id[index.oldest(2)].tolist() == [3, 4]


def test_no_id_and_no_room_are_refused():
    with pytest.raises(ValueError, match="id 0"):
        IdIndex(most=3).claim(np.zeros(1, np.uint64), 0)
    with pytest.raises(ValueError, match="most"):
        IdIndex(most=0)

"""The catalogue keeps the last description of each item, is bounded, and goes on from what was told."""

import numpy as np
import pytest

from driftline.models.clicks.catalogue import Catalogue, Described


def described(*ids):
    ids = np.array([[one, one + 1] for one in ids], np.uint64)
    return Described(ids, (ids % 7).astype(np.int32), (ids % 2).astype(np.int32))


def test_the_last_description_counts():
    catalogue = Catalogue(features=2, most=10)
    tokens = np.array([5, 6, 5], np.uint64)
    catalogue.put(tokens, described(10, 20, 30), now=1)
    found = catalogue.at(catalogue.find(np.array([5, 6], np.uint64)))
    assert found.id.tolist() == [[30, 31], [20, 21]]
    assert found.field.tolist() == [[2, 3], [6, 0]]
    assert len(catalogue) == 2


def test_it_is_bounded_and_goes_on_bit_for_bit():
    live, kept = Catalogue(features=2, most=50), {}
    rng = np.random.default_rng(0)
    for now in range(60):
        tokens = rng.integers(1, 300, 12).astype(np.uint64)
        live.put(tokens, described(*rng.integers(1, 99, 12)), now)
        if now % 7 == 0:
            for key, row in live.touched().items():
                kept.pop(key, None) if row is None else kept.update({key: row})
            assert live.every() == kept
            again = Catalogue(features=2, most=50)
            again.restore(kept)
            assert again.touched() == {}
            every = np.arange(1, 300, dtype=np.uint64)
            ours, theirs = live.find(every), again.find(every)
            assert np.array_equal(ours >= 0, theirs >= 0)
            for one, other in zip(live.at(ours[ours >= 0]), again.at(theirs[theirs >= 0]), strict=True):
                assert np.array_equal(one, other)
            live = again
        assert len(live) <= 50
    with pytest.raises(ValueError, match="bytes"):
        live.restore({"01": b"x"})


def test_a_copy_is_its_own():
    catalogue = Catalogue(features=2, most=10)
    twin = catalogue.copy()
    catalogue.put(np.array([5], np.uint64), described(1), now=1)
    assert twin.find(np.array([5], np.uint64)).tolist() == [-1]

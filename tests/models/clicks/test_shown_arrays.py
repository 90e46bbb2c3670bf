"""Events as arrays: parts of vectors, offsets, and histories by the items that are known."""

import numpy as np
import pytest

from driftline.models.clicks.catalogue import Catalogue
from driftline.models.clicks.click_rows import hashed
from driftline.models.clicks.shown_arrays import LARGEST, ShownArrays
from driftline.models.heavy import Shown

NONE = np.zeros(0, np.uint64)


def test_features_go_to_their_parts_and_numbers_keep_their_size():
    arrays = ShownArrays("clock", ("item", "genre *"), 10)
    x = {"user": "u", "item": 7, "genre a": 1.0, "genre b": 1.0, "hour": "late", "price": -1e300, "none": None}
    batch = arrays.batch([Shown("u", x, {"clock": 0.5}, NONE)], Catalogue(most=9), add=True)
    where = dict(
        zip(batch.id[0].tolist(), zip(batch.slot[0].tolist(), batch.size[0].tolist(), strict=True), strict=True)
    )
    assert where[hashed("item", "7")] == (0, 1.0)
    assert where[hashed("genre a")] == where[hashed("genre b")] == (1, pytest.approx(np.log(2.0)))
    assert where[hashed("user", "u")] == (2, 1.0)
    assert where[hashed("hour", "late")] == (3, 1.0)
    assert where[hashed("price")] == (3, -LARGEST)
    assert batch.token.tolist() == [hashed("item", "7")] == [ShownArrays.token(x)]
    assert batch.offset.tolist() == [0.0]


def test_histories_name_items_that_the_catalogue_knows():
    arrays, catalogue = ShownArrays("clock", ("item", "topic"), 3), Catalogue(features=4, most=9)
    rows = [Shown("u", {"item": i, "topic": f"t{i}", "user": "u"}, {"clock": 0.3}, NONE) for i in "abc"]
    batch = arrays.batch(rows, catalogue, add=True)
    catalogue.put(*arrays.described(batch, 4), now=1)
    a, b, c = (hashed("item", one) for one in "abc")
    history = np.array([c, 12345, a, b], np.uint64)
    found = arrays.batch([rows[0]._replace(history=history), rows[1]], catalogue, add=False)
    assert found.past.shape == (2, 3)
    assert catalogue.tokens(found.items[found.past[0, [0, 2]]]).tolist() == [c, a]
    assert found.past[0, 1] == -1
    assert found.past[1].tolist() == [-1, -1, -1]
    known = catalogue.at(found.items[found.past[0, [2]]])
    assert set(known.id[0].tolist()) == {a, hashed("topic", "ta"), 0}
    assert known.id[0, 2:].tolist() == [0, 0]


def test_names_that_are_new_are_passed_over_unless_told():
    arrays = ShownArrays("clock", ("item",), 3)
    row = Shown("u", {"item": "a", "new": "x"}, {"clock": 0.3}, NONE)
    assert (arrays.batch([row], Catalogue(), add=False).id != 0).sum() == 1
    assert (arrays.batch([row], Catalogue(), add=True).id != 0).sum() == 2
    assert arrays.batch([], Catalogue(), add=True).id.shape == (0, 1)
    assert not arrays.batch([row._replace(x={})], Catalogue(), add=True).id.any()

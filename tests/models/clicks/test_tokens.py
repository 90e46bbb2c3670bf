"""An event's tokens: each feature alone, with the user, with the item; the same in whatever order it came."""

import numpy as np

from driftline.models.clicks import number_fields, tokens
from driftline.models.clicks.click_rows import Fields

MOST = 8


def written(x, moments=None):
    fields = Fields(MOST)
    rows = fields.rows([x], add=True)
    w = tokens.make(16)
    tokens.write(w, moments or number_fields.make(MOST), tuple(rows), 0)
    n = w.at[0]
    return list(zip(w.key[:n].tolist(), w.group[:n].tolist(), w.size[:n].tolist(), strict=True)), int(tokens.pair(w))


def test_each_feature_stands_alone_and_with_both_ids():
    found, both = written({"user": "u", "item": "i", "page": "p", "tags": ["a", "b"]})
    kinds = [group // MOST for _, group, _ in found]
    assert [kinds.count(kind) for kind in (tokens.ALONE, tokens.WITH_USER, tokens.WITH_ITEM)] == [5, 3, 3]
    assert len({key for key, _, _ in found}) == 11
    assert both != 0


def test_without_an_id_there_is_nothing_to_meet():
    found, both = written({"user": "u", "page": "p"})
    assert [group // MOST for _, group, _ in found] == [tokens.ALONE, tokens.ALONE, tokens.WITH_USER]
    assert both == 0
    assert len(written({"page": "p"})[0]) == 1
    assert written({}) == ([], 0)


def test_the_order_of_a_dictionary_does_not_matter_nor_does_saying_it_twice():
    x = {"user": "u", "item": "i", "a": "1", "b": ["y", "x"], "c": 2.0}
    assert written(x) == written(dict(reversed(x.items())))
    assert written({**x, "b": ["x", "y", "x"]}) == written(x)


def test_a_number_is_a_bucket_and_a_size():
    moments = number_fields.make(MOST)
    for value in np.random.default_rng(0).normal(10.0, 1.0, 100):
        number_fields.learn(moments, 2, value)
    low, middle, high = (written({"price": price}, moments)[0] for price in (8.5, 10.05, 12.0))
    assert len(low) == len(high) == 2
    assert low[0][0] == high[0][0]  # one effect of size
    assert low[0][2] < middle[0][2] < high[0][2]
    assert len({low[1][0], middle[1][0], high[1][0]}) == 3  # three buckets
    assert len(written({"flag": 1.0})[0]) == 1  # constant so far: no size

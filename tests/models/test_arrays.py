from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.models import arrays
from driftline.models.multilabel import bernoulli_tree, feature_rows


class Inner(NamedTuple):
    weight: np.ndarray
    place: np.ndarray


class Outer(NamedTuple):
    left: Inner
    note: str
    total: np.ndarray
    right: Inner


def inner(rng, m, n):
    return Inner(rng.normal(size=(m, n)).astype(np.float32), rng.integers(-9, 9, m))


def outer(seed, m=3, n=2):
    rng = np.random.default_rng(seed)
    return Outer(inner(rng, m, n), "no array", np.array(rng.normal()), inner(rng, n, m))


def parts(nest):
    return [nest.left.weight, nest.left.place, nest.total, nest.right.weight, nest.right.place]


def same(a, b):
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(parts(a), parts(b), strict=True))


PATHS = ["left.weight", "left.place", "total", "right.weight", "right.place"]


def test_leaves_are_the_arrays_themselves_in_order_by_path():
    nest = outer(0)
    found = list(arrays.leaves(nest))
    assert [path for path, _ in found] == PATHS
    assert all(part is wanted for (_, part), wanted in zip(found, parts(nest), strict=True))
    assert arrays.size(nest) == (6 + 6) * 4 + (3 + 2) * 8 + 8
    deep = Outer(Inner(Inner(np.zeros(1), np.ones(1)), np.zeros(2)), "", np.zeros(0), nest.right)
    assert [path for path, _ in arrays.leaves(deep)][:3] == ["left.weight.weight", "left.weight.place", "left.place"]


@given(st.integers(0, 2**32), st.integers(0, 4), st.integers(0, 4))
def test_what_was_flat_fills_again_every_array_where_it_lies(seed, m, n):
    nest, other = outer(seed, m, n), outer(seed + 1, m, n)
    kept, lying = arrays.flat(nest), parts(other)
    assert list(kept) == PATHS
    arrays.refill(other, kept)
    assert same(other, nest)
    assert all(now is then for now, then in zip(parts(other), lying, strict=True))


def test_a_flat_state_is_a_copy_on_both_ways():
    nest, other = outer(1), outer(2)
    kept = arrays.flat(nest)
    arrays.refill(other, kept)
    for part in parts(nest):
        part[...] = 7
    assert same(other, outer(1))
    arrays.refill(other, kept)
    assert same(other, outer(1))
    for part in kept.values():
        part[...] = 8
    assert same(other, outer(1))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda part: None,
        lambda part: part.tolist(),
        lambda part: part.astype(np.float16),
        lambda part: part[None],
        lambda part: np.zeros((*part.shape[:-1], 1 if part.ndim else 2), part.dtype)[..., :1],  # would broadcast
        lambda part: np.zeros((*part.shape, 2), part.dtype),
    ],
    ids=["missing", "a list", "another type", "an axis in front", "broadcast", "an axis behind"],
)
def test_a_state_that_does_not_fit_is_refused_before_anything_is_written(path, spoil):
    nest, kept = outer(3), arrays.flat(outer(4))
    kept[path] = spoil(kept[path])
    if kept[path] is None:
        del kept[path]
    with pytest.raises(ValueError, match=path):
        arrays.refill(nest, kept)
    assert same(nest, outer(3))


@given(st.integers(0, 2**32), *[st.integers(0, 4)] * 4)
def test_what_is_poured_lies_at_the_beginning_and_the_rest_is_as_it_was(seed, m, n, more_m, more_n):
    old, new, fresh = (
        outer(seed, m, n),
        outer(seed + 1, m + more_m, n + more_n),
        outer(seed + 1, m + more_m, n + more_n),
    )
    poured = arrays.pour(old, new)
    assert poured is new
    assert same(old, outer(seed, m, n))
    for part, now, before in zip(parts(old), parts(new), parts(fresh), strict=True):
        for at in np.ndindex(now.shape):
            inside = all(i < size for i, size in zip(at, part.shape, strict=True))
            assert now[at] == (part[at] if inside else before[at])


def test_other_arrays_are_not_poured_into():
    with pytest.raises(ValueError):
        arrays.pour(outer(0), inner(np.random.default_rng(0), 3, 3))


def test_a_real_state_round_trips_and_grows():
    rng, moments, tree = np.random.default_rng(5), feature_rows.make(4, 2), bernoulli_tree.make(3)
    for _, part in [*arrays.leaves(moments), *arrays.leaves(tree)]:
        part[...] = rng.integers(0, 9, part.shape)
    again = feature_rows.make(4, 2)
    arrays.refill(again, arrays.flat(moments))
    assert all(np.array_equal(a, b) for a, b in zip(moments, again, strict=True))
    wide = arrays.pour(moments, feature_rows.make(6, 2))
    assert wide.place.tolist() == [*moments.place, -1, -1]  # new features are sparse
    assert np.array_equal(arrays.pour(tree, bernoulli_tree.make(5)).had[:, :3], tree.had)

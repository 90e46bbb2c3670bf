import os
import subprocess
import sys
from zlib import crc32

import numpy as np
import pytest
import scipy.sparse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driftline.models.columns import Columns
from driftline.models.multilabel import event_rows

VALUES = st.sampled_from([0.0, 0.0, 0.0, 1.0, -2.0, 0.375, 1e6, -1e-6, 3e18, -1e30])
MATRICES = st.integers(0, 6).flatmap(
    lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), max_size=6).map(
        lambda rows: np.array(rows, np.float32).reshape(len(rows), width)
    )
)


def numbered(width, most=64):
    columns = Columns(most)
    columns.widen(width)
    return columns


def dense(rows, width):
    """The rows as a matrix, after all that `Rows` promises was looked at."""
    start, column, value = rows
    assert (start.dtype, column.dtype, value.dtype) == (np.int64, np.int32, np.float32)
    assert start[0] == 0
    assert start[-1] == len(column) == len(value)
    assert np.isfinite(value).all()
    assert (value != 0).all()  # the non-zeros, and nothing else
    out = np.zeros((len(start) - 1, width), np.float32)
    for i in range(len(start) - 1):
        here = column[start[i] : start[i + 1]]
        assert len(set(here.tolist())) == len(here)
        out[i, here] = value[start[i] : start[i + 1]]
    assert rows.widest == (out != 0).sum(axis=1).max(initial=0)
    return out


def scrambled(x, seed):
    """The matrix as CSR of unsorted indices, with duplicates and zeros that are written out."""
    rng, indptr, indices, data = np.random.default_rng(seed), [0], [], []
    for row in x:
        pairs = []
        for j, value in enumerate(row.astype(np.float64)):
            times = rng.integers(0, 3)
            if value == 0.0:
                pairs += [(j, 5.0), (j, -5.0)] if times == 2 else [(j, 0.0)] * times
            else:
                pairs += [(j, value / 2**times)] * 2**times
        rng.shuffle(pairs)
        indices += [int(j) for j, _ in pairs]
        data += [value for _, value in pairs]
        indptr.append(len(indices))
    return scipy.sparse.csr_matrix((np.array(data), np.array(indices, int), np.array(indptr)), shape=x.shape)


def clipped(x):
    return np.clip(x, np.float32(-1e18), np.float32(1e18))


@settings(max_examples=150, deadline=None)
@given(MATRICES, st.integers(0, 2**32))
def test_dictionaries_arrays_and_sparse_matrices_give_the_same_rows(x, seed):
    columns, width = numbered(x.shape[1]), x.shape[1]
    csr = scrambled(x, seed)
    kept = [part.copy() for part in (csr.data, csr.indices, csr.indptr)]
    forms = [
        event_rows.of_events([dict(enumerate(row.tolist())) for row in x], columns, add=False),
        event_rows.of_events([dict(enumerate(row)) for row in x], Columns(64), add=True) if (x != 0).all() else None,
        event_rows.of_arrays(x, columns),
        event_rows.of_arrays(x.astype(np.float64), columns),
        event_rows.of_arrays(x.tolist(), columns) if x.size else None,
        event_rows.of_arrays(csr, columns),
        event_rows.of_arrays(scipy.sparse.csr_array(csr), columns),
        event_rows.of_arrays(csr.tocsc(), columns),
        event_rows.of_arrays(csr.tocoo(), columns),
    ]
    for rows in forms:
        if rows is not None:
            assert np.array_equal(dense(rows, width), clipped(x))
            assert np.all(np.diff(rows.column)[np.diff(np.repeat(np.arange(len(x)), np.diff(rows.start))) == 0] > 0)
    assert all(np.array_equal(now, then) for now, then in zip((csr.data, csr.indices, csr.indptr), kept, strict=True))
    assert columns.names == list(range(width))


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint16, np.int64, np.float16])
def test_other_types_of_numbers_are_numbers(kind):
    x = np.array([[0, 1, 0], [1, 0, 1]]).astype(kind)
    columns = numbered(3)
    forms = [x] if kind is np.float16 else [x, scipy.sparse.csr_matrix(x)]  # SciPy has no such matrices
    for form in forms:
        assert np.array_equal(dense(event_rows.of_arrays(form, columns), 3), x.astype(np.float32))
    events = [dict(enumerate(row)) for row in x]  # values of NumPy's own types
    assert np.array_equal(dense(event_rows.of_events(events, columns, add=False), 3), x.astype(np.float32))


def test_truth_is_a_number_too():
    assert event_rows.of_events([{0: True, 1: False}], numbered(2), add=False).value.tolist() == [1.0]


@pytest.mark.parametrize(
    "no_number",
    ["3", None, [1.0], float("nan"), float("inf"), -float("inf"), np.float32("nan"), np.float64("inf"), b"1"],
)
@pytest.mark.parametrize("add", [False, True])
def test_what_is_no_finite_number_is_passed_over_in_a_dictionary(no_number, add):
    columns = numbered(2)
    rows = event_rows.of_events([{0: no_number, 1: 2.0}, {"new": no_number}], columns, add)
    assert dense(rows, 2).tolist() == [[0.0, 2.0], [0.0, 0.0]]
    assert columns.names == [0, 1]  # what is passed over gets no column


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("form", [np.array, scipy.sparse.csr_matrix, lambda x: scrambled(np.array(x), 1)])
@pytest.mark.parametrize("most", [1, 64])
def test_what_is_not_finite_in_an_array_is_an_error_and_nothing_happened(wrong, form, most):
    columns = Columns(most)
    with pytest.raises(ValueError, match="not finite"):
        event_rows.of_arrays(form([[1.0, 2.0], [wrong, 0.0]]), columns)
    assert columns.names == []


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 3)])
def test_an_array_must_have_two_dimensions(shape):
    with pytest.raises(ValueError, match="two dimensions"):
        event_rows.of_arrays(np.ones(shape), Columns(8))


@pytest.mark.parametrize(
    ("value", "taken"),
    [(1e300, 1e18), (-1e300, -1e18), (2e18, 1e18), (10**30, 1e18), (9e17, 9e17), (1e-300, None), (-1e-60, None)],
)
def test_huge_values_are_cut_and_tiny_ones_are_zero(value, taken):
    wanted = [] if taken is None else [np.float32(taken)]
    forms = [event_rows.of_events([{0: value}], numbered(1), add=False)]
    forms += [event_rows.of_arrays(form([[float(value)]]), Columns(8)) for form in (np.array, scipy.sparse.csr_matrix)]
    for rows in forms:
        assert rows.value.tolist() == wanted
        assert rows.start.tolist() == [0, len(wanted)]


@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_may_be_larger_than_any_float(sign):
    rows = event_rows.of_events([{0: sign * 10**400, 1: 2.0}], numbered(2), add=False)
    assert dense(rows, 2).tolist() in ([[0.0, 2.0]], [[sign * float(np.float32(1e18)), 2.0]])  # passed over, or cut


def test_names_that_are_not_known_are_left_out_or_get_the_next_column():
    columns = numbered(1)
    xs = [{"a": 1.0, 0: 2.0}, {}, {"b": 3.0, "a": 4.0}]
    assert dense(event_rows.of_events(xs, columns, add=False), 1).tolist() == [[2.0], [0.0], [0.0]]
    assert len(columns) == 1
    assert dense(event_rows.of_events(xs, columns, add=True), 3).tolist() == [[2, 1, 0], [0, 0, 0], [0, 4, 3]]
    assert columns.names == [0, "a", "b"]
    assert dense(event_rows.of_events(xs, columns, add=False), 3).tolist() == [[2, 1, 0], [0, 0, 0], [0, 4, 3]]
    assert xs == [{"a": 1.0, 0: 2.0}, {}, {"b": 3.0, "a": 4.0}]


def in_order(names):
    """New names of one event get their columns by type and by size, whatever the order of a dictionary."""
    return sorted(names, key=lambda name: (type(name).__name__, repr(name) if isinstance(name, tuple) else name))


def by_hand(xs, most, names):
    """Rows as a matrix: the first `most` names have columns, others those of their hash; what meets is added."""
    names, out = list(names), np.zeros((len(xs), most))
    for i, x in enumerate(xs):
        for name in in_order(name for name, value in x.items() if value != 0.0):
            if name not in names and len(names) < most:
                names.append(name)
            out[i, names.index(name) if name in names else crc32(repr(name).encode()) % most] += x[name]
    return out.astype(np.float32), names


NAMES = st.one_of(st.integers(-5, 9), st.text("abcdé", max_size=2), st.tuples(st.integers(0, 2)))


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5), st.lists(st.dictionaries(NAMES, st.integers(-4, 4).map(float), max_size=9), max_size=6))
@example(1, [{"a": 1.0, "b": -1.0}])
def test_names_beyond_the_bound_share_columns_and_their_values_are_added(most, xs):
    columns = Columns(most)
    wanted, names = by_hand(xs, most, [])
    assert np.array_equal(dense(event_rows.of_events(xs, columns, add=True), most), wanted)
    assert columns.names == names
    assert len(columns) == len(names) <= most
    again = event_rows.of_events(xs, columns, add=False)
    assert columns.names == names
    assert np.array_equal(dense(again, most), by_hand(xs, most, names)[0] if columns.full else wanted)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 7),
    st.lists(st.dictionaries(NAMES, st.floats(-1e3, 1e3), max_size=9), max_size=4),
    st.randoms(use_true_random=False),
)
def test_the_order_of_a_dictionary_does_not_matter(most, xs, random):
    shuffled = [dict(random.sample(list(x.items()), len(x))) for x in xs]
    one, other = Columns(most), Columns(most)
    for a, b in zip(event_rows.of_events(xs, one, True), event_rows.of_events(shuffled, other, True), strict=True):
        assert np.array_equal(a, b)
    assert one.names == other.names
    one, other = Columns(99), Columns(99)
    assert np.array_equal(event_rows.of_labels(xs, one), event_rows.of_labels(shuffled, other))
    assert one.names == other.names


@settings(max_examples=80, deadline=None)
@given(MATRICES, st.integers(1, 5), st.integers(0, 2**32))
def test_columns_of_an_array_beyond_the_bound_share_too(x, most, seed):
    x = np.where(np.abs(x) > 1e7, 7.0, x).astype(np.float32)
    wanted = None
    for form in (x, scrambled(x, seed)):
        columns = numbered(x.shape[1], most)
        names = list(columns.names)
        got = dense(event_rows.of_arrays(form, columns), max(most, x.shape[1]))
        wanted = by_hand([dict(enumerate(row.tolist())) for row in x], most, names)[0] if wanted is None else wanted
        assert np.array_equal(got[:, :most], wanted)
        assert not got[:, most:].any()
        assert columns.names == names == list(range(min(x.shape[1], most)))


@pytest.mark.parametrize("form", [np.array, scipy.sparse.csr_matrix])
def test_a_column_of_an_array_is_the_same_whoever_asked_first_and_however_wide_the_array_is(form):
    """Arrays may be asked about before any was learnt: that must not settle which column is which."""
    columns = Columns(8)
    wide = form([[0.0] * 7 + [1.0] + [0.0] * 4, [0.0] * 3 + [2.0] + [0.0] * 8])
    narrow = form([[0.0] * 7 + [1.0], [0.0] * 3 + [2.0] + [0.0] * 4])
    for rows in (event_rows.of_arrays(wide, columns), event_rows.of_arrays(narrow, columns)):
        assert dense(rows, 8).tolist() == [[0.0] * 7 + [1.0], [0.0] * 3 + [2.0] + [0.0] * 4]
    assert columns.names == []


def test_the_shared_column_is_the_same_in_every_process():
    asked = "from driftline.models.columns import Columns; c = Columns(97); c.widen(97); "
    asked += "print([c.find(name) for name in ('x', 'lead', 1000, ('a', 1), '\\ud800')])"
    said = {
        subprocess.run(
            [sys.executable, "-c", asked],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert said.pop().split(",")[0] == f"[{crc32(repr('x').encode()) % 97}"


@given(
    st.integers(1, 6), st.lists(st.tuples(st.sampled_from(["add", "find", "widen"]), st.integers(0, 9)), max_size=20)
)
def test_columns_are_an_ordered_set_of_names(most, steps):
    columns, names = Columns(most), []
    for step, name in steps:
        if step == "widen":
            columns.widen(name)
            new = columns.names[len(names) :]
            assert columns.names[: len(names)] == names
            assert len(columns) == max(len(names), min(name, most))
            assert all(got == j or j in names for j, got in enumerate(new, len(names)))
            names += new
            assert len(set(names)) == len(names)
            continue
        known, found = name in names, getattr(columns, step)(name)
        if step == "add" and not known and len(names) < most:
            names.append(name)
        if name in names:
            assert found == names.index(name)
        else:
            assert found == -1 if len(names) < most else 0 <= found < most
        assert columns.names == names
        assert columns.knows(name) == (name in names)
        assert columns.full == (len(names) == most)
    again = Columns(most)
    again.restore(columns.names)
    assert [again.find(name) for name in range(12)] == [columns.find(name) for name in range(12)]
    again.add("other")
    assert columns.names == names  # nothing is shared between the two


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.booleans(), max_size=4), max_size=8))
def test_labels_are_zeros_and_ones_in_columns_by_first_mention(ys):
    columns, names = Columns(6), []
    for y in ys:
        names += sorted(name for name in y if name not in names)
    truths = event_rows.of_labels(ys, columns)
    assert truths.dtype == np.uint8
    assert columns.names == names
    assert truths.shape == (len(ys), len(names))
    assert truths.tolist() == [[int(y.get(name, False)) for name in names] for y in ys]


def test_labels_beyond_the_bound_are_an_error_before_anything_has_changed():
    columns = Columns(3)
    event_rows.of_labels([{"a": True}], columns)
    with pytest.raises(ValueError, match="max_labels = 3"):
        event_rows.of_labels([{"b": True}, {"c": False, "a": True}, {"d": False}], columns)
    assert columns.names == ["a"]
    assert not columns.knows("b")
    assert event_rows.of_labels([{"b": 1, "c": np.True_}, {"c": 0}], columns).tolist() == [[0, 1, 1], [0, 0, 0]]
    with pytest.raises(ValueError, match="max_labels = 3"):
        event_rows.of_labels([{"d": True}], columns)
    assert columns.names == ["a", "b", "c"]

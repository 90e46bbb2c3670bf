from collections import Counter

import pytest

from driftline.services.sources.dataset import Dataset


class Rows:
    """Ten rows that say yes and no in numbers."""

    n_samples = 10

    def __iter__(self):
        return iter([({"a": n}, n % 2) for n in range(10)])


class Tens(Dataset):
    rows, name, key = Rows, "ten", "shelf"


def tens(**options) -> Tens:
    return Tens("tens", **{"delay_seconds": 5.0, "keys": 3, **options})


def test_labels_are_late_by_the_delay():
    records = list(tens(interval_seconds=2.0))
    at = {r.value.id: r.at for r in records if r.role == "event"}
    assert {r.at - at[r.value.of] for r in records if r.role == "label"} == {5.0}
    assert [r.role for r in records[:5]] == ["event", "event", "event", "label", "event"]


def test_keys_are_taken_in_turn():
    keys = [r.key for r in tens(limit=7) if r.role == "event"]
    assert keys == ["shelf-0", "shelf-1", "shelf-2"] * 2 + ["shelf-0"]


def test_times_go_on_from_the_start():
    events = [r for r in tens(start=100.0, interval_seconds=0.5, limit=3) if r.role == "event"]
    assert [r.at for r in events] == [r.value.at for r in events] == [100.0, 100.5, 101.0]


def test_labels_are_yes_or_no_and_features_are_numbers():
    records = list(tens())
    assert Counter(r.value.y for r in records if r.role == "label") == {True: 5, False: 5}
    assert {type(r.value.y) for r in records if r.role == "label"} == {bool}
    assert {type(r.value.x["a"]) for r in records if r.role == "event"} == {float}


@pytest.mark.parametrize(("limit", "total"), [(None, 20), (4, 8), (99, 20)])
def test_a_limit_beyond_the_rows_bounds_nothing(limit, total):
    source = tens(limit=limit)
    assert source.total == len(list(source)) == total


def test_no_keys_are_refused():
    with pytest.raises(ValueError, match=r"keys must be positive, got .* and 0$"):
        tens(keys=0)

from collections import Counter

import pytest

from driftline.services.sources import Cells
from driftline.services.sources.source import START
from driftline.streams.bins import Bins


@pytest.mark.parametrize("counter", [False, True])
def test_what_was_planted_among_the_readings_is_what_bins_find(counter):
    source = Cells(cells=5, days=8, step_seconds=600, counter=counter, faults=0.03, seed=3)
    bins, found = {}, Counter()
    for record in source:
        bins.setdefault(record.key, Bins(600.0, counter)).take(record.value.at, record.value.x["bytes"])
    for one in bins.values():
        found += one.counts
    sent = source.sent
    assert found["missing"] == sent.missing.sum() + sent.late.sum()
    assert found["late"] == sent.late.sum() > 0
    assert found["duplicate"] == sent.duplicates.sum() > 0
    assert found["reset"] == sent.resets.sum()
    assert found["first"] == (5 if counter else 0)
    assert (found["reset"] > 0) == counter


def test_readings_come_at_the_ends_of_their_bins_and_ids_are_never_twice():
    records = list(Cells(cells=2, days=2, faults=0.1))
    assert {(record.value.at - START) % 3_600 for record in records} == {0.0}
    assert len({record.value.id for record in records}) == len(records)
    assert [r.value for r in Cells(cells=2, days=2, faults=0.1, limit=7)] == [r.value for r in records[:7]]


@pytest.mark.parametrize("wrong", [{"faults": 0.2}, {"step_seconds": 7_000}, {"step_seconds": 86_400}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Cells(**wrong)

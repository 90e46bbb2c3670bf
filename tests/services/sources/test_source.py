"""What every source promises, over all of them."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.services.sources import SOURCES, Cells, Host, Record, Shuttle, Source, Synthetic, WaterFlow, Yeast
from driftline.services.sources.host import Reading
from driftline.services.sources.source import with_labels
from driftline.streams import events
from driftline.streams.wire import Decoder


def host() -> Host:
    seconds = iter(range(10_000))
    counters = iter(range(10_000))
    return Host(
        read=lambda: Reading({"eth0": dict.fromkeys(("bytes_received",), next(counters))}, 1.0),
        clock=lambda: 1e9 + next(seconds),
        monotonic=lambda: float(next(seconds)),
        sleep=lambda _: None,
    )


MAKERS = {
    "cells": lambda: Cells(cells=3, days=3, step_seconds=600, counter=True, faults=0.05),
    "host": host,
    "shuttle": lambda: Shuttle(limit=1_000, delay_seconds=3.5),
    "synthetic": lambda: Synthetic(count=1_000, drift_at=500, delay_seconds=2.0),
    "water-flow": WaterFlow,
    "yeast": lambda: Yeast(limit=300, delay_seconds=30.0),
}


def test_every_built_in_source_is_tested_here():
    assert MAKERS.keys() == SOURCES.keys()


@pytest.fixture(params=sorted(MAKERS))
def source(request) -> Source:
    return MAKERS[request.param]()


@pytest.fixture
def records(source) -> list[Record]:
    return list(islice(source, 3_000))


def test_it_is_a_source(source):
    assert isinstance(source, Source)
    assert all(isinstance(record, Record) for record in islice(source, 3))


def test_records_come_in_order_of_time(records):
    times = [record.at for record in records]
    assert times == sorted(times)


def test_a_label_comes_after_its_event_with_its_key(records):
    keys = {}
    for record in records:
        if record.role == "event":
            assert record.value.id not in keys, "an id came twice"
            keys[record.value.id] = record.key
        else:
            assert keys[record.value.of] == record.key


def test_the_time_and_key_are_those_of_the_message(records):
    assert all(record.at >= record.value.at for record in records)  # late readings come after their time
    assert sum(record.at == record.value.at for record in records) > 0.9 * len(records)
    assert all(record.key == record.value.key for record in records if record.role == "event")


def test_what_is_published_can_be_decoded(records):
    for record in records[:200]:
        decoded = Decoder(type(record.value)).decode(record.payload)
        assert decoded.at == record.value.at


def test_it_says_how_many_there_will_be(source, records):
    if source.total is not None:
        assert source.total == len(records)


@pytest.mark.parametrize("name", ["shuttle", "synthetic", "water-flow", "yeast"])
def test_it_can_be_read_twice(name):
    source = MAKERS[name]()
    assert list(islice(source, 50)) == list(islice(source, 50))


@given(st.lists(st.integers(0, 20), max_size=30).map(sorted), st.integers(0, 10))
def test_labels_and_events_are_merged_by_time(times, delay):
    def event(n: int, at: int) -> tuple[Record, bool]:
        said = events.SensorEvent(id=f"e{n}", at=float(at), sensor="s", x={"a": 1.0})
        return Record(said.at, "s", "event", "s", said), True

    records = list(with_labels((event(n, at) for n, at in enumerate(times)), delay))
    labels = [r for r in records if r.role == "label"]
    assert [r.value.id for r in records if r.role == "event"] == [f"e{n}" for n in range(len(times))]
    assert [(r.value.of, r.at) for r in labels] == [(f"e{n}", at + delay) for n, at in enumerate(times)]
    assert [r.at for r in records] == sorted(r.at for r in records)
    seen: set[str] = set()
    for record in records:
        if record.role == "event":
            seen.add(record.value.id)
        else:
            assert record.value.of in seen


@pytest.mark.parametrize("make", [Yeast, Shuttle, Synthetic])
def test_a_negative_delay_is_refused(make):
    with pytest.raises(ValueError, match="delay_seconds must be at least 0, got -1"):
        next(iter(make(delay_seconds=-1)))


@pytest.mark.parametrize("make", [Yeast, Shuttle, Synthetic])
def test_an_interval_of_nothing_is_refused(make):
    with pytest.raises(ValueError, match="interval_seconds"):
        make(interval_seconds=0)

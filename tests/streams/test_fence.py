"""The fence rule against a brute-force oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from predictions import fence, made

from driftline.streams import wire
from driftline.streams.fence import FenceFilter, Offsets, decode, fence_of

gens = st.integers(0, 4)
fences = st.tuples(st.just("fence"), st.integers(0, 1), gens)
predictions = st.tuples(st.just("prediction"), st.integers(0, 1), gens, st.integers(0, 6), st.sampled_from(["m", "n"]))
rubbish = st.tuples(st.just("rubbish"), st.integers(0, 1))
logs = st.lists(st.one_of(fences, predictions, predictions, rubbish), max_size=60)


def oracle(log: list[tuple]) -> list[tuple]:
    """Rule 7, word for word: for each record look at all before it."""
    believed: list[tuple] = []
    for place, record in enumerate(log):
        if record[0] != "prediction":
            continue
        _, partition, gen, offset, model = record
        before = [r for r in log[:place] if r[:2] == ("fence", partition)]
        if any(higher > gen for _, _, higher in before) or (partition, model, offset) in {b[:3] for b in believed}:
            continue
        believed.append((partition, model, offset, gen))
    return believed


def written(record: tuple) -> bytes:
    if record[0] == "fence":
        return fence(record[2])
    if record[0] == "prediction":
        _, partition, gen, offset, model = record
        return made(gen, offset, model=model, partition=partition)
    return b'{"fence": 9, "gen": 9}'


def read(filter_: FenceFilter, log: list[tuple], start: int = 0) -> list[tuple]:
    offsets = [0, 0]
    believed = []
    for place, record in enumerate(log):
        partition = record[1]
        offset = offsets[partition]
        offsets[partition] += 1
        if place < start:
            continue
        try:
            prediction = filter_.feed(partition, offset, written(record))
        except wire.Rejected:
            assert record[0] == "rubbish"
            continue
        if prediction is not None:
            assert record[0] == "prediction"
            model, _, _, event = prediction.id.split("/")
            believed.append((partition, model, int(event), prediction.gen))
    return believed


@given(logs)
def test_what_is_let_through_is_what_the_rule_says(log):
    assert read(FenceFilter(), log) == oracle(log)


@given(logs)
def test_what_kafka_repeats_changes_nothing(log):
    reader = FenceFilter()
    assert read(reader, log) == oracle(log)
    left_out = reader.void, reader.repeats
    assert read(reader, log) == []
    assert (reader.void, reader.repeats) == left_out


@given(logs, st.integers(0, 60))
def test_a_start_in_the_middle_needs_the_fence_in_force(log, start):
    before = log[:start]
    floors: dict[int, int] = {}
    for kind, partition, *rest in before:
        if kind == "fence":
            floors[partition] = max(rest[0], floors.get(partition, 0))
    # A reader that starts here cannot know the ids of before: leave those out that come on both sides.
    known = {(r[1], r[4], r[3]) for r in before if r[0] == "prediction"}
    after = [r for r in log[start:] if r[0] != "prediction" or (r[1], r[4], r[3]) not in known]
    expected = [believed for believed in oracle(before + after) if believed[:3] not in known]
    assert read(FenceFilter(floors), before + after, start=len(before)) == expected


def test_what_was_left_out_is_counted():
    reader = FenceFilter()
    for offset, value in enumerate([fence(2), made(1, 0), made(2, 0), made(2, 0), fence(1), made(2, 1)]):
        reader.feed(0, offset, value)
    assert (reader.void, reader.repeats, reader.floors) == (1, 1, {0: 2})


def test_a_void_prediction_does_not_hide_its_second_making():
    reader = FenceFilter({0: 2})
    assert reader.feed(0, 0, made(1, 5)) is None
    assert reader.feed(0, 1, made(2, 5)).gen == 2


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"[]",
        b'{"fence": true}',
        b'{"fence": -1}',
        b'{"fence": 1.0}',
        b'{"fence": 9223372036854775808}',
        b'{"fence": 3, "gen": 3}',
        made(1, 2)[:-1] + b',"fence":3}',
        made(1, 2).replace(b"m/t/0/2", b"m/t/0/02"),
        made(1, 2).replace(b"m/t/0/2", b"t/0/2"),
        made(1, 2).replace(b"m/t/0/2", b"m/t/0/"),
        made(1, 2).replace(b"m/t/0/2", "m/t/0/²".encode()),
        made(1, 2).replace(b"m/t/0/2", b"m/t/0/-2"),
    ],
)
def test_what_is_neither_is_rejected_and_the_reading_goes_on(value):
    reader = FenceFilter()
    with pytest.raises(wire.Rejected):
        reader.feed(0, 0, value)
    assert reader.floors == {}
    assert reader.feed(0, 1, made(0, 2)) is not None


def test_a_fence_is_told_from_a_prediction():
    assert fence_of(decode(b' {"fence" : 12}\n')) == 12
    assert fence_of(decode(made(3, 4))) is None


@given(st.lists(st.integers(0, 40)), st.integers(1, 50))
def test_offsets_are_a_set(added, max_ranges):
    offsets, seen = Offsets(max_ranges), set()
    for offset in added:
        new = offsets.add(offset)
        assert not (new and offset in seen)  # nothing is shown twice, however little is remembered
        if max_ranges > 41:
            assert new == (offset not in seen)
        seen.add(offset)
    assert len(offsets.ranges) <= max_ranges
    assert all(end < start for (_, end), (start, _) in zip(offsets.ranges, offsets.ranges[1:], strict=False))


def test_offsets_that_rise_are_all_new_however_little_is_remembered():
    offsets = Offsets(max_ranges=3)
    assert all(offsets.add(offset) for offset in range(0, 100, 2))
    assert offsets.ranges == [(0, 95), (96, 97), (98, 99)]
    assert not offsets.add(51)

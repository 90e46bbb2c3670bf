"""Histories are what serving saw, at any version that is not too old; what cannot be told is said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clicks.histories import Histories


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2**64 - 1)), max_size=150), st.integers(1, 12))
def test_any_version_is_what_it_was_or_none(events, length):
    histories, seen = Histories(length=length, slack=7), {}
    for key, token in events:
        past = seen.setdefault(key, [])
        past.append(token)
        assert histories.append(key, token) == len(past)
    for key, past in seen.items():
        for version in range(len(past) + 1):
            found = histories.at(key, version)
            if version >= len(past) - 7:
                assert found is not None
            if found is not None:
                assert found.tolist() == past[max(0, version - length) : version][::-1]
        assert histories.at(key, len(past) + 1) is None
        assert histories.newest(key).tolist() == past[-length:][::-1]


def test_it_is_bounded_in_keys_and_tokens():
    histories = Histories(length=100, slack=28, most=10)
    for i in range(5_000):
        histories.append(f"u{i % 7}", i)
        histories.append(f"new{i}", i)
        assert len(histories) <= 10
    assert max(len(ring) for ring in histories._rings.values()) <= 128


def test_a_key_that_was_forgotten_never_shows_another_past():
    histories = Histories(length=10, most=1)
    for token in (1, 2, 3):
        histories.append("a", token)
    histories.append("b", 9)
    histories.append("a", 4)
    assert all(histories.at("a", version) is None for version in (1, 2))
    version = histories.version("a")
    assert version > 3
    assert histories.at("a", version).tolist() == [4]


@pytest.mark.parametrize("count", [0, 3, 40, 200])
def test_what_is_packed_goes_on_as_before(count):
    one, other = Histories(length=50, slack=14), Histories(length=50, slack=14)
    one.append("a", 7)
    for i in range(count):
        one.append("a", i)
    other.put("a", one.packed("a"))
    for i in range(30):
        for version in range(max(0, count - 30), count + 1 + i):
            found = [None if past is None else past.tolist() for past in (one.at("a", version), other.at("a", version))]
            assert found[0] == found[1]
        assert one.append("a", 1_000 + i) == other.append("a", 1_000 + i)
    assert one.newest("a").tolist() == other.newest("a").tolist()
    for bad in (b"x", b"", one.packed("a")[:8], one.packed("a") + bytes(8 * 500)):
        with pytest.raises(ValueError, match="does not fit"):
            other.put("a", bad)


def test_parameters_out_of_range_are_refused():
    for bad in ({"length": 0}, {"slack": -1}, {"most": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            Histories(**bad)

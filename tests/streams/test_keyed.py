"""Models by key, against an oracle that does it all by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.streams.keyed import Keyed
from driftline.streams.vault import Unsound, Vault

VAULT = Vault(b"0123456789abcdef")
MOST, OLDEST = 3, 10.0


class Tally:
    """The smallest model: it counts what it was taught."""

    def __init__(self):
        self.n = 0

    def state(self):
        return {"n": self.n}

    def restore(self, state):
        self.n = state["n"]


class Oracle:
    """What must be there, kept in a list of [key, last time, count], the longest unseen first."""

    def __init__(self):
        self.rows = []

    def find(self, key):
        return next((row for row in self.rows if row[0] == key), None)

    def want(self, key, at, watermark):
        row = self.find(key) or [key, at, 0]
        self.rows = [other for other in self.rows if other is not row] + [row]
        row[1] = max(row[1], at)
        while len(self.rows) > 1 and (len(self.rows) > MOST or self.rows[0][1] < watermark - OLDEST):
            del self.rows[0]
        row[2] += 1

    def learn(self, key):
        row = self.find(key)
        if row is not None:
            row[2] += 1

    def counts(self):
        return [(key, n) for key, _, n in self.rows]


def keyed():
    return Keyed(Tally, MOST, OLDEST, "lane/slot:m", VAULT)


def counts(held):
    return [(key, held.peek(key).n) for key in held]


KEYS = st.sampled_from(["a", "b", "c", "d", "e"])
ACTS = st.one_of(
    st.tuples(st.just("want"), KEYS, st.integers(0, 40).map(float)),
    st.tuples(st.just("find"), KEYS, st.just(0.0)),
    st.tuples(st.sampled_from(["touched", "restore", "drop"]), st.just(""), st.just(0.0)),
)


@given(st.lists(ACTS, max_size=60))
@settings(max_examples=150, deadline=None)
def test_keys_are_bounded_expire_and_survive_as_an_oracle_says(acts):
    held, oracle = keyed(), Oracle()
    stored: dict[str, bytes] = {}
    watermark = 0.0
    for act, key, at in acts:
        if act == "want":
            watermark = max(watermark, at)
            held.want(key, at, watermark).n += 1
            oracle.want(key, at, watermark)
        elif act == "find":
            found = held.find(key)
            assert (found is None) == (oracle.find(key) is None)
            if found is not None:
                found.n += 1
            oracle.learn(key)
        elif act == "drop":
            held.drop()
            oracle.rows = []
        else:
            changed = held.touched()
            assert held.touched() == {}
            stored.update(changed)
            stored = {name: value for name, value in stored.items() if value is not None}
            assert set(stored) == {name for name, _ in oracle.counts()}
            if act == "restore":
                held = keyed()
                held.restore(stored)
        assert counts(held) == oracle.counts()
        assert len(held) == len(oracle.rows)
        assert [held.last_at(key) for key in held] == [at for _, at, _ in oracle.rows]


def test_only_what_was_touched_is_written_again():
    held = keyed()
    for key in "abc":
        held.want(key, 1.0, 1.0)
    assert sorted(held.touched()) == ["a", "b", "c"]
    held.want("b", 1.0, 1.0)
    held.find("c")
    held.peek("a")
    held.find("nobody")
    assert sorted(held.touched()) == ["b", "c"]
    held.want("d", 1.0, 1.0)
    assert {key: value is None for key, value in held.touched().items()} == {"a": True, "d": False}
    assert held.expired == 1


def test_the_order_of_use_is_taken_back_whatever_order_the_store_has():
    held = keyed()
    for key in "abca":
        held.want(key, 1.0, 1.0)
    stored = held.touched()
    again = keyed()
    again.restore(dict(sorted(stored.items())))
    assert list(again) == ["b", "c", "a"]
    again.want("d", 1.0, 1.0)
    assert list(again) == ["c", "a", "d"]
    stored.update(again.touched())
    third = keyed()
    third.restore({key: value for key, value in stored.items() if value is not None})
    assert list(third) == ["c", "a", "d"]


def test_restored_keys_stay_sealed_until_they_are_wanted(monkeypatch):
    held = keyed()
    held.want("a", 1.0, 1.0).n = 7
    held.want("b", 1.0, 1.0)
    made = []
    again = Keyed(lambda: made.append(1) or Tally(), MOST, OLDEST, "lane/slot:m", VAULT)
    again.restore(held.touched())
    assert made == []
    assert again.find("a").n == 7
    assert made == [1]
    assert sorted(again.touched()) == ["a"]


def test_the_last_key_never_expires_and_an_event_out_of_time_does_not_make_a_key_older():
    held = keyed()
    held.want("a", 100.0, 100.0)
    held.want("a", 5.0, 100.0)
    held.want("b", 105.0, 105.0)
    assert list(held) == ["a", "b"]
    held.want("b", 200.0, 200.0)
    assert list(held) == ["b"]
    assert held.find("a") is None


def test_a_key_in_anothers_place_is_unsound():
    held = keyed()
    held.want("a", 1.0, 1.0)
    held.want("b", 1.0, 1.0)
    stored = held.touched()
    with pytest.raises(Unsound, match="lane/slot:m/a"):
        keyed().restore({"a": stored["b"], "b": stored["a"]})
    with pytest.raises(Unsound):
        Keyed(Tally, MOST, OLDEST, "lane/slot:other", VAULT).restore(stored)

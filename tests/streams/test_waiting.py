"""The waiting set, against an oracle that looks at all that ever came."""

from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.streams.config import Waiting
from driftline.streams.waiting import Early, Entry, WaitingSet, mark

BOUNDS = Waiting(max_count=4, max_age_seconds=10, early_max_count=2, early_max_age_seconds=5)


def entry(at, key="k"):
    return Entry(at, key, {"a": 1.0}, [(True, 0.5)], [[(False, None)]])


def early(until, offset=0):
    return Early(offset, until, 0.0, True, "k", b"{}")


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=6, max_size=40), st.integers(4, 20))
@settings(max_examples=150, deadline=None)
def test_it_holds_what_an_oracle_says_also_after_a_restore(events, restored):
    waiting, rows, expired = WaitingSet(BOUNDS), [], []
    watermark = 0.0
    for i, (second, labelled) in enumerate(events):
        at = float(second)
        waiting.add(f"e{i}", entry(at), True)
        watermark = max(watermark, at)
        rows.append([f"e{i}", at, True])
        while rows and (rows[0][1] < watermark - 10 or len(rows) > 4):
            name, _, open_ = rows.pop(0)
            if open_:
                expired = [*expired, name][-4:]
        if labelled and rows and rows[-1][2]:
            rows[-1][2] = False
            name = rows[-1][0]
            waiting.close(name, waiting.entries[name], True)
        if i == restored:
            again = WaitingSet(BOUNDS)
            again.restore(waiting.state())
            assert again.state() == waiting.state()
            waiting = again
        assert [name for name, _, _ in rows] == list(waiting.order)
        assert set(waiting.entries) == set(waiting.order)
        assert {name for name, _, open_ in rows if open_} == {
            name for name, kept in waiting.entries.items() if isinstance(kept, Entry)
        }
        assert waiting.open == sum(open_ for _, _, open_ in rows)
        assert list(waiting.expired) == expired
        assert waiting.watermark == watermark


def test_an_event_keeps_its_place_after_its_label_came():
    waiting = WaitingSet(BOUNDS)
    first = entry(1.0)
    waiting.add("a", first)
    waiting.add("b", entry(2.0))
    waiting.close("a", first, True)
    assert waiting.entries["a"] == (1.0, True)
    assert waiting.open == 1
    for i in range(3):
        waiting.add(f"c{i}", entry(3.0))
    assert list(waiting.entries) == ["b", "c0", "c1", "c2"]
    assert not waiting.expired  # its label had come: a label now is not late, but unknown


def test_where_no_label_is_taken_only_the_id_is_kept():
    waiting = WaitingSet(BOUNDS)
    waiting.add("a", entry(1.0), labelled=False)
    assert waiting.entries == {"a": (1.0, None)}
    assert waiting.open == 0


def test_early_labels_go_by_count_and_by_event_time():
    waiting = WaitingSet(BOUNDS)
    assert waiting.hold("a", early(5.0)) == []
    assert waiting.hold("b", early(6.0)) == []
    [(name, _)] = waiting.hold("c", early(7.0))
    assert name == "a"
    waiting.watermark = 6.0
    assert waiting.overdue() == []
    waiting.watermark = 6.5
    assert [name for name, _ in waiting.overdue()] == ["b"]
    assert list(waiting.early) == ["c"]


def test_a_state_keeps_early_labels_and_answers_as_they_were():
    waiting = WaitingSet(BOUNDS)
    waiting.add("a", Entry(1.0, "k", {"a": 1.0, "b": "text"}, [(True, 0.5), None], [[({"p": True}, None)]]))
    waiting.hold("z", Early(3, 9.0, 8.0, {"p": True, "q": False}, "k", b"\xff\x00"))
    again = WaitingSet(BOUNDS)
    again.restore(waiting.state())
    kept = again.entries["a"]
    assert (kept.x, kept.guesses, kept.bases) == ({"a": 1.0, "b": "text"}, [[True, 0.5], None], [[[{"p": True}, None]]])
    assert again.early["z"] == waiting.early["z"]
    assert again.state() == waiting.state()


def test_remap_follows_the_places_of_models_and_baselines():
    waiting = WaitingSet(BOUNDS)
    waiting.add("a", Entry(1.0, "k", {}, ["g0", "g1"], ["b0", "b1"]))
    waiting.add("b", entry(1.0))
    waiting.close("b", waiting.entries["b"], True)
    waiting.remap([1, None, 0], [None, 1])
    assert waiting.entries["a"].guesses == ["g1", None, "g0"]
    assert waiting.entries["a"].bases == [None, "b1"]


def test_labels_are_remembered_by_what_is_on():
    assert mark({"a": True, "b": False}) == mark({"b": False, "a": True}) == mark({"a": True})
    assert mark({"a": True}) != mark({"a": True, "b": True})
    assert mark({}) != mark({"": True}) or mark({"": False}) == mark({})
    assert [mark(y) for y in (True, 1.5, "class")] == [True, 1.5, "class"]
    assert mark({"\ud800": True}) != mark({})

"""What a label does that comes after its event was taken as labelled no."""

from lanes import START, event, label, letters, outcomes
from silence import desk_of, moved, sent, taught, timed_out

from driftline.streams.waiting import TimedOut


def test_a_yes_corrects_and_teaches_the_features_of_the_event_but_judges_nothing_again():
    desk = timed_out()
    before = desk.slots[0].scores.state(), desk.panels["binary"].scores["majority"].state()
    desk.handle([label(0, "e0", True, at=START + 50)])
    assert taught(desk) == [({"a": 7.0}, False), ({"a": 7.0}, True)]
    assert outcomes(desk) == {"timed_out": 1, "corrected": 1}
    assert (desk.slots[0].scores.state(), desk.panels["binary"].scores["majority"].state()) == before
    majority = desk.panels["binary"].baselines[1]
    assert (majority.yes, majority.n) == (1, 2)  # baselines learn what models learn
    assert not sent(desk)
    assert desk.counts["labels"] == 1


def test_with_correction_count_it_is_only_counted_and_no_features_are_kept_for_it():
    desk = timed_out(correction="count")
    assert desk.waiting.entries["e0"] == TimedOut(START, "k", {}, [])
    desk.handle([label(0, "e0", True)])
    assert taught(desk) == [({"a": 7.0}, False)]
    assert desk.panels["binary"].baselines[1].yes == 0
    assert outcomes(desk) == {"timed_out": 1, "corrected": 1}


def test_the_features_are_kept_until_the_correction_and_no_longer():
    desk = timed_out()
    assert desk.waiting.entries["e0"].x == {"a": 7.0}
    desk.handle([label(0, "e0", True)])
    assert desk.waiting.entries["e0"] == (START, True)
    desk = timed_out()
    moved(desk, 101, 2)
    assert "e0" not in desk.waiting.entries
    assert "e0" in desk.waiting.expired


def test_a_no_confirms_and_is_a_duplicate_and_then_stands():
    desk = timed_out()
    desk.handle([label(0, "e0", False), label(1, "e0", False)])
    assert outcomes(desk) == {"timed_out": 1, "duplicate": 2}
    assert not sent(desk)
    desk.handle([label(2, "e0", True)])
    assert outcomes(desk) == {"timed_out": 1, "duplicate": 2, "conflicting": 1}
    [letter] = letters(sent(desk))
    assert (letter["reason"], letter["offset"]) == ("label_conflicting", 2)
    assert taught(desk) == [({"a": 7.0}, False)]


def test_after_a_correction_a_yes_is_a_duplicate_and_a_no_conflicts():
    desk = timed_out()
    desk.handle([label(0, "e0", True), label(1, "e0", True), label(2, "e0", False)])
    assert outcomes(desk) == {"timed_out": 1, "corrected": 1, "duplicate": 1, "conflicting": 1}
    assert [letter["offset"] for letter in letters(sent(desk))] == [2]
    assert len(taught(desk)) == 2


def test_a_label_after_max_age_is_late_whatever_it_says():
    for y in (True, False):
        desk = timed_out()
        moved(desk, 101, 2)
        desk.handle([label(0, "e0", y)])
        assert outcomes(desk)["late"] == 1
        assert [letter["reason"] for letter in letters(sent(desk))] == ["label_late"]
        assert [said for _, said in taught(desk)].count(True) == 0


def test_a_yes_under_another_key_corrects_nothing():
    desk = timed_out()
    desk.handle([label(0, "e0", True, key="other")])
    assert outcomes(desk) == {"timed_out": 1}
    assert letters(sent(desk))[0]["reason"] == "key"
    desk.handle([label(1, "e0", True)])
    assert outcomes(desk) == {"timed_out": 1, "corrected": 1}


def test_delays_are_those_of_labels_that_came_late_ones_too_and_none_of_time_outs():
    desk = desk_of()
    desk.handle([event(0, at=START), event(1, at=START), event(2, at=START)])
    moved(desk, 20, 3)
    assert (sum(desk.delays), desk.delay_seconds) == (0, 0.0)
    desk.handle([label(0, "e0", True, at=START + 30), label(1, "e1", False, at=START + 5)])
    desk.handle([label(2, "e1", False, at=START + 6)])  # a second one of the same event is none
    assert (desk.delays, desk.delay_seconds) == ([0, 0, 1, 1, 0, 0, 0, 0, 0], 35.0)


def test_an_event_that_times_out_in_the_very_run_in_which_it_came_can_be_corrected():
    desk = desk_of()
    desk.handle([event(0, a=7.0), event(1, at=START + 20)])
    desk.handle([label(0, "e0", True)])
    assert taught(desk) == [({"a": 7.0}, False), ({"a": 7.0}, True)]


def test_corrections_in_a_run_of_labels_are_learnt_where_they_stand():
    desk = desk_of()
    desk.handle([event(i, a=float(i)) for i in range(3)])
    moved(desk, 20, 3)  # the first alone times out
    desk.handle([label(0, "e1", True), label(1, "e0", True), label(2, "e2", False)])
    assert [(x["a"], y) for x, y in taught(desk)] == [(0.0, False), (1.0, True), (0.0, True), (2.0, False)]


def test_waiting_events_are_those_without_a_label_whether_taken_as_no_or_not():
    desk = desk_of()
    desk.handle([event(0), event(1), event(2)])
    moved(desk, 20, 3)
    assert desk.waiting.open == 4
    desk.handle([label(0, "e0", True)])
    assert desk.waiting.open == 3
    moved(desk, 101.5, 4)
    assert desk.waiting.open == 3  # e1 went, e2 and the two clocks wait

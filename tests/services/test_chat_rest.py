import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.services.chat_budget import TokenBudget
from driftline.services.chat_rest import LONGEST, Rest


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def rest_of(failures=2, seconds=10.0):
    clock = Clock()
    return Rest(failures, seconds, clock=clock), clock


def test_rests_double_up_to_a_bound_and_begin_anew_after_a_success():
    rest, clock = rest_of(failures=1)
    rest.failed()
    lengths = []
    for _ in range(9):
        began = clock.now
        while not rest.enter():
            clock.now += 10.0
        lengths.append(clock.now - began)
        assert rest.failed()
    assert lengths == [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, 640.0, 640.0]
    assert max(lengths) == LONGEST * 10.0
    clock.now += 640.0
    assert rest.enter()
    assert rest.succeeded()
    assert rest.enter()
    assert rest.failed()
    clock.now += 10.0
    assert rest.enter()


def test_failures_that_are_not_in_a_row_are_no_reason():
    rest, _ = rest_of(failures=2)
    for _ in range(5):
        assert not rest.failed()
        assert not rest.succeeded()
    assert not rest.resting


def test_questions_asked_before_the_rest_do_not_lengthen_it():
    rest, clock = rest_of(failures=2)
    assert all(rest.enter() for _ in range(5))
    assert [rest.failed() for _ in range(5)] == [False, True, False, False, False]
    clock.now += 10.0
    assert rest.enter()


def test_a_trial_that_is_given_up_lets_another_in():
    rest, clock = rest_of(failures=1)
    rest.failed()
    clock.now += 10.0
    assert rest.enter()
    assert not rest.enter()
    rest.left()
    assert rest.enter()


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(1, 800), st.floats(0, 1))), st.integers(1, 600))
def test_no_more_tokens_are_spent_than_a_minute_has_and_what_came_since(events, per_minute):
    clock = Clock()
    budget = TokenBudget(per_minute, clock=clock)
    spent = 0
    for seconds, tokens, share in events:
        clock.now += seconds
        if budget.take(tokens):
            used = int(share * tokens)
            budget.settle(taken=tokens, used=used)
            spent += used
        assert spent <= per_minute * (1 + (clock.now - 100.0) / 60) + 1e-6


def test_tokens_come_back_with_time():
    clock = Clock()
    budget = TokenBudget(60, clock=clock)
    assert budget.take(60)
    assert not budget.take(1)
    clock.now += 30.0
    assert budget.take(30)
    assert not budget.take(1)
    clock.now += 3_600.0
    assert not budget.take(61)
    assert budget.take(60)


def test_what_was_not_used_is_given_back_and_no_more():
    budget = TokenBudget(60, clock=Clock())
    assert budget.take(50)
    budget.settle(taken=10, used=-5)
    assert not budget.take(21)
    assert budget.take(20)


@pytest.mark.parametrize(("used", "seconds"), [(110, 60.0), (10**9, 61.0)])
def test_what_was_used_beyond_is_owed_but_no_more_than_a_minutes_tokens(used, seconds):
    clock = Clock()
    budget = TokenBudget(60, clock=clock)
    budget.take(50)
    budget.settle(taken=50, used=used)
    clock.now += seconds - 11.0
    assert not budget.take(1)
    clock.now += 11.0
    assert budget.take(1)

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_traffic import traffic

from driftline.models.base import Array
from driftline.models.forecasting.parsed_answer import parsed_answer
from driftline.models.forecasting.prompts import (
    LIMIT,
    gbnf,
    json_schema,
    most_answered,
    predict,
    refine,
    tokens,
)


class Question(NamedTuple):
    origin: int
    steps: int
    season: int
    history: Array
    first: Array
    feedback: dict[str, str]


def question(history, steps=12, season=24, first=(), feedback=None):
    return Question(len(history), steps, season, np.asarray(history, dtype=float), np.array(first), feedback or {})


def shown(prompt):
    """Return the histories of a chat as lists of integers; None where a value is missing."""
    found = []
    for turn in prompt.messages:
        if turn["content"].startswith("History: "):
            words = turn["content"].removeprefix("History: ").split(". Next")[0].split()
            found.append([None if word == "?" else int(word) for word in words])
    return found


def answers(prompt):
    return [
        parsed_answer(turn["content"], prompt.steps, LIMIT) for turn in prompt.messages if turn["role"] == "assistant"
    ]


def test_a_chat_is_demonstrations_and_then_the_question():
    prompt = predict(question(traffic(0)))
    assert [turn["role"] for turn in prompt.messages] == ["system", *["user", "assistant"] * 3, "user"]
    assert [len(history) for history in shown(prompt)] == [48] * 4
    assert prompt.steps == 12
    assert prompt.tokens == tokens(prompt.messages) <= 2_000


def test_demonstrations_are_true_windows_of_the_same_phase_that_are_over():
    values = np.arange(24 * 20.0)  # a value tells where it is
    prompt = predict(question(values, steps=30))
    for turn, came in zip(shown(prompt), answers(prompt), strict=False):
        end = next(
            end
            for end in range(48, len(values) - 29)
            if np.round(99 * values[end - 48 : end] / values[end - 1]).tolist() == turn
            and np.round(99 * values[end : end + 30] / values[end - 1]).tolist() == came.tolist()
        )
        assert (len(values) - end) % 24 == 0


def test_the_most_alike_windows_are_chosen_and_the_best_is_last():
    rng = np.random.default_rng(0)
    days = rng.uniform(10, 100, (30, 24))
    days[28:30] = days[5:7]  # now is like days 5 and 6, so day 7 is what came then
    prompt = predict(question(days.ravel(), steps=24))
    best = answers(prompt)[-1]
    np.testing.assert_allclose(best, 99 * days[7] / days[5:7].max(), atol=0.5)


def test_nothing_after_the_history_can_be_seen():
    values = traffic(1)
    assert predict(question(values[:500])) == predict(question(values[:500].copy()))
    assert predict(question(values[:500])) != predict(question(values[:499]))


def test_values_are_scaled_to_small_integers_and_back():
    values = 1e9 * traffic(2)
    prompt = predict(question(values))
    now = shown(prompt)[-1]
    assert (min(now) >= 0, max(now)) == (True, 99)
    np.testing.assert_allclose(prompt.unscaled(now), values[-48:], atol=0.51 * prompt.unit)
    assert prompt.low == 0.0


def test_a_series_below_zero_is_scaled_from_its_least_value():
    values = traffic(2) - 500
    prompt = predict(question(values))
    now = shown(prompt)[-1]
    assert (min(now), max(now)) == (0, 99)
    np.testing.assert_allclose(prompt.unscaled(now), values[-48:], atol=0.51 * prompt.unit)


def test_missing_values_are_shown_as_such_and_never_as_an_answer():
    values = traffic(3)
    values[-3] = np.nan
    values[-5] = np.inf
    values[100:400] = np.nan
    prompt = predict(question(values))
    assert shown(prompt)[-1].count(None) == 2
    assert all(np.isfinite(came).all() for came in answers(prompt))


def test_without_a_past_the_question_stands_alone():
    prompt = predict(question(traffic(0, 30)))
    assert [turn["role"] for turn in prompt.messages] == ["system", "user"]
    assert len(shown(prompt)[0]) == 30


@pytest.mark.parametrize("history", [[], [np.nan] * 100])
def test_without_a_history_there_is_no_question(history):
    assert predict(question(history)) is None


@pytest.mark.parametrize("season", [0, 1])
def test_without_a_season_any_past_window_may_be_shown(season):
    prompt = predict(question(traffic(0), season=season))
    assert len(answers(prompt)) == 3


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0])
def test_a_series_that_stands_still(value):
    prompt = predict(question([value] * 200))
    now = shown(prompt)[-1]
    np.testing.assert_allclose(prompt.unscaled(now), value)


def test_what_does_not_fit_the_budget_is_left_out_demonstrations_first():
    asked = question(traffic(0))
    sizes = []
    for budget in (2_000, 700, 450, 300, 250, 200, 160, 130, 1):
        prompt = predict(asked, budget)
        assert prompt is None or prompt.tokens <= budget
        sizes.append(None if prompt is None else (len(answers(prompt)), len(shown(prompt)[-1])))
    assert sizes == [(3, 48), (2, 48), (1, 48), (1, 24), (1, 12), (0, 24), (0, 12), (0, 12), None]


def test_a_short_past_gives_a_short_demonstration_rather_than_none():
    prompt = predict(question(traffic(0, 60)))
    assert [len(history) for history in shown(prompt)] == [24, 24]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e300, 1e300) | st.just(float("nan")), max_size=120),
    st.integers(1, 30),
    st.integers(0, 30),
    st.integers(50, 3_000),
    st.sampled_from(["words", "json"]),
)
def test_any_history_gives_a_sound_prompt_or_none(history, steps, season, budget, form):
    prompt = predict(question(history, steps, season), budget, form)
    if prompt is None:
        return
    assert prompt.tokens <= budget
    assert all(0 <= value <= 99 for turn in shown(prompt) for value in turn if value is not None)
    assert all(((came >= 0) & (came <= LIMIT)).all() for came in answers(prompt))
    assert np.isfinite(prompt.unscaled(np.full(steps, LIMIT))).all()


def test_refining_goes_on_with_the_same_chat():
    asked = question(traffic(0), first=[100.0] * 12, feedback={"overall": "Too low by 5 %.", "period": "Late."})
    prompt = predict(asked)
    more = refine(asked, prompt, np.arange(12.0))
    assert more.messages[: len(prompt.messages)] == prompt.messages
    own, told = more.messages[len(prompt.messages) :]
    assert own == {"role": "assistant", "content": "0 1 2 3 4 5 6 7 8 9 10 11"}
    assert told["role"] == "user"
    assert "Too low by 5 %.\nLate.\n" in told["content"]
    said = round((100.0 - prompt.low) / prompt.unit)
    assert f"Other forecasters expect {said} {said}" in told["content"]
    assert more.tokens == tokens(more.messages)
    assert more[1:-1] == prompt[1:-1]


def test_nothing_to_tell_is_no_refinement():
    for asked in (
        question(traffic(0)),
        question(traffic(0), first=[np.nan] * 12),
        question(traffic(0), first=[1.0] * 5),
    ):
        prompt = predict(asked)
        assert refine(asked, prompt, np.arange(12.0)) is None


def test_a_refinement_that_does_not_fit_the_budget_is_none():
    asked = question(traffic(0), feedback={"overall": "Too low."})
    prompt = predict(asked)
    assert refine(asked, prompt, np.arange(12.0), budget=prompt.tokens + 5) is None


@pytest.mark.parametrize("form", ["words", "json"])
@pytest.mark.parametrize("rounds", [1, 3])
def test_room_is_left_for_so_many_refinements(form, rounds):
    asked = question(traffic(0), first=[1e9] * 12, feedback={"overall": "Too low by 5 %.", "period": "Late."})
    for budget in range(900, 1_500, 50):
        prompt = predict(asked, budget, form, rounds)
        for _ in range(rounds):
            prompt = refine(asked, prompt, np.full(12, LIMIT), budget)
        assert prompt.tokens <= budget


def test_without_room_for_refinements_the_question_is_asked_all_the_same():
    asked = question(traffic(0), feedback={"overall": "Too low by 5 %."})
    assert predict(asked, 150, rounds=3) == predict(asked, 150)


def test_feedback_is_bounded_and_cannot_forge_lines():
    asked = question(traffic(0), feedback={str(i): "a\nb" * 10_000 for i in range(1_000)})
    more = refine(asked, predict(asked), np.arange(12.0), budget=10**6)
    lines = more.messages[-1]["content"].splitlines()
    assert len(lines) == 13
    assert all(len(line) <= 400 for line in lines)


def test_json_is_asked_for_and_shown_where_it_is_wanted():
    asked = question(traffic(0), feedback={"overall": "Too low."})
    prompt = predict(asked, form="json")
    assert '{"forecast": [...]}' in prompt.messages[0]["content"]
    assert prompt.messages[2]["content"].startswith('{"forecast": [')
    more = refine(asked, prompt, np.arange(12.0))
    assert more.messages[-2]["content"] == '{"forecast": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}'


def test_room_for_an_answer_is_enough_for_the_longest():
    import json

    longest = [999] * 24
    assert tokens([{"content": " ".join(map(str, longest))}]) - 8 <= most_answered(24, "words") * 1.1
    assert len(json.dumps({"forecast": longest}, indent=4).split()) * 6 <= most_answered(24, "json")


def test_grammar_and_schema_ask_for_exactly_so_many():
    assert gbnf(1).splitlines()[0] == "root ::= number"
    assert gbnf(24).splitlines()[0].count("number") == 24
    numbers = json_schema(24)["properties"]["forecast"]
    assert (numbers["minItems"], numbers["maxItems"]) == (24, 24)
    for bad in (gbnf, json_schema):
        with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
            bad(0)

"""Questions to a language model: a series in small integers, with windows of its own past as demonstrations.

A chat is a list of turns. Each demonstration is a turn that shows a past history and one that answers with what came
next; the history of now is the last turn. To refine, the chat goes on with the model's answer and what is known of it,
so a server that keeps what it has computed of a chat computes only what is new.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from driftline.models.base import Array
from driftline.models.forecasting.parsed_answer import NAME, parsed_answer
from driftline.models.forecasting.series import LARGEST
from driftline.models.forecasting.series import steps as checked
from driftline.models.parameters import at_least

Form = Literal["words", "json"]
"""How the numbers of an answer are written: with spaces between, or as a JSON object."""
Message = dict[str, str]
"""One turn of a chat: `role` and `content`."""

TOP = 99
"""The largest integer of a history that is shown."""
LIMIT = 999.0
"""The largest number that an answer may hold: a series may rise tenfold."""
DEMONSTRATIONS = 3
SEASONS = 2
"""Seasons of history that are shown, if the budget allows."""
SHORTEST = 8
"""The fewest values of a history that are shown."""
CANDIDATES = 400
"""The past windows among which demonstrations are sought, the newest ones."""
OLDEST_WEIGHT = 0.3
"""What the oldest value of a window weighs in the distance, the newest being 1."""
SENTENCE = 400
"""The most characters of one sentence of feedback."""
SENTENCES = 12

_SYSTEM = (
    "You continue series of traffic counts. Each history is scaled to integers from 0 to {top}, the oldest first; "
    "? is a missing value. Answer with the next {steps} integers{how} and nothing else."
)
_OTHERS = "Other forecasters expect {numbers}."
_HOW = {"words": ", with spaces between,", "json": ' as JSON, {{"{name}": [...]}},'}
_TOKENS = re.compile(r"[A-Za-z]+| \d|\s+|[^A-Za-z]")


class Asked(Protocol):
    """What is read of a forecaster's question."""

    @property
    def steps(self) -> int:
        """How many values are to be forecast."""

    @property
    def season(self) -> int:
        """How many values make a season; 0 or 1 for none."""

    @property
    def history(self) -> Array:
        """The values learnt, the oldest first; nan is a missing one."""

    @property
    def first(self) -> Array:
        """The first answer of all experts together, (steps,); empty or nan where there is none."""

    @property
    def feedback(self) -> Mapping[str, str]:
        """What is known of earlier forecasts, one sentence for each facet."""


class Prompt(NamedTuple):
    """A chat that asks for numbers, and how these are to be read."""

    messages: tuple[Message, ...]
    """The turns, the oldest first."""
    steps: int
    """How many numbers are asked for."""
    form: Form
    """How they are to be written."""
    low: float
    """What 0 stands for."""
    unit: float
    """What one stands for, beyond that."""
    tokens: int
    """About how many tokens the chat has."""

    def read(self, text: str) -> Array:
        """Return the numbers of an answer, (steps,), as they were written; raise `Refused`."""
        return parsed_answer(text, self.steps, LIMIT)

    def unscaled(self, answer: Array) -> Array:
        """Return an answer in the units of the series."""
        return self.low + self.unit * np.asarray(answer, dtype=float)


def predict(asked: Asked, budget: int = 2_000, form: Form = "words", rounds: int = 0) -> Prompt | None:
    """Ask for a forecast.

    Shown are two seasons of history, and up to three demonstrations: the past windows of the same phase that are most
    like it, the most alike last, each scaled by itself. What does not fit the budget is left out: first
    demonstrations but one, then the older half of each history, again and again; the last demonstration goes last.

    Parameters
    ----------
    asked
        The question.
    budget
        The most tokens that the chat may have, as `tokens` counts them.
    form
        How the answer is to be written.
    rounds
        Refinements for which room is left in the budget, if that is possible.

    Returns
    -------
    The prompt; None if nothing fits the budget, or there is no history to be shown.

    >>> from types import SimpleNamespace
    >>> history = np.tile([0.0, 500.0, 1000.0, 250.0], 5)
    >>> asked = SimpleNamespace(steps=2, season=4, history=history, first=np.array([]), feedback={})
    >>> for turn in predict(asked).messages[-3:]:
    ...     print(turn["role"], "|", turn["content"])
    user | History: 0 50 99 25 0 50 99 25. Next 2:
    assistant | 0 50
    user | History: 0 50 99 25 0 50 99 25. Next 2:
    """
    steps = checked(asked.steps)
    at_least(1, budget=budget)
    history = np.asarray(asked.history, dtype=float)
    history = np.where(np.isfinite(history), history.clip(-LARGEST, LARGEST), np.nan)
    room = budget - rounds * _refinement_tokens(asked, form)
    for shown, context in product((DEMONSTRATIONS, 0), _contexts(len(history), asked.season, steps)):
        now = history[len(history) - context :]
        scale = _scale(now)
        if scale is None:
            continue
        found = _demonstrations(history, context, asked.season, steps) if shown else []
        for count in range(len(found), 0 if shown else -1, -1):
            turns = [_turn("system", _system(steps, form))]
            for past, came in found[len(found) - count :]:
                own = _scale(past) or scale
                turns += [_turn("user", _question(past, own, steps)), _turn("assistant", _written(came, own, form))]
            turns.append(_turn("user", _question(now, scale, steps)))
            size = tokens(turns)
            if size <= room:
                return Prompt(tuple(turns), steps, form, *scale, size)
    return predict(asked, budget, form, rounds - 1) if rounds else None


def refine(asked: Asked, prompt: Prompt, answer: Array, budget: int = 2_000) -> Prompt | None:
    """Ask again, with the model's answer, what others say, and the feedback on earlier forecasts.

    Parameters
    ----------
    asked
        The question.
    prompt
        The prompt that was answered.
    answer
        The answer, (steps,), as `Prompt.read` gave it.
    budget
        The most tokens that the longer chat may have.

    Returns
    -------
    The longer prompt; None if there is nothing to tell, or it does not fit the budget.

    """
    scale = prompt.low, prompt.unit
    told = _told(asked)
    first = np.asarray(asked.first, dtype=float)
    if first.shape == (prompt.steps,) and np.isfinite(first).all():
        told.append(_OTHERS.format(numbers=_numbers(first, scale)))
    if not told:
        return None
    told.append(_again(prompt.steps, prompt.form))
    back = prompt.low + prompt.unit * np.asarray(answer, dtype=float)
    turns = (
        *prompt.messages,
        _turn("assistant", _written(back, scale, prompt.form)),
        _turn("user", "\n".join(told)),
    )
    size = tokens(turns)
    return prompt._replace(messages=turns, tokens=size) if size <= budget else None


def most_answered(steps: int, form: Form) -> int:
    """Return how many tokens an answer may need: with JSON, room for the line and the indent of each number."""
    return 4 * steps + 16 if form == "words" else 16 * steps + 64


def gbnf(steps: int) -> str:
    """Return a grammar, as llama.cpp reads it, of exactly `steps` integers from 0 to 999 with spaces between.

    >>> print(gbnf(3), end="")
    root ::= number " " number " " number
    number ::= "0" | [1-9] [0-9]? [0-9]?
    """
    numbers = ' " " '.join(["number"] * checked(steps))
    return f'root ::= {numbers}\nnumber ::= "0" | [1-9] [0-9]? [0-9]?\n'


def json_schema(steps: int) -> dict[str, Any]:
    """Return the schema of an object with exactly `steps` integers from 0 to 999."""
    number = {"type": "integer", "minimum": 0, "maximum": int(LIMIT)}
    numbers = {"type": "array", "items": number, "minItems": checked(steps), "maxItems": steps}
    return {"type": "object", "properties": {NAME: numbers}, "required": [NAME], "additionalProperties": False}


def tokens(messages: Sequence[Message]) -> int:
    """Return about how many tokens a chat has; an estimate for tokenizers that cut numbers into digits.

    Digits, the space before one, and signs count one each, words one for each four letters, what is not ASCII one for
    each byte, and each turn eight more.
    """
    return sum(8 + sum(map(_weight, _TOKENS.findall(turn["content"]))) for turn in messages)


def _weight(part: str) -> int:
    if part.isascii() and part.isalpha():
        return math.ceil(len(part) / 4)
    if part.isspace():
        return part.count("\n")
    return len(part.encode())


def _refinement_tokens(asked: Asked, form: Form) -> int:
    """Return about how many tokens a refinement adds to a chat, at most."""
    largest = np.full(asked.steps, LIMIT)
    told = [*_told(asked), _OTHERS.format(numbers=_numbers(largest, (0.0, 1.0))), _again(asked.steps, form)]
    return tokens([_turn("assistant", _written(largest, (0.0, 1.0), form)), _turn("user", "\n".join(told))])


def _told(asked: Asked) -> list[str]:
    """Return the sentences of the feedback, each on a line and bounded."""
    told = [" ".join(sentence.split())[:SENTENCE] for sentence in list(asked.feedback.values())[:SENTENCES]]
    return [sentence for sentence in told if sentence]


def _again(steps: int, form: Form) -> str:
    return f"Improve your answer: {steps} integers{_HOW[form].format(name=NAME)} and nothing else."


def _turn(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def _system(steps: int, form: Form) -> str:
    return _SYSTEM.format(top=TOP, steps=steps, how=_HOW[form].format(name=NAME))


def _question(history: Array, scale: tuple[float, float], steps: int) -> str:
    return f"History: {_numbers(history, scale)}. Next {steps}:"


def _written(values: Array, scale: tuple[float, float], form: Form) -> str:
    numbers = _scaled(values, scale)
    return json.dumps({NAME: numbers}) if form == "json" else " ".join(map(str, numbers))


def _numbers(values: Array, scale: tuple[float, float]) -> str:
    return " ".join("?" if value is None else str(value) for value in _scaled(values, scale))


def _scaled(values: Array, scale: tuple[float, float]) -> list[int | None]:
    low, unit = scale
    small = (values - low) / unit if unit > 0 else np.where(np.isnan(values), np.nan, 0.0)
    return [None if math.isnan(value) else round(value) for value in small.clip(0, LIMIT).tolist()]


def _scale(values: Array) -> tuple[float, float] | None:
    """Return what 0 and one stand for, so that the largest value is `TOP`; None if there is no value."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low = min(float(finite.min()), 0.0)
    return low, (float(finite.max()) - low) / TOP


def _contexts(n: int, season: int, steps: int) -> Iterator[int]:
    """Yield how many values of history to show, the most first."""
    context = min(max(SEASONS * season, SHORTEST) if season > 1 else max(2 * steps, 3 * SHORTEST), n)
    while context > 0:
        yield context
        context = context // 2 if context >= 2 * SHORTEST else 0


def _demonstrations(history: Array, context: int, season: int, steps: int) -> list[tuple[Array, Array]]:
    """Return past windows and what came after them, the most alike last.

    A window ends whole seasons before now, so that it has the phase of now. Both are divided by their means; the
    newest differences weigh most. What came after must be complete, and half of what is compared must be there.
    """
    n, phase = len(history), max(season, 1)
    nearest = math.ceil(steps / phase) * phase
    ends = np.arange(n - nearest, context - 1, -phase)[:CANDIDATES]
    if not len(ends):
        return []
    came = sliding_window_view(history, steps)[ends]  # (m, steps)
    past = sliding_window_view(history, context)[ends - context]  # (m, context)
    now = history[n - context :]
    known = np.isfinite(past) & np.isfinite(now)
    fit = np.isfinite(came).all(axis=1) & (2 * known.sum(axis=1) >= context)
    if not fit.any():
        return []
    ends, past, came, known = ends[fit], past[fit], came[fit], known[fit]
    weight = np.linspace(OLDEST_WEIGHT, 1.0, context) * known
    difference = np.where(known, _by_mean(past, known) - _by_mean(np.broadcast_to(now, past.shape), known), 0.0)
    distance = (weight * difference**2).sum(axis=1) / weight.sum(axis=1)
    chosen = np.argsort(distance, kind="stable")[:DEMONSTRATIONS][::-1]  # of equals the newest is the nearest
    return [(past[i], came[i]) for i in chosen]


def _by_mean(windows: Array, known: Array) -> Array:
    """Divide each window by the mean size of its known values."""
    shown = np.where(known, windows, 0.0)
    size = np.abs(shown).sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)
    return shown / np.where(size > 0, size, 1.0)

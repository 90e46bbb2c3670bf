"""What became of the questions to a language model, and what they cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from driftline.models.forecasting.parsed_answer import REFUSALS

OUTCOMES = (
    "ok",
    "cached",
    "time_out",
    "http",
    "malformed",
    "budget",
    "resting",
    "error",
    *(f"refused/{why}" for why in REFUSALS),
)
"""What can become of a question: an answer, fresh or `cached`; no answer in time; a status that is not 200, a redirect
or no connection (`http`); a body that is no completion (`malformed`); not asked, because the tokens of the minute are
spent (`budget`) or the server rests; a fault of ours (`error`); an answer that is not so many numbers."""


@dataclass
class ChatCounts:
    """Counts since the start; numbers only, and names of closed sets."""

    outcomes: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OUTCOMES, 0)))
    """Questions, by what became of them."""
    unasked: int = 0
    """Questions without a history to show, or whose shortest prompt is beyond the prompt's budget."""
    refined: int = 0
    """Refinements that were answered."""
    unchanged: int = 0
    """Those of them that repeated the answer before."""
    retries: int = 0
    """Requests that were sent again."""
    prompt_tokens: int = 0
    """Tokens of prompts, as the server counts them, or as we do where it does not."""
    answer_tokens: int = 0
    """Tokens of answers, as above."""
    requests: int = 0
    """Requests that were sent."""
    seconds: float = 0.0
    """Time from the question to its end, of all questions that were sent."""
    asked: int = 0
    """Questions that were sent, whatever became of them."""

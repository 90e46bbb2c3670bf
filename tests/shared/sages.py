"""A small forecaster that hears voices and judges itself: what a lane needs of one, without the mathematics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from driftline.models.base import Question, Recent, Told, Verdict

OPEN = 3
"""Steps for which a voice may still be heard."""


class Sage:
    """Repeats the last value; the refined answer is the mean of that and the newest forecasts of the voices.

    It asks at every other step, and judges its forecast of two steps ago at every third.
    """

    def __init__(self, horizon: int = 2, season: int = 0, voices: Sequence[str] = ()):
        self.horizon, self.season, self.voices = horizon, season, tuple(voices)
        self.past = np.zeros(0)
        self.heard: dict[str, list[float]] = {}
        self.origins: dict[str, int] = {}

    def learn_one(self, y: float, x: Any = None) -> None:
        """Raise at a certain number, or keep it."""
        if y == 666.0:
            raise RuntimeError("no")
        self.past = np.append(self.past, y)

    def forecast(self, horizon: int, xs: Any = None) -> list[float]:
        """The refined answer."""
        said: list[float] = self.told(horizon).refined.tolist()
        return said

    def told(self, horizon: int | None = None) -> Told:
        """All of it; there is an interval from the third value on."""
        h = horizon or self.horizon
        known = self.past[self.past == self.past]
        first = np.full(h, known[-1] if len(known) else 0.0)
        voices = [np.resize(np.array(ys), h) for ys in self.heard.values()]
        refined = np.mean([first, *voices], axis=0)
        wide = np.full(h, 1.0 if len(self.past) > 2 else np.nan)
        share = 1.0 / (1 + len(voices))
        weights = {"last": share, **dict.fromkeys(self.heard, share)}
        return Told(first, refined, refined - wide, refined + wide, weights)

    def question(self) -> Question | None:
        """At every other step."""
        n = len(self.past)
        if n % 2 or not self.voices:
            return None
        return Question(n, self.horizon, self.season, self.past[-4:], self.told().first, {"v": f"{n} values"})

    def hear(self, voice: str, origin: int, ys: Sequence[float]) -> str:
        """Keep it, where it is of now."""
        n = len(self.past)
        if voice not in self.voices or origin > n or origin % 2:
            return "unknown"
        if origin <= n - OPEN:
            return "late"
        if len(ys) != self.horizon or max(map(abs, ys)) > 1e6:
            return "unfit"
        if self.origins.get(voice, -1) >= origin:
            return "again"
        self.heard[voice], self.origins[voice] = list(ys), origin
        return "heard"

    def verdict(self) -> Verdict | None:
        """At every third step, where the value is there."""
        n = len(self.past)
        if n % 3 or n < 3 or self.past[-1] != self.past[-1]:
            return None
        error = float(np.nan_to_num(abs(self.past[-1] - self.past[-2])))
        return Verdict(
            n - 2, 2, error, error / 2, 2, 1, {"last": error}, {"bias": error}, {"overall": f"It was {error:g} off."}
        )

    def recent(self) -> Recent:
        """The series, the last verdict, and the voices."""
        n, verdict = len(self.past), None
        if n >= 3:
            then = Sage(self.horizon, self.season, self.voices)
            then.past = self.past[: n - n % 3]
            verdict = then.verdict()
        return Recent(n, self.past.copy(), verdict, dict(self.origins))

    def state(self) -> dict[str, Any]:
        """Everything."""
        return {"past": self.past.copy(), "heard": dict(self.heard), "origins": dict(self.origins)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self.past, self.heard, self.origins = state["past"], dict(state["heard"]), dict(state["origins"])

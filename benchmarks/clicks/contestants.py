"""Who competes: no model, rates, River's learners, and ours; each answers an event before it learns it."""

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import numpy as np
from river import facto, linear_model, optim

from driftline.models.clicks import EventClock

CHUNK = 250
CROSSES = "-q ua -q uc -q ia -q ic"
"""What makes Vowpal Wabbit learn the combinations that ours learns: each feature with the user and with the item."""
DELAY = 1_000
"""Events after which a late label comes."""


class Row(StrEnum):
    """A row of the table."""

    BEST = "best"
    BASE = "base"
    RATES = "rates"
    LR = "river-lr"
    FM = "river-fm"
    FFM = "river-ffm"
    VW = "vowpal"
    VW_CROSSES = "vowpal-crosses"
    CLOCK = "event-clock"
    ONE = "event-clock-one"
    RATES_LATE = "rates-late"
    VW_LATE = "vowpal-late"
    CLOCK_LATE = "event-clock-late"

    @property
    def title(self) -> str:
        """Its name on the page."""
        return {
            Row.BEST: "what the labels were drawn with",
            Row.BASE: "click rate so far",
            Row.RATES: "smoothed rates of user and item, no learning",
            Row.LR: "River logistic regression, SGD .05",
            Row.FM: "River FM, 8 factors",
            Row.FFM: "River FFM, 4 factors",
            Row.VW: "Vowpal Wabbit, default",
            Row.VW_CROSSES: f"Vowpal Wabbit, `{CROSSES}`",
            Row.CLOCK: "`EventClock()`",
            Row.ONE: "`EventClock()`, event by event",
            Row.RATES_LATE: "smoothed rates",
            Row.VW_LATE: "Vowpal Wabbit, default",
            Row.CLOCK_LATE: "`EventClock()`",
        }[self]

    @property
    def late(self) -> bool:
        """Whether its labels come late."""
        return self.value.endswith("-late")


class Rates:
    """Log odds of user and item, each smoothed by five events at the rate of all, added up."""

    def __init__(self) -> None:
        self.clicks: dict[str, list[float]] = {}
        self.all = [0.5, 1.0]

    def answer(self, xs: list[dict[str, Any]]) -> list[float]:
        """Return the probability of each click."""
        return [self._answer(x) for x in xs]

    def _answer(self, x: dict[str, Any]) -> float:
        m = self.all[0] / self.all[1]
        base = math.log(m / (1.0 - m))
        a = -base
        for name in ("user", "item"):
            clicks, shown = self.clicks.get(f"{name} {x[name]}", (0.0, 0.0))
            a += math.log((clicks + 5.0 * m) / (shown - clicks + 5.0 * (1.0 - m)))
        return 1.0 / (1.0 + math.exp(-a))

    def learn(self, xs: list[dict[str, Any]], ys: list[bool]) -> None:
        """Count."""
        for x, y in zip(xs, ys, strict=True):
            for name in ("user", "item"):
                counts = self.clicks.setdefault(f"{name} {x[name]}", [0.0, 0.0])
                counts[0] += y
                counts[1] += 1.0
            self.all[0] += y
            self.all[1] += 1.0


class Base(Rates):
    """The rate of clicks so far."""

    def _answer(self, x: dict[str, Any]) -> float:
        return self.all[0] / self.all[1]


class River:
    """A River classifier on one-hot features; FM and FFM take text as it is."""

    def __init__(self, model: Any, one_hot: Callable[[dict[str, Any]], dict[str, float]]) -> None:
        self.model, self.one_hot = model, one_hot

    def answer(self, xs: list[dict[str, Any]]) -> list[float]:
        """Return the probability of each click."""
        return [self.model.predict_proba_one(self.one_hot(x)).get(True, 0.5) for x in xs]

    def learn(self, xs: list[dict[str, Any]], ys: list[bool]) -> None:
        """Learn one by one."""
        for x, y in zip(xs, ys, strict=True):
            self.model.learn_one(self.one_hot(x), y)


class Clock:
    """Ours."""

    def __init__(self) -> None:
        self.model = EventClock()

    def answer(self, xs: list[dict[str, Any]]) -> list[float]:
        """Return the probability of each click."""
        return [p[True] for p in self.model.predict_proba_rows(xs)]

    def learn(self, xs: list[dict[str, Any]], ys: list[bool]) -> None:
        """Learn in bulk."""
        self.model.learn_rows(xs, ys)


def hot(x: dict[str, Any]) -> dict[str, float]:
    """Return each feature as a name with 1: numbers too, of which these streams have few values."""
    return {name if value.__class__ is float and value == 1.0 else f"{name}={value}": 1.0 for name, value in x.items()}


def make(row: Row) -> Any:
    """Return a contestant."""
    if row is Row.BASE:
        return Base()
    if row in (Row.RATES, Row.RATES_LATE):
        return Rates()
    if row is Row.LR:
        return River(linear_model.LogisticRegression(optim.SGD(0.05), intercept_lr=0.05), hot)
    if row is Row.FM:
        return River(facto.FMClassifier(n_factors=8, seed=1), hot)
    if row is Row.FFM:
        return River(facto.FFMClassifier(n_factors=4, seed=1), hot)
    return Clock()


def steps(row: Row, contestant: Any) -> Callable[[list[dict[str, Any]], list[bool]], Any]:
    """Return what answers some events, each before it is learnt, and learns them."""
    if row is Row.CLOCK:
        return contestant.model.prequential_rows  # type: ignore[no-any-return]

    def one_by_one(xs: list[dict[str, Any]], ys: list[bool]) -> np.ndarray:
        said = np.zeros(len(xs))
        for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
            said[i] = contestant.answer([x])[0]
            contestant.learn([x], [y])
        return said

    def directly(xs: list[dict[str, Any]], ys: list[bool]) -> np.ndarray:
        model, said = contestant.model, np.zeros(len(xs))
        for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
            said[i] = model.predict_proba_one(x)[True]
            model.learn_one(x, y)
        return said

    return directly if row is Row.ONE else one_by_one

"""The event clock: the probability of a click, learnt anew from each label."""

from collections.abc import Iterator, Sequence
from math import exp
from typing import Any

import numpy as np
from river import base

from driftline.models import arrays
from driftline.models.base import Array, Features, Plain, scalar
from driftline.models.clicks import clock_step, slot_table
from driftline.models.clicks.click_rows import NAMED, Fields, Rows
from driftline.models.held import Held
from driftline.models.parameters import at_least

_SLOTS = 1 << 10
"""Slots at first; doubled as needed."""
_MOST = 1 << 28
_PASSING = ("_scratch", "_room", "_held", "_held_state")
"""What is made anew and no part of a copy."""


class EventClock(base.Classifier):  # type: ignore[misc]
    """Predict clicks of users on items, from ids, categories and numbers, and learn from every label at once.

    An event is a dictionary; `user` and `item` are ids, other text a category, other numbers numbers, and a list of
    texts several categories. (Events on a topic have no lists: there, each of several categories is a number, 1.)
    Numbers count by their size, standardised on a log scale, and by the bucket that they fall into; zero as nothing.

    Each feature has an effect on the log odds, and so has each feature for this user and for this item, and the pair of
    both once it was seen twice. Effects are Gaussian unknowns with a slow part, which counts all events alike, and a
    quick part, which follows the last few. How large effects may be is learnt from the stream for each field: what says
    nothing is shrunk away, and where users differ much, little evidence is enough.

    It keeps smoothed click rates of every id too; `rates_rows` gives them.

    Parameters
    ----------
    max_ids
        The most ids and combinations that are remembered, 40 bytes each; rounded down to a power of two, at least
        1,024. Beyond, those not seen for longest are dropped, and counted.
    max_fields
        The most names of features that learn by themselves how much they say; further ones share that with others.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    The event clock of section 6 of the DiffuMIN design; the Gaussian weights are those of Graepel et al., "Web-Scale
    Bayesian Click-Through Rate Prediction for Sponsored Search Advertising in Microsoft's Bing Search Engine", ICML
    2010 (with a logistic link and a Kalman step); prior variances learnt along the gradient of the prediction's
    likelihood are the idea of Sutton, "Adapting Bias by Gradient Descent: An Incremental Version of Delta-Bar-Delta",
    AAAI 1992.

    >>> model = EventClock()
    >>> model.predict_one({"user": "ann", "item": "tea"})
    False
    >>> for day in range(20):
    ...     for user, item in [("ann", "tea"), ("ann", "ale"), ("bob", "tea"), ("bob", "ale")]:
    ...         model.learn_one({"user": user, "item": item, "hour": float(day)}, (user, item) != ("bob", "tea"))
    >>> [model.predict_one({"user": user, "item": "tea"}) for user in ("ann", "bob", "new")]
    [True, False, True]

    """

    def __init__(self, max_ids: int = 1 << 19, max_fields: int = 128):
        at_least(_SLOTS, max_ids=max_ids)
        at_least(len(NAMED) + 1, max_fields=max_fields)
        self.max_ids = max_ids
        self.max_fields = max_fields
        self._fields = Fields(max_fields)
        self._state = clock_step.make(_SLOTS, max_fields)
        self._pass()

    def _pass(self) -> None:
        self._room = 16
        self._scratch = clock_step.scratch(self._room, self.max_fields)
        self._held: Held | None = None
        self._held_state: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _PASSING}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pass()

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {}

    @classmethod
    def warm_up(cls) -> None:
        """Compile what will be needed: it takes some seconds the first time on a machine."""
        model = cls()
        x = {"user": "u", "item": "i", "price": 1.0}
        model.learn_one(x, True)
        model.predict_one(x)
        model.rates_rows([x])
        model._grow()

    # -- the verbs ---------------------------------------------------------------------------------------------------

    def predict_proba_one(self, x: Features, **kwargs: Any) -> dict[bool, float]:
        """Return the probabilities of no click and of a click."""
        return self.predict_proba_rows([x])[0]

    def predict_one(self, x: Features, **kwargs: Any) -> bool:
        """Return whether a click is more likely than none."""
        return bool(self.logit_rows([x])[0] > 0.0)

    def learn_one(self, x: Features, y: bool) -> None:
        """Learn whether an event was clicked."""
        self.learn_rows([x], [y])

    def predict_proba_rows(self, xs: Sequence[Features]) -> list[dict[bool, float]]:
        """Return for each event what `predict_proba_one` gives."""
        found = [1.0 / (1.0 + exp(-min(max(a, -30.0), 30.0))) for a in self.logit_rows(xs).tolist()]
        return [{False: 1.0 - p, True: p} for p in found]

    def learn_rows(self, xs: Sequence[Features], ys: Sequence[bool]) -> None:
        """Learn events in order, with exactly the results of one by one. Raises `ValueError` for unequal lengths."""
        self._learn(xs, ys)

    def prequential_rows(self, xs: Sequence[Features], ys: Sequence[bool]) -> Array:
        """Return the probability of each click, (n,), as it stood before that event was learnt; then learn it.

        >>> EventClock().prequential_rows([{"user": "ann"}] * 3, [True, True, True]).round(2).tolist()
        [0.5, 0.83, 0.91]
        """
        return _probability(self._learn(xs, ys))

    def logit_rows(self, xs: Sequence[Features]) -> Array:
        """Return the log odds of a click for each event, (n,): the offset of a model that refines them."""
        out = np.zeros(len(xs))
        rows = self._fields.rows(xs, add=False)
        clock_step.predict(self._hold(rows), *rows, out)
        return out

    def rates_rows(self, xs: Sequence[Features]) -> Array:
        """Return five numbers of each event, (n, 5) float64, that need no learning but counting.

        The log odds of the smoothed click rates of its user, its item and of all events, (clicks + 5 m) / (shown + 5)
        with the rate m of all; and log(1 + shown) of user and item. The last thousand events of an id count.
        """
        out = np.zeros((len(xs), 5))
        rows = self._fields.rows(xs, add=False)
        clock_step.rates(self._hold(rows), *rows, out)
        return out

    # -- the road of all ---------------------------------------------------------------------------------------------

    def _hold(self, rows: Rows) -> Held:
        """Hold all arrays for compiled code; again where any of them was replaced."""
        if rows.widest > self._room:
            self._room = 2 * rows.widest
            self._scratch = clock_step.scratch(self._room, self.max_fields)
            self._held = None
        if self._held is None or self._held_state is not self._state:
            self._held, self._held_state = clock_step.hold(self._state, self._scratch), self._state
        return self._held

    def _learn(self, xs: Sequence[Features], ys: Sequence[bool]) -> Array:
        """Answer and learn; return log odds."""
        if len(xs) != len(ys):
            raise ValueError(f"{len(xs)} events and {len(ys)} labels")
        clicked = np.array([1.0 if y else 0.0 for y in ys])
        rows, out, done = self._fields.rows(xs, add=True), np.zeros(len(xs)), 0
        while (done := clock_step.run(self._hold(rows), *rows, clicked, done, self._most(), out)) < len(xs):
            self._grow()
        return out

    def _most(self) -> int:
        return 1 << (min(self.max_ids, _MOST).bit_length() - 1)

    def _grow(self) -> None:
        """Make the table twice as large."""
        old = self._state.table
        new = slot_table.make(2 * len(old.key), clock_step.WIDTH)
        slot_table.move(old, new)
        self._state = self._state._replace(table=new)

    # -- what is not arrays alone ------------------------------------------------------------------------------------

    @property
    def n_learnt(self) -> int:
        """How many events were learnt."""
        return int(self._state.tally[clock_step.LEARNT])

    @property
    def memory_bytes(self) -> int:
        """The size of all arrays."""
        return arrays.size(self._state)

    def spreads(self) -> dict[tuple[str, ...], tuple[float, float]]:
        """Return how far effects go, as it was learnt: standard deviations, in log odds, of the slow and quick part.

        By field, and by pair of `user` or `item` with a field. It is what one looks at to see which features matter.
        """
        deviation = self._state.precision**-0.5
        found: dict[tuple[str, ...], tuple[float, float]] = {}
        for f, name in enumerate(self._fields.names):
            for kind, others in enumerate(((), ("user",), ("item",))):
                if kind == 0 or name not in NAMED:
                    slow, quick = deviation[kind * self.max_fields + f].tolist()
                    found[*others, str(name)] = slow, quick
        slow, quick = deviation[-1].tolist()
        found["user", "item"] = slow, quick
        return found

    def gauges(self) -> dict[str, float]:
        """Return how many ids and combinations are remembered and were dropped, fields, the click rate, and bytes."""
        used, dropped = self._state.table.tally.tolist()
        clicks, shown = self._state.tally[[clock_step.BASE_CLICKS, clock_step.BASE_SHOWN]].tolist()
        return {
            "ids": used,
            "ids_dropped": dropped,
            "fields": len(self._fields),
            "click_rate": clicks / shown,
            "bytes": self.memory_bytes,
        }

    # -- state -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Plain]:
        """Return what was learnt, as arrays and names."""
        return {
            "fields": list(self._fields.names),
            "slots": len(self._state.table.key),
            "arrays": arrays.flat(self._state),
        }

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state. Raises `ValueError`, and is unchanged, where it does not fit."""
        made = type(self)(**self._get_params())
        names, slots = scalar(state, "fields", list), scalar(state, "slots", int)
        if tuple(names[: len(NAMED)]) != NAMED or len(names) > self.max_fields:
            raise ValueError(f"state 'fields' must be user, item and {self.max_fields - 2} others at most, got {names}")
        if not _SLOTS <= slots <= self._most() or slots & (slots - 1):
            raise ValueError(f"state 'slots' must be a power of two from {_SLOTS} to {self._most()}, got {slots}")
        made._fields.restore(names)
        made._state = clock_step.make(slots, self.max_fields)
        arrays.refill(made._state, scalar(state, "arrays", dict))
        self.__dict__.update(made.__dict__)


def _probability(logit: Array) -> Array:
    p: Array = 1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0)))
    return p

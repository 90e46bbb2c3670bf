"""The verbs of a heavy model, which the side worker asks in batches and teaches in micro-batches."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from driftline.models.base import Array, Features


class Shown(NamedTuple):
    """What a heavy model sees of one event: the same when it answers and when it learns."""

    key: str
    """Whom the event is about: a user, a cell, a sensor."""
    x: Features
    """Its features, as the light models saw them."""
    said: Mapping[str, float]
    """The probability of yes, or the number, that each light model answered, by the model's name."""
    history: Array
    """What the key did before, the newest first: tokens that `remember` gave, uint64 of shape (l,)."""


@runtime_checkable
class Heavy(Protocol):
    """Answers and learns in batches; what it has learnt is arrays, and rows of tables that grow.

    Two calls of `predict_many` on the same rows give the same. All else changes only in `learn_many`, whose calls each
    are one step of learning.
    """

    def predict_many(self, rows: Sequence[Shown]) -> Sequence[Any]:
        """Return one answer for each event: the probability of yes (float), or the answer of the model's task."""
        ...

    def learn_many(self, rows: Sequence[Shown], ys: Sequence[Any]) -> None:
        """Learn one micro-batch; where this raises, nothing was learnt."""
        ...

    def remember(self, row: Shown, y: Any) -> int | None:
        """Return the token to put in front of the key's history now that the label is known, or None for nothing."""
        ...

    def dense(self) -> dict[str, Array]:
        """Return all that is not in rows, the optimizer's state included, as arrays of its own."""
        ...

    def touched(self) -> dict[str, bytes | None]:
        """Return the rows of tables that changed since the last call, by key; None is a row that is gone."""
        ...

    def rows(self) -> dict[str, bytes]:
        """Return all rows of tables that there are, by key."""
        ...

    def restore(self, dense: Mapping[str, Array], rows: Mapping[str, bytes]) -> None:
        """Become the model that gave these. Raises `ValueError`, and is unchanged, where they do not fit."""
        ...

    def fork(self) -> "Heavy":
        """Return a model that answers the same and that learning here does not change."""
        ...

    def gauges(self) -> dict[str, float]:
        """Return numbers worth a metric: few names, always the same."""
        ...

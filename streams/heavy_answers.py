"""What a heavy model says, as answers on the wire; and what light ones said, as the numbers that it sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from driftline.streams.scores import Guess
from driftline.streams.tasks import number, read_binary, read_multiclass


def read_all(task: str, said: Sequence[Any], count: int) -> list[Guess]:
    """Return the answers of a batch.

    Raises `ValueError` where there are not as many as events, or one is not what the task's answers are.

    >>> read_all("binary", [0.9, 0.2], 2)
    [(True, 0.9), (False, 0.2)]
    >>> read_all("binary", [0.9], 2)
    Traceback (most recent call last):
    ValueError: 1 answers for 2 events
    """
    if len(said) != count:
        raise ValueError(f"{len(said)} answers for {count} events")
    return [_read(task, one) for one in said]


def _read(task: str, said: Any) -> Guess:
    if task == "binary":
        p = number(said)
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"the probability of yes is {p}")
        return read_binary({True: p}, None)
    if task == "multiclass":
        return read_multiclass(said, None)
    if task == "multilabel":
        shares = {str(label): number(share) for label, share in said.items()}
        return {label: share > 0.5 for label, share in shares.items()}, shares
    return number(said), None


def numbers(ys: dict[str, Any], ps: dict[str, Any]) -> dict[str, float]:
    """Return what light models said as numbers: the probability of yes, or the number itself.

    >>> numbers({"a": True, "b": 2.5, "c": "red"}, {"a": 0.75, "c": {"red": 1.0}})
    {'a': 0.75, 'b': 2.5}
    """
    return {
        name: said
        for name, y in ys.items()
        if isinstance(said := ps.get(name, y), float | int) and not isinstance(said, bool)
    }

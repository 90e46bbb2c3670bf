"""What of a model can be watched for drift, and by which detectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from driftline.streams.detectors import BITS

Signal = Literal["loss", "score", "distance", "mass"]
"""`loss`: how wrong each answer was, once its label (of a forecast: the next value) has come. `score`: an anomaly
score as it is answered. `distance`: how far an event lies from its cluster, at most `FARTHEST`. `mass`: the share of
events that go to each cluster."""
FARTHEST = 5.0
"""Distances are watched up to here: one event that is far from everything is no drift."""


def fitting(task: str, assigns: bool, per: str) -> tuple[Signal, ...]:
    """Return what can be watched of a model: `assigns` says whether it is an `Assigner`.

    >>> fitting("anomaly", False, "lane"), fitting("cluster", True, "lane")
    (('loss', 'score'), ('distance', 'mass'))
    """
    if task != "cluster":
        return ("loss", "score") if task == "anomaly" else ("loss",)
    distance: tuple[Signal, ...] = ("distance",) if assigns else ()
    # Of models per key, each has clusters of its own: the same id is another cluster for another key.
    return (*distance, "mass") if per == "lane" else distance


def watched(
    detector: str, on: Sequence[Signal] | None, task: str, assigns: bool, per: str, name: str
) -> tuple[Signal, ...]:
    """Return what a detector watches of a model: what was said, or all that fits.

    Raises `ValueError` that says what is allowed; `name` is the model's class, for people.

    >>> watched("adwin", None, "cluster", True, "lane", "denstream")
    ('distance', 'mass')
    >>> watched("hddm-w", None, "regression", False, "lane", "linear")
    Traceback (most recent call last):
    ValueError: hddm-w takes only 0 and 1: nothing of linear (regression) is that; name adwin, page-hinkley or kswin
    """
    if detector == "none":
        return ()
    there = fitting(task, assigns, per)
    bits: tuple[Signal, ...] = ("loss", "mass") if task in ("binary", "multiclass") else ("mass",)
    for signal in on or ():
        if signal not in there:
            why = (
                "each key has clusters of its own; " if signal == "mass" and per == "key" and task == "cluster" else ""
            )
            raise ValueError(f"no {signal} to watch of {name} ({task}): {why}it has {', '.join(there) or 'none'}")
    wanted: tuple[Signal, ...] = tuple(signal for signal in there if on is None or signal in on)
    if detector not in BITS or not wanted:
        return wanted
    fit = tuple(signal for signal in wanted if signal in bits)
    if on is not None and fit != wanted:
        wrong = ", ".join(signal for signal in wanted if signal not in bits)
        raise ValueError(f"{detector} takes only 0 and 1: {wrong} of {name} ({task}) is not; name another detector")
    if not fit:
        raise ValueError(
            f"{detector} takes only 0 and 1: nothing of {name} ({task}) is that; name adwin, page-hinkley or kswin"
        )
    return fit

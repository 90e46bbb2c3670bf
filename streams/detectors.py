"""Detectors of change by name: they are River's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from river import drift

Name = Literal["adwin", "page-hinkley", "kswin", "hddm-a", "hddm-w", "none"]
"""The names; `none` watches nothing."""
DETECTORS: dict[str, Any] = {
    "adwin": drift.ADWIN,
    "page-hinkley": drift.PageHinkley,
    "kswin": drift.KSWIN,
    "hddm-a": drift.binary.HDDMA,
    "hddm-w": drift.binary.HDDMW,
}
"""The detectors by name. KSWIN draws at random: it is seeded unless told otherwise."""
BITS = frozenset({"hddm-a", "hddm-w"})
"""Those that take nothing but 0 and 1. Unless told otherwise (`two_sided_test`), they find only a rise."""


def make(name: str, parameters: Mapping[str, Any]) -> Any:
    """Make a detector; `none` is None.

    Raises `TypeError` or `ValueError` where its class does not take the parameters.

    >>> make("page-hinkley", {"threshold": 2.0}).threshold
    2.0
    >>> make("kswin", {}).seed, make("none", {})
    (7, None)
    """
    if name == "none":
        return None
    said = {"seed": 7, **parameters} if name == "kswin" else dict(parameters)
    return DETECTORS[name](**said)

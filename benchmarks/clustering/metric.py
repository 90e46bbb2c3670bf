"""A metric as events for a detector of strange ones, and the windows in which something happened."""

from typing import NamedTuple

import numpy as np

from benchmarks.clustering import nab_scoring as scoring
from driftline.models.base import Array

LAGS = 8
"""Values before the event's own that it carries."""


class Metric(NamedTuple):
    """A metric as events."""

    name: str
    X: Array
    """(n, 2 + LAGS + 2): value, change, the values before, and sine and cosine of the hour of day."""
    windows: scoring.Windows


def features(value: Array, hour: Array) -> Array:
    """Return events (n, 2 + LAGS + 2); before the first value there was the first.

    >>> features(np.array([1.0, 3.0]), np.array([0.0, 6.0])).round(6)[1].tolist()
    [3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    """
    long = np.concatenate([np.full(LAGS, value[0]), value])
    lags = np.lib.stride_tricks.sliding_window_view(long, LAGS + 1)[:, ::-1]
    turn = 2.0 * np.pi * hour / 24.0
    return np.column_stack([lags[:, 0], lags[:, 0] - lags[:, 1], lags[:, 1:], np.sin(turn), np.cos(turn)])

"""Fracast, a small network that continues series it has never seen: for many series at a time."""

import functools
import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from driftline.models.base import Array
from driftline.models.forecasting.series import LARGEST
from driftline.models.forecasting.series import steps as checked
from driftline.models.parameters import at_least

LEAST = 8
"""A history needs so many finite values; it is Fracast's own bound."""
CHUNK = 16
"""Histories that are answered at a time. Measured on one core with full histories: 70 ms each for up to 16 and 80 MB,
150 ms each for 64, whose arrays no longer fit the cache."""


def available() -> bool:
    """Whether Fracast, and torch, which it needs, are installed; nothing is loaded to find out."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in ("torch", "fracast"))
    except ImportError:
        return False


class Fracast:
    """Continue series by Fracast-0, whose weights come in its package: nothing is learnt, nothing is fetched.

    Histories are independent of each other, and a history has the same forecasts alone or among others, up to the
    rounding of float32. The weights are loaded with the first forecast, once per process and device.

    What lies below 0 is cut where a history never was below 0. Quantiles never cross: Fracast's own do in about a
    tenth of the places, and there each takes the value of its neighbour nearer to the median, which stays as it was.

    Parameters
    ----------
    threads
        Threads of torch, for the whole process; None leaves them as they are.
    device
        Where torch computes: `cpu`, `cuda`, `cuda:1`, ….
    chunk
        The most histories that are answered at a time.

    Raises
    ------
    ImportError
        Fracast or torch is not installed (with the first forecast).
    ValueError
        A parameter is out of its range, or `steps` is not at least 1.

    References
    ----------
    Fracast-0, https://github.com/ztxtech/fracast-0 (Apache-2.0): 85,001 parameters, 9 quantiles of 48 values, from the
    last 2,048. Further values are made from its own median.
    Chernozhukov, Fernández-Val and Galichon, "Quantile and probability curves without crossing", Econometrica 78
    (2010): why quantiles that do not cross are nearer to the truth.

    >>> day = 10.0 + 5.0 * np.sin(np.arange(24) * np.pi / 12)
    >>> if available():
    ...     error = np.abs(Fracast().forecast_many([np.tile(day, 14)], 24)[0] - day).mean()
    ... else:
    ...     error = 0.0
    >>> bool(error < 1.0)
    True
    """

    def __init__(self, threads: int | None = None, device: str = "cpu", chunk: int = CHUNK):
        if threads is not None:
            at_least(1, threads=threads)
        at_least(1, chunk=chunk)
        self.threads, self.device, self.chunk = threads, device, chunk

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the quantiles, rising, such as 0.1, …, 0.9."""
        return tuple(self._network().quantiles)

    def forecast_many(self, histories: Sequence[Array], steps: int) -> Array:
        """Continue each history.

        Parameters
        ----------
        histories
            Of any length, the oldest value first; nan stands for a missing value, and so does what is infinite.
        steps
            How many values to forecast.

        Returns
        -------
        (n, steps) float64, the medians, the nearest value first; nan in the row of a history with fewer than 8 finite
        values among its last 2,048.

        """
        found = self.quantiles_many(histories, steps)
        return np.ascontiguousarray(found[:, :, _middle(self.levels)])

    def quantiles_many(self, histories: Sequence[Array], steps: int) -> Array:
        """Continue each history by quantiles: (n, steps, q) float64, one for each of `levels`; else as above."""
        checked(steps)
        network = self._network()
        found = np.full((len(histories), steps, len(network.quantiles)), np.nan)
        rows = [np.asarray(history, dtype=float)[-network.context_length :] for history in histories]
        fit = [i for i, row in enumerate(rows) if np.isfinite(row).sum() >= LEAST]
        fit.sort(key=lambda i: len(rows[i]))  # histories of like length share a chunk: less padding
        for start in range(0, len(fit), self.chunk):
            chosen = fit[start : start + self.chunk]
            found[chosen] = _continued(network, [rows[i] for i in chosen], steps)
        for i in fit:
            history = np.asarray(histories[i], dtype=float)
            if not (history[np.isfinite(history)] < 0).any():
                found[i].clip(0.0, out=found[i])
        return found

    def _network(self) -> Any:
        network = _load(self.device)
        if self.threads is not None:
            import torch

            if torch.get_num_threads() != self.threads:
                torch.set_num_threads(self.threads)
        return network


@functools.cache
def _load(device: str) -> Any:
    from fracast import FracastModel

    return FracastModel.from_pretrained(device=device)


def _middle(levels: Sequence[float]) -> int:
    return int(np.argmin(np.abs(np.asarray(levels) - 0.5)))


def _continued(network: Any, rows: list[Array], steps: int) -> Array:
    """Return quantiles that do not cross (n, steps, q), in the units of the rows."""
    padded = np.full((len(rows), max(map(len, rows))), np.nan)
    for row, place in zip(rows, padded, strict=True):
        place[len(place) - len(row) :] = np.where(np.isfinite(row), row.clip(-LARGEST, LARGEST), np.nan)
    # Fracast computes in float32 and bounds the range of a history from below: tiny and huge units would be lost there.
    low = np.nanmin(padded, axis=1, keepdims=True)
    span = np.nanmax(padded, axis=1, keepdims=True) - low
    shown = (padded - low) / np.where(span > 0, span, 1.0)
    said = network.forecast_batch(shown, horizon=steps).astype(float)
    middle = _middle(network.quantiles)
    np.maximum.accumulate(said[:, :, middle:], axis=2, out=said[:, :, middle:])
    below = said[:, :, middle::-1]
    np.minimum.accumulate(below, axis=2, out=below)
    return np.asarray(low[:, :, None] + span[:, :, None] * said)

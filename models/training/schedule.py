"""How much of a clean vector is left at each level of noise.

Level t of 0 .. T-1 holds `x_t = signal[t] * x0 + noise[t] * eps` with standard normal eps; the higher, the noisier.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from driftline.models.base import Array
from driftline.models.parameters import at_least, within

if TYPE_CHECKING:
    import torch

Kind = Literal["linear", "cosine", "exponential"]

_COSINE_OFFSET = 0.008  # keeps the first steps from being too small to see (Nichol & Dhariwal)
_LARGEST_BETA = 0.999


class Schedule:
    """The levels of noise of a diffusion model.

    Parameters
    ----------
    kind
        How the variance that a step adds grows: `linear` or `exponential` from `first` to `last`, or `cosine`, whose
        cumulative signal is a squared cosine of the level.
    steps
        Number of levels T.
    first, last
        Variance that the first and the last step add, in units of the variance of eps; of no use to `cosine`.

    Raises
    ------
    ValueError
        Another kind, no steps, or variances outside of (0, 1) or falling.

    Source: Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, sections 2 and 3; cosine from
    Nichol & Dhariwal, "Improved Denoising Diffusion Probabilistic Models", ICML 2021, section 3.2.

    >>> schedule = Schedule("linear", steps=1000)
    >>> schedule.betas[[0, -1]].tolist()
    [0.0001, 0.02]
    >>> round(float(schedule.signal[9] ** 2), 4)
    0.9981
    """

    betas: Array
    """Variance that step t adds, float64 of shape (T,)."""
    alphas: Array
    """What step t leaves of the variance that was there: 1 - beta, shape (T,)."""
    cumulative: Array
    """Product of the alphas up to t: share of the variance at level t that is signal, shape (T,)."""
    signal: Array
    """Factor of x0 at level t: root of the cumulative product, shape (T,)."""
    noise: Array
    """Factor of eps at level t: root of one less the cumulative product, shape (T,)."""

    def __init__(self, kind: Kind = "linear", steps: int = 1000, first: float = 1e-4, last: float = 0.02) -> None:
        at_least(1, steps=steps)
        within("(0, 1)", first=first, last=last)
        if last < first:
            raise ValueError(f"last must be at least first ({first}), got {last}")
        self.kind, self.steps, self.first, self.last = kind, steps, first, last
        self.betas = _betas(kind, steps, first, last)
        self.alphas = 1.0 - self.betas
        logs = np.cumsum(np.log1p(-self.betas))
        self.cumulative = np.exp(logs)
        self._variance = -np.expm1(logs)  # 1 - cumulative, without the digits that a subtraction loses near 1
        self.signal = np.exp(0.5 * logs)
        self.noise = np.sqrt(self._variance)
        for table in (self.betas, self.alphas, self.cumulative, self.signal, self.noise, self._variance):
            table.flags.writeable = False
        self._on: dict[Any, tuple[torch.Tensor, torch.Tensor]] = {}

    @cached_property
    def snr(self) -> Array:
        """Ratio of signal to noise in variance, shape (T,)."""
        ratio: Array = self.cumulative / self._variance
        return ratio

    @cached_property
    def log_snr(self) -> Array:
        """Natural logarithm of the ratio of signal to noise, falling, shape (T,).

        >>> Schedule().log_snr[[0, -1]].round(2).tolist()
        [9.21, -10.12]
        """
        logs: Array = np.log(self.snr)
        return logs

    def on(self, like: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Return signal and noise as tensors of the type, and on the device, of another; made once, then kept."""
        import torch

        place = (like.device, like.dtype)
        if place not in self._on:
            signal, noise = (
                torch.from_numpy(table.copy()).to(device=like.device, dtype=like.dtype)
                for table in (self.signal, self.noise)
            )
            self._on[place] = signal, noise
        return self._on[place]

    def noised(self, x0: Any, t: Any, eps: Any) -> Any:
        """Return what clean rows become at their levels.

        Parameters
        ----------
        x0
            Clean rows, of shape (B, ...): a tensor, or an array.
        t
            Level of each row, integers of shape (B,), or one integer for all.
        eps
            Standard normal noise, shaped as `x0`.

        >>> Schedule(steps=10).noised(np.ones((2, 3)), np.array([0, 9]), np.zeros((2, 3))).round(4).tolist()
        [[0.9999, 0.9999, 0.9999], [0.9507, 0.9507, 0.9507]]
        """
        signal, noise = self._factors(x0, t)
        return signal * x0 + noise * eps

    def clean(self, x: Any, t: Any, eps: Any) -> Any:
        """Return the clean rows that rows at their levels were made from, if `eps` was their noise.

        Parameters are those of `noised`, with the noised rows `x` in place of the clean ones.

        >>> schedule, x0, eps = Schedule(), np.array([[2.0, -1.0]]), np.array([[0.5, 0.5]])
        >>> schedule.clean(schedule.noised(x0, 500, eps), 500, eps).round(9).tolist()
        [[2.0, -1.0]]
        """
        signal, noise = self._factors(x, t)
        return (x - noise * eps) / signal

    def _factors(self, rows: Any, t: Any) -> tuple[Any, Any]:
        signal, noise = (self.signal, self.noise) if isinstance(rows, np.ndarray) else self.on(rows)
        if isinstance(t, int):
            return signal[t], noise[t]
        each = (-1,) + (1,) * (rows.ndim - 1)
        return signal[t].reshape(each), noise[t].reshape(each)

    def posterior(self, n: int, to: int | None = None) -> tuple[float, float, float]:
        """Return how a step back from level n is drawn: weight of x0, weight of x_n, standard deviation.

        Parameters
        ----------
        n
            The level to leave, 0 .. T-1.
        to
            The level to reach, below n; -1, which is x0 itself, has no noise. Without it n - 1.

        >>> Schedule().posterior(0)
        (1.0, 0.0, 0.0)
        >>> [round(part, 4) for part in Schedule().posterior(9)]
        [0.1473, 0.8527, 0.0154]
        """
        to = n - 1 if to is None else to
        if not -1 <= to < n < self.steps:
            raise ValueError(f"a step back must lead from a level below {self.steps} to a lower one, got {n} to {to}")
        if to == -1:
            return 1.0, 0.0, 0.0
        left = self.alphas[n] if to == n - 1 else self.cumulative[n] / self.cumulative[to]
        added = self.betas[n] if to == n - 1 else 1.0 - left
        before, now = self._variance[to], self._variance[n]
        return (
            float(added * self.signal[to] / now),
            float(before * np.sqrt(left) / now),
            float(np.sqrt(added * before / now)),
        )


def _betas(kind: Kind, steps: int, first: float, last: float) -> Array:
    """Return the variance that each step adds."""
    if kind == "linear":
        return np.linspace(first, last, steps)
    if kind == "exponential":
        return np.geomspace(first, last, steps)
    if kind == "cosine":
        places = (np.arange(steps + 1) / steps + _COSINE_OFFSET) / (1.0 + _COSINE_OFFSET)
        left = np.cos(0.5 * np.pi * places) ** 2
        betas: Array = np.minimum(1.0 - left[1:] / left[:-1], _LARGEST_BETA)
        return betas
    raise ValueError(f"kind must be linear, cosine or exponential, got {kind!r}")

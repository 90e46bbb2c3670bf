"""How much the loss of each interval of levels counts.

A weighting answers with plain numbers: the loss to descend is the sum of the interval losses by these weights. What a
method of balancing gradients does is of this form too, since it only adds gradients up; so any of them works within the
loss of another model.
"""

from collections.abc import Callable, Mapping
from typing import Literal, Protocol, TypeAlias

import numpy as np

from driftline.models.base import Array, Plain
from driftline.models.training.nash import Nash
from driftline.models.training.pcgrad import PCGrad
from driftline.models.training.schedule import Schedule
from driftline.models.training.uncertainty import ForgettingUncertainty, Uncertainty

Name: TypeAlias = Literal["uniform", "min-snr", "ant-uw", "ant-uw-forgetting", "ant-pcgrad", "ant-nash"]
Predict: TypeAlias = Literal["x0", "noise"]

LARGEST_SNR = 5.0
"""Of min-SNR: levels with more signal than this count no more."""


class Weighting(Protocol):
    """Weighs the losses of k intervals."""

    stratified: bool
    """Whether it wants as many rows in each interval, in place of any level with equal chance."""
    largest_gradient: float | None
    """Norm to which the gradient that results should be clipped; None for no bound."""

    def weights(self, losses: Array, shares: Array, gram: Callable[[], Array], order: Callable[[int], Array]) -> Array:
        """Return the weight of each interval in this step, float64 of shape (k,); then learn from its losses.

        Parameters
        ----------
        losses
            Mean loss of each interval, float64 of shape (k,); NaN of one without rows, whose weight counts for nothing.
        shares
            Share of the rows that each interval has, of shape (k,).
        gram
            Returns the inner products of the intervals' gradients, float64 of shape (k, k), 0 of those without rows.
            Costs a backward pass for each interval.
        order
            Returns a random order of so many.
        """
        ...

    def dense(self) -> dict[str, Array]:
        """Return what was learnt, as arrays of its own."""
        ...

    def restore(self, dense: Mapping[str, Plain]) -> None:
        """Become the weighting that gave these. Raises `ValueError`, and is unchanged, where they do not fit."""
        ...


class Uniform:
    """Every row counts the same: the usual loss of a diffusion model.

    >>> Uniform().weights(np.array([2.0, 4.0]), np.array([0.25, 0.75]), None, None).tolist()
    [0.25, 0.75]
    """

    stratified = False
    largest_gradient: float | None = None

    def weights(self, losses: Array, shares: Array, gram: Callable[[], Array], order: Callable[[int], Array]) -> Array:
        """Return the shares of the rows, so that the sum is the mean over rows."""
        return shares

    def dense(self) -> dict[str, Array]:
        """Return nothing: nothing is learnt."""
        return {}

    def restore(self, dense: Mapping[str, Plain]) -> None:
        """Nothing is learnt."""


def level_factors(schedule: Schedule, name: Name, predict: Predict) -> Array | None:
    """Return what the loss of a row is multiplied with by its level, (T,), before intervals are weighed; None for 1.

    min-SNR weighs the loss of the noise by min(SNR, 5) / SNR, which is min(SNR, 5) times the loss of the clean rows.

    Source: Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy", ICCV 2023, equation 7.

    >>> level_factors(Schedule(), "min-snr", "noise")[[0, -1]].round(6).tolist()
    [0.0005, 1.0]
    """
    if name != "min-snr":
        return None
    capped = np.minimum(schedule.snr, LARGEST_SNR)
    return capped / schedule.snr if predict == "noise" else capped


def make(name: Name, k: int, lr: float = 0.025, half_life: float = 100.0) -> Weighting:
    """Return a weighting of k intervals by its name.

    Parameters
    ----------
    name
        `uniform`, `min-snr`, `ant-uw`, `ant-uw-forgetting`, `ant-pcgrad` or `ant-nash`.
    k
        Intervals.
    lr
        Of the scales that `ant-uw` learns.
    half_life
        Steps after which `ant-uw-forgetting` counts a loss half.
    """
    if name in ("uniform", "min-snr"):
        return Uniform()
    if name == "ant-uw":
        return Uncertainty(k, lr)
    if name == "ant-uw-forgetting":
        return ForgettingUncertainty(k, half_life)
    if name == "ant-pcgrad":
        return PCGrad()
    if name == "ant-nash":
        return Nash(k)
    raise ValueError(
        f"weighting must be uniform, min-snr, ant-uw, ant-uw-forgetting, ant-pcgrad or ant-nash, got {name!r}"
    )

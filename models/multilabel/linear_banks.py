"""Two linear learners for each label, in banks of arrays: one row for each feature, one column for each label.

Both keep a variance beside each weight, so that each weight has its own pace of learning and rare features learn from
their first event. The first is a large-margin learner, the second a Bayesian logistic regression; they err in
different places, and the mixer above (`mixing.py`) weighs them.

References
----------
Crammer, Kulesza and Dredze, "Adaptive regularization of weight vectors", NeurIPS 2009 (AROW, with a diagonal matrix).
MacKay, "The evidence framework applied to classification networks", Neural Computation 4 (1992): the moderated output;
the update is that of an extended Kalman filter with a diagonal covariance.

"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

PRIOR, BIAS_PRIOR = 1.0, 4.0
"""Variances of the weights and of the intercept before the first event."""
LEFT = np.float32(1e-6)
"""The least share of a variance that one event leaves: it is above zero, and rounding must not change that."""
FLAT = 1e-3
"""The least curvature of the logistic loss that is believed."""


class Bank(NamedTuple):
    """Weights and variances, (F + 1, L) float32; the first row is the intercept."""

    weight: Array
    variance: Array


def make(features: int, labels: int, bias_prior: float) -> Bank:
    """Return a bank that has learnt nothing."""
    weight = np.zeros((features + 1, labels), dtype=np.float32)
    variance = np.full((features + 1, labels), PRIOR, dtype=np.float32)
    variance[0] = bias_prior
    return Bank(weight, variance)


@njit(cache=True, fastmath={"contract", "nsz"})
def margins(bank, index, value, n, labels, out, spread):  # type: ignore[no-untyped-def]
    """Write each label's weighted sum to `out` and its variance to `spread`, both (L,) float32."""
    out[:labels] = bank.weight[0, :labels]
    spread[:labels] = bank.variance[0, :labels]
    for i in range(n):
        x = np.float32(value[i])
        square = x * x
        weight, variance = bank.weight[index[i] + 1], bank.variance[index[i] + 1]
        for k in range(labels):
            out[k] += weight[k] * x
            spread[k] += variance[k] * square


@njit(cache=True, fastmath={"contract", "nsz"})
def _move(bank, index, value, n, labels, step, shrink):  # type: ignore[no-untyped-def]
    """Move each label's weights by `step` times variance times value; take `shrink` times its square off variances."""
    for i in range(n + 1):
        x = np.float32(value[i]) if i < n else np.float32(1.0)
        j = index[i] + 1 if i < n else 0
        weight, variance = bank.weight[j], bank.variance[j]
        for k in range(labels):
            pull = variance[k] * x
            weight[k] += step[k] * pull
            variance[k] *= max(np.float32(1.0) - shrink[k] * pull * x, LEFT)


@njit(cache=True)
def learn_margin(bank, index, value, n, labels, truth, out, spread, step, shrink):  # type: ignore[no-untyped-def]
    """AROW's update; `truth` (L,) is 0 or 1, `out` and `spread` are what `margins` gave, the last two are scratch."""
    wrong = False
    for k in range(labels):
        side = np.float32(1.0) if truth[k] else np.float32(-1.0)
        loss = np.float32(1.0) - side * out[k]
        if loss > 0.0:
            beta = np.float32(1.0) / (spread[k] + np.float32(1.0))
            step[k], shrink[k] = loss * beta * side, beta
            wrong = True
        else:
            step[k] = shrink[k] = np.float32(0.0)
    if wrong:
        _move(bank, index, value, n, labels, step, shrink)


@njit(cache=True)
def learn_logistic(bank, index, value, n, labels, truth, out, spread, step, shrink):  # type: ignore[no-untyped-def]
    """The Bayesian update; arguments as for `learn_margin`."""
    for k in range(labels):
        q = 1.0 / (1.0 + np.exp(-min(max(np.float64(out[k]), -30.0), 30.0)))
        h = max(q * (1.0 - q), FLAT)
        f = 1.0 / (1.0 + h * spread[k])
        step[k] = np.float32((truth[k] - q) * f)
        shrink[k] = np.float32(f * h)
    _move(bank, index, value, n, labels, step, shrink)

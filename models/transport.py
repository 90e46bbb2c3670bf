"""Optimal transport with entropy: which share of each row goes to which column, at the least cost.

This file owns optimal transport. All three problems are one scaling loop in which rows are exact and each column is
exact or soft. It is our own, as POT 0.9 has no problem with a sink whose mass is exact beside soft columns, its
unbalanced solvers take `exp(-cost / eps)` first and fail where that underflows, and its balanced log-domain solver,
which tests compare with, takes more than fifty times as long at 700 × 10.

`start` of every answer holds the columns' log scaling in nats; give it to the next call on similar costs, and that
call takes fewer rounds. An answer after `max_rounds` rounds has `converged` False: its rows are exact all the same,
its columns nearly so.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from driftline.models.base import Array
from driftline.models.parameters import at_least, positive, within

ABSORB = math.log(1e8)
"""Scalings are moved into the kernel when their logs' Euclidean norm exceeds this."""
TINY = 1e-250
"""Column sums below this are taken again in logs: what they consist of has underflowed."""


class Plan(NamedTuple):
    """An answer with `n` rows and `m` columns."""

    plan: Array
    """(n, m): mass from each row to each column."""
    start: Array
    """(m,): for the next call."""
    rounds: int
    converged: bool


class Partial(NamedTuple):
    """An answer of `partial_ot` with `n` rows and `k` columns; `soft.sum(axis=1) + sink` is 1."""

    soft: Array
    """(n, k): share of each row that goes to each column; its sum over the columns is the confidence."""
    sink: Array
    """(n,): share of each row that stays behind, "not yet" or "unknown"."""
    start: Array
    """(k + 1,), the sink last: for the next call."""
    rounds: int
    converged: bool


def sinkhorn(
    cost: npt.ArrayLike,
    mu: npt.ArrayLike | None = None,
    nu: npt.ArrayLike | None = None,
    eps: float = 0.1,
    *,
    max_rounds: int = 1000,
    tol: float = 1e-6,
    start: npt.ArrayLike | None = None,
) -> Plan:
    """Balanced transport: the plan of least `<plan, cost> - eps * entropy` with exact row and column sums.

    Never a default on streams: equal columns are wrong where classes are unequal.

    Parameters
    ----------
    cost
        (n, m), finite.
    mu, nu
        (n,) and (m,): mass of rows and columns, above 0, of equal sums; uniform with sum 1 where none is given.
    eps
        Weight of the entropy in units of cost, above 0; towards 0 the plan becomes an assignment, in more rounds.
    max_rounds
        At most so many rounds, at least 1.
    tol
        Converged when no column's log scaling changes by more in a round, in nats; the relative error of the column
        sums is then below `tol` too.
    start
        (m,): the `start` of an earlier answer.

    Raises
    ------
    ValueError
        An argument is out of its range or of another shape.

    >>> sinkhorn([[0, 1], [1, 0]], eps=0.05).plan.round(3).tolist()
    [[0.5, 0.0], [0.0, 0.5]]

    References
    ----------
    Cuturi, "Sinkhorn distances: lightspeed computation of optimal transport", NIPS 2013.

    """
    cost = _cost(cost)
    n, m = cost.shape
    rows, columns = _masses("mu", mu, n), _masses("nu", nu, m)
    _numbers(eps, max_rounds, tol)
    if not math.isclose(rows.sum(), columns.sum(), rel_tol=1e-9):
        raise ValueError(f"mu and nu must have equal sums, got {rows.sum()} and {columns.sum()}; scale one of them")
    return _scale(-cost / eps, rows, np.log(columns), np.ones(m), _start(start, m), max_rounds, tol)


def unbalanced_ot(
    cost: npt.ArrayLike,
    mu: npt.ArrayLike | None = None,
    nu: npt.ArrayLike | None = None,
    eps: float = 0.1,
    gamma: float = 1.0,
    *,
    max_rounds: int = 1000,
    tol: float = 1e-6,
    start: npt.ArrayLike | None = None,
) -> Plan:
    """Semi-relaxed transport: row sums are exact, column sums pay `gamma * KL(sums, nu)`.

    Parameters
    ----------
    cost
        (n, m), finite.
    mu, nu
        (n,) and (m,): mass of rows and wanted mass of columns, above 0; uniform with sum 1 where none is given.
    eps
        Weight of the entropy in units of cost, above 0.
    gamma
        Weight of the column sums in units of cost, above 0; `inf` makes them exact, towards 0 columns may die.
    max_rounds
        At most so many rounds, at least 1.
    tol
        Converged when no column's log scaling changes by more in a round, in nats.
    start
        (m,): the `start` of an earlier answer.

    Raises
    ------
    ValueError
        An argument is out of its range or of another shape.

    >>> cost = [[0, 1], [0, 1], [0, 1], [1, 0]]
    >>> unbalanced_ot(cost, gamma=0.1).plan.sum(axis=0).round(2).tolist()
    [0.75, 0.25]
    >>> unbalanced_ot(cost, gamma=100).plan.sum(axis=0).round(2).tolist()
    [0.5, 0.5]

    References
    ----------
    Chizat et al., "Scaling algorithms for unbalanced optimal transport problems", 2018, with an exact row side.

    """
    cost = _cost(cost)
    n, m = cost.shape
    rows, columns = _masses("mu", mu, n), _masses("nu", nu, m)
    _numbers(eps, max_rounds, tol)
    power = np.full(m, _power(eps, gamma=gamma))
    return _scale(-cost / eps, rows, np.log(columns), power, _start(start, m), max_rounds, tol)


def partial_ot(
    cost: npt.ArrayLike,
    rho: float,
    prior: npt.ArrayLike | None = None,
    eps: float = 0.1,
    gamma: float = 1.0,
    sink_cost: npt.ArrayLike = 0.0,
    *,
    sink_gamma: float = math.inf,
    max_rounds: int = 1000,
    tol: float = 1e-6,
    start: npt.ArrayLike | None = None,
) -> Partial:
    """Transport the share `rho` of all rows, those that cost least; the rest goes to a sink.

    Each of the n rows has mass 1/n, exactly; the sink, a column of cost `sink_cost`, has mass `1 - rho`; the sums of
    the other columns pay `gamma * KL(sums, rho * prior)`. A cost of -log posterior says nothing of rows that are far
    from everything, as posteriors sum to 1 there too: add a distance to find what is new.

    Parameters
    ----------
    cost
        (n, k), finite, for example -log posterior in nats.
    rho
        Share of the mass to transport, in (0, 1]; at 1 there is no sink.
    prior
        (k,): wanted shares of the columns, above 0, of sum 1; uniform where none is given.
    eps
        Weight of the entropy in units of cost, above 0.
    gamma
        Weight of the column sums in units of cost, above 0; `inf` makes them exact, towards 0 columns may die.
    sink_cost
        A number or (n,), finite.
    sink_gamma
        Weight of the sink's mass; `inf` makes it exact. On streams 1, as an exact mass would send a fixed share of
        each micro-batch to the sink.
    max_rounds
        At most so many rounds, at least 1.
    tol
        Converged when no column's log scaling changes by more in a round, in nats; the relative error of an exact
        sink's mass is then below `tol` too.
    start
        (k + 1,): the `start` of an earlier answer.

    Raises
    ------
    ValueError
        An argument is out of its range or of another shape.

    >>> cost = [[0.0, 3.0], [3.0, 0.1], [0.7, 0.7], [0.8, 0.9]]
    >>> soft, sink, *_ = partial_ot(cost, rho=0.5, eps=0.05)
    >>> soft.round(2).tolist(), sink.round(2).tolist()
    ([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]], [0.0, 0.0, 1.0, 1.0])

    References
    ----------
    Zhang, Ren and He, "P²OT: progressive partial optimal transport for deep imbalanced clustering", ICLR 2024:
    from its equations. A row's mass is the confidence: rows are not normalised again.

    """
    cost = _cost(cost)
    n, k = cost.shape
    shares = _masses("prior", prior, k)
    within("(0, 1]", rho=rho)
    _numbers(eps, max_rounds, tol)
    power = np.full(k + 1, _power(eps, gamma=gamma))
    power[k] = _power(eps, sink_gamma=sink_gamma)
    if not math.isclose(shares.sum(), 1.0, rel_tol=1e-6):
        raise ValueError(f"prior must have the sum 1, got {shares.sum()}; divide it by its sum")
    away = np.asarray(sink_cost, float)
    if away.shape not in ((), (n,)) or not np.isfinite(away).all():
        raise ValueError(f"sink_cost must be finite, a number or of shape ({n},), got shape {away.shape}")
    first = _start(start, k + 1)
    rows = np.full(n, 1.0 / n)
    if rho == 1.0:
        plan, last, rounds, converged = _scale(-cost / eps, rows, np.log(shares), power[:k], first[:k], max_rounds, tol)
        return Partial(plan * n, np.zeros(n), np.append(last, first[k]), rounds, converged)
    log_kernel = np.empty((n, k + 1))
    np.divide(cost, -eps, out=log_kernel[:, :k])
    log_kernel[:, k] = away / -eps
    log_columns = np.log(np.append(rho * shares, 1.0 - rho))
    plan, last, rounds, converged = _scale(log_kernel, rows, log_columns, power, first, max_rounds, tol)
    plan *= n
    return Partial(plan[:, :k], plan[:, k], last, rounds, converged)


def symmetric_scaling(
    kernel: npt.ArrayLike, *, max_rounds: int = 200, tol: float = 1e-8, start: npt.ArrayLike | None = None
) -> Plan:
    """Scale a symmetric kernel from both sides alike, so that every row and every column sums to 1.

    Parameters
    ----------
    kernel
        (n, n), symmetric, at least 0, with a number above 0 in every row. An affinity's diagonal is best 0, or at a
        low temperature each point is alone. Not every kernel with zeros can be scaled: see `converged`.
    max_rounds
        At most so many rounds, at least 1.
    tol
        Converged when every row sums to 1 within this.
    start
        (n,): the `start` of an earlier answer.

    Raises
    ------
    ValueError
        An argument is out of its range or of another shape.

    >>> symmetric_scaling([[2, 1], [1, 2]]).plan.round(6).tolist()
    [[0.666667, 0.333333], [0.333333, 0.666667]]

    References
    ----------
    Knight, Ruiz and Uçar, "A symmetry preserving algorithm for matrix scaling", 2014: u ← √(u / (K u)).

    """
    held = _cost(kernel, "kernel")
    at_least(1, max_rounds=max_rounds)
    positive(tol=tol)
    if held.shape[0] != held.shape[1] or not np.allclose(held, held.T, rtol=1e-9, atol=0.0):
        raise ValueError(f"kernel must be symmetric, got shape {held.shape}; take the mean of it and its transpose")
    if held.min() < 0.0 or held.max(axis=1).min() <= 0.0:
        raise ValueError("kernel must be at least 0, with a number above 0 in every row; drop rows of zeros")
    unit = held.max()
    held = held / unit  # or products of the largest overflow
    u = np.exp(_start(start, len(held)) + 0.5 * math.log(unit))
    converged, done = False, 0
    while not converged and done < max_rounds:
        done += 1
        u = np.sqrt(u / (held @ u))
        converged = bool(np.abs(u * (held @ u) - 1.0).max() < tol)
    plan = np.outer(u, u) * held
    return Plan(plan, np.log(u) - 0.5 * math.log(unit), done, converged)


def _scale(
    log_kernel: Array, rows: Array, log_columns: Array, power: Array, start: Array, max_rounds: int, tol: float
) -> Plan:
    """Scale a kernel to exact row sums, and column sums that are exact where `power` is 1 and soft below.

    A round is `columns ← (wanted / sums) ** power`, then rows. This climbs a concave function of the columns' log
    scaling, so that momentum (Nesterov, restarted when a step turns back: O'Donoghue and Candès 2015) reaches the same
    answer in the square root of the rounds. Rounds work on plain numbers, two products of the kernel with a vector,
    while the scalings stay near 1; when they do not, they move into the kernel, in logs.
    """
    held: Array | None = None
    at = last = start
    momentum, converged, done = 1.0, False, 0
    while True:
        moved = None if held is None else at - held
        if moved is None or moved @ moved > ABSORB * ABSORB:
            held = at
            kernel = log_kernel + at
            most = kernel.max(axis=1)
            kernel = np.exp(kernel - most[:, None])
            by = rows / kernel.sum(axis=1)
            kernel *= by[:, None]
            a, b = np.ones(len(rows)), np.ones(len(at))
        else:
            b = np.exp(moved)
            a = rows / (kernel @ b)
        if converged or done == max_rounds:
            return Plan(a[:, None] * kernel * b, at, done, converged)
        done += 1
        sums = a @ kernel
        if sums.min() > TINY:
            log_sums = np.log(sums) - held
        else:
            log_sums = np.logaddexp.reduce(log_kernel + (np.log(by * a) - most)[:, None], axis=0)
        new = power * (log_columns - log_sums)
        step = new - at
        converged = bool(step @ step < tol * tol)  # Euclidean bounds the largest, and costs less
        if converged or done == max_rounds:
            at = new
            continue
        before, momentum = momentum, 0.5 + math.sqrt(0.25 + momentum * momentum)
        if step @ (new - last) < 0.0:
            before = momentum = 1.0
        at, last = new + (before - 1.0) / momentum * (new - last), new


def _cost(cost: npt.ArrayLike, name: str = "cost") -> Array:
    found = np.asarray(cost, float)
    if found.ndim != 2 or not found.size:
        raise ValueError(f"{name} must have two dimensions and be not empty, got shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite; clip it, or drop rows that are not")
    return found


def _masses(name: str, given: npt.ArrayLike | None, size: int) -> Array:
    if given is None:
        return np.full(size, 1.0 / size)
    found = np.asarray(given, float)
    if found.shape != (size,):
        raise ValueError(f"{name} must have the shape ({size},), got {found.shape}")
    if not (np.isfinite(found).all() and found.min() > 0.0):
        raise ValueError(f"{name} must be above 0 and finite, got a least of {found.min()}; give it a floor")
    return found


def _start(given: npt.ArrayLike | None, size: int) -> Array:
    if given is None:
        return np.zeros(size)
    found = np.asarray(given, float)
    if found.shape != (size,) or not np.isfinite(found).all():
        raise ValueError(f"start must be finite and of the shape ({size},), got {found.shape}; begin with None")
    return found


def _numbers(eps: float, max_rounds: int, tol: float) -> None:
    positive(eps=eps, tol=tol)
    at_least(1, max_rounds=max_rounds)


def _power(eps: float, **weight: float) -> float:
    """Return the exponent of a column that pays this weight for its mass."""
    [gamma] = weight.values()
    within("(0, inf]", **weight)
    return 1.0 if math.isinf(gamma) else gamma / (gamma + eps)

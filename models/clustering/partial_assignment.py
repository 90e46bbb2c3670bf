"""Soft cluster labels for unequal classes: transport the confident share of the rows first, the rest little by little.

`partial_labels` turns costs or logits into labels once; `fit` alternates it with prototypes on a batch of rows. The
semantic term of SP²OT, which lets neighbours share labels, is off unless a `similarity` is given.
The released code is under a licence that forbids commercial use: all here is from the papers' equations. Where they
leave a choice, it is said: the similarity's width is the median distance of neighbours, and its diagonal is the shift
that makes it positive semidefinite, without which the outer rounds may oscillate.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import eigsh
from scipy.spatial import cKDTree
from scipy.special import xlogy

from driftline.models.base import Array
from driftline.models.clustering.starting_points import FLOOR, rows_of
from driftline.models.parameters import at_least, positive, within
from driftline.models.transport import Partial, partial_ot

STRENGTH = 1000.0
"""Of the semantic term: large, because entries of a plan are about 1 / n."""
FINE = 1e-9
"""Tolerance of the transports between outer rounds: a coarse one would hide whether the objective falls."""
ROUNDS = 20_000
"""Of such a transport, at most; some hundreds are usual, and thousands where costs are thousands of times `eps`."""


class Labels(NamedTuple):
    """Soft labels of `n` rows in `k` clusters, and how they came about."""

    soft: Array
    """(n, k): the sum over the clusters is the confidence."""
    sink: Array
    """(n,): the share of each row that has no label yet."""
    start: Array
    """(k + 1,): for the next call."""
    objective: Array
    """The outer objective at the first labels and after each outer round; empty without a semantic term."""


class Fit(NamedTuple):
    """What `fit` ends with."""

    soft: Array
    """(n, k)."""
    sink: Array
    """(n,)."""
    prototypes: Array
    """(k, d), of length 1."""
    prior: Array
    """(k,): shares of the clusters that the last labels were drawn to."""


def schedule(step: float, steps: float, first: float = 0.1) -> float:
    """Return the share of mass to transport at a step: slow, fast, and 1 from `steps` on.

    Parameters
    ----------
    step
        At least 0.
    steps
        Above 0.
    first
        In (0, 1]; the share at step 0 is `first + (1 - first) * exp(-5)`.

    Raises
    ------
    ValueError
        A number is out of its range.

    >>> [round(schedule(step, 30), 3) for step in (0, 15, 30, 40)]
    [0.106, 0.358, 1.0, 1.0]
    """
    within("(0, 1]", first=first)
    within("[0, inf)", step=step)
    positive(steps=steps)
    return first + (1.0 - first) * math.exp(-5.0 * (1.0 - min(step / steps, 1.0)) ** 2)


def costs(logits: npt.ArrayLike) -> Array:
    """Return -log softmax of each row, in nats.

    >>> costs([[0.0, 0.0], [1000.0, 0.0]]).round(3).tolist()
    [[0.693, 0.693], [0.0, 1000.0]]
    """
    held = rows_of("logits", logits)
    return np.logaddexp.reduce(held, axis=1, keepdims=True) - held


def similarity(x: npt.ArrayLike, neighbours: int = 20) -> sparse.csr_array:
    """Return the Gaussian similarity of each row and its nearest neighbours, made positive semidefinite.

    Parameters
    ----------
    x
        (n, d), finite, at least two rows.
    neighbours
        At least 1; no more than there are.

    Returns
    -------
    csr_array
        (n, n), symmetric; its diagonal is the least shift that leaves no eigenvalue below 0.

    Raises
    ------
    ValueError
        An argument is out of its range or of another shape.

    >>> similarity([[0.0], [1.0], [9.0], [10.0]], neighbours=1).toarray().round(2).tolist()
    [[0.61, 0.61, 0.0, 0.0], [0.61, 0.61, 0.0, 0.0], [0.0, 0.0, 0.61, 0.61], [0.0, 0.0, 0.61, 0.61]]
    """
    held = rows_of("x", x)
    at_least(1, neighbours=neighbours)
    n = len(held)
    if n < 2:
        raise ValueError("x must have at least two rows to have neighbours; leave the similarity out")
    k = min(neighbours, n - 1)
    distance, found = cKDTree(held).query(held, k + 1)
    row = np.repeat(np.arange(n), k + 1)
    column, squared = found.ravel(), distance.ravel() ** 2
    other = row != column  # a row is its own nearest, though not always the first among equals
    row, column, squared = row[other], column[other], squared[other]
    width = np.median(squared)
    kernel = np.exp(-0.5 * squared / width) if width > 0.0 else np.ones(len(squared))
    one_way = sparse.csr_array((kernel, (row, column)), shape=(n, n))
    both = one_way.maximum(one_way.T)
    return sparse.csr_array(both + _shift(both) * sparse.eye_array(n))


def partial_labels(
    cost: npt.ArrayLike,
    rho: float,
    *,
    prior: npt.ArrayLike | None = None,
    eps: float = 0.1,
    gamma: float = 1.0,
    similarity: sparse.csr_array | None = None,
    strength: float = STRENGTH,
    outer_rounds: int = 100,
    outer_tol: float = 1e-6,
    soft: npt.ArrayLike | None = None,
    start: npt.ArrayLike | None = None,
) -> Labels:
    """Label the share `rho` of the rows, those that cost least, and give neighbours the same labels where asked to.

    With Q the plan (n, k) and S the similarity, the semantic term is `-strength * <S, Q Qᵀ>`. Each outer round
    transports on its tangent, `cost - 2 * strength * S Q`; as S is positive semidefinite, the tangent lies above, and
    the objective never rises.

    Parameters
    ----------
    cost
        (n, k), finite; of logits: `costs(logits)`.
    rho, prior, eps, gamma, start
        As in `transport.partial_ot`.
    similarity
        (n, n), symmetric, positive semidefinite, as `similarity` makes it; None for no semantic term.
    strength
        In units of cost, at least 0; the paper takes `(1 - rho) * 1000`.
    outer_rounds
        At most so many transports with a semantic term, at least 1.
    outer_tol
        The objective's fall in an outer round, in units of cost, that is too little for another one.
    soft
        (n, k): labels of an earlier call from which the outer rounds begin; those without the term when None.

    Raises
    ------
    ValueError
        An argument is out of its range or of another shape.

    >>> cost = [[0.0, 3.0], [0.7, 0.7], [3.0, 0.0], [0.7, 0.7]]
    >>> near = similarity([[0.0], [0.1], [5.0], [5.1]], neighbours=1)
    >>> partial_labels(cost, 1.0, similarity=near, strength=4.0).soft.round(2).tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]

    References
    ----------
    Zhang, Ren and He, "SP²OT: semantic-regularized progressive partial optimal transport for imbalanced
    clustering", 2024.

    """
    held = rows_of("cost", cost)
    n, k = held.shape
    if similarity is None:
        plain = partial_ot(held, rho, prior, eps, gamma, start=start)
        return Labels(plain.soft, plain.sink, plain.start, np.zeros(0))
    at_least(1, outer_rounds=outer_rounds)
    within("[0, inf)", strength=strength, outer_tol=outer_tol)
    if similarity.shape != (n, n):
        raise ValueError(f"similarity must have the shape ({n}, {n}), got {similarity.shape}; make it of the same rows")
    wanted = rho * (np.full(k, 1.0 / k) if prior is None else np.asarray(prior, float))
    found = partial_ot(held, rho, prior, eps, gamma, start=start, tol=FINE, max_rounds=ROUNDS)
    if soft is not None:
        begun = rows_of("soft", soft)
        if begun.shape != (n, k):
            raise ValueError(
                f"soft must have the shape ({n}, {k}), got {begun.shape}; give None after a change of rows"
            )
        # Labels of an earlier cost and rho are a point to take the tangent at, not a plan to compare with.
        found = _tangent(held, rho, prior, eps, gamma, similarity, strength, begun, found)
    objective = [_objective(held, found, wanted, eps, gamma, similarity, strength)]
    for _ in range(outer_rounds):
        next_ = _tangent(held, rho, prior, eps, gamma, similarity, strength, found.soft, found)
        reached = _objective(held, next_, wanted, eps, gamma, similarity, strength)
        if not next_.converged:
            break  # cut short by its rounds, its sink has another mass: it is no plan to compare with
        found = next_
        objective.append(reached)
        if objective[-2] - objective[-1] < outer_tol:
            break
    return Labels(found.soft, found.sink, found.start, np.array(objective))


def fit(
    x: npt.ArrayLike,
    centres: npt.ArrayLike,
    *,
    prior: npt.ArrayLike | None = None,
    keep: float = 1.0,
    similarity: sparse.csr_array | None = None,
    strength: float = STRENGTH,
    rounds: int = 40,
    growth: int = 30,
    first: float = 0.1,
    temperature: float = 0.1,
    eps: float = 0.1,
    gamma: float = 1.0,
    outer_rounds: int = 5,
) -> Fit:
    """Cluster rows of length 1 by rounds of soft labels, then prototypes, the share with a label growing to 1.

    Parameters
    ----------
    x
        (n, d), finite; rows are divided by their lengths, which must be above 0.
    centres
        (k, d): where the prototypes begin, as `starting_points` finds them.
    prior
        (k,): shares of the clusters, above 0, of sum 1; uniform when None.
    keep
        What remains of the prior after each round, in [0, 1]; the rest is what the round's labels say. 1 keeps it.
    similarity, strength
        As in `partial_labels`; the strength fades as `1 - rho`.
    rounds, growth
        Rounds in all, and until every row has a label; at least 1.
    first
        Share with a label at first, in (0, 1].
    temperature
        Cosines are divided by it, above 0.
    eps, gamma, outer_rounds
        As in `partial_labels`.

    Raises
    ------
    ValueError
        An argument is out of its range or of another shape.

    >>> from driftline.models.clustering.starting_points import kmeans_start
    >>> rng = np.random.default_rng(0)
    >>> x = np.repeat([[1.0, 0.0], [0.0, 1.0]], [90, 10], axis=0) + rng.normal(0, 0.1, (100, 2))
    >>> fit(x, *kmeans_start(x, 2)[:1]).soft.argmax(axis=1)[:90].std()
    np.float64(0.0)
    """
    held = _unit("x", x)
    prototypes = _unit("centres", centres)
    at_least(1, rounds=rounds, growth=growth)
    within("[0, 1]", keep=keep)
    positive(temperature=temperature)
    if prototypes.shape[1] != held.shape[1]:
        raise ValueError(f"centres must have {held.shape[1]} columns as x has, got {prototypes.shape[1]}")
    k = len(prototypes)
    shares = np.full(k, 1.0 / k) if prior is None else np.asarray(prior, float)
    soft = start = None
    for step in range(rounds):
        rho = schedule(step, growth, first)
        found = partial_labels(
            costs(held @ prototypes.T / temperature),
            rho,
            prior=shares,
            eps=eps,
            gamma=gamma,
            similarity=similarity if rho < 1.0 else None,
            strength=(1.0 - rho) * strength,
            outer_rounds=outer_rounds,
            soft=soft,
            start=start,
        )
        soft, start = found.soft, found.start
        sums = soft.T @ held
        length = np.linalg.norm(sums, axis=1, keepdims=True)
        prototypes = np.where(length > 0.0, sums / np.where(length > 0.0, length, 1.0), prototypes)
        if keep < 1.0:
            mass = soft.sum(axis=0)
            shares = np.maximum(keep * shares + (1.0 - keep) * mass / mass.sum(), FLOOR)
            shares /= shares.sum()
    return Fit(found.soft, found.sink, prototypes, shares)


def _tangent(
    cost: Array,
    rho: float,
    prior: npt.ArrayLike | None,
    eps: float,
    gamma: float,
    near: sparse.csr_array,
    strength: float,
    soft: Array,
    found: Partial,
) -> Partial:
    pull = (2.0 * strength / len(cost)) * (near @ soft)
    return partial_ot(cost - pull, rho, prior, eps, gamma, start=found.start, tol=FINE, max_rounds=ROUNDS)


def _objective(
    cost: Array, found: Partial, wanted: Array, eps: float, gamma: float, near: sparse.csr_array, strength: float
) -> float:
    n = len(cost)
    plan, sink = found.soft / n, found.sink / n
    mass = plan.sum(axis=0)
    entropy = -float(xlogy(plan, plan).sum() + xlogy(sink, sink).sum())
    size = float((xlogy(mass, mass / wanted) - mass + wanted).sum())
    return float((plan * cost).sum() - strength * (plan * (near @ plan)).sum() + gamma * size - eps * entropy)


def _shift(kernel: sparse.csr_array) -> float:
    """Return how far the least eigenvalue lies below 0."""
    n = kernel.shape[0]
    if n <= 64:
        least = float(np.linalg.eigvalsh(kernel.toarray())[0])
    else:
        least = float(eigsh(kernel, k=1, which="SA", v0=np.ones(n), return_eigenvectors=False, tol=1e-6)[0])
    return max(0.0, -least * (1.0 + 1e-5))


def _unit(name: str, given: npt.ArrayLike) -> Array:
    found = rows_of(name, given)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    if not length.min() > 0.0:
        raise ValueError(f"{name} must have no rows of zeros: they have no direction; drop them")
    unit: Array = found / length
    return unit

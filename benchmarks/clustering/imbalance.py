"""Unequal clusters: soft labels by transport beside k-means and balanced Sinkhorn, on digits and on streams.

`python -m benchmarks.clustering.imbalance` prints, for each imbalance, the mean over the seeds of the accuracy under
the best renaming of the clusters (ACC) and of that on the three smallest classes (tail), the differences to P²OT with
their standard errors over the paired seeds, and what one warm micro-batch costs beside its plain posterior.

Data of Driftline's own making: scikit-learn's digits, class sizes `max(⌊174 · imbalance^(-r/9)⌋, 3)` in random order of
the classes, 32 principal components, rows of length 1. From balanced Sinkhorn to SP²OT all begin at the same k-means
run; k-means is timed by its look-up alone. Then come streams of planted clusters, see `unequal.py`.
"""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from benchmarks.clustering import unequal
from driftline.models.base import Array
from driftline.models.clustering.partial_assignment import costs, fit, partial_labels, similarity
from driftline.models.clustering.starting_points import kmeans_start, merged_start
from driftline.models.transport import partial_ot, sinkhorn, unbalanced_ot

CLASSES, LARGEST, TAIL = 10, 174, 3
ROUNDS, TEMPERATURE = 40, 0.1
console = Console()


class Sample(NamedTuple):
    """Rows of length 1, their classes, and the smallest classes."""

    x: Array
    y: Array
    tail: Array


class Starts(NamedTuple):
    """What contestants begin with."""

    x: Array
    once: KMeans
    ten: KMeans
    near: sparse.csr_array
    seed: int


Contestant = Callable[[Starts], Array]


def sample(imbalance: float, seed: int) -> Sample:
    """Draw digits so that the largest class is `imbalance` times as large as the smallest."""
    digits = load_digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(CLASSES)
    sizes = [max(int(LARGEST * imbalance ** (-rank / (CLASSES - 1))), 3) for rank in range(CLASSES)]
    rows = np.concatenate(
        [
            rng.choice(np.flatnonzero(digits.target == label), size, replace=False)
            for label, size in zip(order, sizes, strict=True)
        ]
    )
    x = PCA(32, random_state=0).fit_transform(digits.data[rows] / 16.0)
    return Sample(x / np.linalg.norm(x, axis=1, keepdims=True), digits.target[rows], order[-TAIL:])


def accuracy(y: Array, found: Array, tail: Array) -> tuple[float, float]:
    """Return the accuracy under the best renaming, and the mean of those of the tail's classes.

    >>> accuracy(np.array([0, 0, 1, 2]), np.array([5, 5, 3, 3]), np.array([1, 2]))
    (0.75, 0.5)
    """
    met = np.zeros((max(y) + 1, max(found) + 1))
    np.add.at(met, (y, found), 1)
    classes, clusters = linear_sum_assignment(-met)
    name = np.full(met.shape[1], -1)
    name[clusters] = classes
    right = name[found] == y
    return float(right.mean()), float(np.mean([right[y == label].mean() for label in tail]))


def alternate(s: Starts, labels: Callable[[Array], Array]) -> Array:
    """Return clusters after rounds of soft labels, then prototypes."""
    prototypes = s.once.cluster_centers_
    for _ in range(ROUNDS):
        prototypes = prototypes / np.linalg.norm(prototypes, axis=1, keepdims=True)
        soft = labels(costs(s.x @ prototypes.T / TEMPERATURE))
        prototypes = soft.T @ s.x
    return soft.argmax(axis=1)


def estimated(s: Starts) -> Array:
    """Begin at the best of ten k-means runs, with its shares as the prior, which then follows the labels."""
    centres, shares = kmeans_start(s.x, CLASSES, seed=s.seed)
    return fit(s.x, centres, prior=shares, keep=0.9).soft.argmax(axis=1)


def merged(s: Starts) -> Array:
    """Begin at three times as many centres, merged, with their shares as the prior."""
    centres, shares = merged_start(s.x, CLASSES, seed=s.seed)
    return fit(s.x, centres, prior=shares).soft.argmax(axis=1)


def variant(s: Starts) -> Array:
    """Begin at merged centres, and label once, neighbours together, with the centres' shares as the prior."""
    centres, shares = merged_start(s.x, CLASSES, seed=s.seed)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    cost = costs(s.x @ centres.T / TEMPERATURE)
    found = partial_labels(cost, 1.0, prior=shares, similarity=s.near, strength=100.0, outer_rounds=10)
    return found.soft.argmax(axis=1)


CONTESTANTS: dict[str, Contestant] = {
    "k-means ×1": lambda s: s.once.labels_,
    "k-means ×10": lambda s: s.ten.labels_,
    "balanced Sinkhorn": lambda s: alternate(s, lambda cost: sinkhorn(cost).plan),
    "unbalanced γ=1": lambda s: alternate(s, lambda cost: unbalanced_ot(cost).plan),
    "P²OT": lambda s: fit(s.x, s.once.cluster_centers_).soft.argmax(axis=1),
    "SP²OT 20-NN": lambda s: fit(s.x, s.once.cluster_centers_, similarity=s.near).soft.argmax(axis=1),
    "P²OT, ×10 and its shares": estimated,
    "P²OT, merged start": merged,
    "variant": variant,
}
"""`variant` was chosen on seeds 100 to 109, which no published table holds."""


def scores(imbalance: float, seeds: range, contestants: Mapping[str, Contestant]) -> tuple[Array, Array]:
    """Return scores (contestants, seeds, 2) and CPU seconds (contestants, seeds)."""
    scored, spent = np.zeros((len(contestants), len(seeds), 2)), np.zeros((len(contestants), len(seeds)))
    for j, seed in enumerate(seeds):
        drawn = sample(imbalance, seed)
        once, ten = (KMeans(CLASSES, n_init=n, random_state=seed).fit(drawn.x) for n in (1, 10))
        starts = Starts(drawn.x, once, ten, similarity(drawn.x), seed)
        for i, found in enumerate(contestants.values()):
            began = time.process_time()
            clusters = found(starts)
            spent[i, j] = time.process_time() - began
            scored[i, j] = accuracy(drawn.y, clusters, drawn.tail)
    return scored, spent


def micro_batch_ratio(rows: int = 250, k: int = 10, batches: int = 200, tol: float = 1e-3) -> tuple[float, float]:
    """Return CPU of a warm partial transport per plain posterior of the same micro-batch, and its mean rounds."""
    rng = np.random.default_rng(0)
    prototypes = rng.normal(size=(k, 32)) / np.sqrt(32)
    start, prior, took = None, np.full(k, 1.0 / k), np.zeros((batches, 2))
    rounds = 0
    for i in range(batches):
        of = rng.integers(0, k, rows)
        logits = (prototypes[of] + rng.normal(0, 0.1, (rows, 32))) @ prototypes.T / TEMPERATURE
        began = time.perf_counter()
        cost = costs(logits)
        between = time.perf_counter()
        found = partial_ot(cost, 0.95, prior, tol=tol, max_rounds=200, start=start)
        took[i] = between - began, time.perf_counter() - between
        start, rounds = found.start, rounds + found.rounds
    plain, transport = np.median(took, axis=0)
    return float((plain + transport) / plain), rounds / batches


def main(
    seeds: Annotated[int, typer.Option(help="How many, from --first on.")] = 20,
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    imbalances: Annotated[str, typer.Option(help="Largest class to smallest, with commas.")] = "1,10,100",
) -> None:
    """Print the tables."""
    reference = list(CONTESTANTS).index("P²OT")
    for imbalance in (float(part) for part in imbalances.split(",")):
        scored, spent = scores(imbalance, range(first, first + seeds), CONTESTANTS)
        table = Table(title=f"imbalance {imbalance:g}, {seeds} seeds from {first}")
        for column in ("", "ACC", "tail", "ACC − P²OT", "tail − P²OT", "CPU s"):
            table.add_column(column, justify="left" if not column else "right")
        for i, name in enumerate(CONTESTANTS):
            apart = scored[i] - scored[reference]
            error = apart.std(axis=0, ddof=1) / np.sqrt(seeds) if seeds > 1 else np.zeros(2)
            mean = scored[i].mean(axis=0)
            paired = [f"{d:+.3f} ± {e:.3f}" for d, e in zip(apart.mean(axis=0), error, strict=True)]
            table.add_row(name, f"{mean[0]:.3f}", f"{mean[1]:.3f}", *paired, f"{spent[i].mean():.2f}")
        console.print(table)
    for tol in (1e-6, 1e-4, 1e-3):
        ratio, rounds = micro_batch_ratio(tol=tol)
        console.print(
            f"micro-batch 250 × 10, warm, tol {tol:g}: {ratio:.1f} × the plain posterior, {rounds:.0f} rounds"
        )
    for imbalance in unequal.IMBALANCES:
        console.print(unequal.table(imbalance))


if __name__ == "__main__":
    typer.run(main)

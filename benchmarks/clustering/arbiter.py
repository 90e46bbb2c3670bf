"""Semidefinite programs for clustering beside k-means++ and EM: errors, costs, and the arbiter's proposals.

Run `python -m benchmarks.clustering.arbiter`, with names of tables (mixtures, recovery, scs) for less than all. The
comparison with SCS needs cvxpy, and is left out without it.
"""

import importlib.util
import sys
import time
from collections.abc import Callable

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering import arbiter, likelihood_sdp, mixture, sdp
from driftline.models.clustering.kmeans import kmeans
from driftline.models.clustering.planted_mixtures import error, heteroscedastic, snapshot, stuck, two_close_pairs
from driftline.models.clustering.points import Points, points

Method = Callable[[Points, int, int], Array]
USUAL = "k-means++ ×10"
DEADLINE = 1000
"""Eigendecompositions for a proposal: about a second."""


def _plain(p: Points, k: int, seed: int) -> Array:
    return sdp.rounded(sdp.peng_wei(p, k).y[0], p, k, seed=seed)


def _adjusted(family: likelihood_sdp.Family, random: bool = False) -> Method:
    def found(p: Points, k: int, seed: int) -> Array:
        start = np.random.default_rng(1000 + seed).integers(0, k, len(p.x)) if random else None
        return likelihood_sdp.cluster(p, k, family, start=start, seed=seed).labels

    return found


METHODS: dict[str, Method] = {
    "k-means random ×1": lambda p, k, seed: kmeans(p, k, 1, spread=False, seed=seed).labels,
    USUAL: lambda p, k, seed: kmeans(p, k, seed=seed).labels,
    "EM diag random ×1": lambda p, k, seed: mixture.em(p, k, 1, spread=False, seed=seed).labels,
    "EM diag k-means++ ×10": lambda p, k, seed: mixture.em(p, k, seed=seed).labels,
    "SDP": _plain,
    "iLA-SDP full": _adjusted("full"),
    "iLA-SDP diag": _adjusted("diag"),
    "iLA-SDP shared": _adjusted("shared"),
    "iLA-SDP full, random start": _adjusted("full", random=True),
    "iLA-SDP diag, random start": _adjusted("diag", random=True),
    "iLA-SDP shared, random start": _adjusted("shared", random=True),
}


def mixtures(seeds: range) -> None:
    """Print the error (mean / max over seeds) and the cost of each method."""
    print(f"\nMixtures, 84 points in 8 dimensions, seeds {seeds.start}-{seeds.stop - 1}: error mean / max, ms\n")
    print("| method | two close pairs | heteroscedastic | ms | × k-means++ ×10 |\n|---|---|---|---|---|")
    rows = {}
    for name, method in METHODS.items():
        cells, costs = [], []
        for made, k in ((two_close_pairs, 4), (heteroscedastic, 3)):
            errors = []
            for seed in seeds:
                x, labels = made(seed)
                began = time.perf_counter()
                found = method(points(x), k, seed)
                costs.append(1e3 * (time.perf_counter() - began))
                errors.append(error(found, labels))
            cells.append(f"{np.mean(errors):.3f}/{np.max(errors):.3f}")
        rows[name] = cells, float(np.median(costs)), max(costs)
    for name, (cells, cost, most) in rows.items():
        print(f"| {name} | {' | '.join(cells)} | {cost:.1f} (max {most:.0f}) | {cost / rows[USUAL][1]:.1f} |")


def recovery(scale: float, seeds: range) -> None:
    """Print what the arbiter makes of a stuck state and of a good one, beside no recovery and k-means++."""
    print(f"\nRecovery, 100 micro-clusters of 5 groups in 8 dimensions, centres N(0, {scale}²), nats per event\n")
    print("| seed | stuck | k-means++ ×10 alone | arbiter | by | ms | planted | accepted from planted |")
    print("|---|---|---|---|---|---|---|---|")
    for seed in seeds:
        found = snapshot(seed, scale)
        p, bad, n = points(found.centroids, found.w, found.within_variances), stuck(found), found.w.sum()
        began = time.perf_counter()
        proposal = arbiter.propose(*found[:3], 5, bad, deadline=DEADLINE, seed=seed)
        cost = 1e3 * (time.perf_counter() - began)
        again = arbiter.propose(*found[:3], 5, found.labels, deadline=DEADLINE, seed=seed)
        scores = [mixture.score(p, labels) / n for labels in (bad, kmeans(p, 5, seed=seed).labels, found.labels)]
        said = f"{proposal.score / n:.4f} | {proposal.method}" if proposal else "nothing | "
        good = f"{again.method}, +{again.gain:.1f} nats" if again else "nothing"
        print(
            f"| {seed} | {scores[0]:.4f} | {scores[1]:.4f} | {said} | {cost:.0f} | {scores[2]:.4f} | {good} |",
            flush=True,
        )


def beside_scs(sizes: tuple[int, ...] = (60, 120)) -> None:
    """Print the time of our solver beside that of SCS through cvxpy, if it is installed."""
    if importlib.util.find_spec("cvxpy") is None or importlib.util.find_spec("scs") is None:
        print("\nSCS: not installed, not compared")
        return
    import cvxpy as cp  # type: ignore[import-not-found,unused-ignore]

    print("\nPeng-Wei, 4 groups in 20 dimensions\n")
    print("| points | ours s | SCS s | ratio | objectives |\n|---|---|---|---|---|")
    for n in sizes:
        rng = np.random.default_rng(0)
        p = points(rng.standard_normal((n, 20)) + 3.0 * np.eye(20)[np.arange(n) % 4])
        began = time.perf_counter()
        ours = sdp.peng_wei(p, 4)
        middle = time.perf_counter()
        z = cp.Variable((n, n), PSD=True)
        problem = cp.Problem(
            cp.Maximize(cp.sum(cp.multiply(sdp.affinity(p), z))), [z >= 0, cp.sum(z, axis=1) == 1, cp.trace(z) == 4]
        )
        value = problem.solve(solver=cp.SCS)
        end = time.perf_counter()
        ratio = (end - middle) / (middle - began)
        print(f"| {n} | {middle - began:.2f} | {end - middle:.2f} | {ratio:.1f} | {ours.objective:.2f}, {value:.2f} |")


def main() -> None:
    """Print the tables that are named, or all."""
    wanted = sys.argv[1:] or ["mixtures", "recovery", "scs"]
    if "mixtures" in wanted:
        for seeds in (range(4), range(4, 8)):
            mixtures(seeds)
    if "recovery" in wanted:
        for scale in (1.0, 0.5):
            recovery(scale, range(10))
    if "scs" in wanted:
        beside_scs()


if __name__ == "__main__":
    main()

"""PPP on micro-clusters beside window methods: `python -m benchmarks.clustering.ppp`."""

import time
from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np
import typer

from benchmarks.clustering.contestants import Contestant, MicroPpp, WindowKMeans, WindowMixture
from benchmarks.clustering.streams import streams
from driftline.models.base import Array
from driftline.models.clustering import event_streams, micro, ppp
from driftline.models.clustering.agreement import adjusted_rand

WARM_UP = 2
"""Micro-batches that are not scored."""


class Figures(NamedTuple):
    """How one contestant did."""

    ari: float
    """Mean adjusted Rand index over micro-batches."""
    ari_all: float
    """Adjusted Rand index of all predictions at once: whether ids keep their meaning."""
    k: float
    """Mean number of groups."""
    rate: float
    """Events per second of CPU, predicted and learnt."""


def measure(contestant: Contestant, X: Array, y: Array) -> Figures:
    """Predict and then learn in micro-batches of 250, of 125 for fewer than 2,500 events."""
    batch = 250 if len(X) >= 2_500 else 125
    told, aris, ks = [], [], []
    began = time.process_time()
    spent = 0.0
    for at in range(0, len(X), batch):
        found = contestant.predict(X[at : at + batch])
        contestant.learn(X[at : at + batch])
        pause = time.process_time()
        if at >= WARM_UP * batch:
            told.append(found)
            aris.append(adjusted_rand(y[at : at + batch], found))
            ks.append(contestant.k)
        spent += time.process_time() - pause
    rate = len(X) / (time.process_time() - began - spent)
    whole = adjusted_rand(y[WARM_UP * batch :], np.concatenate(told))
    return Figures(float(np.mean(aris)), whole, float(np.mean(ks)), rate)


def main(
    only: Annotated[str, typer.Option(help="Streams whose name holds this.")] = "",
    mixtures: Annotated[bool, typer.Option(help="The slow Gaussian mixtures too.")] = True,
) -> None:
    """Print ARI per micro-batch, ARI of the whole stream, groups found and events per second."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        typer.echo("scikit-learn is not installed: no window methods, no digits")
        window = False
    else:
        window = True
    typer.echo(f"{'stream':>18} {'method':>16}   ARI  whole     k  events/s")
    for name, make in streams():
        if only not in name:
            continue
        try:
            X, y = make()
        except Exception as error:  # data that are to be fetched first
            typer.echo(f"{name:>18} skipped: {error}")
            continue
        d, half_life = X.shape[1], 2_000.0 if len(X) >= 2_500 else 800.0
        rows: dict[str, Callable[[], Contestant]] = {"micro + PPP": lambda d=d, h=half_life: MicroPpp(d, h)}
        rows["+ coarseness"] = lambda d=d, h=half_life: MicroPpp(d, h, join=True)
        if window:
            rows["window k-means"] = lambda d=d, y=y: WindowKMeans(d, len(np.unique(y)))
        if window and mixtures:
            rows["window mixture"] = lambda d=d: WindowMixture(d)
        for method, contestant in rows.items():
            contestant().learn(X[:250])  # compiles
            f = measure(contestant(), X, y)
            typer.echo(f"{name:>18} {method:>16} {f.ari:5.3f}  {f.ari_all:5.3f} {f.k:5.1f} {f.rate:9,.0f}")
    if window and not only:
        passes()


def passes() -> None:
    """Print what a global pass costs beside a refit of mixtures, and what the micro-clusters cost."""
    X = event_streams.blobs_abrupt(40_000, 10).X
    made = micro.make(10)
    micro.learn(made, X[:1])  # compiles
    began = time.process_time()
    micro.learn(made, X)
    typer.echo(f"micro-clusters, d = 10: {len(X) / (time.process_time() - began):,.0f} events/s")
    X = event_streams.blobs_abrupt(4_000).X
    made = micro.make(8)
    micro.learn(made, X)
    moments = micro.moments(made)
    ppp.partition(*moments)
    began = time.process_time()
    for _ in range(50):
        ppp.partition(*moments)
    ours = (time.process_time() - began) / 50
    mixture = WindowMixture(8)
    began = time.process_time()
    mixture.learn(X[-1_000:])
    theirs = time.process_time() - began
    typer.echo(
        f"a pass over {len(moments.weight)} micro-clusters, d = 8: {1e3 * ours:.1f} ms; mixtures of 2 to 12 parts on "
        f"1,000 events: {1e3 * theirs:,.0f} ms, {theirs / ours:,.0f} times as much"
    )


if __name__ == "__main__":
    typer.run(main)

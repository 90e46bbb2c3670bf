"""Clusters of many shapes, on which nothing was chosen: `python -m benchmarks.clustering.shapes`.

Which shapes `DriftClusterer` finds, and which it cuts to pieces or joins, beside others by the protocol of the tables.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.clustering import ours
from benchmarks.clustering.cell import measure
from benchmarks.clustering.rivals import RIVALS
from benchmarks.clustering.streams import Stream
from driftline.models.base import Array

EVENTS, SEEDS = 4_000, (0, 1, 2)
BESIDE = (
    "River KMeans default",
    "River DBSTREAM default",
    "window HDBSCAN default",
    "window GMM+BIC",
    "window k-means",
)
"""River's KMeans and the window k-means are given the true k."""


def _gaussians(rng: np.random.Generator, k: int, d: int, apart: float) -> Stream:
    y = rng.integers(0, k, EVENTS)
    return rng.normal(0.0, apart, (k, d))[y] + rng.normal(size=(EVENTS, d)), y


def _around(rng: np.random.Generator, noise: Callable[[], Array]) -> Stream:
    y = rng.integers(0, 5, EVENTS)
    return rng.normal(0.0, 6.0, (5, 6))[y] + noise(), y


def _beside(rng: np.random.Generator, others: Array) -> Stream:
    X, y = _gaussians(rng, 5, 6, 6.0)
    return np.column_stack([X, others]), y


def _sheared(rng: np.random.Generator) -> Stream:
    X, y = _gaussians(rng, 3, 2, 6.0)
    return X @ np.array([[0.6, -0.6], [-0.4, 0.8]]), y


def _unlike(rng: np.random.Generator) -> Stream:
    y = rng.integers(0, 3, EVENTS)
    return rng.normal(0.0, 7.0, (3, 2))[y] + np.array([1.0, 2.5, 0.5])[y, None] * rng.normal(size=(EVENTS, 2)), y


def _moons(rng: np.random.Generator) -> Stream:
    y, turn = rng.integers(0, 2, EVENTS), np.pi * rng.random(EVENTS)
    X = np.where(y == 0, [np.cos(turn), np.sin(turn)], [1.0 - np.cos(turn), 0.5 - np.sin(turn)]).T
    return X + 0.05 * rng.normal(size=X.shape), y


def _rings(rng: np.random.Generator) -> Stream:
    y, turn = rng.integers(0, 2, EVENTS), 2.0 * np.pi * rng.random(EVENTS)
    X = (1.0 - 0.5 * y[:, None]) * np.column_stack([np.cos(turn), np.sin(turn)])
    return X + 0.05 * rng.normal(size=X.shape), y


def _turning(rng: np.random.Generator) -> Stream:
    y = rng.integers(0, 5, EVENTS)
    turn = 2.0 * np.pi * (y / 5.0 + 0.5 * np.arange(EVENTS) / EVENTS)
    return 6.0 * np.column_stack([np.cos(turn), np.sin(turn)]) + rng.normal(size=(EVENTS, 2)), y


def _scaled(rng: np.random.Generator) -> Stream:
    X, y = _gaussians(rng, 5, 6, 6.0)
    return X * 10.0 ** np.arange(-6, 6, 2), y


def _logarithmic(rng: np.random.Generator) -> Stream:
    y = rng.integers(0, 5, EVENTS)
    return np.exp(rng.normal(0.0, 1.5, (5, 6))[y] + 0.3 * rng.normal(size=(EVENTS, 6))), y


SHAPES: dict[str, Callable[[np.random.Generator], Stream]] = {
    "8 Gaussians, d = 3": lambda rng: _gaussians(rng, 8, 3, 6.0),
    "8 Gaussians, d = 20": lambda rng: _gaussians(rng, 8, 20, 4.0),
    "8 Gaussians, d = 200": lambda rng: _gaussians(rng, 8, 200, 4.0),
    "1 Gaussian, d = 10": lambda rng: _gaussians(rng, 1, 10, 1.0),
    "1 Gaussian, d = 200": lambda rng: _gaussians(rng, 1, 200, 1.0),
    "1 cube, d = 5": lambda rng: (rng.random((EVENTS, 5)), np.zeros(EVENTS, np.int64)),
    "Gaussians of unlike size": _unlike,
    "Student's t, 3 degrees": lambda rng: _around(rng, lambda: rng.standard_t(3, (EVENTS, 6))),
    "Cauchy": lambda rng: _around(rng, lambda: rng.standard_t(1, (EVENTS, 6))),
    "lognormal": _logarithmic,
    "units from 1e-6 to 1e4": _scaled,
    "20 features of noise beside": lambda rng: _beside(rng, rng.normal(size=(EVENTS, 20))),
    "4 of which one is 1 beside": lambda rng: _beside(rng, np.eye(4)[rng.integers(0, 4, EVENTS)]),
    "turning half a circle": _turning,
    "sheared Gaussians": _sheared,
    "two half moons": _moons,
    "two rings": _rings,
}


def main(limit: Annotated[float, typer.Option(min=0.1, help="CPU seconds of a method on a stream.")] = 10.0) -> None:
    """Print the mean adjusted Rand index over micro-batches and of the whole stream, and the clusters of each."""
    ours.warm_up()
    typer.echo(
        f"ARI / whole stream / clusters, {EVENTS:,} events, {len(SEEDS)} seeds; k-means gets the true k; "
        f"*: stopped after {limit:g} s\n"
    )
    typer.echo(f"{'':28}" + "".join(f"{name:>24}" for name in (ours.NAME, *BESIDE)))
    rivals = [rival for name in BESIDE for rival in RIVALS if rival.name == name]
    for shape, make in SHAPES.items():
        streams = [make(np.random.default_rng(seed)) for seed in SEEDS]
        d, k = streams[0][0].shape[1], len(np.unique(streams[0][1]))
        makers = [ours.Ours, *(partial(rival.make, d, k, 0) for rival in rivals)]
        told = "".join(f"{_cell(shape, maker, streams, limit):>24}" for maker in makers)
        typer.echo(f"{shape:28}{told}")


def _cell(shape: str, maker: Callable[[], Any], streams: list[Stream], limit: float) -> str:
    name = shape, "file", str(maker)
    cells = [measure(name, maker, X, y, (), limit, raw=maker is ours.Ours) for X, y in streams]
    ari, whole, k = (float(np.mean([getattr(cell, one) for cell in cells])) for one in ("ari", "ari_all", "clusters"))
    return f"{ari:.3f} / {whole:.3f} / {k:.1f}" + "*" * any(cell.partial for cell in cells)


if __name__ == "__main__":
    typer.run(main)

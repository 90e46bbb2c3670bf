"""The streams: eight data sets, River's Yeast, and planted blocks that are regrouped half-way."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from river import datasets

from driftline.models.multilabel.planted_blocks import PlantedBlocks

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "multilabel"
"""Where the data sets are looked for: they are not part of this repository."""


class Set(StrEnum):
    """The sets, in the order of all tables."""

    FLAGS = "flags"
    WATERQUALITY = "waterquality"
    EMOTIONS = "emotions"
    VIRUSGO = "virusgo"
    YEAST = "yeast"
    SCENE = "scene"
    SLASHDOT = "slashdot"
    ENRON = "enron"
    RIVER_YEAST = "river-yeast"
    PLANTED_40 = "planted-40"
    PLANTED_200 = "planted-200"

    @property
    def title(self) -> str:
        """How tables name it."""
        return TITLES[self]

    @property
    def planted(self) -> bool:
        """Whether it is made here; then a seed makes another stream, not another order."""
        return self in PLANTED

    @property
    def stored(self) -> bool:
        """Whether it is a file of `DATA`."""
        return not self.planted and self is not Set.RIVER_YEAST


TITLES = {
    Set.FLAGS: "Flags",
    Set.WATERQUALITY: "WaterQuality",
    Set.EMOTIONS: "Emotions",
    Set.VIRUSGO: "VirusGO",
    Set.YEAST: "Yeast",
    Set.SCENE: "Scene",
    Set.SLASHDOT: "Slashdot",
    Set.ENRON: "Enron",
    Set.RIVER_YEAST: "Yeast of River",
    Set.PLANTED_40: "Planted, 40 labels",
    Set.PLANTED_200: "Planted, 200 labels",
}
EVENTS = 10_000
PLANTED = {
    Set.PLANTED_40: {"n_features": 30, "n_labels": 40, "n_blocks": 8, "cardinality": 3.0},
    Set.PLANTED_200: {"n_features": 60, "n_labels": 200, "n_blocks": 40, "cardinality": 6.0},
}
"""Parameters of the planted streams; labels are dealt to the blocks anew after half of the `EVENTS`."""


class Order(StrEnum):
    """In which order rows come."""

    FILE = "file"
    SHUFFLED = "shuffled"


@dataclass(frozen=True)
class Stream:
    """Rows in the order in which they come."""

    set: Set
    order: str
    """`file`, `shuffled-<seed>`, or `seed-<seed>` of a planted stream."""
    x: np.ndarray
    """(n, d) float32."""
    y: np.ndarray
    """(n, L) uint8."""

    @property
    def seed(self) -> int:
        """The seed of the order, 0 of file order; learners that draw by chance get it too."""
        return int(self.order.rpartition("-")[2]) if "-" in self.order else 0


def orders_of(which: Set, orders: list[Order], seeds: list[int]) -> list[str]:
    """Return the names of a set's orders.

    >>> orders_of(Set.FLAGS, [Order.FILE, Order.SHUFFLED], [0, 1])
    ['file', 'shuffled-0', 'shuffled-1']
    >>> orders_of(Set.PLANTED_40, [Order.FILE], [2])
    ['seed-2']
    """
    if which.planted:
        return [f"seed-{seed}" for seed in seeds]
    shuffled = [f"shuffled-{seed}" for seed in seeds] if Order.SHUFFLED in orders else []
    return [*(["file"] if Order.FILE in orders else []), *shuffled]


def load(which: Set, order: str, data: Path = DATA) -> Stream:
    """Return a stream. Raises `FileNotFoundError` where the set's file is absent."""
    seed = int(order.rpartition("-")[2]) if "-" in order else 0
    if which.planted:
        x, y = PlantedBlocks(**PLANTED[which], seed=seed, regroup_at=EVENTS // 2).take(EVENTS)
        return Stream(which, order, x, y)
    x, y = _river_yeast() if which is Set.RIVER_YEAST else _stored(data / f"{which}.npz")
    if order != "file":
        places = np.random.default_rng(seed).permutation(len(x))
        x, y = x[places], y[places]
    return Stream(which, order, x, y)


def _stored(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path) as arrays:
        return np.ascontiguousarray(arrays["X"], np.float32), np.ascontiguousarray(arrays["Y"], np.uint8)


def _river_yeast() -> tuple[np.ndarray, np.ndarray]:
    rows = list(datasets.Yeast())
    x = np.array([list(row.values()) for row, _ in rows], dtype=np.float32)
    return x, np.array([list(truth.values()) for _, truth in rows], dtype=np.uint8)

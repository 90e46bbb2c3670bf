"""The worlds: Milan's cells by hour and by ten minutes, a transformer's loads by hour, and cells made by a seed."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from driftline.models.base import Array
from driftline.models.forecasting.traffic_streams import traffic

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Where the data sets are looked for: they are not part of this repository."""
MILAN, ETTH1 = "traffic/milan_cells_10min.csv", "forecasting/ETTh1.csv"
BY_HOUR = 6
"""Bins of ten minutes in an hour."""
DIAGONAL = (0, 6, 12, 18, 24)
"""Five of Milan's 25 cells; of all fives that the anchors were tried on, these give them."""
TESTED = 0.2
"""Share of the bins, at the end, whose every value is forecast one step ahead."""
LATER, EARLIER = 7, 9
"""Days with an origin each: those of the anchors, and those before them, which leave two weeks to begin with."""
LAST_HOURS, LAST_DAYS = 2_400, 30
"""Of the transformer: hours that are read, its last, and how many days of them are forecast."""
MADE_CELLS, MADE_DAYS = 10, 14
"""Of made cells: how many in a world, and the days that are forecast, the last of eight weeks."""


class World(StrEnum):
    """The worlds, in the order of all tables."""

    MILAN_DAY = "milan-day"
    MILAN_EARLIER = "milan-earlier"
    MILAN_STEP = "milan-step"
    MILAN_STEP_ALL = "milan-step-all"
    ETTH1_DAY = "etth1-day"
    COUNTERS = "counters"
    ON_OFF = "on-off"

    @property
    def title(self) -> str:
        """How tables name it."""
        return TITLES[self]

    @property
    def made(self) -> bool:
        """Whether it is made here; then a seed makes another one."""
        return self in (World.COUNTERS, World.ON_OFF)

    @property
    def file(self) -> str:
        """The file of `DATA` that it needs, empty where it is made."""
        if self.made:
            return ""
        return ETTH1 if self is World.ETTH1_DAY else MILAN

    @property
    def step(self) -> bool:
        """Whether each value is forecast one step ahead; else a day at a time."""
        return self in (World.MILAN_STEP, World.MILAN_STEP_ALL)


TITLES = {
    World.MILAN_DAY: "Milan, 24 h",
    World.MILAN_EARLIER: "Milan, 24 h, earlier origins",
    World.MILAN_STEP: "Milan, 10 min, 5 cells",
    World.MILAN_STEP_ALL: "Milan, 10 min, 25 cells",
    World.ETTH1_DAY: "ETTh1, 24 h",
    World.COUNTERS: "made counters, 24 h",
    World.ON_OFF: "made on/off, 24 h",
}


@dataclass(frozen=True)
class Task:
    """What is to be forecast."""

    world: World
    seed: int
    ys: Array
    """(T, n): the series of n cells, up to the last value that is judged."""
    season: int
    """Values of a day."""
    horizon: int
    origins: Array
    """(o,) int64, rising: how many values are known before each forecast."""

    @property
    def cells(self) -> int:
        """How many series there are."""
        return self.ys.shape[1]

    @property
    def truth(self) -> Array:
        """What came after each origin: (o, n, horizon)."""
        steps = self.origins[:, None] + np.arange(self.horizon)
        return self.ys[steps].transpose(0, 2, 1)

    def known(self, origin: int, cell: int) -> Array:
        """Return what is known of a cell before a forecast."""
        return self.ys[:origin, cell]


def load(world: World, seed: int = 0, data: Path = DATA) -> Task:
    """Read or make a world."""
    if world.made:
        kind = "counters" if world is World.COUNTERS else "on_off"
        ys = traffic(kind, cells=MADE_CELLS, seed=seed).volumes
        return _days(world, seed, ys, len(ys), MADE_DAYS)
    if world is World.ETTH1_DAY:
        ys = np.loadtxt(data / ETTH1, delimiter=",", skiprows=1, usecols=range(1, 8))
        ys = ys[-LAST_HOURS:]
        return _days(world, seed, ys, len(ys), LAST_DAYS)
    bins = np.loadtxt(data / MILAN, delimiter=",")
    if world.step:
        ys = np.ascontiguousarray(bins[:, DIAGONAL]) if world is World.MILAN_STEP else bins
        first = int(len(ys) * (1 - TESTED))
        return Task(world, seed, ys, 24 * BY_HOUR, 1, np.arange(first, len(ys)))
    hours = bins.reshape(-1, BY_HOUR, bins.shape[1]).sum(axis=1)
    if world is World.MILAN_DAY:
        return _days(world, seed, hours, len(hours), LATER)
    return _days(world, seed, hours, len(hours) - 24 * LATER, EARLIER)


def _days(world: World, seed: int, hours: Array, end: int, days: int) -> Task:
    return Task(world, seed, hours[:end], 24, 24, np.arange(end - 24 * days, end, 24))

"""The worlds: Milan's cells, a transformer's loads, a cloud's metrics, and series made by a seed."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from driftline.models.base import Array
from driftline.models.forecasting.traffic_streams import traffic

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Where the data sets are looked for: they are not part of this repository."""
MILAN, ETTH1 = "traffic/milan_cells_10min.csv", "forecasting/ETTh1.csv"
NAB = "sensors/nab/realAWSCloudwatch__{}.csv"
BY_HOUR = 6
"""Bins of ten minutes in an hour."""
BY_FIVE_MINUTES = 288
"""Bins of a day of the cloud's metrics."""
DIAGONAL = (0, 6, 12, 18, 24)
"""Five of Milan's 25 cells; of all fives that the anchors were tried on, these give them."""
TESTED, TESTED_OF_CLOUD = 0.2, 0.8
"""Share of the bins, at the end, whose every value is forecast one step ahead: of Milan, and of the cloud's metrics,
which are two weeks long and have their few spikes anywhere."""
LATER, EARLIER = 7, 9
"""Days with an origin each: those of the anchors, and those before them, which leave two weeks to begin with."""
LAST_HOURS, LAST_DAYS = 2_400, 30
"""Of the transformer: hours that are read, its last, and how many days of them are forecast."""
MADE_CELLS, MADE_DAYS, WALKED_DAYS = 10, 14, 56
"""Of made cells: how many in a world, and the days that are forecast, the last of eight weeks."""


class World(StrEnum):
    """The worlds, in the order of all tables."""

    MILAN_DAY = "milan-day"
    MILAN_EARLIER = "milan-earlier"
    MILAN_STEP = "milan-step"
    MILAN_STEP_ALL = "milan-step-all"
    ETTH1_DAY = "etth1-day"
    CLOUD_NETWORK = "cloud-network-step"
    CLOUD_CPU = "cloud-cpu-step"
    CLOUD_REQUESTS = "cloud-requests-step"
    COUNTERS = "counters"
    ON_OFF = "on-off"
    WALKS = "walks"

    @property
    def title(self) -> str:
        """How tables name it."""
        return TITLES[self]

    @property
    def made(self) -> bool:
        """Whether it is made here; then a seed makes another one."""
        return self in (World.COUNTERS, World.ON_OFF, World.WALKS)

    @property
    def cloud(self) -> bool:
        """Whether it is one metric of a cloud."""
        return self in METRICS

    @property
    def file(self) -> str:
        """The file of `DATA` that it needs, empty where it is made."""
        if self.made:
            return ""
        if self.cloud:
            return NAB.format(METRICS[self])
        return ETTH1 if self is World.ETTH1_DAY else MILAN

    @property
    def step(self) -> bool:
        """Whether each value is forecast one step ahead; else a day at a time."""
        return self.cloud or self in (World.MILAN_STEP, World.MILAN_STEP_ALL)


METRICS = {
    World.CLOUD_NETWORK: "ec2_network_in_257a54",
    World.CLOUD_CPU: "ec2_cpu_utilization_24ae8d",
    World.CLOUD_REQUESTS: "elb_request_count_8c0756",
}
TITLES = {
    World.MILAN_DAY: "Milan, 24 h",
    World.MILAN_EARLIER: "Milan, 24 h, earlier origins",
    World.MILAN_STEP: "Milan, 10 min, 5 cells",
    World.MILAN_STEP_ALL: "Milan, 10 min, 25 cells",
    World.ETTH1_DAY: "ETTh1, 24 h",
    World.CLOUD_NETWORK: "a machine's traffic, 5 min",
    World.CLOUD_CPU: "a machine's CPU, 5 min",
    World.CLOUD_REQUESTS: "a balancer's requests, 5 min",
    World.COUNTERS: "made counters, 24 h",
    World.ON_OFF: "made on/off, 24 h",
    World.WALKS: "random walks, 24 h",
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
    if world is World.WALKS:
        rng = np.random.default_rng(seed)
        ys = 100.0 + np.cumsum(rng.standard_normal((24 * WALKED_DAYS, MADE_CELLS)), axis=0)
        return _days(world, seed, ys, len(ys), MADE_DAYS)
    if world.made:
        kind = "counters" if world is World.COUNTERS else "on_off"
        ys = traffic(kind, cells=MADE_CELLS, seed=seed).volumes
        return _days(world, seed, ys, len(ys), MADE_DAYS)
    if world is World.ETTH1_DAY:
        ys = np.loadtxt(data / ETTH1, delimiter=",", skiprows=1, usecols=range(1, 8))
        ys = ys[-LAST_HOURS:]
        return _days(world, seed, ys, len(ys), LAST_DAYS)
    if world.cloud:
        ys = np.loadtxt(data / world.file, delimiter=",", skiprows=1, usecols=1)[:, None]
        return _steps(world, seed, ys, BY_FIVE_MINUTES, TESTED_OF_CLOUD)
    bins = np.loadtxt(data / MILAN, delimiter=",")
    if world.step:
        ys = np.ascontiguousarray(bins[:, DIAGONAL]) if world is World.MILAN_STEP else bins
        return _steps(world, seed, ys, 24 * BY_HOUR, TESTED)
    hours = bins.reshape(-1, BY_HOUR, bins.shape[1]).sum(axis=1)
    if world is World.MILAN_DAY:
        return _days(world, seed, hours, len(hours), LATER)
    return _days(world, seed, hours, len(hours) - 24 * LATER, EARLIER)


def _days(world: World, seed: int, hours: Array, end: int, days: int) -> Task:
    return Task(world, seed, hours[:end], 24, 24, np.arange(end - 24 * days, end, 24))


def _steps(world: World, seed: int, ys: Array, season: int, tested: float) -> Task:
    return Task(world, seed, ys, season, 1, np.arange(int(len(ys) * (1 - tested)), len(ys)))

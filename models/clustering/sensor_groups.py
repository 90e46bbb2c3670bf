"""Which sensors move together: a hierarchy of series, kept by River's ODAC, with groups whose ids last."""

import itertools
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from river import cluster

from driftline.models.base import Branch, News, Plain
from driftline.models.clustering import odac_tree
from driftline.models.clustering.macros import keep_ids
from driftline.models.parameters import at_least, positive, within

_COUNTS = ("rows", "carried", "late", "begun", "fresh")
PLAINLY = 0.1
"""A sensor is out of place where its mean correlation with another group is higher by this."""
LONE = 0.7
"""What a lone sensor's correlation with its own group counts as."""
_NEVER = np.iinfo(np.int64).max


class SensorGroups:
    """Group sensors by how their values correlate, while they may come, fall silent, and regroup.

    The hierarchy is River's ODAC, as it is. It knows neither new sensors nor ids that last, and it forgets nothing, so
    around it:

    - A new sensor waits until it was in `n_min` rows; then ODAC begins anew, from the latest rows.
    - A missing value is the last one again, for `carry` rows; then pairs with the sensor learn nothing. A sensor that
      was silent for `history` rows is dropped.
    - When ODAC finds that the structure changes, a second one begins at that row and takes over after 4 `n_min` rows:
      what the first has learnt before a regrouping would keep it from finding the new groups, in half of all draws for
      ever. So does one where, every 4 `n_min` rows, a sensor correlates plainly better with another group than with
      its own, for ODAC never mends a division that parted what belongs together.
    - Each sensor's values are scaled, by constants that are fixed where ODAC begins: it compares the variance of a lone
      sensor with distances between 0 and 1.

    ODAC compares distances with a bound that shrinks with the rows: at the default confidence, groups whose sensors
    correlate less than about 0.93 fall to pieces. At 0.5, groups with a correlation of 0.8 mostly hold (12 sensors in 3
    groups: adjusted Rand index 0.9, where 0.95 gives 0.45); a lone sensor is then told apart less surely.

    Parameters
    ----------
    confidence, n_min, tau
        ODAC's: a level in (0, 1), the rows between two looks (at least 2), and the bound below which ties are broken.
    bin_seconds
        How long the bins are that readings are put in, in seconds.
    carry
        For how many rows a missing value is the last one again, at least 0.
    history
        How many of the latest rows are kept, at least `n_min`.
    most
        How many sensors there may be, at least 2: the cost of a row grows with their square.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Rodrigues, Gama and Pedroso, "Hierarchical clustering of time-series data streams", IEEE TKDE 20 (2008).

    >>> rng = np.random.default_rng(1)
    >>> model = SensorGroups()
    >>> for _ in range(200):
    ...     a, b = rng.normal(size=2)
    ...     model.learn_one({"door": a, "hall": 2 * a + 0.1 * rng.normal(), "roof": b, "wall": b + 0.1 * rng.normal()})
    >>> model.groups()
    {'door': 0, 'hall': 0, 'roof': 1, 'wall': 1}
    """

    def __init__(
        self,
        confidence: float = 0.95,
        n_min: int = 50,
        tau: float = 0.1,
        bin_seconds: float = 60.0,
        carry: int = 5,
        history: int = 500,
        most: int = 200,
    ):
        within("(0, 1)", confidence=confidence)
        at_least(2, n_min=n_min, most=most)
        positive(tau=tau, bin_seconds=bin_seconds)
        at_least(0, carry=carry)
        at_least(n_min, history=history)
        self.confidence, self.n_min, self.tau = confidence, n_min, tau
        self.bin_seconds, self.carry, self.history, self.most = bin_seconds, carry, history, most
        self.rows, self.carried, self.late, self.begun, self.fresh = 0, 0, 0, 0, 0
        """Rows learnt; values that were carried forward; late readings; how often ODAC began; the next id."""
        self._ids: dict[str, int] = {}
        self._last: dict[str, float] = {}
        self._seen: dict[str, int] = {}  # the row of the last value, from 1
        self._since: dict[str, int] = {}  # the row of the first
        self._recent: deque[dict[str, float]] = deque(maxlen=history)
        self._scale: dict[str, list[float]] = {}
        self._odac: cluster.ODAC | None = None
        self._second: cluster.ODAC | None = None
        self._age, self._second_age = 0, 0
        self._bin, self._open = -_NEVER, dict[str, float]()
        self._news: list[News] = []

    def learn_one(self, x: Mapping[str, float]) -> None:
        """Learn a row: the values of some sensors at one time, in any units; those not named are missing.

        Raises
        ------
        ValueError
            A value is not finite, or there are too many sensors; nothing was learnt.
        """
        row = self._checked(x)
        self._news = []
        self._learn(row)

    def learn_reading(self, sensor: str, value: float, at: float) -> bool:
        """Take a single reading; of a sensor's readings in a bin the last counts.

        A row is learnt when a reading comes that is of a later bin; bins without readings are none. A reading for a bin
        that was closed is counted as late.

        Parameters
        ----------
        sensor
            Its name.
        value
            What it read, in any unit.
        at
            When, in seconds since 1970.

        Returns
        -------
        bool
            Whether the reading was taken.

        Raises
        ------
        ValueError
            As `learn_one` does; or `at` is not finite. The reading was not taken.

        >>> model = SensorGroups(bin_seconds=10)
        >>> [model.learn_reading(*reading) for reading in [("a", 1.0, 3.0), ("b", 2.0, 9.0), ("a", 3.0, 10.0)]]
        [True, True, True]
        >>> model.learn_reading("a", 4.0, 9.9), model.rows, model.late
        (False, 1, 1)
        """
        if not math.isfinite(at):
            raise ValueError(f"at must be finite, got {at}")
        reading = self._checked({sensor: value}, self._open)
        when = math.floor(at / self.bin_seconds)
        self._news = []
        if when < self._bin:
            self.late += 1
            return False
        if when > self._bin:
            if self._open:
                self._learn(self._open)
            self._bin, self._open = when, {}
        self._open.update(reading)
        return True

    def groups(self) -> dict[str, int]:
        """Return the group of each sensor, by its name; a sensor that still waits is in none.

        Ids last: of a group's successors the one that shares most sensors with it keeps its id.
        """
        return dict(sorted(self._ids.items()))

    def news(self) -> list[News]:
        """Return what happened in the last call that learnt, and forget it.

        Kinds: `joined` and `left` of a sensor, `split` and `merged` of a group, and `moved` of a sensor that went from
        one lasting group to another. The numbers are groups before and after.
        """
        told, self._news = self._news, []
        return told

    def outline(self) -> Branch:
        """Return the hierarchy; of a divided part `apart` is the largest distance in it, √((1 - correlation) / 2)."""
        return Branch("no sensors", 0.0) if self._odac is None else odac_tree.outline(self._odac)

    def draw(self) -> str:
        """Return the hierarchy as text, as River draws it."""
        return "no sensors" if self._odac is None else str(self._odac.render_ascii())

    def gauges(self) -> dict[str, float]:
        """Return counts: sensors, groups, and values carried forward, late readings, how often ODAC began."""
        groups = len(set(self._ids.values()))
        return {
            "sensors": float(len(self._seen)),
            "groups": float(groups),
            "carried": float(self.carried),
            "late": float(self.late),
            "begun": float(self.begun),
        }

    def state(self) -> dict[str, Plain]:
        """Return what was learnt, as plain values and arrays."""
        state: dict[str, Plain] = {name: getattr(self, name) for name in _COUNTS}
        for name in ("ids", "last", "seen", "since", "open"):
            state[name] = dict(getattr(self, f"_{name}"))
        state["recent"] = [dict(row) for row in self._recent]
        state["scale"] = {sensor: list(scale) for sensor, scale in self._scale.items()}
        state["bin"], state["ages"] = self._bin, [self._age, self._second_age]
        state["odac"] = None if self._odac is None else odac_tree.plain(self._odac)
        state["second"] = None if self._second is None else odac_tree.plain(self._second)
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Become the model that gave this state; its parameters must be the same.

        Raises
        ------
        ValueError
            The state does not fit; nothing was changed.
        """
        trees: list[cluster.ODAC | None] = []
        try:
            for name in ("odac", "second"):
                tree = None if state[name] is None else self._empty()
                if tree is not None:
                    odac_tree.rebuild(tree, state[name])
                trees.append(tree)
            counts = {name: int(state[name]) for name in _COUNTS}
            maps = {f"_{name}": dict(state[name]) for name in ("ids", "last", "seen", "since", "open")}
            recent = deque((dict(row) for row in state["recent"]), maxlen=self.history)
            scale = {sensor: [float(number) for number in pair] for sensor, pair in state["scale"].items()}
            (age, second_age), opened = state["ages"], int(state["bin"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"state does not fit: {error!r}") from error
        for name, value in (counts | maps).items():
            setattr(self, name, value)
        self._odac, self._second = trees
        self._recent, self._scale, self._bin = recent, scale, opened
        self._age, self._second_age = int(age), int(second_age)
        self._news = []

    def _checked(self, x: Mapping[str, float], more: Mapping[str, float] | None = None) -> dict[str, float]:
        row = {str(sensor): float(value) for sensor, value in x.items()}
        for sensor, value in row.items():
            if not math.isfinite(value):
                raise ValueError(f"the value of {sensor!r} must be finite, got {value}")
        known = self._seen.keys() | row.keys() | (more or {}).keys()
        if len(known) > self.most:
            raise ValueError(f"at most {self.most} sensors, got {len(known)}: the cost grows with their square")
        return row

    def _learn(self, row: dict[str, float]) -> None:
        if not row:
            return
        self.rows += 1
        for sensor in row.keys() - self._seen.keys():
            self._since[sensor] = self.rows
        self._seen |= dict.fromkeys(row, self.rows)
        self._last |= row
        silent = [sensor for sensor, seen in self._seen.items() if self.rows - seen >= self.history]
        for sensor in silent:
            del self._seen[sensor], self._last[sensor], self._since[sensor]
        whole = {sensor: value for sensor, value in self._last.items() if self.rows - self._seen[sensor] <= self.carry}
        self.carried += len(whole) - len(row)
        self._recent.append(whole)
        ready = {sensor for sensor, since in self._since.items() if self.rows - since >= self.n_min - 1}
        if ready != self._scale.keys():
            self._begin(sorted(ready))
        elif self._odac is not None:
            self._feed(whole)

    def _begin(self, sensors: list[str]) -> None:
        """Begin with these sensors, from the latest rows that may hold them all."""
        self._scale = {sensor: self._scale_of(sensor) for sensor in sensors}
        self._odac, self._second = (self._empty() if len(sensors) else None), None
        self.begun, self._age = self.begun + 1, 0
        if self._odac is not None:
            newest = max(self._since[sensor] for sensor in sensors)
            begin = max(0, len(self._recent) - 1 - (self.rows - newest))
            for row in itertools.islice(self._recent, begin, None):
                self._teach(self._odac, row)
                self._age += 1
        self._renamed()

    def _scale_of(self, sensor: str) -> list[float]:
        """Return what makes the latest values have mean 0 and standard deviation 0.1."""
        values = np.array([row[sensor] for row in self._recent if sensor in row] or [0.0])
        sd = float(values.std())
        return [float(values.mean()), 0.1 / sd if sd > 1e-150 else 0.1]

    def _feed(self, row: dict[str, float]) -> None:
        assert self._odac is not None
        self._teach(self._odac, row)
        self._age += 1
        changed = self._odac.structure_changed
        if self._second is not None:
            self._teach(self._second, row)
            self._second_age += 1
            if self._second_age >= 4 * self.n_min:
                self._odac, self._second, self._age = self._second, None, self._second_age
                changed = True
        elif (changed and self._age > 4 * self.n_min) or (self._age % (4 * self.n_min) == 0 and self._misplaced()):
            self._second, self._second_age = self._empty(), 0
            self.begun += 1
        if changed:
            self._renamed()

    def _misplaced(self) -> bool:
        """Tell whether a sensor correlates better with another group than with its own; alone, it should with none."""
        assert self._odac is not None
        held = itertools.islice(self._recent, max(0, len(self._recent) - 4 * self.n_min), None)
        rows = [[row[sensor] for sensor in self._scale] for row in held if row.keys() >= self._scale.keys()]
        if len(rows) < self.n_min:
            return False
        X = np.array(rows) - np.mean(rows, axis=0)
        sd = np.sqrt((X**2).sum(axis=0))
        X /= np.where(sd > 1e-150, sd, 1.0)
        number = {sensor: i for i, sensor in enumerate(self._scale)}
        groups = odac_tree.leaves(self._odac)
        inside = np.zeros((len(number), len(groups)))
        for k, group in enumerate(groups):
            inside[[number[sensor] for sensor in group], k] = 1.0
        others = inside.sum(axis=0) - inside
        near = (X.T @ (X @ inside) - inside * (X**2).sum(axis=0)[:, None]) / np.maximum(others, 1.0)
        own = np.where(others > 0.0, near, LONE)[inside > 0.0]
        return bool((np.where(inside > 0.0, -1.0, near).max(axis=1) > own + PLAINLY).any())

    def _teach(self, odac: cluster.ODAC, row: dict[str, float]) -> None:
        if not odac._is_init:  # the first row says which sensors there are
            odac._root_node(sorted(self._scale))
            odac._is_init = True
        alone = {group[0] for group in odac_tree.leaves(odac) if len(group) == 1}
        told: dict[str, float | None] = {}
        for sensor, (mean, scale) in self._scale.items():
            # River takes no missing value of a lone sensor: it gets the mean.
            told[sensor] = (row[sensor] - mean) * scale if sensor in row else (0.0 if sensor in alone else None)
        odac.learn_one(told)

    def _empty(self) -> cluster.ODAC:
        return cluster.ODAC(self.confidence, self.n_min, self.tau)

    def _renamed(self) -> None:
        """Give lasting ids to the groups that there are now, and tell what became of the old ones."""
        old = self._ids
        found = [] if self._odac is None else odac_tree.leaves(self._odac)
        of = {sensor: k for k, group in enumerate(found) for sensor in group}
        sensors = sorted(of)
        if sensors:
            before = np.array([old.get(sensor, -1) for sensor in sensors], np.int64)
            now = np.array([of[sensor] for sensor in sensors], np.int64)
            ids = keep_ids(np.ones(len(sensors)), before, now, self.fresh).tolist()
            self._ids = dict(zip(sensors, ids, strict=True))
            self.fresh = max(self.fresh, max(ids) + 1)
        else:
            self._ids = {}
        self._tell(old, self._ids)

    def _tell(self, old: dict[str, int], new: dict[str, int]) -> None:
        gone, come = set(old.values()) - set(new.values()), set(new.values()) - set(old.values())
        for sensor in sorted(new.keys() - old.keys()):
            self._add("joined", f"sensor {sensor} is in group {new[sensor]}", sensor, [new[sensor]], old, new)
        for sensor in sorted(old.keys() - new.keys()):
            self._add("left", f"sensor {sensor} of group {old[sensor]} is silent", sensor, [old[sensor]], old, new)
        ways = {(old[sensor], new[sensor]) for sensor in old.keys() & new.keys() if old[sensor] != new[sensor]}
        for group in sorted({way[0] for way in ways}):
            parts = sorted(way[1] for way in ways if way[0] == group and way[1] in come)
            if parts:
                self._add("split", f"group {group} gave {_listed(parts)}", str(group), parts, old, new)
        for group in sorted({way[1] for way in ways}):
            parts = sorted(way[0] for way in ways if way[1] == group and way[0] in gone)
            if parts:
                self._add("merged", f"group {group} took in {_listed(parts)}", str(group), parts, old, new)
        for sensor in sorted(old.keys() & new.keys()):
            if old[sensor] != new[sensor] and new[sensor] not in come and old[sensor] not in gone:
                text = f"sensor {sensor} went from group {old[sensor]} to {new[sensor]}"
                self._add("moved", text, sensor, [old[sensor], new[sensor]], old, new)

    def _add(self, kind: str, text: str, who: str, others: list[int], old: dict[str, int], new: dict[str, int]) -> None:
        counts = float(len(set(old.values()))), float(len(set(new.values())))
        self._news.append(News(0, self.rows, kind, text, *counts, who, tuple(map(str, others))))


def _listed(ids: list[int]) -> str:
    return ", ".join(map(str, ids))

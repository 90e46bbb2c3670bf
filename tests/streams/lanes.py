"""Lanes, messages and models for the tests of streams: small, and of every task."""

from __future__ import annotations

from typing import Any

import msgspec

from driftline.models.base import Assignment, News
from driftline.streams.config import StreamConfig
from driftline.streams.lane import Lane
from driftline.streams.message import Message
from driftline.streams.vault import Vault
from driftline.streams.wire import encode

VAULT = Vault(b"0123456789abcdef")
START = 1e9
"""Event time of the first event."""


class Stubborn:
    """A binary model that fails where a feature tells it to, and remembers what it was taught."""

    def __init__(self) -> None:
        self.taught: list[tuple[dict[str, float], bool]] = []

    def predict_proba_one(self, x: dict[str, float]) -> dict[bool, float]:
        """Raise, answer NaN, or say how often yes was right."""
        if x.get("fail") == 1.0:
            raise RuntimeError("no")
        if x.get("fail") == 2.0:
            return {True: float("nan")}
        return {True: (1 + sum(y for _, y in self.taught)) / (2 + len(self.taught))}

    def learn_one(self, x: dict[str, float], y: bool) -> None:
        """Raise, or remember."""
        if x.get("fail") == 3.0:
            raise KeyError("cannot learn this")
        self.taught.append((dict(x), y))


class Gossip(Stubborn):
    """The same with verbs for whole runs, which must not show in a state; tells of each yes."""

    runs = 0
    """How many runs of several lessons were learnt at once, by all of its kind."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[News] = []

    def predict_proba_rows(self, xs: list[dict[str, float]]) -> list[dict[bool, float]]:
        """Raise if any event makes it, else answer all."""
        return [self.predict_proba_one(x) for x in xs]

    def learn_rows(self, xs: list[dict[str, float]], ys: list[bool]) -> None:
        """Raise before anything is learnt, or learn all."""
        if any(x.get("fail") == 3.0 for x in xs):
            raise KeyError("one of them cannot be learnt")
        Gossip.runs += len(xs) > 1
        for row, (x, y) in enumerate(zip(xs, ys, strict=True)):
            super().learn_one(x, y)
            if y:
                self.heard += [News(row, len(self.taught), kind, f"{kind} again", 0.0, 1.0) for kind in ("yes", "aye")]

    def learn_one(self, x: dict[str, float], y: bool) -> None:
        """A run of one."""
        self.learn_rows([x], [y])

    def news(self) -> list[News]:
        """Every yes of the last run."""
        heard, self.heard = self.heard, []
        return heard


class Grid:
    """A clusterer that rounds a feature to its cluster, with all the verbs; finding clusters anew makes them wider."""

    def __init__(self) -> None:
        self.learnt = 0
        self.found = 0
        self.heard: list[News] = []

    def assign_one(self, x: dict[str, float]) -> Assignment:
        """Raise, or round: the distance is what is left, and how often clusters were found shows in the id."""
        if x.get("fail") == 1.0:
            raise RuntimeError("no")
        width = 1.0 + self.found
        cluster = round(x.get("a", 0.0) / width)
        return Assignment(cluster, 1.0, abs(x.get("a", 0.0) - cluster * width) * 4.0, 0.0)

    def predict_one(self, x: dict[str, float]) -> int:
        """The cluster."""
        return self.assign_one(x).cluster

    def learn_one(self, x: dict[str, float]) -> None:
        """Raise, or count."""
        if x.get("fail") == 3.0:
            raise KeyError("cannot learn this")
        self.learnt += 1

    def prequential_rows(self, xs: list[dict[str, float]]) -> list[Assignment]:
        """Raise if any event makes it, else assign and learn each."""
        if any(x.get("fail") in (1.0, 3.0) for x in xs):
            raise KeyError("one of them cannot be taken")
        said = []
        for x in xs:
            said.append(self.assign_one(x))
            self.learn_one(x)
        return said

    def recluster(self) -> None:
        """Make the clusters wider, or fail."""
        if self.found == 3:
            raise RuntimeError("no clusters to be found")
        self.found += 1
        self.heard.append(News(0, self.learnt, "found", "clusters found anew", self.found - 1, self.found))

    def news(self) -> list[News]:
        """Where clusters were found anew."""
        heard, self.heard = self.heard, []
        return heard


STUBBORN = {"class": f"{__name__}:Stubborn", "task": "binary"}
GRID = {"class": f"{__name__}:Grid", "task": "cluster"}
LOGISTIC = {"class": "river.linear_model:LogisticRegression"}
SAGE = {
    "class": "sages:Sage",
    "task": "forecast",
    "per": "key",
    "target": "a",
    "voices": {"v": {"kind": "fracast"}, "w": {"kind": "fracast"}},
}
"""A forecaster that hears voices."""
TWITCHY = {"detector": "page-hinkley", "parameters": {"min_instances": 2, "threshold": 0.3}}
"""A detector that speaks after a few labels."""

MODELS: dict[str, Any] = {
    "logistic": {**LOGISTIC, "drift": {**TWITCHY, "policy": "reset"}},
    "each": {**LOGISTIC, "per": "key", "max_keys": 2, "key_max_age_seconds": 30.0, "drift": TWITCHY},
    "again": {**LOGISTIC, "per": "key", "drift": {**TWITCHY, "policy": "reset"}},
    "classes": {"class": "river.naive_bayes:GaussianNB", "task": "multiclass"},
    "labels": {"class": "binary-relevance"},
    "number": {"class": "river.linear_model:LinearRegression", "drift": TWITCHY},
    "groups": {
        "class": "river.cluster:KMeans",
        "parameters": {"n_clusters": 3, "seed": 1},
        "drift": {**TWITCHY, "policy": "reset", "rest": 2},
    },
    "grid": {**GRID, "drift": {**TWITCHY, "policy": "recluster", "rest": 1}},
    "grids": {**GRID, "per": "key", "max_keys": 2, "drift": {**TWITCHY, "policy": "recluster", "rest": 1}},
    "strange": {
        "class": "river.anomaly:HalfSpaceTrees",
        "parameters": {"n_trees": 2, "height": 3, "window_size": 5, "seed": 1},
        "drift": {**TWITCHY, "policy": "reset", "rest": 0},
    },
    "odd": {
        "class": "river.anomaly:HalfSpaceTrees",
        "parameters": {"n_trees": 2, "height": 3, "window_size": 5, "seed": 1},
        "drift": {**TWITCHY, "policy": "reset", "on": ["score"], "rest": 3},
    },
    "ahead": {
        "class": "holt-winters",
        "per": "key",
        "target": "a",
        "horizon": 3,
        "season": 2,
        "drift": {**TWITCHY, "policy": "reset"},
    },
    "apart": {
        "class": "holt-winters",
        "per": "key",
        "max_keys": 2,
        "target": "a",
        "step_seconds": 3.0,
        "counter": True,
        "horizon": 30,
        "drift": TWITCHY,
    },
    "found": {**SAGE, "step_seconds": "discover", "season": "day", "horizon": 2},
    "sage": {**SAGE, "horizon": 2, "max_keys": 2},
    "stubborn": STUBBORN,
    "murmur": {**STUBBORN, "class": f"{__name__}:Gossip", "per": "key", "max_keys": 2},
    "places": {"class": "leaders:Leaders", "task": "cluster", "parameters": {"reach": 1.2, "idle": 6}},
    "places_of_each": {"class": "leaders:Leaders", "task": "cluster", "per": "key", "max_keys": 2},
    "rare": {"class": "leaders:Leaders", "task": "anomaly", "drift": {**TWITCHY, "policy": "reset"}},
    "bulk": {**STUBBORN, "class": f"{__name__}:Gossip", "drift": {**TWITCHY, "policy": "reset"}},
    "lead": {**STUBBORN, "drift": {**TWITCHY, "policy": "challenger"}},
    "heir": {**LOGISTIC, "drift": {"detector": "hddm-w", "policy": "challenger"}},
}
"""One model of every task, per lane and per key, with alarms and resets."""
CONTESTS: dict[str, Any] = {
    "best": {"models": ["bulk", "logistic", "each", "stubborn"], "run_length": 3},
    "rest": {"models": ["again", "murmur"], "run_length": 2, "loss": "brier", "margin": 0.01},
    "last": {"models": ["lead", "heir"], "run_length": 1_000_000, "loss": "brier"},
}
"""Contests among them, in which the lead changes after a few labels."""


def config(models: dict[str, Any] | None = None, **changed: Any) -> StreamConfig:
    """A stream of sensors `s`."""
    said = {"kind": "sensor", "topic": "s", "models": models or {"m": STUBBORN}, **changed}
    return StreamConfig.model_validate(said)


def lane(models: dict[str, Any] | None = None, vault: Vault = VAULT, **changed: Any) -> Lane:
    """A lane of the stream, without state."""
    return Lane("s", 0, config(models, **changed), vault)


def event(offset: int, id_: str | None = None, key: str = "k", at: float | None = None, **x: float) -> Message:
    """An event at this offset, and of the second of this number unless told otherwise."""
    said = START + offset if at is None else at
    body = {"id": id_ or f"e{offset}", "at": said, "sensor": key, "x": x or {"a": float(offset)}}
    return Message("s", offset, key.encode(), encode(body))


def label(offset: int, of: str, y: Any, key: str = "k", at: float | None = None) -> Message:
    """The label of an event."""
    body = {"of": of, "at": START + offset if at is None else at, "y": y}
    return Message("s.labels", offset, key.encode(), encode(body))


def voice(offset: int, origin: int, ys: list[float], key: str = "k", who: str = "v", model: str = "sage") -> Message:
    """A voice's forecast."""
    body = {"voice": who, "model": model, "origin": origin, "at": START + offset, "y": ys}
    return Message("s.labels", offset, key.encode(), encode(body))


def read(value: bytes) -> dict[str, Any]:
    """A message as plain values."""
    said: dict[str, Any] = msgspec.json.decode(value)
    return said


def letters(outs: Any, reason: str | None = None) -> list[dict[str, Any]]:
    """The dead letters among messages, or those of one reason."""
    said = [read(out.value) for out in outs if out.topic == "s.dead"]
    return [letter for letter in said if reason in (None, letter["reason"])]


def outcomes(lane: Lane) -> dict[str, int]:
    """What became of the labels so far."""
    return {name.removeprefix("labels/"): n for name, n in lane.counts.items() if name.startswith("labels/")}

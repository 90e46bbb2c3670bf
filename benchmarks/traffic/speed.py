"""What ten thousand cells cost: ours beside River's HoltWinters, and Fracast by history and batch."""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
from river import time_series

from benchmarks.child import in_child
from benchmarks.resident import anonymous, give_back
from driftline.models.forecasting import TrafficForecaster, TrafficForecasters
from driftline.models.forecasting.fracast import Fracast
from driftline.models.forecasting.traffic_streams import traffic
from driftline.models.snapshot import pack

CELLS = 10_000
DISTINCT = 48
"""Cells that learn their past, each up to another hour of the day; the others take over what these have learnt."""
SEASON, HORIZON, DAYS = 24, 24, 28
ROUNDS = 3
STEPS = 4
"""Values that every cell learns in a round, a window begins with one of them; after each it says its forecast."""
BATCHES, HISTORIES, MOST = (64, 256, 1_024), (336, 2_048), 140_000
"""Rows of Fracast's, values of each, and how many of both are measured: more of long histories take minutes."""
OURS, MANY, RIVER, FRACAST = "ours", "ours, all in one", "River HoltWinters", "Fracast"
LEARN, TELL, BYTES, STATE = "learn", "forecast", "bytes", "state"


@dataclass(frozen=True)
class Pace:
    """What a cell costs."""

    round: int
    who: str
    what: str
    """`learn` and `forecast` in microseconds of CPU for a cell and step; `bytes` of memory; `state`: packed bytes."""
    batch: int
    history: int
    value: float


def rounds() -> Iterator[Pace]:
    """Measure ours and River's in turn, each in a process of its own, then Fracast."""
    for at in range(ROUNDS):
        for who, work in ((OURS, _ours), (MANY, _many), (RIVER, _river)):
            for what, value in in_child(f"{who}, round {at}", work, at).items():
                yield Pace(at, who, what, CELLS, 0, float(f"{value:.4g}"))
    for history in HISTORIES:
        for batch in BATCHES:
            if history * batch <= MOST:
                yield in_child(f"Fracast, {batch} rows", _fracast, history, batch)


def of(paces: list[Pace], who: str, what: str) -> float:
    """Return the median over rounds, nan where it was not measured."""
    found = [one.value for one in paces if (one.who, one.what) == (who, what)]
    return median(found) if found else float("nan")


def _past(seed: int) -> list[list[float]]:
    """Return for each of the distinct cells what it learns; those to come are the last `STEPS`."""
    ys = traffic(n=SEASON * DAYS, cells=DISTINCT, season=SEASON, seed=seed).volumes
    return [ys[: len(ys) - cell % SEASON, cell].tolist() for cell in range(DISTINCT)]


def _ours(seed: int) -> dict[str, float]:
    past = _past(seed)
    taught = [TrafficForecaster(SEASON, HORIZON, voices=("fracast",)) for _ in past]
    for model, ys in zip(taught, past, strict=True):
        for y in ys[:-STEPS]:
            model.learn_one(y)
            question = model.question()
            if question is not None:  # what the voice says is of no matter here, that it is heard is
                model.hear("fracast", question.origin, np.resize(question.first, question.steps))
    states = [model.state() for model in taught]

    def made(cell: int) -> TrafficForecaster:
        model = TrafficForecaster(SEASON, HORIZON, voices=("fracast",))
        model.restore(states[cell % DISTINCT])
        return model

    told = _timed(made, lambda model: model.told(HORIZON), past)
    return told | {STATE: float(np.mean([len(pack(state)) for state in states]))}


def _many(seed: int) -> dict[str, float]:
    past = traffic(n=SEASON * DAYS, cells=DISTINCT, season=SEASON, seed=seed).volumes
    taught = TrafficForecasters(DISTINCT, SEASON, HORIZON, voices=("fracast",))
    for ys in past[:-STEPS]:
        taught.learn_many(ys)
        for cell in range(DISTINCT):
            question = taught.question(cell)
            if question is not None:
                taught.hear(cell, "fracast", question.origin, np.resize(question.first, question.steps))
    places = np.arange(CELLS) % DISTINCT
    state = {name: value[places] for name, value in taught.state().items()}  # each array has a row for each cell
    gc.collect()
    give_back()
    before = anonymous()
    model = TrafficForecasters(CELLS, SEASON, HORIZON, voices=("fracast",))
    model.restore(state)
    grown = anonymous() - before
    learning = telling = 0.0
    for ys in past[-STEPS:]:
        began = time.process_time()
        model.learn_many(ys[places])
        learnt = time.process_time()
        model.forecast_many(HORIZON)
        learning += learnt - began
        telling += time.process_time() - learnt
    each = 1e6 / (STEPS * CELLS)
    return {LEARN: each * learning, TELL: each * telling, BYTES: grown / CELLS}


def _river(seed: int) -> dict[str, float]:
    past = _past(seed)

    def made(cell: int) -> time_series.HoltWinters:
        model = time_series.HoltWinters(0.3, 0.01, 0.2, seasonality=SEASON)
        for y in past[cell % DISTINCT][: 2 * SEASON]:  # two seasons: from there on each value costs the same
            model.learn_one(y + 1.0)  # it divides by the first level
        return model

    return _timed(made, lambda model: model.forecast(HORIZON), past)


def _timed(made: Callable, tell: Callable, past: list[list[float]]) -> dict[str, float]:
    """Return the cost of learning a value and of a forecast, for models of all cells, and their memory."""
    tell(made(0))
    gc.collect()
    give_back()
    before = anonymous()
    models = [made(cell) for cell in range(CELLS)]
    gc.collect()
    grown = anonymous() - before
    learning = telling = 0.0
    for step in range(STEPS, 0, -1):
        here = [past[cell % DISTINCT][-step] for cell in range(CELLS)]
        began = time.process_time()
        for model, y in zip(models, here, strict=True):
            model.learn_one(y)
        learnt = time.process_time()
        for model in models:
            tell(model)
        learning += learnt - began
        telling += time.process_time() - learnt
    each = 1e6 / (STEPS * CELLS)
    return {LEARN: each * learning, TELL: each * telling, BYTES: grown / CELLS}


def _fracast(history: int, batch: int) -> Pace:
    ys = np.tile(traffic(n=history, cells=DISTINCT, season=SEASON).volumes.T, (-(-batch // DISTINCT), 1))[:batch]
    voice = Fracast(threads=1)
    voice.forecast_many(ys[:2], HORIZON)
    began = time.process_time()
    voice.forecast_many(list(ys), HORIZON)
    value = 1e6 * (time.process_time() - began) / batch
    return Pace(0, FRACAST, TELL, batch, history, float(f"{value:.4g}"))

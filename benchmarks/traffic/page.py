"""The page of the docs: every number on it comes from the CSV files."""

import numpy as np

from benchmarks.clustering.tables import table
from benchmarks.traffic import bars, speed
from benchmarks.traffic.anchors import ANCHORS
from benchmarks.traffic.contestants import Row
from benchmarks.traffic.ours import MEAN, MEDIAN, REFINED
from benchmarks.traffic.results import Results
from benchmarks.traffic.worlds import World

PROTOCOL = """\
Every value is forecast before it is learnt, and each cell is a series of its own. One set of defaults for all worlds,
ours and others'; ours are given the bins of a day and the horizon.

- *Milan, 24 h*: hourly sums of 25 cells of the Telecom Italia grid, 30 days; 24 hours ahead from the last 7 daily
  origins: 175 forecasts. *Earlier origins*: the 9 days before those, with two weeks to begin with; nobody chose
  settings by them.
- *Milan, 10 min*: one step ahead, the last 20 % of 4,320 bins; the five cells of the diagonal of the grid, whose
  anchors are known, and all 25.
- *ETTh1*: the 7 columns of a transformer, as cells; 24 hours ahead from each of the last 30 daily origins, of the
  last 2,400 hours.
- *A machine's traffic, CPU, a balancer's requests*: three metrics of the Numenta Anomaly Benchmark's cloud, each a
  world, with long quiet hours and a few spikes; one step ahead, the last 80 % of 4,032 bins of five minutes.
- *Made* worlds: `traffic()` of `models/forecasting/traffic_streams.py`, 10 cells for eight weeks of hours, counters
  with days, weeks, drift and bursts, or cells that are on and off; 24 hours ahead from each of the last 14 daily
  origins, seeds 0, 1, 2 (means over them).
- *Random walks*, of which nothing but the last value is known: no traffic, but what a mixture costs where one expert
  is all there is to know.

*MAE*, *RMSE* and *R²* are of all steps of all forecasts pooled; *nMAE* is MAE over the mean of the absolute truth.
*Cover* is the share of truths within the 90 % interval (of Fracast alone within its outer quantiles, of 80 %), *width*
its mean width over the mean of the absolute truth. *First*: MAE of the answer before feedback; *wins*: share of
forecasts whose refined answer is nearer to the truth than the first. *ms*: CPU of one thread, everything compiled
before; *update* of a value learnt, Fracast's time included where it is heard, *forecast* of all steps. *kB*: packed
state of a cell's model, River's as a pickle.

Below a row of ours stand its experts: days ahead they are judged by the model itself, over its windows that begin at
the origins of the table. *ours, defaults* asks Fracast within `learn_one` and `told`; where it is *heard as a voice*,
that is after the window has begun. In-process Fracast would take hours for Milan's cells each ten minutes: there ours
are without it, and alone it is not asked one step ahead. On the cloud's metrics it is an expert that is asked each
hour, and *first* is its answer when asked each five minutes. Rows that hear it as a voice are measured on Milan by the
hour, and on made counters of seed 0.

River's HoltWinters has α .5 and β .05 without season, .3, .01 and .2 with one; SNARIMAX 6 lags and 7 seasonal ones (1
one step ahead), and steps of .001, since with its default it leaves all bounds. AutoETS and DynamicOptimizedTheta are
fitted to the last two weeks, MSTL with two seasons to all, anew at each origin and only for days ahead; on made worlds
for seed 0 only. A hostile voice answers every question at once: *noise* of ten times the level, or a *copy* of the
model's own first answer."""


def write(results: Results, paces: list[speed.Pace], machine: dict[str, str]) -> str:
    """Return the page."""
    parts = [
        "# Traffic: forecasts that refine themselves, beside others (`make bench-traffic`)",
        "<!-- Written by the benchmark from traffic-bench.csv, -experts.csv and -speed.csv. -->",
        "Measured on " + ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        "## Bars",
        "\n".join(f"- {line}" for line in bars.lines(results, paces)),
        "## Protocol",
        PROTOCOL,
        _anchors(results),
        *(_world(results, world) for world in results.worlds()),
        _experts(results),
        _speed(paces),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _anchors(results: Results) -> str:
    rows = []
    for (world, row), anchor in ANCHORS.items():
        mae = results.mean(world, row, "mae")
        if not np.isnan(mae):
            rows.append([f"{world.title}: {row.title}", f"{anchor:g}", f"{mae:.2f}", bars.signed(mae / anchor - 1)])
    if not rows:
        return ""
    return (
        "## Anchors\n\nMAE of a prototype's protocol and here. The regression within its SNARIMAX is not known.\n\n"
        + table(["", "anchor", "here", "off by"], rows)
    )


def _world(results: Results, world: World) -> str:
    head = ["", "MAE", "RMSE", "nMAE", "R²", "cover", "width", "first", "wins", "update ms", "forecast ms", "kB"]
    rows, seeds = [], 1
    for row in Row:
        cells = results.all_of(world, row)
        if not cells:
            continue
        seeds = max(seeds, len(cells))
        sound = results.of(world, row)
        if not sound:
            rows.append([f"{row.title} ({cells[0].error})", *[""] * (len(head) - 1)])
            continue
        mark = "" if len(sound) == len(cells) else f" [{len(sound)} of {len(cells)} seeds]"
        measured = {name: results.mean(world, row, name) for name in MEASURES}
        rows.append([row.title + mark, *(MEASURES[name](value) for name, value in measured.items())])
        if row in (Row.WITHOUT, Row.OURS) and (experts := results.experts(world, row)):
            name, mae = bars.best_of(experts)
            beside = {f"best single expert in hindsight: {name}": mae}
            beside |= {"plain mean of the experts": experts[MEAN], "plain median of the experts": experts[MEDIAN]}
            rows += [[f"– {told}", _error(mae), *[""] * (len(head) - 2)] for told, mae in beside.items()]
    forecasts = max(cell.forecasts for row in Row for cell in results.all_of(world, row))
    told = f"{forecasts:,} forecasts" + (f", means over {seeds} seeds" if seeds > 1 else "")
    return f"## {world.title}\n\n{told}.\n\n" + table(head, rows)


def _experts(results: Results) -> str:
    worlds = [world for world in results.worlds() if results.experts(world, Row.OURS)]
    if not worlds:
        return ""
    found = {world: results.experts(world, Row.OURS) for world in worlds}
    names = list(dict.fromkeys(name for experts in found.values() for name in experts))
    rows = [[name, *(_number(found[world].get(name, np.nan)) for world in worlds)] for name in names]
    ahead = ["**refined over best**", *(_over(experts) for experts in found.values())]
    return "## Experts\n\nMAE over the model's own windows.\n\n" + table(
        ["", *(world.title for world in worlds)], [*rows, ahead]
    )


def _over(experts: dict[str, float]) -> str:
    return bars.signed(experts[REFINED] / bars.best_of(experts)[1] - 1.0) if experts else ""


def _speed(paces: list[speed.Pace]) -> str:
    if not paces:
        return ""
    rows = []
    for what, unit, scale in (
        (speed.LEARN, "a value learnt, µs", 1.0),
        (speed.TELL, f"a forecast of {speed.HORIZON} steps, µs", 1.0),
        (speed.BYTES, "memory of a cell, kB", 1e-3),
        (speed.STATE, "packed state of a cell, kB", 1e-3),
    ):
        ours, many, river = (speed.of(paces, who, what) for who in WHO)
        rows.append([unit, *(_number(scale * value) for value in (ours, many, river)), _number(ours / river)])
    told = (
        f"{speed.CELLS:,} cells; *ours* and River's a model for each, at all hours of the day, *all in one* a "
        "`TrafficForecasters`, which tells forecasts without first answers and weights. Median of rounds."
    )
    parts = ["## Speed", told, table(["", *WHO, "ours over River's"], rows)]
    fracast = [one for one in paces if one.who == speed.FRACAST]
    if fracast:
        head = ["Fracast: values of a row", *(f"{batch:,} rows" for batch in speed.BATCHES)]
        known = {(one.history, one.batch): one.value / 1e3 for one in fracast}
        rows = [
            [f"{history:,}", *(_number(known.get((history, batch), np.nan)) for batch in speed.BATCHES)]
            for history in speed.HISTORIES
        ]
        parts += ["Milliseconds of CPU of a row of Fracast's, one thread, by rows in a call:", table(head, rows)]
    return "\n\n".join(parts)


def _number(value: float) -> str:
    """Return a number with as many digits as say something.

    >>> _number(149.94), _number(0.01234), _number(float("nan"))
    ('149.9', '0.0123', '')
    """
    if value != value:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"


def _percent(value: float) -> str:
    return "" if value != value else f"{100 * value:.1f} %"


def _score(value: float) -> str:
    return "" if value != value else f"{value:.3f}"


def _error(value: float) -> str:
    return "" if value != value else f"{value:,.2f}"


def _kilo(value: float) -> str:
    return "" if value != value or value == 0 else f"{value / 1e3:.1f}"


def _cost(value: float) -> str:
    return "" if value != value or value == 0 else _number(value)


WHO = (speed.OURS, speed.MANY, speed.RIVER)
MEASURES = {
    "mae": _error,
    "rmse": _error,
    "nmae": _score,
    "r2": _score,
    "coverage": _percent,
    "width": _score,
    "first_mae": _error,
    "wins": _percent,
    "update_ms": _cost,
    "forecast_ms": _cost,
    "memory": _kilo,
}
"""How tables say each."""

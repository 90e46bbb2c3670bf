"""DiffuMIN beside the event clock and DIN: scores, cost, and what its channels find; `make bench-heavy-clicks`.

Writes docs/clicks-heavy.csv and .md. Each cell is a process of its own; what is measured again replaces what was there.
"""

import pickle
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.metrics import adjusted_rand_score

from benchmarks import machine
from benchmarks.child import Failed, in_child
from benchmarks.clicks import din_codes, streams
from benchmarks.clicks.scores import Scores
from benchmarks.clicks.shown import BATCH, prequential, shown
from benchmarks.clicks.streams import Set, Stream
from benchmarks.multilabel.results import parsed, read, write
from driftline.models.clicks.interests import DriftingInterests
from driftline.models.heavy import Shown

ROOT = Path(__file__).resolve().parents[2]
RIVALS = ROOT / ".venv-rivals" / "bin" / "python"
DIN = Path(__file__).with_name("din.py")
FEW = 20_000
LOOKED_AT = 500
"""Events at the end whose routing is compared with the interests."""
USERS, TOPICS = 25, 8
DIN_RATE = 3e-3
app = typer.Typer(add_completion=False)


class World(StrEnum):
    """A stream, or a family of streams by seed."""

    MOVIELENS = "movielens"
    SHUFFLED = "movielens-shuffled"
    START = "movielens-20k"
    INTERESTS = "multi-interest"


class Row(StrEnum):
    """A row of the table."""

    BASE = "base"
    CLOCK = "event-clock"
    DIN = "din"
    DIN_LOGIT = "din-logit"
    WIDE = "wide"
    NONE = "no-diffusion"
    ONE = "steps-1"
    THREE = "steps-3"
    THROUGH = "steps-3-through"
    STRIDED = "steps-10-strided"
    ALL = "steps-3-all-levels"

    @property
    def title(self) -> str:
        """Its name on the page."""
        return {
            Row.BASE: "click rate so far",
            Row.CLOCK: "`EventClock()` alone",
            Row.DIN: "DIN (deepctr-torch 0.3.0)",
            Row.DIN_LOGIT: "DIN, with the clock's log odds as a number",
            Row.WIDE: "clock + ids' own weights, batches of 256",
            Row.NONE: "`DiffuMin(steps=0)`, no auxiliary losses of diffusion",
            Row.ONE: "`DiffuMin(steps=1)`, sampler detached",
            Row.THREE: "`DiffuMin(steps=3)`, sampler detached",
            Row.THROUGH: "`DiffuMin(steps=3)`, gradients through the sampler",
            Row.STRIDED: "`DiffuMin(steps=10)`, over all levels of noise, detached",
            Row.ALL: "`DiffuMin(steps=3)`, all levels drawn alike, detached",
        }[self]

    @property
    def given(self) -> dict[str, Any]:
        """Parameters of ours."""
        return {
            Row.ONE: {"steps": 1},
            Row.THREE: {"steps": 3},
            Row.THROUGH: {"steps": 3, "detached": False},
            Row.STRIDED: {"steps": 10, "strided": True},
            Row.ALL: {"steps": 3, "half_low": False},
        }.get(self, {})


@dataclass(frozen=True)
class Cell:
    """What was measured."""

    world: str
    seed: int
    row: str
    n: int
    auc: float
    logloss: float
    late_auc: float
    """Of the second half."""
    per_second: float
    """Events answered and learnt in a second of CPU, one thread; the clock, and reading, not counted."""
    purity: float
    """Share of clicks on liked topics that their channel's most usual such topic has."""
    rand: float
    """Adjusted Rand index of channels and topics, over those clicks."""
    ece: float
    """Mean distance of probability and share of clicks, in 20 bins of equally many events."""


@dataclass(frozen=True)
class Given:
    """A stream as heavy models see it."""

    rows: list[Shown]
    ys: np.ndarray
    item: tuple[str, ...]
    names: tuple[str, ...]
    channels: int
    history: int
    topics: list[np.ndarray] | None
    """Of each event's past clicks, the newest first: the topic, or -1 where it was none of the user's interests."""


def load(world: World, seed: int, data: Path) -> Given:
    """Return a stream; MovieLens in the order of time is the same for all seeds, which are those of weights then."""
    if world is not World.INTERESTS:
        which = Set.SHUFFLED if world is World.SHUFFLED else Set.MOVIELENS
        stream = streams.load(which, seed, data, FEW if world is World.START else streams.EVENTS)
        names = ("user", "item", "age", "gender", "occupation")
        return Given(shown(stream, 50), stream.ys, ("item", "genre *"), names, 4, 50, None)
    source = DriftingInterests(users=USERS, topics=TOPICS, shift_at=FEW // 2, seed=seed)
    clicks = [source.next() for _ in range(FEW)]
    ys = np.array([click.y for click in clicks], np.uint8)
    rows = shown(Stream(Set.INTERESTS, seed, [click.x for click in clicks], ys, None), 200)
    topics, past = [], {}
    for click, row in zip(clicks, rows, strict=True):
        own = past.setdefault(row.key, [])
        topics.append(np.array(own[::-1][:200], np.int64))
        if click.y:
            topic = int(click.x["topic"][1:])
            own.append(topic if topic in click.interests else -1)
    names = ("user", "item", "topic", "brand")
    return Given(rows, ys, ("item", "topic", "brand"), names, TOPICS, 200, topics)


def measure(world: World, given: Given, seed: int, row: Row) -> Cell:
    """Answer and learn a stream. Raises `Failed`."""
    purity = rand = seconds = float("nan")
    clock = np.array([one.said["clock"] for one in given.rows])
    if row is Row.BASE:
        said = (np.cumsum(given.ys) - given.ys + 0.5) / np.arange(1, len(given.ys) + 1)
    elif row is Row.CLOCK:
        said = clock
    elif row in (Row.DIN, Row.DIN_LOGIT):
        logit = np.log(clock / (1.0 - clock)) if row is Row.DIN_LOGIT else None
        item = tuple(name for name in given.item if "*" not in name)
        codes, past = din_codes.codes(given.rows, given.names, item, given.history)
        packed = pickle.dumps((codes, past, given.ys, logit, BATCH, seed, DIN_RATE))
        done = subprocess.run([RIVALS, DIN], input=packed, capture_output=True, check=False)
        if done.returncode:
            raise Failed(done.stderr.decode().strip().splitlines()[-1])
        told = pickle.loads(done.stdout)
        said, seconds = np.array(told["said"]), told["seconds"]
    else:
        said, seconds, purity, rand = in_child(f"{row} on {world} {seed}", _ours, given, seed, row)
    whole, late = Scores.of(said, given.ys), Scores.of(said[len(said) // 2 :], given.ys[len(said) // 2 :])
    numbers = [
        round(one, 6) for one in (whole.auc, whole.logloss, late.auc, len(said) / seconds, purity, rand, whole.ece)
    ]
    return Cell(str(world), seed, str(row), len(said), *numbers)


def _ours(given: Given, seed: int, row: Row) -> tuple[np.ndarray, float, float, float]:
    import time

    import torch

    from driftline.models.clicks.diffumin import DiffuMin

    torch.set_num_threads(1)
    parameters = {"item": given.item, "channels": given.channels, "history": given.history, "seed": seed, **row.given}
    model: Any = Wide() if row is Row.WIDE else DiffuMin(device="cpu", **parameters)
    prequential(DiffuMin(device="cpu", **parameters), given.rows[:BATCH], given.ys[:BATCH])  # to have all imported
    began = time.process_time()
    said = prequential(model, given.rows, given.ys)
    seconds = time.process_time() - began
    return said, seconds, *(routing(model, given) if given.topics and row is not Row.WIDE else (np.nan, np.nan))


class Wide:
    """A weight for each id, beside the clock's log odds."""

    def __init__(self) -> None:
        from driftline.models.clicks.catalogue import Catalogue
        from driftline.models.clicks.shown_arrays import ShownArrays
        from driftline.models.id_table import IdTable

        self.arrays, self.catalogue = ShownArrays("clock", (), 1), Catalogue()
        self.table, self.batches = IdTable(width=1, fields=128, rate=0.02), 0

    def _read(self, rows: list[Shown], add: bool) -> tuple[Any, np.ndarray, np.ndarray]:
        batch = self.arrays.batch([row._replace(history=row.history[:0]) for row in rows], self.catalogue, add=add)
        at = self.table.rows(batch.id.ravel(), batch.field.ravel())
        weight = self.table.values(at)[:, 0].reshape(batch.id.shape) * batch.size
        return batch, at, 1.0 / (1.0 + np.exp(-(batch.offset + weight.sum(axis=1))))

    def predict_many(self, rows: list[Shown]) -> np.ndarray:
        """Return probabilities."""
        return self._read(rows, add=False)[2]

    def learn_many(self, rows: list[Shown], ys: list[bool]) -> None:
        """Take one step."""
        batch, at, p = self._read(rows, add=True)
        there = batch.id != 0
        distinct, which = np.unique(at[there.ravel()], return_inverse=True)
        error = ((p - ys)[:, None] * batch.size)[there]
        self.table.learn(distinct, np.bincount(which, error)[:, None])
        self.batches += 1
        self.table.meet(batch.id[there], batch.field[there], self.batches)


def routing(model: Any, given: Given) -> tuple[float, float]:
    """Return purity and adjusted Rand index of the channels of past clicks, of the last events."""
    right = total = 0
    rand = []
    assert given.topics is not None
    for channel, topic in zip(model.routes(given.rows[-LOOKED_AT:]), given.topics[-LOOKED_AT:], strict=True):
        channel, topic = channel[(topic >= 0) & (channel >= 0)], topic[(topic >= 0) & (channel >= 0)]
        right += sum(int(np.bincount(topic[channel == one]).max()) for one in np.unique(channel))
        total += len(topic)
        rand.append(adjusted_rand_score(topic, channel))
    return right / total, float(np.mean(rand))


PROTOCOL = f"""\
Batches of {BATCH} are answered, then learnt in one step; the event clock answers and learns event by event before, so
what it says, and each user's clicks, are as they stood at each event. One set of defaults, but for the item's fields
(MovieLens: id and genres; interests: id, topic, brand), channels (4; {TOPICS}) and history (50; 200). Scores are of all
answers from the first on. ± is the standard deviation over seeds 0, 1, 2: of first weights on MovieLens, of
the order too where it is shuffled, and of the world on interests.

*MovieLens-100k* in the order of time, a rating of 4 or 5 is a click; all, and the first {FEW:,} events. *Shuffled*: all
of it, in an order of each seed's own.
*Multi-interest*: {FEW:,} events of `DriftingInterests`, {USERS} users of 4 interests among {TOPICS} topics, one
replaced every 150 of the user's events, all at half-time; histories grow to some 260 clicks, some on no interest.

*Purity*: of past clicks on topics that the user liked then, the share that belongs to their channel's most usual topic,
over the last {LOOKED_AT} events; *ARI*: the adjusted Rand index of channels and topics, on the same. *ECE*: mean
distance of probability and share of clicks in 20 bins of equally many events. *Events/s*: answered and learnt in a
second of CPU, one thread, without the clock; the machine did other work besides.

DIN: deepctr-torch 0.3.0, embeddings of 8, attention over the same history, layers 128-64, Adam 3e-3 (1e-3 was worse on
multi-interest 0)."""


def page(cells: list[Cell], about: dict[str, str]) -> str:
    """Return the page."""
    parts = [
        "# Clicks: DiffuMIN beside the event clock and DIN (`make bench-heavy-clicks`)",
        "<!-- Written by the benchmark from clicks-heavy.csv. -->",
        f"Measured on {', '.join(f'{name} {version}' for name, version in about.items())}.",
        PROTOCOL,
    ]
    for world in World:
        here = [cell for cell in cells if cell.world == world]
        if here:
            parts += [f"## {world}, {here[0].n:,} events", "\n".join(table(here))]
    return "\n\n".join(parts) + "\n"


def table(cells: list[Cell]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "|  | AUC | above the clock, by seed | logloss | ECE | AUC, 2nd half | events/s | purity | ARI |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    clock = {cell.seed: cell.auc for cell in cells if cell.row == Row.CLOCK}
    for row in Row:
        own = sorted((cell for cell in cells if cell.row == row), key=lambda cell: cell.seed)
        if own:
            above = ", ".join(f"{cell.auc - clock[cell.seed]:+.4f}" for cell in own if cell.seed in clock)
            scores = [_spread([getattr(cell, name) for cell in own]) for name in ("auc", "logloss", "ece", "late_auc")]
            speed = mean(cell.per_second for cell in own)
            routes = [_spread([getattr(cell, name) for cell in own], 2) for name in ("purity", "rand")]
            told = "" if speed != speed else f"{speed:,.0f}"
            above = "" if row in (Row.CLOCK, Row.BASE) else above
            yield "| " + " | ".join([row.title, scores[0], above, *scores[1:], told, *routes]) + " |"


def _order(cell: Cell) -> tuple[int, int, int]:
    return list(World).index(World(cell.world)), cell.seed, list(Row).index(Row(cell.row))


def _spread(values: list[float], digits: int = 4) -> str:
    if any(value != value for value in values):
        return ""
    said = f"{mean(values):.{digits}f}"
    return f"{said} ± {stdev(values):.{digits}f}" if len(values) > 1 else said


@app.command()
def main(
    worlds: Annotated[list[World] | None, typer.Option("--set", help="Repeated; all if not given.")] = None,
    rows: Annotated[list[Row] | None, typer.Option("--row", help="Repeated; all if not given.")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", min=0, help="0, 1, 2 if not given.")] = None,
    only_page: Annotated[bool, typer.Option("--only-page", help="Measure nothing: write the page anew.")] = False,
    data: Annotated[Path, typer.Option(help="Where MovieLens-100k is.", show_default=False)] = streams.DATA,
    out: Annotated[Path, typer.Option(help="Takes the page and its numbers.", show_default=False)] = ROOT / "docs",
) -> None:
    """Measure DiffuMIN beside others. On all of MovieLens, generated interests are left out: they take too long."""
    kept = [parsed(Cell, row) for row in read(out / "clicks-heavy.csv")]
    cells = {(cell.world, cell.seed, cell.row): cell for cell in kept}
    for world in worlds or list(World):
        for seed in seeds or [0, 1, 2]:
            if only_page or (world is not World.INTERESTS and not (data / "ml-100k.inter").exists()):
                continue
            given = load(world, seed, data)
            for row in rows or list(Row):
                if row.given and world in (World.MOVIELENS, World.SHUFFLED):
                    continue
                try:
                    cell = measure(world, given, seed, row)
                except Failed as error:
                    typer.echo(f"{row} on {world} {seed}: {error}")
                    continue
                typer.echo(f"{world} {seed} {row}: AUC {cell.auc:.4f}, {cell.per_second:,.0f} events/s")
                cells[cell.world, cell.seed, cell.row] = cell
                write(out / "clicks-heavy.csv", map(asdict, sorted(cells.values(), key=_order)))
    (out / "clicks-heavy.md").write_text(page(list(cells.values()), machine.machine()), encoding="utf-8")


if __name__ == "__main__":
    app()

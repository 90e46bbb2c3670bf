"""One cell: one contestant on one stream, in a process of its own."""

import gc
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.multilabel import contestants
from benchmarks.multilabel.contestants import Row
from benchmarks.multilabel.scores import Scores
from benchmarks.multilabel.streams import Stream
from benchmarks.resident import anonymous, give_back

MB = 1e6


@dataclass(frozen=True)
class Cell:
    """What was measured."""

    set: str
    order: str
    row: str
    n: int
    """Rows of the stream."""
    rows: int
    """Rows that were answered, from the first."""
    beside: bool
    """Whether it stops early on purpose, beside another row that got no further."""
    subset: float
    hamming: float
    micro: float
    macro: float
    example: float
    ms: float
    """CPU of a row, answered and learnt, one thread."""
    memory_mb: float
    """Growth of the process's anonymous resident memory, its highest."""
    limit: float
    """CPU seconds after which it had to stop."""

    @property
    def partial(self) -> bool:
        """Whether it got only part of the stream."""
        return self.rows < self.n

    @property
    def extent(self) -> str:
        """Which rows were answered."""
        return f"first {self.rows:,} of {self.n:,}" if self.partial else f"all {self.n:,}"


class Failed(RuntimeError):
    """A cell that ended without a result."""


def measure(stream: Stream, row: Row, limit: float, first: int | None = None) -> Cell:
    """Measure a cell, on the `first` rows where given. Raises `Failed`."""
    context = multiprocessing.get_context("fork")  # what is imported and compiled is there already
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(theirs, stream, row, limit, first), daemon=True)
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    except EOFError:
        found = None
    process.join()
    if found is None:
        raise Failed(f"{row} on {stream.set}, {stream.order}: ended with status {process.exitcode}")
    rows, scores, seconds, grown = found
    return Cell(
        str(stream.set), stream.order, str(row), len(stream.y), rows, first is not None,
        **scores.rounded(6), ms=round(1e3 * seconds / rows, 5), memory_mb=round(grown / MB, 2), limit=limit,
    )  # fmt: skip


def _run(out: Connection, stream: Stream, row: Row, limit: float, first: int | None) -> None:
    """Answer and learn until the stream or the time is over, and send what came of it."""
    x, y = stream.x[:first], stream.y[:first]
    said = np.ones_like(y)  # written, so that its pages are there
    idle = contestants.make(row, y.shape[1], stream.seed)
    idle.prepare(x[: idle.chunk], y[: idle.chunk])
    del idle
    gc.collect()
    give_back()
    before = highest = anonymous()
    contestant = contestants.make(row, y.shape[1], stream.seed)
    done, seconds = 0, 0.0
    while done < len(y) and seconds < limit:
        end = min(done + contestant.chunk, len(y))
        rows = contestant.prepare(x[done:end], y[done:end])
        began = time.process_time()
        answers = contestant.step(rows)
        seconds += time.process_time() - began
        said[done:end] = contestant.decide(answers)
        done = end
        del rows, answers
        highest = max(highest, anonymous())
    out.send((done, Scores.of(said[:done], y[:done]), seconds, highest - before))
    out.close()

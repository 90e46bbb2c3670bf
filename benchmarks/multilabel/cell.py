"""One cell: one contestant on one stream, in a process of its own."""

import gc
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.child import in_child
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


def measure(stream: Stream, row: Row, limit: float, first: int | None = None) -> Cell:
    """Measure a cell, on the `first` rows where given. Raises `Failed`."""
    found = in_child(f"{row} on {stream.set}, {stream.order}", _run, stream, row, limit, first)
    rows, scores, seconds, grown = found
    return Cell(
        str(stream.set), stream.order, str(row), len(stream.y), rows, first is not None,
        **scores.rounded(6), ms=round(1e3 * seconds / rows, 5), memory_mb=round(grown / MB, 2), limit=limit,
    )  # fmt: skip


def _run(stream: Stream, row: Row, limit: float, first: int | None) -> tuple[int, Scores, float, int]:
    """Answer and learn until the stream or the time is over, and return what came of it."""
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
    return done, Scores.of(said[:done], y[:done]), seconds, highest - before

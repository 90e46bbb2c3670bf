"""One cell: one contestant on one stream, in a process of its own."""

import gc
import pickle
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.child import Failed, in_child
from benchmarks.clicks import contestants
from benchmarks.clicks.contestants import CHUNK, CROSSES, DELAY, Row
from benchmarks.clicks.scores import Scores
from benchmarks.clicks.streams import Stream
from benchmarks.resident import anonymous, give_back

MB = 1e6
VOWPAL = Path(__file__).with_name("vowpal.py")


@dataclass(frozen=True)
class Cell:
    """What was measured."""

    set: str
    seed: int
    row: str
    n: int
    """Events of the stream."""
    rows: int
    """Events that were answered, from the first."""
    beside: str
    """The row that got no further, where these are ours on the same events."""
    auc: float
    logloss: float
    ece: float
    slope: float
    per_second: float
    """Events answered and learnt in a second of CPU, one thread."""
    bare_per_second: float
    """The same without making text of events, which only Vowpal Wabbit needs."""
    memory_mb: float
    """Growth of the process's anonymous resident memory, its highest."""

    @property
    def partial(self) -> bool:
        """Whether it got only part of the stream."""
        return self.rows < self.n


@dataclass(frozen=True)
class Run:
    """A cell's probabilities, and what they cost."""

    said: np.ndarray
    seconds: float
    bare: float
    grown: float


def run(stream: Stream, row: Row, limit: float, python: Path) -> Run:
    """Answer and learn a stream, as far as the limit of CPU seconds allows. Raises `Failed`."""
    if row is Row.BEST:
        assert stream.best is not None
        return Run(stream.best, np.nan, np.nan, np.nan)
    if row in (Row.VW, Row.VW_CROSSES, Row.VW_LATE):
        further = CROSSES if row is Row.VW_CROSSES else ""
        given = pickle.dumps((stream.xs, stream.ys.tolist(), DELAY if row.late else 0, CHUNK, further))
        done = subprocess.run([python, VOWPAL], input=given, capture_output=True, check=False)
        if done.returncode:
            raise Failed(f"{row} on {stream.set} {stream.seed}: {done.stderr.decode().strip().splitlines()[-1]}")
        told = pickle.loads(done.stdout)
        return Run(np.array(told["said"]), told["seconds"], told["bare"], told["grown"])
    found = in_child(f"{row} on {stream.set} {stream.seed}", _run, stream, row, limit)
    return Run(*found)


def score(stream: Stream, row: Row, made: Run, first: int | None = None, beside: str = "") -> Cell:
    """Return the scores of a run, or of its first events, beside the row that got no further."""
    said = made.said[:first]
    scores = {name: round(value, 6) for name, value in asdict(Scores.of(said, stream.ys[: len(said)])).items()}
    speeds = [round(len(made.said) / seconds, 1) if seconds > 0 else np.nan for seconds in (made.seconds, made.bare)]
    return Cell(
        str(stream.set), stream.seed, str(row), len(stream.xs), len(said), beside, **scores,
        per_second=speeds[0], bare_per_second=speeds[1], memory_mb=round(made.grown / MB, 2),
    )  # fmt: skip


def _run(stream: Stream, row: Row, limit: float) -> tuple[np.ndarray, float, float, float]:
    xs, ys = stream.xs, [bool(y) for y in stream.ys]
    said = np.ones(len(xs))  # written, so that its pages are there
    idle = contestants.make(row)
    contestants.steps(row, idle)(xs[:CHUNK], ys[:CHUNK])
    del idle
    gc.collect()
    give_back()
    before = highest = anonymous()
    contestant = contestants.make(row)
    step = contestants.steps(row, contestant)
    done, seconds = 0, 0.0
    while done < len(xs) and seconds < limit:
        end = min(done + CHUNK, len(xs))
        began = time.process_time()
        if row.late:
            known = slice(max(done - CHUNK - DELAY, 0), max(done - DELAY, 0))  # labels that have come since the last
            contestant.learn(xs[known], ys[known])
            said[done:end] = contestant.answer(xs[done:end])
        else:
            said[done:end] = step(xs[done:end], ys[done:end])
        seconds += time.process_time() - began
        done = end
        highest = max(highest, anonymous())
    return said[:done], seconds, seconds, highest - before

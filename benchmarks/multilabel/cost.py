"""What a row costs, ours beside River's logistic regression per label, and what MLHAT would cost here."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.multilabel import contestants
from benchmarks.multilabel.anchors import MLHAT
from benchmarks.multilabel.contestants import OfArrays, OfEvents, Row
from benchmarks.multilabel.streams import Set, Stream
from driftline.models.multilabel import IHomer

LEAST = 0.3
"""CPU seconds that a measurement takes at least: short streams are run again, by new learners."""
MOST = 4.0
"""And at most: of a slow learner's stream, only the first rows are measured."""
BAR = {Set.FLAGS: 1 / 50, Set.WATERQUALITY: 1 / 50}
USUAL_BAR = 1 / 100


@dataclass(frozen=True)
class Round:
    """CPU of a row, in ms, all measured one after the other."""

    set: str
    round: int
    logistic_ms: float
    logistic_rows: int
    """How many different rows that is over."""
    ihomer_ms: float
    off_ms: float
    events_ms: float
    """`IHomer()` asked and taught event by event, with dictionaries of the features that are not zero."""


@dataclass(frozen=True)
class Cost:
    """Medians of the rounds on one set."""

    set: Set
    logistic_ms: float
    logistic_rows: int
    ihomer_ms: float
    off_ms: float
    events_ms: float
    mlhat_ms: float | None
    """What MLHAT would cost here, None where nothing tells."""

    @property
    def fraction(self) -> float | None:
        """Our cost as a share of MLHAT's."""
        return None if self.mlhat_ms is None else self.ihomer_ms / self.mlhat_ms

    @property
    def events_fraction(self) -> float | None:
        """The same, event by event."""
        return None if self.mlhat_ms is None else self.events_ms / self.mlhat_ms

    @property
    def bar(self) -> float:
        """The share that it may be."""
        return BAR.get(self.set, USUAL_BAR)


def rounds(stream: Stream, number: int) -> Iterator[Round]:
    """Measure a stream, the contestants side by side in each round."""
    labels = stream.y.shape[1]
    for i in range(number):
        logistic, rows = per_row(stream, lambda: contestants.make(Row.LOGISTIC, labels, 0))
        ours, _ = per_row(stream, lambda: contestants.make(Row.IHOMER, labels, 0))
        off, _ = per_row(stream, lambda: contestants.make(Row.GLOBAL, labels, 0))
        events, _ = per_row(stream, lambda: OfEvents(IHomer(), labels, sparse=True))
        yield Round(str(stream.set), i, round(logistic, 5), rows, round(ours, 5), round(off, 5), round(events, 5))


def per_row(stream: Stream, make: Callable[[], OfArrays | OfEvents]) -> tuple[float, int]:
    """Return the CPU of a row in ms, and over how many different rows."""
    seconds, done, most = 0.0, 0, 0
    while seconds < LEAST:
        contestant, at = make(), 0
        while at < len(stream.y) and seconds < MOST:
            end = min(at + contestant.chunk, len(stream.y))
            rows = contestant.prepare(stream.x[at:end], stream.y[at:end])
            began = time.process_time()
            contestant.step(rows)
            seconds += time.process_time() - began
            done, at = done + end - at, end
        most = max(most, at)
    return 1e3 * seconds / done, most


def pace(measured: list[Round]) -> float | None:
    """Return how many times as long this machine takes as the one on which MLHAT was measured: the median of the sets.

    It is read off River's logistic regression, which was timed on both.
    """
    ratios = []
    for which, anchor in MLHAT.items():
        here = [one.logistic_ms for one in measured if one.set == which]
        if here and anchor.logistic_ms is not None:
            ratios.append(median(here) / anchor.logistic_ms)
    return median(ratios) if ratios else None


def costs(measured: list[Round]) -> list[Cost]:
    """Return the medians by set.

    MLHAT's cost is what it was as a multiple of River's logistic regression, where both were measured on the set,
    times what that takes here. Where only the published seconds are known, they are taken as if measured on that same
    machine, times the pace of this one.
    """
    speed, made = pace(measured), []
    for which, anchor in MLHAT.items():
        some = [one for one in measured if one.set == which]
        if not some:
            continue
        logistic = median(one.logistic_ms for one in some)
        if anchor.ms is not None and anchor.logistic_ms is not None:
            mlhat = logistic * anchor.ms / anchor.logistic_ms
        else:
            mlhat = None if speed is None else speed * anchor.published_ms
        made.append(
            Cost(
                which,
                logistic,
                some[0].logistic_rows,
                median(one.ihomer_ms for one in some),
                median(one.off_ms for one in some),
                median(one.events_ms for one in some),
                mlhat,
            )
        )
    return made

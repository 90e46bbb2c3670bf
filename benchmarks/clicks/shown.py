"""Streams as a heavy model sees them: what the event clock said of each event, and the user's clicks before it."""

from collections.abc import Sequence

import numpy as np

from benchmarks.clicks.streams import Stream
from driftline.models.clicks import EventClock
from driftline.models.clicks.histories import Histories
from driftline.models.clicks.shown_arrays import ShownArrays
from driftline.models.heavy import Shown

BATCH = 256
"""Events that are answered, then learnt, at a time."""


def shown(stream: Stream, length: int) -> list[Shown]:
    """Return the events, each as it stood before its label: the clock has learnt all before it, event by event."""
    clock = EventClock().prequential_rows(stream.xs, [bool(y) for y in stream.ys])
    histories = Histories(length=length)
    rows = []
    for x, y, p in zip(stream.xs, stream.ys.tolist(), clock.tolist(), strict=True):
        user = str(x["user"])
        rows.append(Shown(user, x, {"clock": p}, histories.newest(user)))
        token = ShownArrays.token(x)
        if y and token is not None:
            histories.append(user, token)
    return rows


def prequential(model, rows: Sequence[Shown], ys: np.ndarray, first: int = 0) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return what a heavy model answers to each event from the first on, in batches that it then learns."""
    said = np.array([row.said["clock"] for row in rows])
    for start in range(first, len(rows), BATCH):
        here = slice(start, start + BATCH)
        said[here] = model.predict_many(rows[here])
        model.learn_many(rows[here], [bool(y) for y in ys[here]])
    return said

"""What is known of each cluster besides its shape: since when it lives, and how many of the latest events were its own.

Masses that decay keep a dead cluster alive for thousands of events, so life and death are read from arrivals: blocks of
events, counted for each cluster.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import pdtr

from driftline.models.base import Array

BLOCK = 50
"""Events of a block."""
WARM_UP = 1_000
"""Events in which clusters form: all is looked at after each block, no event is too far away, and nothing is told."""
BLOCKS = 20
"""Latest blocks that are kept of each cluster: a thousand events."""
LATELY = 8
"""Latest blocks that its usual share does not know of yet, and in which a death shows: 400 events."""
MEMORY = 0.5 ** (1.0 / 20.0)
"""How much of what is known of a usual share is left after a block: half after a thousand events."""
ROOM = 64
"""Clusters that there is room for, pending ones included."""
SURE = 1e-4
"""Probability of so few arrivals by chance, below which a cluster has died."""
GONE = 0.1
"""Share of the usual arrivals below which a cluster may have died: a rare one need not be silent."""
SILENT = 9.0
"""Arrivals that a cluster must have missed in a row, where it is too rare for its latest blocks to tell."""


class Ledger(NamedTuple):
    """Clusters in rows; the first `counts[0]` rows are used."""

    ids: Array
    """(ROOM,) int64."""
    born: Array
    """(ROOM,) int64: events learnt when it was first seen."""
    pending: Array
    """(ROOM,) int64: 1 while it is not sure whether it is new or an old one that jumped."""
    blocks: Array
    """(ROOM, BLOCKS) int64: arrivals in the latest blocks, the newest first."""
    usual: Array
    """(ROOM, 2): decayed arrivals before the last `LATELY` blocks, and decayed events in that time."""
    silent: Array
    """(ROOM,) int64: events since its last arrival, in whole blocks."""
    changed: Array
    """(ROOM,) int64: events learnt when it was last made of its latest events alone, 0 for never."""
    counts: Array
    """(2,) int64: clusters, and the first id that was never given."""


def make() -> Ledger:
    """Return a ledger of no clusters."""
    return Ledger(
        np.full(ROOM, -1),
        np.zeros(ROOM, np.int64),
        np.zeros(ROOM, np.int64),
        np.zeros((ROOM, BLOCKS), np.int64),
        np.zeros((ROOM, 2)),
        np.zeros(ROOM, np.int64),
        np.zeros(ROOM, np.int64),
        np.zeros(2, np.int64),
    )


def fresh(ledger: Ledger) -> int:
    """Return an id that was never given before."""
    ledger.counts[1] += 1
    return int(ledger.counts[1]) - 1


def live(ledger: Ledger) -> Array:
    """Return the ids of all clusters."""
    return ledger.ids[: ledger.counts[0]]


def code(ids: Any) -> Any:
    """Return what micro-clusters of clusters that are not decided yet have for ids; the code of a code is the id.

    It is below -1, so that such clusters are not taken for settled ones.
    """
    return -2 - ids


def row(ledger: Ledger, id_: int) -> int:
    """Return the row of a cluster that there is."""
    return int(np.flatnonzero(live(ledger) == id_)[0])


def enter(
    ledger: Ledger, id_: int, born: int, pending: bool = False, like: int | None = None, part: float = 1.0
) -> None:
    """Add a cluster; `like` another one of which it was this `part`, or without a past.

    Raises `IndexError` where there is no room: callers keep clusters below `ROOM`.

    >>> ledger = make()
    >>> enter(ledger, fresh(ledger), born=100)
    >>> live(ledger).tolist()
    [0]
    """
    at = int(ledger.counts[0])
    ledger.ids[at], ledger.born[at], ledger.pending[at] = id_, born, int(pending)
    ledger.blocks[at], ledger.usual[at], ledger.silent[at], ledger.changed[at] = 0, 0.0, 0, 0
    if like is not None:
        other = row(ledger, like)
        ledger.blocks[at] = np.round(part * ledger.blocks[other])
        ledger.usual[at] = ledger.usual[other] * (part, 1.0)
        ledger.silent[at] = ledger.silent[other]
    ledger.counts[0] += 1


def leave(ledger: Ledger, id_: int) -> None:
    """Take a cluster out."""
    at, last = row(ledger, id_), int(ledger.counts[0]) - 1
    for part in ledger[:-1]:
        part[at : last + 1] = np.roll(part[at : last + 1], -1, axis=0)
    ledger.ids[last] = -1
    ledger.counts[0] = last


def add(ledger: Ledger, into: int, other: int) -> None:
    """Add the arrivals of another cluster to those of one."""
    at, from_ = row(ledger, into), row(ledger, other)
    ledger.blocks[at] += ledger.blocks[from_]
    ledger.usual[at, 0] += ledger.usual[from_, 0]
    ledger.silent[at] = min(ledger.silent[at], ledger.silent[from_])


def record(ledger: Ledger, ids: Array, arrivals: Array) -> None:
    """Take a block: how many of its events (k,) were of these clusters (k,), by id or code."""
    ids = np.where(ids < 0, code(ids), ids)
    n = int(ledger.counts[0])
    leaving = ledger.blocks[:n, LATELY - 1].copy()
    ledger.blocks[:n, 1:] = ledger.blocks[:n, :-1].copy()
    ledger.blocks[:n, 0] = 0
    for id_, count in zip(ids.tolist(), arrivals.tolist(), strict=True):
        at = np.flatnonzero(ledger.ids[:n] == id_)
        ledger.blocks[at, 0] = count
    ledger.silent[:n] = np.where(ledger.blocks[:n, 0] > 0, 0, ledger.silent[:n] + BLOCK)
    ledger.usual[:n] *= MEMORY
    ledger.usual[:n, 0] += leaving
    ledger.usual[:n, 1] += BLOCK


def share(ledger: Ledger) -> Array:
    """Return the usual share of events of each cluster (k,); 0 where it is too young to have one."""
    usual = ledger.usual[: ledger.counts[0]]
    return usual[:, 0] / np.maximum(usual[:, 1], 1.0)


def arrivals(ledger: Ledger, blocks: int) -> Array:
    """Return the arrivals of each cluster (k,) in so many latest blocks, at most `BLOCKS`."""
    came: Array = ledger.blocks[: ledger.counts[0], :blocks].sum(axis=1)
    return came


def dead(ledger: Ledger) -> Array:
    """Return the ids of clusters that have no arrivals any more, or hardly any, where that is no chance.

    >>> ledger = make()
    >>> for id_ in (0, 1):
    ...     enter(ledger, id_, born=0)
    >>> for block in range(40):
    ...     record(ledger, np.array([0, 1]), np.array([40, 10]) if block < 32 else np.array([50, 0]))
    >>> dead(ledger).tolist()
    [1]
    """
    usual, lately = share(ledger), arrivals(ledger, LATELY)
    expected = usual * BLOCK * LATELY
    few = (lately <= GONE * expected) & (pdtr(lately, np.maximum(expected, 1e-9)) < SURE)
    rare = (ledger.silent[: len(usual)] * usual >= SILENT) & (ledger.silent[: len(usual)] >= BLOCK * LATELY)
    old = ledger.pending[: len(usual)] == 0
    gone: Array = live(ledger)[old & (few | rare) & (usual > 0.0)].copy()
    return gone

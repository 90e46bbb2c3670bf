"""Where lanes' states live: what a store promises, and the errors by which it keeps its promises.

A lane is held through a *session*: acquired once, over one connection, under a `gen` that no other session ever had.
A write is refused unless `gen` is still the session's own and the last write was its own; a session whose connection
broke is over. Nothing is ever tried again under an old session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from driftline.streams.state import Keys, Parts, Touched

KEPT = 3
"""Generations of snapshots that a lane keeps."""


class Lost(Exception):
    """The lane is no longer held: drop it with what it has not sent, and acquire again."""


class Refused(Lost):
    """Another session has acquired the lane, or its state is not what this session last wrote."""


class Broken(Lost):
    """The connection to the store broke, or a reply was lost: what was written is unknown."""


class Unavailable(Exception):
    """The store cannot be reached or cannot write now: wait, tell, and try to acquire again."""


@dataclass(frozen=True)
class Snapshot:
    """One generation of a lane's state.

    `header` is sealed; `parts` are whole; `keyed` holds all keys when read, those touched when written.
    """

    serial: int
    header: bytes
    parts: Parts
    keyed: Touched | Keys = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes to be written."""
        keyed = sum(len(value or b"") for keys in self.keyed.values() for value in keys.values())
        return len(self.header) + sum(map(len, self.parts.values())) + keyed


class Session(Protocol):
    """One hold on one lane."""

    gen: int

    @property
    def serials(self) -> list[int]:
        """Generations kept, the oldest first."""

    def load(self, serial: int) -> Snapshot:
        """Read one generation; raises `Unsound` where something of it is missing."""

    def discard(self, after: int) -> None:
        """Delete the generations above `after`, so that an abandoned branch cannot come back."""

    def checkpoint(self, snapshot: Snapshot) -> None:
        """Write a generation: all of it or nothing. Raises `Refused` or `Broken`."""

    def check(self) -> None:
        """Raises `Refused` or `Broken` where the lane is no longer this session's, or the store has lost writes."""

    def close(self) -> None:
        """Let go of the connection."""


class Store(Protocol):
    """Sessions on lanes, by name (`app:stream:partition`)."""

    def acquire(self, lane: str) -> Session:
        """Take the lane from whoever has it. Raises `Unavailable`."""

    def peek(self, lane: str) -> list[Snapshot]:
        """Read the generations kept, the oldest first, without taking the lane."""

    def newest(self, lane: str) -> str:
        """Name the newest generation, as no other is ever named; empty where there is none."""

    def look_up(self, lane: str, part: str, keys: Sequence[str]) -> list[bytes | None]:
        """Read some keys of the newest generation, without taking the lane."""

    def ping(self) -> None:
        """Raises `Unavailable` where the store does not answer."""

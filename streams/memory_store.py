"""The store's twin in memory: same promises, and on demand the faults of a real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from driftline.streams.failpoint import hit
from driftline.streams.state import Keys
from driftline.streams.store import KEPT, Broken, Refused, Snapshot
from driftline.streams.vault import Unsound


@dataclass
class _Hash:
    gen: int = 0
    kept: list[Snapshot] = field(default_factory=list)
    last: str = ""
    tags: dict[int, str] = field(default_factory=dict)

    def copy(self) -> _Hash:
        return _Hash(self.gen, list(self.kept), self.last, dict(self.tags))


class MemoryStore:
    """Lanes' states in this process.

    >>> store = MemoryStore()
    >>> first = store.acquire("driftline:traffic:0")
    >>> first.checkpoint(Snapshot(1, b"header", {"desk": b"state"}))
    >>> second = store.acquire("driftline:traffic:0")
    >>> second.load(second.serials[-1]).parts
    {'desk': b'state'}
    >>> first.checkpoint(Snapshot(2, b"header", {"desk": b"late"}))
    Traceback (most recent call last):
    driftline.streams.store.Refused: driftline:traffic:0 was acquired by another
    """

    def __init__(self) -> None:
        self._lanes: dict[str, _Hash] = {}
        self._history: dict[str, list[_Hash]] = {}
        self.epoch = 0
        self.clock = 0
        """Stands for Redis TIME, in microseconds: it goes on even when writes are lost."""

    def hash(self, lane: str) -> _Hash:
        """The lane's record."""
        return self._lanes.setdefault(lane, _Hash())

    def wrote(self, lane: str) -> None:
        """Remember the record as it is now, for `lose`."""
        history = self._history.setdefault(lane, [_Hash()])
        history.append(self.hash(lane).copy())
        del history[:-8]

    def acquire(self, lane: str) -> MemorySession:
        """Take the lane from whoever has it."""
        self.clock += 1_000
        kept = self.hash(lane)
        kept.gen = max(kept.gen + 1, self.clock)
        self.wrote(lane)
        return MemorySession(self, lane, kept.gen)

    def peek(self, lane: str) -> list[Snapshot]:
        """Read the generations kept, the oldest first."""
        return list(self.hash(lane).kept)

    def newest(self, lane: str) -> str:
        """Name the newest generation."""
        kept = self.hash(lane)
        return kept.tags[kept.kept[-1].serial] if kept.kept else ""

    def look_up(self, lane: str, part: str, keys: Sequence[str]) -> list[bytes | None]:
        """Read some keys of the newest generation."""
        kept = self.hash(lane).kept
        found = kept[-1].keyed.get(part, {}) if kept else {}
        return [found.get(key) for key in keys]

    def ping(self) -> None:
        """Memory answers."""

    def lose(self, lane: str, writes: int) -> None:
        """Crash as a Redis that syncs every second does: the last writes are gone, and all connections break."""
        history = self._history.get(lane, [_Hash()])
        writes = min(writes, len(history) - 1)
        if writes:
            del history[-writes:]
        self._lanes[lane] = history[-1].copy()
        self.epoch += 1


class MemorySession:
    """One hold on one lane of a `MemoryStore`."""

    def __init__(self, store: MemoryStore, lane: str, gen: int):
        self._store = store
        self._lane = lane
        self._epoch = store.epoch
        self.gen = gen
        self._last = store.hash(lane).last

    @property
    def serials(self) -> list[int]:
        """Generations kept, the oldest first."""
        return [snapshot.serial for snapshot in self._store.hash(self._lane).kept]

    def load(self, serial: int) -> Snapshot:
        """Read one generation."""
        for snapshot in self._store.hash(self._lane).kept:
            if snapshot.serial == serial:
                return snapshot
        raise Unsound(f"{self._lane}: generation {serial} is gone")

    def discard(self, after: int) -> None:
        """Delete the generations above `after`."""
        kept = self._mine()
        kept.kept = [snapshot for snapshot in kept.kept if snapshot.serial <= after]
        kept.last = self._last = f"discarded above {after} by {self.gen}"
        self._store.wrote(self._lane)

    def checkpoint(self, snapshot: Snapshot) -> None:
        """Write a generation."""
        hit("state.ahead")
        kept = self._mine()
        whole: Keys = {}
        before = kept.kept[-1].keyed if kept.kept else {}
        for part, touched in snapshot.keyed.items():
            keys = {**before.get(part, {}), **touched}
            whole[part] = {key: value for key, value in keys.items() if value is not None}
        kept.kept = [*kept.kept, Snapshot(snapshot.serial, snapshot.header, dict(snapshot.parts), whole)][-KEPT:]
        kept.last = self._last = f"{snapshot.serial} by {self.gen}"
        kept.tags[snapshot.serial] = f"{self.gen}-{snapshot.serial}"
        self._store.wrote(self._lane)

    def check(self) -> None:
        """Raises where the lane is no longer this session's."""
        self._mine()

    def close(self) -> None:
        """Nothing is open."""

    def _mine(self) -> _Hash:
        if self._epoch != self._store.epoch:
            raise Broken(f"{self._lane}: the connection broke")
        kept = self._store.hash(self._lane)
        if kept.gen != self.gen:
            raise Refused(f"{self._lane} was acquired by another")
        if kept.last != self._last:
            raise Refused(f"{self._lane} is not as this session left it")
        return kept

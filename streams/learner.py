"""A heavy model at school: it learns each joined event once, in micro-batches, whatever dies and whenever.

Offsets, the model, what its keys did, its scores and its outbox are one snapshot, written through the fence. A step
that was not checkpointed is done again by the successor, from the same offsets.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from driftline.models.clicks.histories import Histories
from driftline.models.heavy import Heavy, Shown
from driftline.streams import events, letters, side_snapshot
from driftline.streams.canary import Canary
from driftline.streams.config import StreamConfig
from driftline.streams.failpoint import hit
from driftline.streams.heavy_answers import numbers
from driftline.streams.judge import Judge, Judged
from driftline.streams.letters import Out
from driftline.streams.served import Served
from driftline.streams.slots import Failure
from driftline.streams.store import Session, Store
from driftline.streams.vault import Foreign, Unsound, Vault
from driftline.streams.wire import Decoder, Joined, Rejected

log = logging.getLogger("driftline.worker")

JOINED = Decoder(events.Joined, Joined)
NOTHING = np.zeros(0, np.uint64)
ROWS, HISTORIES = "rows", "histories"


class Waiting(NamedTuple):
    """A joined event that is to be learnt."""

    partition: int
    offset: int
    since: float
    joined: Any


class Learner:
    """What teaches one heavy model of a stream.

    Parameters
    ----------
    stream, name
        Names in the configuration.
    config
        The stream.
    store, vault
        Where it is kept, and the key that seals it.
    build
        Makes a new model.
    app
        The prefix of names in the store.

    """

    def __init__(
        self, stream: str, name: str, config: StreamConfig, store: Store, vault: Vault, build: Callable[[], Heavy],
        app: str = "driftline",
    ):  # fmt: skip
        self.stream, self.name, self.config = stream, name, config
        self.place = side_snapshot.place_of(app, stream, name, "learner")
        self.spec = config.models[name].version
        self._store, self._vault, self._build = store, vault, build
        self._how = config.models[name].worker
        self._session: Session | None = None
        self._fresh()

    def _fresh(self) -> None:
        self.model: Heavy = self._build()
        self.judge = Judge(self.stream, self.name, self.config)
        self.histories = Histories(max(1, self._how.history), most=self._how.keys)
        self.served = Served(self.config.waiting.max_count)
        self.canary = Canary(self.judge.task.name, self._how.canary, self._how.tolerance)
        self.pending: deque[Waiting] = deque()
        self.offsets: dict[int, int] = {}
        """By partition of the joined events, the offset behind the last one that was learnt."""
        self.numbers: dict[int, int] = {}
        """By partition, the running number behind the last one that was learnt."""
        self.learnt = 0
        self.steps = 0
        self.counts: Counter[str] = Counter()
        """`repeated`, `missing`, `unreadable`, `failed`, `trimmed`."""
        self.outbox: list[Out] = []
        self.announced = ""
        """The version that was told last."""
        self.beginnings: dict[int, int] = {}
        """By partition of the heavy answers, where to read on from."""
        self._expected: dict[int, int] = {}
        self._keys: set[str] = set()
        self._replaced = False
        self._serial = 0

    # -- taking over -------------------------------------------------------------------------------------------------

    def take(self) -> list[Out]:
        """Take the place of whoever taught before; return the outbox, to be sent again.

        Raises `Lost`, `Unavailable`, or `Foreign` where the state is of another model.
        """
        self.drop()
        self._fresh()
        session = self._session = self._store.acquire(self.place)
        hit("acquire.after")
        for serial in reversed(session.serials):
            try:
                self._restore(session, serial)
                break
            except Unsound as trouble:
                log.warning("%s", trouble)
                session.discard(serial - 1)
                self._fresh()
                self._session = session
        outbox, self.outbox = self.outbox, []
        return outbox

    def _restore(self, session: Session, serial: int) -> None:
        snapshot = session.load(serial)
        vault, place = self._vault, self.place
        head = side_snapshot.read(vault, place, snapshot)
        if head.told["spec"] != self.spec:
            raise Foreign(
                f"{place}: class or parameters of {self.name} changed since the snapshot: give the model another name"
            )
        desk = vault.thaw(f"{place}/desk", snapshot.parts["desk"])
        dense = side_snapshot.open_dense(vault, f"{place}/dense", snapshot.parts["dense"])
        rows = side_snapshot.open_rows(vault, f"{place}/{ROWS}", snapshot.keyed.get(ROWS, {}))  # type: ignore[arg-type]
        packed = side_snapshot.open_rows(vault, f"{place}/{HISTORIES}", snapshot.keyed.get(HISTORIES, {}))  # type: ignore[arg-type]
        try:
            self.model.restore(dense, rows)
            for key, one in packed.items():
                self.histories.put(key, one)
        except (ValueError, KeyError) as error:
            raise Foreign(f"{place}: the state does not fit the model: {error}") from error
        self._keys = set(rows)
        self.judge.restore(desk["judge"], vault.thaw(f"{place}/watch", snapshot.parts["watch"]))
        self.offsets = {int(n): at for n, at in desk["offsets"].items()}
        self.numbers = {int(n): at for n, at in desk["numbers"].items()}
        self._expected = dict(self.numbers)
        self.beginnings = {int(n): at for n, at in desk["served"].items()}
        self.learnt, self.steps, self.announced = desk["learnt"], desk["steps"], desk["announced"]
        self.counts = Counter(desk["counts"])
        self.outbox = [Out(*out) for out in desk["outbox"]]
        self._serial = serial

    # -- living ------------------------------------------------------------------------------------------------------

    def offer(self, partition: int, offset: int, value: bytes | None, now: float) -> None:
        """Take the next message of a partition; `now` in seconds says since when it waits."""
        if offset < self.offsets.get(partition, 0):
            return
        try:
            joined = JOINED.decode(value)
        except Rejected as fault:
            self.counts["unreadable"] += 1
            log.warning("%s/%d/%d is no joined event: %s", self.config.joined_topic, partition, offset, fault)
            return
        expected = self._expected.get(partition)
        if expected is not None and joined.n < expected:
            self.counts["repeated"] += 1
            return
        if expected is not None and joined.n > expected:
            self.counts["missing"] += joined.n - expected
            log.warning(
                "%s/%d: %d joined events are gone from the log before they were learnt",
                self.config.joined_topic, partition, joined.n - expected,
            )  # fmt: skip
        self._expected[partition] = joined.n + 1
        self.pending.append(Waiting(partition, offset, now, joined))

    def due(self, now: float) -> bool:
        """Whether a step is to be done: enough labels wait, or one waits for long."""
        pending = self.pending
        return bool(pending) and (
            len(pending) >= self._how.step or now - pending[0].since >= self._how.step_seconds or now < pending[0].since
        )

    def step(self) -> int:
        """Judge and learn one micro-batch; return how many labels that were."""
        batch = [self.pending.popleft() for _ in range(min(self._how.step, len(self.pending)))]
        judged = [Judged(one.partition, one.offset, one.joined, self.served.pop(one.joined.of)) for one in batch]
        self.outbox += self.judge.take([one for one in judged if not one.joined.corrects])
        rows, ys = [self._shown(one) for one in judged], [one.joined.y for one in judged]
        fit = [place for place, y in enumerate(ys) if self.judge.task.accepts(y)]
        self._learn([rows[place] for place in fit], [ys[place] for place in fit], [judged[place] for place in fit])
        for place in fit:
            row, y = rows[place], ys[place]
            self.canary.add(row, y)
            token = self.model.remember(row, y) if self._how.history else None
            if token is not None:
                self.histories.append(row.key, token)
        for one in batch:
            self.offsets[one.partition] = one.offset + 1
            self.numbers[one.partition] = one.joined.n + 1
        self.learnt += len(fit)
        self.steps += 1
        return len(batch)

    def _learn(self, rows: list[Shown], ys: list[Any], judged: Sequence[Judged]) -> None:
        if not rows:
            return
        try:
            self.model.learn_many(rows, ys)
            return
        except Exception as error:  # then nothing was learnt: one by one, to see which it was
            log.warning("%s: %r in a step of %d labels", self.name, error, len(rows))
        for row, y, one in zip(rows, ys, judged, strict=True):
            try:
                self.model.learn_many([row], [y])
            except Exception as error:
                self.counts["failed"] += 1
                topic = self.config.joined_topic
                self.outbox.append(
                    letters.failed(
                        Failure(error), self.name, self.config, topic, one.partition, one.offset, one.joined.key
                    )
                )

    def _shown(self, one: Judged) -> Shown:
        joined, version = one.joined, None if one.record is None else one.record.history
        history = None if version is None else self.histories.at(joined.key, version)
        if history is None and self._how.history:
            if version is not None:
                self.counts["trimmed"] += 1
            history = self.histories.newest(joined.key)
        return Shown(joined.key, joined.x, numbers(joined.ys, joined.ps), NOTHING if history is None else history)

    def history(self, key: str) -> tuple[int, Any]:
        """Return what a key did, and the version of that."""
        return self.histories.version(key), self.histories.newest(key)

    # -- checkpoint --------------------------------------------------------------------------------------------------

    def checkpoint(self) -> tuple[list[Out], dict[str, bytes | None]]:
        """Write the state; return the outbox, which is now true for ever, and the rows that changed.

        Raises `Lost` or `Unavailable`.
        """
        assert self._session is not None, "take the place first"
        vault, place = self._vault, self.place
        rows, packed = self.model.touched(), self.histories.touched()
        if self._replaced:  # its rows are all to be written, and those that it lacks taken away
            every = self.model.rows()
            rows = {**dict.fromkeys(self._keys - every.keys()), **rows, **every}
            self._replaced = False
        for key, row in rows.items():
            if row is None:
                self._keys.discard(key)
            else:
                self._keys.add(key)
        outbox, self.outbox = self.outbox, []
        desk = {
            "judge": self.judge.state(),
            "offsets": {str(n): at for n, at in self.offsets.items()},
            "numbers": {str(n): at for n, at in self.numbers.items()},
            "served": {str(n): at for n, at in self.served.positions().items()},
            "learnt": self.learnt,
            "steps": self.steps,
            "announced": self.announced,
            "counts": dict(self.counts),
            "outbox": [[out.topic, out.partition, out.key, out.value, out.id] for out in outbox],
        }
        parts = {
            "desk": vault.freeze(f"{place}/desk", desk),
            "watch": vault.freeze(f"{place}/watch", self.judge.watch),
            "dense": side_snapshot.pack_dense(vault, f"{place}/dense", self.model.dense()),
        }
        keyed = {
            ROWS: side_snapshot.seal_rows(vault, f"{place}/{ROWS}", rows),
            HISTORIES: side_snapshot.seal_rows(vault, f"{place}/{HISTORIES}", packed),
        }
        keys = {ROWS: len(self._keys), HISTORIES: len(self.histories)}
        hit("state.frozen")
        snapshot = side_snapshot.write(vault, place, self._serial + 1, {"spec": self.spec}, parts, keyed, keys)
        self._session.checkpoint(snapshot)
        hit("state.written")
        self._serial += 1
        return outbox, rows

    def begin_anew(self, model: Heavy) -> None:
        """Go on from another model, such as the one that serves."""
        self.model = model
        self._replaced = True

    def drop(self) -> None:
        """Let go."""
        if self._session is not None:
            self._session.close()
            self._session = None


def look_up_histories(
    store: Store, vault: Vault, app: str, stream: str, name: str, keys: Sequence[str]
) -> dict[str, tuple[int, Any]]:
    """Return what keys did, as of the learner's last checkpoint: version and tokens. Raises `Unavailable`."""
    place = side_snapshot.place_of(app, stream, name, "learner")
    some = Histories()
    for key, sealed in zip(keys, store.look_up(place, HISTORIES, keys), strict=True):
        if sealed is not None:
            some.put(key, vault.open(f"{place}/{HISTORIES}/{key}", sealed))
    return {key: (some.version(key), some.newest(key)) for key in keys}

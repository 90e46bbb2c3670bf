"""One partition of requests to a heavy model: each is answered once, with one value for ever.

The desk keeps the rules of a lane's owner: acquire, then a fence on the topic of the answers, then read what was
answered since the last commit; that is not answered again. Unlike a lane it need not make the same answers once more,
for no state hangs on them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftline.streams import events, side_snapshot
from driftline.streams.config import StreamConfig
from driftline.streams.failpoint import hit
from driftline.streams.fence import FenceFilter
from driftline.streams.letters import Out
from driftline.streams.log import Log
from driftline.streams.scores import Guess
from driftline.streams.store import Session, Store
from driftline.streams.vault import Unsound, Vault
from driftline.streams.wire import Decoder, Fence, Prediction, Rejected, Request, encode

log = logging.getLogger("driftline.worker")

REQUEST = Decoder(events.Request, Request)
FENCE = Decoder(events.Fence, Fence)


@dataclass(frozen=True)
class Asked:
    """One request that is to be answered."""

    partition: int
    at: float
    """When it was published, in seconds since 1970."""
    offset: int
    """Of the request."""
    request: Any


@dataclass(frozen=True)
class Reply:
    """What is said to one request."""

    asked: Asked
    guess: Guess
    version: str
    fallback: str | None = None
    champion_of: str | None = None
    history: int | None = None


class Desk:
    """The requests of one partition.

    Parameters
    ----------
    stream, model
        Names in the configuration.
    partition
        Of the requests, and of the answers.
    config
        The stream.
    store, log, vault
        Where it is kept how far it has come, where answers go, and the key that seals.
    app
        The prefix of names in the store.

    """

    def __init__(
        self, stream: str, model: str, partition: int, config: StreamConfig, store: Store, log_: Log, vault: Vault,
        app: str = "driftline",
    ):  # fmt: skip
        self.model, self.partition = model, partition
        self.place = side_snapshot.place_of(app, stream, model, f"desk/{partition}")
        self.requests, self.answers, self.events = config.request_topic, config.heavy_topic(model), config.topic
        self._store, self._log, self._vault = store, log_, vault
        self._session: Session | None = None
        self.next = 0
        """The next offset of the requests."""
        self.answered = 0
        """Events below this offset have their answer."""
        self._floor = 0
        """The highest fence among the requests."""
        self._note = 0
        """The offset of the answers from which a successor reads."""
        self._below = 0
        """The fence in force there."""
        self._serial = 0
        self.counts: Counter[str] = Counter()
        """`repeated`, `void`, `unreadable`, `skipped`."""

    # -- taking over -------------------------------------------------------------------------------------------------

    def take(self) -> int:
        """Take the partition over; return the offset to read on from. Raises `Lost`, `Unavailable` or `Foreign`."""
        self.drop()
        session = self._session = self._store.acquire(self.place)
        hit("acquire.after")
        fence = self._log.append(self.answers, self.partition, encode(Fence(session.gen)))
        hit("fence.after")
        below = self._restore(session)
        first, _ = self._log.bounds(self.answers, self.partition)
        believe = FenceFilter({self.partition: below})
        for offset, value in self._log.read(self.answers, self.partition, max(self._note, first), fence):
            record = believe.feed(self.partition, offset, value)
            if record is not None:
                self.answered = max(self.answered, int(record.id.rpartition("/")[2]) + 1)
        self._note, self._below = fence + 1, session.gen
        begin, _ = self._log.bounds(self.requests, self.partition)
        if self.next < begin:
            if self._serial:
                self.counts["skipped"] += begin - self.next
                log.warning("%s: %d requests are gone from the log unanswered", self.place, begin - self.next)
            self.next = begin
        return self.next

    def _restore(self, session: Session) -> int:
        """Take the newest sound snapshot; return the fence in force on the answers there."""
        for serial in reversed(session.serials):
            try:
                told = side_snapshot.read(self._vault, self.place, session.load(serial)).told
            except Unsound as trouble:
                log.warning("%s", trouble)
                session.discard(serial - 1)
                continue
            self.next, self.answered, self._floor = told["next"], told["answered"], told["floor"]
            self._note, self._serial = told["note"], serial
            return int(told["below"])
        # Where nothing is known of what was answered, all of the answers tell.
        self._note, _ = self._log.bounds(self.answers, self.partition)
        self.next = self.answered = self._floor = self._serial = 0
        return 0

    # -- living ------------------------------------------------------------------------------------------------------

    def sift(self, messages: Sequence[tuple[int, bytes | None, float]]) -> list[Asked]:
        """Take messages (offset, value, time in seconds) in order; return the requests to be answered."""
        found = []
        for offset, value, at in messages:
            if offset < self.next:
                continue
            self.next = offset + 1
            try:
                request = REQUEST.decode(value)
            except Rejected as fault:
                try:
                    self._floor = max(self._floor, FENCE.decode(value).fence)
                except Rejected:
                    self.counts["unreadable"] += 1
                    log.warning("%s/%d/%d is no request: %s", self.requests, self.partition, offset, fault)
                continue
            if request.gen < self._floor:
                self.counts["void"] += 1
            elif request.offset < self.answered:
                self.counts["repeated"] += 1
            else:
                self.answered = request.offset + 1
                found.append(Asked(self.partition, at, offset, request))
        return found

    def publish(self, replies: Sequence[Reply]) -> None:
        """Send the answers to requests that `sift` gave, in their order. Raises `Lost`."""
        assert self._session is not None, "take the partition first"
        head, gen = f"{self.model}/{self.events}/{self.partition}/", self._session.gen
        outs = []
        for reply in replies:
            asked, (y, p) = reply.asked.request, reply.guess
            name = f"{head}{asked.offset}"
            made = Prediction(
                name, self.model, asked.of, asked.key, asked.at, y, {self.requests: reply.asked.offset}, gen,
                reply.version, p, reply.champion_of, fallback=reply.fallback, history=reply.history,
            )  # fmt: skip
            outs.append(Out(self.answers, self.partition, asked.key, encode(made), name))
        self._log.send(outs)

    def commit(self, mark: bool) -> None:
        """Write down how far we are, when all answers are acknowledged. Raises `Lost` or `Unavailable`.

        With `mark`, a successor need not read the answers up to here; it costs a record.
        """
        assert self._session is not None, "take the partition first"
        hit("produce.after")
        self._log.flush()
        hit("flush.after")
        if mark:
            self._note = 1 + self._log.append(self.answers, self.partition, encode(Fence(self._session.gen)))
            hit("note.after")
        told = {
            "next": self.next, "answered": self.answered, "floor": self._floor, "note": self._note,
            "below": self._below,
        }  # fmt: skip
        snapshot = side_snapshot.write(self._vault, self.place, self._serial + 1, told, {}, {}, {})
        self._session.checkpoint(snapshot)
        self._serial += 1

    def drop(self) -> None:
        """Let go."""
        if self._session is not None:
            self._session.close()
            self._session = None

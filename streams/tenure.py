"""One process's hold on one lane, from acquire until it is lost: the rules by which nothing is lost or done twice.

The numbers are those of DESIGN.md. Whatever goes wrong on the way raises `Lost`: the holder drops this object, with
all that it has not sent, and begins a new tenure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from driftline.streams import header
from driftline.streams.failpoint import armed, hit
from driftline.streams.fence import FenceFilter, decode
from driftline.streams.lane import Lane
from driftline.streams.letters import Out
from driftline.streams.log import Log
from driftline.streams.message import Message
from driftline.streams.order import Gap, Order, Step
from driftline.streams.state import freeze, restore
from driftline.streams.store import Broken, Lost, Session, Store
from driftline.streams.vault import Foreign, Unsound
from driftline.streams.wire import Fence, answer, encode


@dataclass(frozen=True)
class Recovery:
    """What to do where nothing can be done without losing something; by default: stop, and say so."""

    on_truncated: Literal["stop", "skip"] = "stop"
    """The log no longer reaches back to the snapshot: `skip` goes on where it begins, and counts the gap."""
    on_unreadable: Literal["stop", "rebuild"] = "stop"
    """No generation is sound: `rebuild` learns anew from the beginning of the log."""
    on_model_change: Literal["stop", "restart"] = "stop"
    """A model's class or parameters changed: `restart` begins it anew here."""


class Differs(Lost):
    """A prediction came out otherwise than it was published: the lane is not ours, or a model is not deterministic."""

    def __init__(self, id_: str, published: Any, made: Any):
        super().__init__(f"{id_} was published as {published}, and came out as {made}")
        self.id = id_


class Stuck(Exception):
    """The lane cannot go on without a decision of the user's; the text says which."""


class Tenure:
    """Hold one lane.

    `make` builds the lane as configured, without state; `log` and `store` are where it is kept.
    """

    def __init__(self, make: Callable[[], Lane], store: Store, log: Log, recovery: Recovery = Recovery()):
        self._make = make
        self._store = store
        self._log = log
        self._recovery = recovery
        self.lane = make()
        self.topics = (self.lane.events, self.lane.labels)
        self.session: Session | None = None
        self.born: set[str] = set()
        """Models that were not in the snapshot, or not in this version."""
        self.same_contests = False
        """Whether the contests are those of the snapshot: then who led is the same again."""
        self.origin: dict[str, int] = {}
        self.note = 0
        self.floor = 0
        self.fence = 0
        """The offset of our own fence."""
        self.serial = 0
        self.size = 0
        """Bytes of the last snapshot."""
        self.replayed = 0
        """Messages handled in the order of published predictions."""
        self.skipped = 0
        """Messages that the log no longer had, by the user's policy."""
        self.since = 0
        """Messages handled since the last checkpoint."""
        self.order = Order(self.lane, self.lane.config.skew_seconds)
        self._published: dict[str, Any] = {}

    # -- taking over -------------------------------------------------------------------------------------------------

    def take(self) -> dict[str, int]:
        """Take the lane over (rules 1 to 4); return the next offset of each topic, to consume from.

        Raises `Lost`, `Unavailable`, `Foreign` or `Stuck`.
        """
        lane = self.lane
        # Rule 1: acquire, so that nobody else can write.
        hit("acquire.before")
        session = self.session = self._store.acquire(lane.name)
        hit("acquire.after")
        # Rule 2: then the fence. The other way round, what an old owner publishes in between would be lost.
        topic, partition = lane.config.prediction_topic, lane.partition
        self.fence = self._log.append(topic, partition, self._fence())
        if lane.config.heavy:
            self._log.append(lane.config.request_topic, partition, self._fence())
        hit("fence.after")
        # Rule 3: the newest sound snapshot; what was skipped is deleted.
        self._restore(session)
        self.lane.gen = session.gen
        self._check_bounds()
        # Rule 4: what was published since, without what was void, gives the order.
        self._read_outputs(topic, partition)
        hit("outputs.read")
        # Rule 8: the outbox may or may not have been sent: again, under the same ids.
        self._send_outbox(self.lane.outbox)
        self.lane.outbox = []
        hit("outbox.resent")
        return dict(self.lane.offsets)

    def _restore(self, session: Session) -> None:
        troubles = []
        for serial in reversed(session.serials):
            lane = self._make()
            try:
                snapshot = session.load(serial)
                head = header.read(snapshot, lane.name, lane.vault)
                header.check_topics(head, lane)
                born = self._born(head, lane)
                same = restore(lane, snapshot.parts, snapshot.keyed, born)  # type: ignore[arg-type]
            except Unsound as trouble:
                troubles.append(str(trouble))
                continue
            if troubles:
                hit("discard.before")
                session.discard(serial)
                hit("discard.after")
            self.lane, self.serial = lane, serial
            self.origin, self.note, self.floor = head.origin, head.note, head.floor
            self.born, self.same_contests = born, same
            return
        if troubles and self._recovery.on_unreadable == "stop":
            raise Stuck(
                f"{self.lane.name}: no generation is sound ({'; '.join(troubles)}): set recovery.on_unreadable = "
                '"rebuild" to learn anew from the beginning of the log'
            )
        if troubles:
            session.discard(-1)
        self.lane = self._make()
        self.origin = {topic: self._log.bounds(topic, self.lane.partition)[0] for topic in self.topics}
        self.lane.offsets = dict(self.origin)
        self.note, _ = self._log.bounds(self.lane.config.prediction_topic, self.lane.partition)
        self.born = {slot.name for slot in self.lane.slots}

    def _born(self, head: header.Header, lane: Lane) -> set[str]:
        new, other = header.changed(head, lane)
        if other and self._recovery.on_model_change == "stop":
            raise Foreign(
                f"{lane.name}: class or parameters of {', '.join(sorted(other))} changed since the snapshot: give the "
                'model another name, or set recovery.on_model_change = "restart" to begin it anew'
            )
        return new | other

    def _check_bounds(self) -> None:
        lane = self.lane
        for topic in self.topics:
            first, end = self._log.bounds(topic, lane.partition)
            wanted = lane.offsets[topic]
            if wanted > end and not self._log.has(topic, lane.partition, wanted - 1):
                raise Stuck(
                    f"{lane.name}: the snapshot stands at offset {wanted} of {topic}, which ends at {end}: was it "
                    "made anew? Restore it, or delete the lane's state"
                )
            if wanted < first:
                if self._recovery.on_truncated == "stop":
                    raise Stuck(
                        f"{lane.name}: the snapshot stands at offset {wanted} of {topic}, which now begins at {first}: "
                        f'{first - wanted} messages are gone. Set recovery.on_truncated = "skip" to go on without them'
                    )
                self.skipped += first - wanted
                lane.offsets[topic] = first

    def _read_outputs(self, topic: str, partition: int) -> None:
        first, _ = self._log.bounds(topic, partition)
        believe = FenceFilter({partition: self.floor})
        plan: set[Step] = set()
        lane = self.lane
        for offset, value in self._log.read(topic, partition, max(self.note, first), self.fence):
            record = believe.feed(partition, offset, value)
            if record is not None:
                event = int(record.id.rpartition("/")[2])
                if event >= lane.offsets[lane.events]:
                    plan.add(Step(event, True, record.seen[lane.labels]))
                    self._published[record.id] = record
            elif believe.mark is not None:
                plan.add(Step(believe.mark[lane.events], False, believe.mark[lane.labels]))
        self.order.plan.extend(sorted(plan))

    # -- living ------------------------------------------------------------------------------------------------------

    @property
    def recovering(self) -> bool:
        """Whether published predictions still give the order."""
        return bool(self.order.plan)

    def offer(self, messages: list[Message]) -> None:
        """Take messages, each topic's in order; handle what can be handled, and send what comes out."""
        order, lane = self.order, self.lane
        order.put(messages)
        try:
            while run := order.next(lane.offsets):
                self._handle(run)
        except Gap as gap:
            raise Stuck(f"{lane.name}: {gap}") from None

    def _handle(self, messages: list[Message]) -> None:
        outs = self.lane.handle_run(messages)
        self.since += len(messages)
        hit("handle.after")
        if self._published:
            self.replayed += len(messages)
            outs = [out for out in outs if not self._was_published(out)]
            if not self.order.plan:
                self._published.clear()
        self._send(outs, lambda: hit("produce.between"))
        hit("produce.after")

    def _was_published(self, out: Out) -> bool:
        published = self._published.pop(out.id, None) if out.partition is not None else None
        if published is None:
            return False
        made = decode(out.value)
        if published.version != made.version and made.model in self.born:
            return True  # what an earlier version said stands
        led = self.same_contests and published.champion_of != made.champion_of
        if led or answer(published) != answer(made):
            raise Differs(out.id, answer(published), answer(made))
        return True

    # -- checkpoint --------------------------------------------------------------------------------------------------

    def checkpoint(self) -> bool:
        """Write the state (rule 5), then send the outbox (rule 8); return whether there was anything to write.

        Raises `Lost` (rule 6): never tried again.
        """
        if self.session is None:
            raise Broken(f"{self.lane.name} is not held")
        if not self.since and self.serial:  # a new lane writes its beginning down at once
            self.session.check()  # an idle owner must notice too that it was replaced, or that Redis lost writes
            return False
        # Step 1: every output of the events in it is acknowledged.
        self._log.flush()
        hit("flush.after")
        # Step 2: the note moves to the end of what is acknowledged, unless published outputs are still ahead. Our
        # fence again marks that end: its acknowledgement gives an offset, and readers pass over it. It also says what
        # was handled by now: should this snapshot be lost after its outbox was sent, the heir keeps to the same order.
        if not self.order.plan:
            mark = encode(Fence(self.session.gen, dict(self.lane.offsets)))
            self.note = 1 + self._log.append(self.lane.config.prediction_topic, self.lane.partition, mark)
            self.floor = self.session.gen
            hit("note.after")
        outbox = self.lane.outbox
        parts, keyed = freeze(self.lane)
        hit("state.frozen")
        snapshot = header.write(self.lane, self.serial + 1, self.origin, self.note, self.floor, parts, keyed)
        # Step 3: state, offsets and outbox in one fenced step.
        self.session.checkpoint(snapshot)
        hit("state.written")
        self.serial, self.size, self.since = snapshot.serial, snapshot.size, 0
        # Step 4: what hung on the order is now true for ever, and may be told.
        self._send_outbox(outbox)
        hit("outbox.sent")
        return True

    def _send(self, outs: list[Out], between: Callable[[], None]) -> None:
        if armed():  # one by one, so that a test can let us die in between
            for out in outs:
                between()
                self._log.send([out])
        else:
            self._log.send(outs)

    def _send_outbox(self, outbox: list[Out]) -> None:
        self._send(outbox, lambda: hit("outbox.between"))

    def _fence(self) -> bytes:
        assert self.session is not None
        return encode(Fence(self.session.gen))

    def close(self) -> None:
        """Let go of the lane. What is not checkpointed is the successor's to do again."""
        hit("close.before")
        if self.session is not None:
            self.session.close()
            self.session = None

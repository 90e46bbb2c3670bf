"""One process's hold on one lane, from acquire until it is lost: the rules by which nothing is lost or done twice.

The numbers are those of DESIGN.md. Whatever goes wrong on the way raises `Lost`: the holder drops this object, with
all that it has not sent, and begins a new tenure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from driftline.streams import header
from driftline.streams.failpoint import hit
from driftline.streams.fence import FenceFilter, decode
from driftline.streams.lane import Lane, Message
from driftline.streams.letters import Out
from driftline.streams.log import Log
from driftline.streams.state import freeze, restore
from driftline.streams.store import Broken, Lost, Session, Store
from driftline.streams.vault import Foreign, Unsound
from driftline.streams.wire import Fence, encode


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
        self._plan: deque[tuple[int, int]] = deque()
        """(offset of an event, the label offset at which it was handled), as published before us."""
        self._published: dict[str, Any] = {}
        self._queues: dict[str, deque[Message]] = {topic: deque() for topic in self.topics}
        self._acknowledged = 0
        self._failed: str | None = None

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
        self.fence = self._log.append(topic, partition, encode(Fence(session.gen)))
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
                born = self._born(head, lane)
                restore(lane, snapshot.parts, snapshot.keyed, born)  # type: ignore[arg-type]
            except Unsound as trouble:
                troubles.append(str(trouble))
                continue
            if troubles:
                hit("discard.before")
                session.discard(serial)
                hit("discard.after")
            self.lane, self.serial = lane, serial
            self.origin, self.note, self.floor = head.origin, head.note, head.floor
            self.born = born
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
        self.born = set()

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
            if wanted > end:
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
        plan: dict[int, int] = {}
        lane = self.lane
        for offset, value in self._log.read(topic, partition, max(self.note, first), self.fence):
            record = believe.feed(partition, offset, value)
            if record is None:
                continue
            event = int(record.id.rpartition("/")[2])
            if event >= lane.offsets[lane.events]:
                plan[event] = record.seen[lane.labels]
                self._published[record.id] = record
        self._plan = deque(sorted(plan.items()))

    # -- living ------------------------------------------------------------------------------------------------------

    @property
    def recovering(self) -> bool:
        """Whether published predictions still give the order."""
        return bool(self._plan)

    @property
    def backlog(self) -> int:
        """Messages that wait for others to be handled first."""
        return sum(map(len, self._queues.values()))

    def waits_for(self) -> str | None:
        """The topic whose messages are needed next, while published predictions give the order."""
        if not self._plan:
            return None
        return self.lane.labels if self.lane.offsets[self.lane.labels] < self._plan[0][1] else self.lane.events

    def offer(self, messages: list[Message]) -> None:
        """Take messages, each topic's in order; handle what can be handled, and send what comes out."""
        self._check()
        if not self._plan and not self.backlog:
            self._handle(messages)
            return
        for message in messages:
            self._queues[message.topic].append(message)
        while self._plan and self._replay():
            pass
        if not self._plan:
            self._published.clear()
            for queue in self._queues.values():
                rest = list(queue)
                queue.clear()
                self._handle(rest)

    def _replay(self) -> bool:
        """Handle the next messages in the order that was published; return False when others must come first."""
        lane = self.lane
        event, labels_seen = self._plan[0]
        events, labels = self._queues[lane.events], self._queues[lane.labels]
        if lane.offsets[lane.labels] < labels_seen:
            due = take(labels, labels_seen)
            if due:
                self._handle(due)
            elif not labels:
                return False
            # A gap in the offsets (compaction, transaction markers): the label topic has nothing more below.
        if lane.offsets[lane.labels] < labels_seen and not (labels and labels[0].offset >= labels_seen):
            return False
        if not events:
            return False
        if events[0].offset > event:
            raise Stuck(f"{lane.name}: {lane.events} no longer has offset {event}, on which predictions were published")
        self._handle(take(events, event + 1))
        if lane.offsets[lane.events] > event:
            self._plan.popleft()
        return True

    def _handle(self, messages: list[Message]) -> None:
        if not messages:
            return
        outs = self.lane.handle(messages)
        self.since += len(messages)
        hit("handle.after")
        if self._published:
            self.replayed += len(messages)
            outs = [out for out in outs if not self._was_published(out)]
        send, delivered = self._log.send, self._delivered
        predictions = self.lane.config.prediction_topic
        for out in outs:
            hit("produce.between")
            send(out.topic, out.partition, out.key, out.value, delivered if out.topic == predictions else self._sent)
        hit("produce.after")

    def _was_published(self, out: Out) -> bool:
        published = self._published.pop(out.id, None) if out.partition is not None else None
        if published is None:
            return False
        made = decode(out.value)
        if published.version != made.version and made.model in self.born:
            return True  # what an earlier version said stands
        if (published.y, published.p, published.version) != (made.y, made.p, made.version):
            raise Differs(out.id, (published.y, published.p), (made.y, made.p))
        return True

    def _delivered(self, offset: int | None, error: str | None) -> None:
        if error is not None or offset is None:
            self._failed = error or "no offset"
        elif offset >= self._acknowledged:
            self._acknowledged = offset + 1

    def _sent(self, offset: int | None, error: str | None) -> None:
        if error is not None:
            self._failed = error

    def _check(self) -> None:
        if self._failed is not None:
            raise Broken(f"{self.lane.name}: Kafka did not take a message: {self._failed}")

    # -- checkpoint --------------------------------------------------------------------------------------------------

    def checkpoint(self) -> bool:
        """Write the state (rule 5), then send the outbox (rule 8); return whether there was anything to write.

        Raises `Lost` (rule 6): never tried again.
        """
        if self.session is None:
            raise Broken(f"{self.lane.name} is not held")
        self._check()
        if not self.since:
            self.session.check()  # an idle owner must notice too that it was replaced, or that Redis lost writes
            return False
        # Step 1: every output of the events in it is acknowledged.
        self._log.flush()
        self._check()
        hit("flush.after")
        # Step 2: the note moves to the end of what is acknowledged, unless published outputs are still ahead.
        if not self._plan:
            self.note, self.floor = max(self._acknowledged, self.fence + 1), self.session.gen
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

    def _send_outbox(self, outbox: list[Out]) -> None:
        for out in outbox:
            hit("outbox.between")
            self._log.send(out.topic, out.partition, out.key, out.value, self._sent)

    def close(self) -> None:
        """Let go of the lane. What is not checkpointed is the successor's to do again."""
        hit("close.before")
        if self.session is not None:
            self.session.close()
            self.session = None


def take(queue: deque[Message], below: int) -> list[Message]:
    """Take the messages with an offset below `below` from the front."""
    taken = []
    while queue and queue[0].offset < below:
        taken.append(queue.popleft())
    return taken

"""Prove that a live lane is what its log says: rebuild it from the first message on, and compare the two bit by bit.

How events and labels interleaved is not in their topics; it is in the predictions, each of which carries `seen`. The
order is taken from there, by the fence rule, up to the offsets of the newest sound snapshot. A model that joined
later, or was begun anew, is begun at the offsets at which it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from driftline.services.restored import OtherModels, restored
from driftline.services.settings import Settings, snapshot_key
from driftline.services.tape import RUN, Tape, options_of
from driftline.streams import header
from driftline.streams.config import StreamConfig
from driftline.streams.fence import FenceFilter, decode
from driftline.streams.header import Header
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.lane import Lane
from driftline.streams.letters import Out
from driftline.streams.message import Message
from driftline.streams.redis_store import RedisStore
from driftline.streams.state import digests, freeze, restore
from driftline.streams.vault import Unsound, Vault
from driftline.streams.wire import Rejected, answer

SHOWN = 20
"""Differing predictions that a verdict names."""
TRIES = 5
"""Times that the store is read again while the lane's owner replaces generations under our eyes."""


class CannotVerify(RuntimeError):
    """There is nothing to compare, or nothing to compare it with; the text says why."""


class NoSnapshot(CannotVerify):
    """The lane has no sound snapshot: nothing was handled yet, or its state is lost."""


class LogTruncated(CannotVerify):
    """The log no longer reaches back to where the lane began."""


@dataclass
class Verdict:
    """What a comparison found."""

    lane: str
    serial: int
    """The generation that was compared."""
    gen: int
    origin: dict[str, int]
    offsets: dict[str, int]
    """The lane was rebuilt from `origin` up to here, in each topic."""
    messages: int = 0
    """Messages handled."""
    predictions: int = 0
    """Predictions whose published value was compared."""
    parts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Digest of each part: live, rebuilt."""
    values: list[str] = field(default_factory=list)
    """Predictions that were published otherwise than they came out, that are missing, or that should not be."""
    wrong_values: int = 0
    """How many these are; `values` names the first of them."""
    joined: dict[str, dict[str, int]] = field(default_factory=dict)
    """Models and contests that joined later or were begun anew, and the offsets at which they were."""
    earlier: int = 0
    """Predictions of models, or of versions of models, that are no longer there: their values cannot be made again."""

    @property
    def differing(self) -> list[str]:
        """The parts that are not equal."""
        return [name for name, (live, rebuilt) in self.parts.items() if live != rebuilt]

    @property
    def equal(self) -> bool:
        """Whether state and predictions are what the log says, to the last bit."""
        return not self.differing and not self.wrong_values

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "lane": self.lane,
            "equal": self.equal,
            "serial": self.serial,
            "gen": self.gen,
            "origin": self.origin,
            "offsets": self.offsets,
            "messages": self.messages,
            "predictions": self.predictions,
            "parts": {
                name: {"equal": live == rebuilt, "live": live, "rebuilt": rebuilt}
                for name, (live, rebuilt) in self.parts.items()
            },
            "differing_parts": self.differing,
            "wrong_predictions": self.wrong_values,
            "first_wrong_predictions": self.values,
            "joined_later": self.joined,
            "predictions_of_earlier_versions": self.earlier,
        }

    def wrong(self, said: str) -> None:
        """Note a prediction that is not as published."""
        self.wrong_values += 1
        if len(self.values) < SHOWN:
            self.values.append(said)


def verify(
    settings: Settings, stream: str, partition: int, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Verdict:
    """Rebuild the lane of a stream's partition from the log, and compare it with its newest sound snapshot.

    The lane may be live: its owner is not disturbed. `on_progress` is told the messages handled, and how many there
    are.

    Raises `CannotVerify` (`NoSnapshot`, `LogTruncated`), `Unavailable`, `Foreign`, or `KeyError` for a stream that is
    not configured.
    """
    config = settings.streams[stream]
    vault = Vault(snapshot_key(settings))
    store = RedisStore(settings.redis.url, settings.redis.command_timeout_seconds)
    head, live = _newest(store, vault, settings.app, stream, partition, config)
    verdict = Verdict(live.name, head.serial, head.gen, dict(head.origin), dict(head.offsets))
    verdict.joined = {slot.name: dict(slot.since) for slot in live.slots if slot.since}
    verdict.joined |= {name: dict(contest.since) for name, contest in live.contests.items() if contest.since}
    options = options_of(settings)
    end = _check_reach(options, live, head)
    with ExitStack() as tapes:

        def tape(topic: str, start: int, stop: int) -> Tape:
            return tapes.enter_context(Tape(options, topic, partition, start, stop))

        published = _Published(tape(config.prediction_topic, 0, end), live, verdict)
        events = tape(live.events, head.origin[live.events], head.offsets[live.events])
        labels = tape(live.labels, head.origin[live.labels], head.offsets[live.labels])
        rebuild = _Rebuild(events, labels, published, verdict, on_progress)
        rebuilt = rebuild.run(live)
    found, made = digests(live), digests(rebuilt)
    verdict.parts = {name: (found.get(name, "-"), made.get(name, "-")) for name in sorted(found | made)}
    return verdict


def _newest(
    store: RedisStore, vault: Vault, app: str, stream: str, partition: int, config: StreamConfig
) -> tuple[Header, Lane]:
    """Return the header of the newest sound snapshot, and the lane that it holds."""
    name = f"{app}:{stream}:{partition}"
    troubles: list[str] = []
    for _ in range(TRIES):
        for snapshot in reversed(store.peek(name)):
            try:
                head = header.read(snapshot, name, vault)
                return head, restored(stream, partition, config, snapshot, head, vault)
            except OtherModels as other:
                raise CannotVerify(
                    f"{name}: class or parameters of {other.names} are others than in the snapshot: "
                    "verify with the configuration that the streams process runs with"
                ) from None
            except Unsound as trouble:
                troubles.append(str(trouble))
    said = "; ".join(dict.fromkeys(troubles))
    raise NoSnapshot(f"{name}: no sound snapshot{f' ({said})' if said else ': has the lane been checkpointed yet?'}")


def _check_reach(options: Any, live: Lane, head: Header) -> int:
    """Return where the published predictions end. Raises `LogTruncated`."""
    log = KafkaLog(options, idempotence=False)
    try:
        for topic in (live.events, live.labels):
            first, _ = log.bounds(topic, live.partition)
            if first > head.origin[topic]:
                raise LogTruncated(
                    f"{live.name}: began at offset {head.origin[topic]} of {topic}, which now begins at {first}: "
                    "nothing can be proven of a lane whose first messages are gone"
                )
        first, end = log.bounds(live.config.prediction_topic, live.partition)
        if first > 0:
            raise LogTruncated(
                f"{live.name}: the first {first} records of {live.config.prediction_topic} are gone, and with them "
                "the order in which events and labels were handled"
            )
    finally:
        log.close()
    return max(end, head.note)  # some brokers tell an end that is too low; the note was acknowledged


class _Published:
    """What was published and counts, read along with the rebuilding, and compared with what comes out."""

    def __init__(self, tape: Tape, live: Lane, verdict: Verdict):
        self._tape = tape
        self._partition = live.partition
        self._labels = live.labels
        self._models = {slot.name for slot in live.slots}
        self._contests = {name: contest.since.get(live.events, 0) for name, contest in live.contests.items()}
        self._believe = FenceFilter()
        self._verdict = verdict
        self._plan: deque[tuple[int, int]] = deque()
        self._last = -1
        self._waiting: dict[str, Any] = {}
        self._made: dict[str, Any] = {}

    def next(self, event: int) -> tuple[int, int] | None:
        """Return the next event at or after `event` that was predicted on, and the labels seen at that time."""
        while self._plan and self._plan[0][0] < event:
            self._plan.popleft()
        while not self._plan and not self._tape.done:
            self._pull(event)
        return self._plan[0] if self._plan else None

    def run_of(self, first: tuple[int, int], before: int) -> int:
        """Return the last event, below `before`, that was handled with the same labels seen as the first."""
        last = first[0]
        for event, seen in self._plan:
            if seen != first[1] or event >= before or event - first[0] >= RUN:
                break
            last = event
        return last

    def _pull(self, event: int) -> None:
        for message in self._tape.run():
            try:
                record = self._believe.feed(self._partition, message.offset, message.value)
            except Rejected as fault:
                self._verdict.wrong(f"{self._tape.topic}/{self._partition}/{message.offset}: {fault}")
                continue
            if record is None:
                continue
            offset = int(record.id.rpartition("/")[2])
            if offset > self._last and record.seen.get(self._labels) is not None:
                self._last = offset
                if offset >= event:
                    self._plan.append((offset, record.seen[self._labels]))
            made = self._made.pop(record.id, None)
            if made is None:
                self._waiting[record.id] = record
            else:
                self._compare(record, made)

    def take(self, outs: list[Out]) -> None:
        """Take what the rebuilding predicted."""
        for out in outs:
            if out.topic != self._tape.topic:
                continue  # a dead letter or a question: it hangs on its message, or on the state that is compared
            made = decode(out.value)
            record = self._waiting.pop(out.id, None)
            if record is None:
                self._made[out.id] = made
            else:
                self._compare(record, made)

    def _compare(self, record: Any, made: Any) -> None:
        if record.version != made.version and made.model in self._verdict.joined:
            self._verdict.earlier += 1  # what an earlier version said stands
            return
        self._verdict.predictions += 1
        said = (*answer(record), self._title(record))
        came = (*answer(made), made.champion_of)
        if said != came:
            self._verdict.wrong(f"{record.id}: published {said}, rebuilt {came}")

    def _title(self, record: Any) -> str | None:
        """The contest that a prediction led, unless it is one that is no longer there, or not in this form."""
        since = self._contests.get(record.champion_of)
        if since is None or int(record.id.rpartition("/")[2]) < since:
            return None
        return str(record.champion_of)

    def finish(self, stop: int, events: str) -> None:
        """Compare what is left: nothing may be missing and nothing may be too much, below the event at `stop`."""
        while not self._tape.done:
            self._pull(stop)
        for name in self._made:
            self._verdict.wrong(f"{name}: never published")
        for name, record in self._waiting.items():
            offset = int(name.rpartition("/")[2])
            since = self._verdict.joined.get(record.model)
            if offset >= stop:
                continue
            if record.model not in self._models or (since is not None and offset < since[events]):
                self._verdict.earlier += 1
            else:
                self._verdict.wrong(f"{name}: published, but not made by the rebuilt lane")


class _Rebuild:
    """Handle the log in the order that was published, with each model from where it began."""

    def __init__(
        self, events: Tape, labels: Tape, published: _Published, verdict: Verdict, told: Callable[[int, int], None]
    ):
        self._events, self._labels = events, labels
        self._published = published
        self._verdict = verdict
        self._told = told
        self._total = sum(verdict.offsets[topic] - verdict.origin[topic] for topic in verdict.offsets)

    def run(self, live: Lane) -> Lane:
        """Return the lane as it must be at the snapshot's offsets."""
        since = self._verdict.joined
        stops = sorted(
            {tuple(sorted(offsets.items())) for offsets in since.values()}, key=lambda stop: dict(stop)[live.events]
        )
        lane = self._lane(live, _before(live.config, set(since), live))
        lane.offsets = dict(self._verdict.origin)
        for stop in map(dict, stops):
            self._advance(lane, stop)
            born = {name for name, offsets in since.items() if offsets == stop}
            later = {name for name, offsets in since.items() if offsets[lane.events] > stop[lane.events]}
            parts, keyed = freeze(lane)
            grown = self._lane(live, _before(live.config, later, live))
            restore(grown, parts, keyed, born)  # type: ignore[arg-type]
            for name in born & set(grown.contests):
                grown.contests[name].begin(live.contests[name].first)
            lane = grown
        self._advance(lane, self._verdict.offsets)
        self._published.finish(self._verdict.offsets[lane.events], lane.events)
        return lane

    def _lane(self, live: Lane, config: StreamConfig) -> Lane:
        return Lane(live.stream, live.partition, config, live.vault, app=live.name.partition(":")[0])

    def _advance(self, lane: Lane, stop: dict[str, int]) -> None:
        """Handle everything below the offsets of `stop`."""
        before = stop[lane.events]
        while (planned := self._published.next(lane.offsets[lane.events])) is not None and planned[0] < before:
            while due := self._labels.below(planned[1]):
                self._handle(lane, due)
            last = self._published.run_of(planned, before)
            due = self._events.below(last + 1)
            if not due:
                raise LogTruncated(f"{lane.name}: {lane.events} no longer has the event {planned[0]}")
            self._handle(lane, due)
        # What follows the last prediction: labels, and events on which nothing could be predicted.
        for tape in (self._events, self._labels):
            while due := tape.below(stop[tape.topic]):
                self._handle(lane, due)

    def _handle(self, lane: Lane, run: list[Message]) -> None:
        self._published.take(lane.handle(run))
        lane.outbox = []  # it was sent, and would only grow
        self._verdict.messages += len(run)
        self._told(self._verdict.messages, self._total)


def _before(config: StreamConfig, later: set[str], live: Lane) -> StreamConfig:
    """The configuration without models that joined later; one without which a task would be missing was there before.

    (A model begun anew has the offsets of its new beginning, and nothing says that there was one before it. Another
    model makes no difference to the rest of the lane, but the baselines of its task do.)
    """
    contests = set(live.contests) - later
    kept = {slot.name: slot.task.name for slot in live.slots if slot.name not in later}
    for slot in live.slots:
        if slot.name in later and slot.task.name not in kept.values():
            kept[slot.name] = slot.task.name
    return config.only(kept, contests)

"""A world of owners, zombies and faults around the real lane, tenure, vault and store twin.

An owner is killed with part of its queue written, or pauses and wakes as a zombie; the store loses its last writes and
all connections; snapshots are damaged. Between any two steps that a failpoint separates, a zombie may act, the store
may lose writes, or the owner may die. At the end a reader that keeps the fence rule must find every prediction, with
one value each, all on one sequential order; alarms and dead letters must be those of that order, and the stored state
must be its end.
"""

from __future__ import annotations

import random
from collections import defaultdict

import msgspec
from lanes import GRID
from predictions import believed

from driftline.streams import failpoint
from driftline.streams.config import ALARM_TOPIC, StreamConfig
from driftline.streams.fence import decode
from driftline.streams.lane import Lane
from driftline.streams.log import MemoryLog
from driftline.streams.memory_store import MemoryStore
from driftline.streams.message import Message
from driftline.streams.state import digests, restore
from driftline.streams.store import Lost, Snapshot
from driftline.streams.tenure import Recovery, Tenure
from driftline.streams.vault import Vault
from driftline.streams.wire import answer, encode

COUNT = 14
TWITCHY = {"detector": "page-hinkley", "parameters": {"min_instances": 2, "threshold": 0.2}}
VAULT = Vault(b"0123456789abcdef")
CONFIG = StreamConfig.model_validate(
    {
        "kind": "sensor",
        "topic": "s",
        "waiting": {"max_count": 6, "early_max_count": 3, "early_max_age_seconds": 1_000},
        "models": {
            "whole": {
                "class": "river.linear_model:LogisticRegression",
                "parameters": {"l2": 0.1},
                "drift": {**TWITCHY, "policy": "challenger"},
            },
            "each": {
                "class": "river.linear_model:LogisticRegression",
                "per": "key",
                "drift": TWITCHY,
            },
            "grid": {**GRID, "drift": {**TWITCHY, "policy": "recluster", "rest": 0}},
            "groups": {"class": "leaders:Leaders", "task": "cluster", "parameters": {"idle": 3}},
            "groups_of_each": {"class": "leaders:Leaders", "task": "cluster", "per": "key"},
            "sage": {
                "class": "sages:Sage",
                "task": "forecast",
                "per": "key",
                "target": "a",
                "horizon": 2,
                "voices": {"v": {"kind": "fracast"}},
            },
            "deep": {"class": "heavies:Wide", "where": "worker", "task": "binary"},
        },
        "contests": {"best": {"models": ["whole", "each"], "loss": "brier", "run_length": 1.02}},
    }
)
SILENT = StreamConfig.model_validate(
    {
        **CONFIG.model_dump(by_alias=True),
        "waiting": {**CONFIG.waiting.model_dump(), "max_count": 9, "max_age_seconds": 11, "negative_after_seconds": 3},
    }
)
"""The same, where silence means no: an event is one second of event time."""


def event(i: int) -> Message:
    """The i-th event; every fifth is poison."""
    body = {"id": f"e{i}", "at": 1e9 + i, "sensor": f"k{i % 3}", "x": {"a": float(i % 4), "b": 1.0 / (i + 1)}}
    return Message("s", i, f"k{i % 3}".encode(), b"{poison" if i % 5 == 4 else encode(body))


def label(i: int) -> Message:
    """The label of the i-th event."""
    body = {"of": f"e{i}", "at": 1e9 + i + 0.5, "y": i % 2 == 0}
    return Message("s.labels", i, f"k{i % 3}".encode(), encode(body))


def voice(offset: int, key: str, origin: int, i: int) -> Message:
    """A forecast from outside: most are heard, late, unasked for, or come twice."""
    body = {"voice": "v", "model": "sage", "origin": origin, "at": 1e9 + i, "y": [float(i), 1.0]}
    return Message("s.labels", offset, key.encode(), encode(body))


EVENTS = [event(i) for i in range(COUNT)]
LABELS = [label(i) for i in range(4)]
"""What comes on the label topic: from the fifth label on, before each a voice's forecast."""
for i in range(4, COUNT):
    LABELS.append(voice(len(LABELS), f"k{i % 3}", 2 * (i // 6), i))
    LABELS.append(msgspec.structs.replace(label(i), offset=len(LABELS)))
GOOD = [i for i in range(COUNT) if i % 5 != 4]


def lane(config: StreamConfig = CONFIG) -> Lane:
    """A lane as configured, without state."""
    return Lane("s", 0, config, VAULT)


class DamagingStore(MemoryStore):
    """A store that damages some of what is written to it."""

    def __init__(self, rng: random.Random, rate: float):
        super().__init__()
        self._rng = rng
        self.rate = rate

    def wrote(self, name: str) -> None:
        """Damage the newest snapshot now and then, in a part, in the header, or by losing a part."""
        kept = self.hash(name).kept
        if kept and self._rng.random() < self.rate:
            newest, parts = kept[-1], dict(kept[-1].parts)
            part = self._rng.choice(sorted(parts))
            how = self._rng.random()
            head = newest.header
            if how < 0.4:
                parts[part] = parts[part][:-1] + bytes([parts[part][-1] ^ 1])
            elif how < 0.7:
                del parts[part]
            else:
                head = head[: self._rng.randrange(len(head))]
            kept[-1] = Snapshot(newest.serial, head, parts, newest.keyed)
        super().wrote(name)


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, not even a handler."""


class Process:
    """One owner: a tenure, a producer of its own, and how far it has polled."""

    def __init__(self, world: World):
        self.world = world
        self.alive = True
        self.producer = world.log.producer()
        self.tenure: Tenure | None = None
        self.polled: dict[str, int] = {}

    def guarded(self, action) -> None:
        """Do something; a lost lane is dropped with what it has not sent."""
        world, before = self.world, self.world.acting
        world.acting = self
        try:
            try:
                action()
            except Lost:
                tenure, self.tenure = self.tenure, None
                self.producer.queue.clear()
                if tenure is not None:
                    tenure.close()
        except Killed:
            self.alive = False
            if world.owner is self:
                world.owner = None
            if world.rng.random() < 0.5:
                self.producer.flush(world.rng.randint(0, len(self.producer.queue)))
        finally:
            world.acting = before

    def take(self) -> None:
        """Acquire the lane."""
        tenure = self.world.tenure(self.producer)
        self.polled = tenure.take()
        self.tenure = tenure
        tenure.order.drained = dict.fromkeys(self.polled, True)

    def poll(self) -> None:
        """Handle a few messages that have come, of topics in any order."""
        world, rng = self.world, self.world.rng
        batch = []
        for _ in range(rng.randint(1, 4)):
            topic = rng.choice(("s", "s.labels"))
            source, there = (EVENTS, world.events) if topic == "s" else (LABELS, world.labels)
            at = self.polled[topic]
            if at < there:
                batch.append(source[at])
                self.polled[topic] = at + 1
        if batch:
            self.tenure.offer(batch)


class World:
    """Everything, and the dice.

    `damage` is the share of snapshots that are damaged; `between` how often something happens at a failpoint; `make`
    builds a tenure on a store and a producer, and `store` the store; `zombies` says how often each of them acts in a
    step, `losses` how often the store loses writes. In every other life, or where `silent` says so, silence means no.
    """

    def __init__(
        self,
        seed: int,
        damage=0.0,
        between=0.02,
        zombies=0.05,
        losses=0.02,
        make=Tenure,
        store=DamagingStore,
        silent=None,
    ):
        self.rng = random.Random(seed)
        self.config = SILENT if (seed % 2 if silent is None else silent) else CONFIG
        self.steps = 400
        self.between = between
        self.zombies, self.losses = zombies, losses
        self.passed: set[str] = set()
        self.log = MemoryLog()
        self.store = store(self.rng, damage)
        self.events = self.labels = 0
        self.owner: Process | None = None
        self.processes: list[Process] = []
        self.outcomes: set[str] = set()
        """What became of labels, and of silence, in the end."""
        self._make = make
        self._busy = False
        self.acting: Process | None = None

    def lane(self) -> Lane:
        """A lane of this world, without state."""
        return lane(self.config)

    def tenure(self, producer) -> Tenure:
        """A tenure of a new owner."""
        return self._make(self.lane, self.store, producer, Recovery(on_unreadable="rebuild"))

    def run(self) -> None:
        """Let it happen."""
        for point in failpoint.POINTS:
            failpoint.arm(point, lambda point=point: self._meanwhile(point))
        try:
            self._run()
        finally:
            failpoint.disarm()

    def _run(self) -> None:
        rng, last = self.rng, self.steps * 3 // 4
        for step in range(self.steps):
            if step == last:
                self._grow(COUNT, len(LABELS))
            elif self.events < COUNT and rng.random() < 0.2:
                self._grow(self.events + 1, self.labels)
            if self.labels < len(LABELS) and rng.random() < 0.3:
                self._grow(self.events, min(self.labels + 1, 2 * self.events + 1))
            if self.owner is None or not self.owner.alive:
                self.owner = Process(self)
                self.processes.append(self.owner)
            if step == last:
                self.between = 0.0
            self._owner_acts(self.owner, rng.random(), quiet=step > last)
            for zombie in self.processes:
                if zombie is not self.owner and zombie.alive and zombie.tenure and rng.random() < self.zombies:
                    self._zombie_acts(zombie, rng.random())
        self._finish()

    def _grow(self, events: int, labels: int) -> None:
        """Let the topics have so many messages."""
        self.log.topic("s", 0).extend(message.value for message in EVENTS[self.events : events])
        self.log.topic("s.labels", 0).extend(message.value for message in LABELS[self.labels : labels])
        self.events, self.labels = max(self.events, events), max(self.labels, labels)

    def _owner_acts(self, owner: Process, dice: float, quiet: bool) -> None:
        if owner.tenure is None:
            owner.guarded(owner.take)
        elif not quiet and dice < 0.03:  # kill -9, with part of the queue written
            owner.alive = False
            if self.rng.random() < 0.5:
                owner.producer.flush(self.rng.randint(0, len(owner.producer.queue)))
            self.owner = None
        elif not quiet and dice < 0.06:  # paused: it will wake as a zombie
            self.owner = None
        elif not quiet and dice < 0.06 + self.losses:
            self.store.lose("driftline:s:0", self.rng.randint(1, 2))
        elif dice < 0.25:
            owner.producer.flush(self.rng.randint(0, len(owner.producer.queue)))
        elif dice < 0.40:
            owner.guarded(owner.tenure.checkpoint)
        else:
            owner.guarded(owner.poll)

    def _zombie_acts(self, zombie: Process, dice: float) -> None:
        if dice < 0.4:
            zombie.producer.flush(self.rng.randint(0, len(zombie.producer.queue)))
        elif dice < 0.7:
            zombie.guarded(zombie.tenure.checkpoint)
        else:
            zombie.guarded(zombie.poll)

    def _meanwhile(self, point: str) -> None:
        """Between two steps of a process, the world goes on."""
        self.passed.add(point)
        if self._busy or self.rng.random() >= self.between:
            return
        self._busy = True
        try:
            dice = self.rng.random()
            if dice < 0.25:
                raise Killed
            if dice < 0.4:
                self.store.lose("driftline:s:0", self.rng.randint(1, 2))
                return
            others = [other for other in self.processes if other.alive and other.tenure and other is not self.acting]
            if others:
                self._zombie_acts(self.rng.choice(others), self.rng.random())
        finally:
            self._busy = False

    def _finish(self) -> None:
        self.store.rate = self.between = 0.0
        owner = Process(self)  # one more take-over: it must also heal a last snapshot that was damaged
        for _ in range(8):
            if owner.tenure is None:
                owner.guarded(owner.take)
            for _ in range(40):
                if owner.tenure is not None:
                    owner.guarded(owner.poll)
            if owner.tenure is not None:
                owner.guarded(owner.tenure.checkpoint)
                owner.producer.flush()

    def verdict(self) -> str | None:
        """Return what is wrong, or None."""
        found, twice, _ = believed(enumerate(self.log.topic("s.predictions", 0)))
        if twice:
            return f"two values for {twice[0]}"
        wanted = {f"{model}/s/0/{i}" for model in CONFIG.light.models for i in GOOD}
        if set(found) != wanted:
            return f"predictions lost: {sorted(wanted - set(found))}, too many: {sorted(set(found) - wanted)}"
        oracle, labels, dead = self.lane(), 0, []
        asked: dict[str, set[bytes]] = defaultdict(set)
        for value in self.log.topic("s.questions", 0):
            asked[msgspec.json.decode(value)["id"]].add(value)
        for i in range(COUNT):
            if i in GOOD:
                seen = found[f"whole/s/0/{i}"].seen["s.labels"]
                dead += oracle.handle(LABELS[labels:seen])
                labels = max(labels, seen)
            for out in oracle.handle([EVENTS[i]]):
                if out.topic == "s.dead":
                    dead.append(out)
                    continue
                if out.topic == "s.requests":
                    continue
                if out.topic == "s.questions":  # others may have been asked on branches that were given up
                    if out.value not in asked[out.id]:
                        return f"{out.id} was not asked as the sequential order asks it"
                    continue
                said, theirs = decode(out.value), found[out.id]
                if (*answer(said), said.seen, said.champion_of) != (*answer(theirs), theirs.seen, theirs.champion_of):
                    return f"{said.id} is not of the sequential order"
        dead += oracle.handle(LABELS[labels:])
        told = self._told([*dead, *oracle.outbox]) or self._handed_over(oracle.outbox)
        if told is not None:
            return told
        oracle.outbox = []
        kept = self.store.peek("driftline:s:0")[-1]
        live = self.lane()
        restore(live, kept.parts, kept.keyed)
        theirs, ours = digests(live), digests(oracle)
        self.outcomes = {name for name in oracle.counts if name.startswith(("labels/", "voices/"))}
        wrong = [part for part in ours if ours[part] != theirs[part]]
        return f"the final state differs in {wrong}" if wrong else None

    def _handed_over(self, outbox) -> str | None:
        """The worker finds a request for each event, and what was joined in the sequential order, each once."""
        floor, asked = 0, set()
        for value in self.log.topic("s.requests", 0):
            record = msgspec.json.decode(value)
            floor = max(floor, record.get("fence", 0))
            if record.get("gen", -1) >= floor:
                asked.add(record["offset"])
        if asked != set(GOOD):
            return f"requests lost: {sorted(set(GOOD) - asked)}"
        wanted = [out.value for out in outbox if out.topic == "s.joined"]
        found: list[bytes] = []
        for value in self.log.topic("s.joined", 0):
            n = msgspec.json.decode(value)["n"]
            if n > len(found):
                return f"s.joined: {n} comes before {len(found)}"
            if n == len(found):
                found.append(value)
        return None if found == wanted else f"s.joined: {len(found)} of {len(wanted)}, or not those of the order"

    def _told(self, outs) -> str | None:
        """Alarms and dead letters are those of the sequential order, each under one id with one value."""
        for topic in ("s.dead", ALARM_TOPIC):
            wanted = {out.id: out.value for out in outs if out.topic == topic}
            told = defaultdict(set)
            for value in self.log.topic(topic, 0):
                told[msgspec.json.decode(value)["id"]].add(value)
            if set(told) != set(wanted):
                return f"{topic}: lost {sorted(set(wanted) - set(told))}, too many {sorted(set(told) - set(wanted))}"
            if any(values != {wanted[id_]} for id_, values in told.items()):
                return f"{topic}: another value than that of the order"
        return None

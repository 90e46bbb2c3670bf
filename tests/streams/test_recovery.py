"""Whatever dies and whenever, every prediction is there once and the state is that of one sequential order.

`DRIFTLINE_SEEDS` says how many lives are tried (`make faults` tries thousands). Each rule of the recovery is switched
off in turn, to see that these lives can go wrong.
"""

import contextlib
import json
import os
from collections import deque

import pytest
from msgspec.structs import replace
from world import CONFIG, EVENTS, LABELS, SILENT, VAULT, DamagingStore, World, lane

from driftline.streams import failpoint, slots
from driftline.streams import tenure as tenures
from driftline.streams.failpoint import POINTS
from driftline.streams.fence import FenceFilter
from driftline.streams.lane import Lane
from driftline.streams.log import MemoryLog
from driftline.streams.memory_store import MemorySession, MemoryStore
from driftline.streams.state import digests
from driftline.streams.store import Broken, Lost
from driftline.streams.tenure import Differs, Tenure
from driftline.streams.vault import Foreign
from driftline.streams.wire import Fence, encode

SEEDS = int(os.environ.get("DRIFTLINE_SEEDS", "100"))
BLOCK = 25
"""Lives in one test, so that a failure names a few seeds and not thousands."""
BLOCKS = [range(start, min(start + BLOCK, SEEDS)) for start in range(0, SEEDS, BLOCK)]


@pytest.fixture(autouse=True)
def short_steps(monkeypatch):
    """Lives of a few events see clusters found anew."""
    monkeypatch.setattr(slots, "STEP", 4)


def verdict(seed, **world):
    life = World(seed, **world)
    life.run()
    return life.verdict()


@pytest.mark.parametrize("damage", [0.0, 0.2], ids=["sound", "damaged"])
@pytest.mark.parametrize("seeds", BLOCKS, ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_no_fault_loses_or_doubles_anything(seeds, damage):
    wrong = {seed: said for seed in seeds if (said := verdict(seed, damage=damage)) is not None}
    assert not wrong


def test_these_lives_pass_every_point_and_raise_alarms():
    passed, alarms, done = set(), 0, set()
    for seed in range(10):
        life = World(seed, damage=0.2)
        life.run()
        passed |= life.passed
        told = life.log.topic("driftline.alarms", 0)
        alarms += len(told)
        done |= {json.loads(value)["action"] for value in told}
    assert passed == set(POINTS)
    assert alarms
    assert done >= {"alarm", "challenger", "recluster", "found", "promoted"}


def test_in_these_lives_events_time_out_and_are_corrected_while_owners_die():
    outcomes = []
    for seed in range(20):
        life = World(seed, damage=0.2, silent=True)
        life.run()
        assert life.verdict() is None
        outcomes.append(life.outcomes)
    assert sum({"labels/timed_out", "labels/corrected", "labels/joined"} <= found for found in outcomes) >= 5
    assert set().union(*outcomes) >= {"voices/heard", "voices/again", "voices/late", "voices/unknown"}


# -- each rule switched off ------------------------------------------------------------------------------------------


class CountingStore(DamagingStore):
    """Rule 1 off: `gen` is counted, and not timed."""

    clock = property(lambda self: 0, lambda self, value: None)


class FenceFirst(Tenure):
    """Rule 2 off: the fence is written before the lane is acquired."""

    def take(self):
        real = self._log.append
        gen = self._store.hash(self.lane.name).gen
        self._store.clock += 1_000
        real(self.lane.config.prediction_topic, 0, encode(Fence(max(gen + 1, self._store.clock))))
        end = real(self.lane.config.prediction_topic, 0, encode(Fence(0)))
        tenures.hit("fence.after")
        self._log.append = lambda *given: end
        try:
            return super().take()
        finally:
            del self._log.append


class NoFence(Tenure):
    """Rule 2 off: no fence is written at all."""

    def _fence(self):
        return encode(Fence(0))


class SkippedKept(Tenure):
    """Rule 3 off: snapshots that were skipped stay."""

    def _restore(self, session):
        session.discard = lambda after: None
        super()._restore(session)


class OrderIgnored(Tenure):
    """Rule 4 off: the order of the outputs is ignored."""

    def _read_outputs(self, topic, partition):
        pass


class VoidBelieved(Tenure):
    """Rule 4 off: outputs that are void give the order too."""

    def _read_outputs(self, topic, partition):
        class Gullible(FenceFilter):
            def raise_floor(self, partition, gen):
                pass

        real, tenures.FenceFilter, self.floor = tenures.FenceFilter, Gullible, 0
        try:
            super()._read_outputs(topic, partition)
        finally:
            tenures.FenceFilter = real


class FloorForgotten(Tenure):
    """Rule 4 off: the fence in force at the note is forgotten."""

    def _read_outputs(self, topic, partition):
        floor, self.floor = self.floor, 0
        super()._read_outputs(topic, partition)
        self.floor = floor


class FlushLate(Tenure):
    """Rule 5 off: the checkpoint comes before the flush."""

    def checkpoint(self):
        self._log.flush = lambda count=None: None
        try:
            return super().checkpoint()
        finally:
            del self._log.flush


class NoteMoves(Tenure):
    """Rule 5 off: the note moves though published outputs are still ahead."""

    def checkpoint(self):
        plan, self.order.plan = self.order.plan, deque()
        try:
            return super().checkpoint()
        finally:
            self.order.plan = plan


class Stubborn(Tenure):
    """Rule 6 off: a checkpoint is tried again over a new connection."""

    def take(self):
        offsets = super().take()
        session = self.session

        def again(snapshot):
            try:
                MemorySession.checkpoint(session, snapshot)
            except Broken:
                session._epoch = self._store.epoch
                MemorySession.checkpoint(session, snapshot)

        session.checkpoint = again
        return offsets


class Unfenced(Tenure):
    """Rule 5 off: a checkpoint is not refused, whoever holds the lane."""

    def take(self):
        offsets = super().take()
        session = self.session
        session._mine = lambda: session._store.hash(session._lane)
        return offsets


class Told(Tenure):
    """Rule 8 off: what hangs on the order is told before the checkpoint that holds it."""

    def checkpoint(self):
        if self.session is not None and self.since:
            self._send_outbox(self.lane.outbox)
            self._log.flush()
        return super().checkpoint()


class OutboxOnce(Tenure):
    """Rule 8 off: a take-over does not send the outbox again."""

    def _send_outbox(self, outbox):
        if self.lane.outbox is not outbox:
            super()._send_outbox(outbox)


RULES = {
    "gen counted, not timed": {"store": CountingStore},
    "no fence": {"make": NoFence},
    "skipped snapshots kept": {"make": SkippedKept, "damage": 0.2},
    "order of the outputs ignored": {"make": OrderIgnored},
    "void outputs believed": {"make": VoidBelieved},
    "checkpoint before the flush": {"make": FlushLate},
    "note moves during the replay": {"make": NoteMoves},
    "checkpoint tried again": {"make": Stubborn, "zombies": 0.2, "losses": 0.08},
    "checkpoint not refused": {"make": Unfenced},
    "told before the checkpoint": {"make": Told},
    "outbox sent once": {"make": OutboxOnce},
}


def goes_wrong(seed, rule):
    """Whether a life goes wrong; one that runs into an error has gone wrong as well."""
    try:
        return verdict(seed, **RULES[rule]) is not None
    except Exception:
        return True


@pytest.mark.parametrize("rule", RULES)
def test_without_this_rule_some_life_goes_wrong(rule):
    assert any(goes_wrong(seed, rule) for seed in range(60))


# -- rules whose lack shows in few lives: the very life in which it does ---------------------------------------------


class Stage:
    """Two owners of one lane, moved by hand."""

    def __init__(self, config=CONFIG):
        self.log, self.store = MemoryLog(), MemoryStore()
        self.config = config
        self.log.topic("s", 0).extend(message.value for message in EVENTS)
        self.log.topic("s.labels", 0).extend(message.value for message in LABELS)

    def owner(self, make=Tenure):
        owner = make(lambda: lane(self.config), self.store, self.log.producer())
        owner.take()
        owner.order.drained = dict.fromkeys(owner.order.drained, True)
        return owner

    def believed(self):
        believe = FenceFilter()
        records = enumerate(self.log.topic("s.predictions", 0))
        return [record.id for offset, value in records if (record := believe.feed(0, offset, value)) is not None]


def caught_out(make, point):
    """An old owner checkpoints while a new one is at this point of its take-over; what then a reader finds."""
    stage = Stage()
    old = stage.owner()
    old.offer(EVENTS[:2])

    def checkpoint():
        failpoint.disarm()
        with contextlib.suppress(Lost):
            old.checkpoint()

    failpoint.arm(point, checkpoint)
    try:
        new = stage.owner(make)
    finally:
        failpoint.disarm()
    new.offer(EVENTS[new.lane.offsets["s"] : 4])
    new._log.flush()
    return sorted({id_ for id_ in stage.believed() if id_.startswith("whole/")})


@pytest.mark.parametrize("point", ["acquire.before", "acquire.after", "fence.after", "outputs.read", "outbox.resent"])
def test_an_old_owner_that_checkpoints_during_a_take_over_loses_nothing(point):
    assert caught_out(Tenure, point) == [f"whole/s/0/{i}" for i in range(4)]


def test_with_the_fence_before_the_acquire_it_would_lose_predictions():
    assert caught_out(FenceFirst, "fence.after") == ["whole/s/0/2", "whole/s/0/3"]


def heir_of_a_late_zombie(make):
    """A zombie publishes after the note of the next owner's snapshot, and then that owner dies too."""
    stage = Stage()
    zombie = stage.owner()
    zombie.offer(EVENTS[:1])
    zombie.checkpoint()
    zombie.offer(EVENTS[1:2])  # not flushed
    owner = stage.owner()
    owner.offer(LABELS[:1])
    owner.checkpoint()
    zombie._log.flush()
    owner.offer(EVENTS[1:2])
    owner._log.flush()
    heir = stage.owner(make)
    heir.offer(EVENTS[1:3])
    heir.checkpoint()
    return stage


def test_an_heir_does_not_believe_what_a_zombie_published_after_the_note():
    assert heir_of_a_late_zombie(Tenure).believed()[:: len(CONFIG.light.models)] == [
        "whole/s/0/0",
        "whole/s/0/1",
        "whole/s/0/2",
    ]


def test_with_the_fence_before_the_note_forgotten_it_would_believe_the_zombie():
    with pytest.raises(Differs):
        heir_of_a_late_zombie(FloorForgotten)


@pytest.mark.parametrize("flushed", [True, False])
def test_owners_that_die_in_the_window_leave_heirs_that_take_each_no_once_and_correct_it(flushed):
    yes, no, late_yes, late_no = (replace(LABELS[of], offset=offset) for offset, of in enumerate([2, 3, 0, 1]))
    stage = Stage(SILENT)
    first = stage.owner()
    first.offer(EVENTS[:3])
    first.checkpoint()  # all three wait
    for run in (EVENTS[3:4], [yes], EVENTS[4:6]):  # e0 is no with e3, e1 with e5
        first.offer(run)
    assert first.lane.counts["labels/timed_out"] == 2
    if flushed:  # not checkpointed, but what was answered after the time-outs is published
        first._log.flush()
    second = stage.owner()
    assert second.lane.counts["labels/timed_out"] == 0
    second.offer(
        [yes, *EVENTS[3:6]]
    )  # only what is published says where the label stood; else it comes after e2 was no
    second.offer([no])
    second.checkpoint()  # what was taken as no is kept, for a yes that comes late
    third = stage.owner()
    third.offer([late_yes, late_no])
    third.offer(EVENTS[6:8])
    third.checkpoint()
    heir = stage.owner().lane
    by_hand = lane(SILENT)
    order = [*EVENTS[:4], yes, *EVENTS[4:6]] if flushed else [*EVENTS[:6], yes]
    by_hand.handle([*order, no, late_yes, late_no, *EVENTS[6:8]])
    assert digests(heir) == digests(by_hand)
    assert {name: n for name, n in heir.counts.items() if name.startswith("labels/")} == {
        "labels/timed_out": 2 if flushed else 3,
        "labels/joined": 2 if flushed else 1,
        "labels/corrected": 1 if flushed else 2,
        "labels/duplicate": 1,
    }


def test_a_lane_whose_predictions_were_given_another_topic_is_not_taken():
    stage = Stage()
    stage.owner().checkpoint()
    elsewhere = CONFIG.model_copy(update={"predictions": "elsewhere"})
    heir = Tenure(lambda: Lane("s", 0, elsewhere, VAULT), stage.store, stage.log.producer())
    with pytest.raises(Foreign, match=r"stands on the topics s, s\.labels, s\.predictions"):
        heir.take()

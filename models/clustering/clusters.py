"""Clusters of a stream: micro-clusters, the clusters made of them, and what becomes of those.

Events are answered by clusters that stand still for a block of `ledger.BLOCK` events, and learnt one by one. After each
block the births and deaths are looked for, after every fifth all clusters anew; so nothing depends on how events are
cut into batches.
"""

from typing import Any, NamedTuple

import numpy as np

from driftline.models import arrays
from driftline.models.base import Array, Plain, array, scalar
from driftline.models.clustering import (
    atoms,
    births,
    coarseness,
    drifting,
    frozen,
    gaussianity,
    jumps,
    late_features,
    ledger,
    macros,
    meeting,
    micro,
    ppp,
    recovery,
    restructure,
    shares,
    trails,
)
from driftline.models.clustering import strangeness as strange
from driftline.models.clustering.answers import Answers, nothing
from driftline.models.clustering.ledger import BLOCK, WARM_UP
from driftline.models.clustering.micro import LEARNT, LIVE, RECENT_UNIT, UNASSIGNED

LOOK = 5 * BLOCK
"""Events between two looks at all clusters later on."""
RESTLESS, SOON = 10 * BLOCK, 2 * BLOCK
"""Events after a cluster has changed in which all are looked at more often, and the events between two looks then."""
NEW = 6 * BLOCK
"""Events in which a feature is new: what came before it is supposed to have been usual, until the latest
events (`drifting.HELD`) all have it."""

OF_GAUSSIANS = 1.0
"""Multiple of the BIC penalty where clusters are Gaussians: only what is none needs more, or it is cut to pieces. Rare
clusters show sooner with less."""
BARE = 1e-4
"""What is added to variances where it is asked how events lie: the usual floor would show."""


class Happened(NamedTuple):
    """Something in the life of a cluster."""

    learnt: int
    """Events that had been learnt."""
    kind: str
    who: int
    others: tuple[int, ...]
    before: float
    after: float
    text: str


class Clusters:
    """The clusters of events with `d` features; `half_life` in events, `most` micro-clusters.

    With `transport` their shares are those of `shares.py`, else those of their masses.
    """

    def __init__(self, d: int, half_life: float, most: int, transport: bool = False):
        self.transport = transport
        self.micro = micro.make(d, most=most, compact_to=max(most * 4 // 5, 1), half_life=half_life)
        self.atoms = atoms.make(d)
        self.ledger = ledger.make()
        self.recent = strange.make()
        self.latest = drifting.make(d)
        self.tally = np.zeros(ledger.ROOM, np.int64)
        """Arrivals in the block at hand, by the place of the frozen clusters."""
        self.since = np.zeros(d, np.int64)
        """Events learnt when each feature came."""
        self.proposed: dict[restructure.Key, int] = {}
        """Changes that the last looks at all clusters have asked for, and how many of them in a row."""
        self.frozen: frozen.Frozen | None = None
        self.rank: strange.Ruler = strange.Ruler(np.zeros(0), np.inf, np.inf)
        self.floor = np.full(d, atoms.LEAST)
        self.happened: list[Happened] = []
        self.quality = np.array([-np.inf, 0.0])
        """The best mean log density of latest events, and how many looks in a row it was far below."""
        self.renewed = -RESTLESS
        """Events learnt when a cluster was last made anew."""
        self.redrawn = False
        """Whether clusters have changed since they stood last, so that the latest events are of others now."""

    @property
    def d(self) -> int:
        """Features."""
        return int(self.micro.mean.shape[1])

    @property
    def learnt(self) -> int:
        """Events."""
        return int(self.micro.counts[LEARNT])

    @property
    def penalty(self) -> float:
        """Of a cut, in BIC penalties of a diagonal Gaussian: what a Gaussian with all covariances costs.

        A cut through correlated features must gain more than that Gaussian would.
        """
        counted = min(self.d, ppp.COUNTED)
        return 0.5 * counted * (counted + 3) / (2 * counted + 1)

    # -- events ------------------------------------------------------------------------------------------------------

    def answer(self, X: Array) -> Answers:
        """Say where events (n, d) belong; nan where a feature is missing."""
        X = self.filled(X)
        if self.frozen is None:
            return nothing(len(X))
        said = frozen.say(self.frozen, X)
        return self._answers(X, said, self._internal(said), micro.to_mass(self.micro, X))

    def _internal(self, said: frozen.Said) -> Array:
        """Return the ids (n,) under which events are learnt."""
        assert self.frozen is not None
        return np.where(said.distance <= self.rank.far, self.frozen.ids[said.best], UNASSIGNED)

    def _answers(self, X: Array, said: frozen.Said, internal: Array, mass: Array) -> Answers:
        assert self.frozen is not None
        ids = np.maximum(internal, UNASSIGNED)
        return Answers(
            ids,
            np.where(ids >= 0, said.confidence, 0.0),
            said.distance,
            strange.novelty(self.rank, mass),
            strange.strangeness(self.rank, mass),
            frozen.likeliest(self.frozen, X, said),
        )

    def filled(self, X: Array) -> Array:
        """Return events (n, d) with what is missing (nan) taken from the mean of all before this block."""
        missing = np.isnan(X)
        if not missing.any():
            return X
        return np.where(missing, self.frozen.fill if self.frozen is not None else 0.0, X)

    def learn(self, X: Array) -> Answers:
        """Learn events (n, d) in order; return what was said of each before it was learnt."""
        parts, done, n = [], 0, len(X)
        while done < n:
            until = min(n, done + BLOCK - self.learnt % BLOCK)
            chunk = self.filled(X[done:until])
            said = None if self.frozen is None else frozen.say(self.frozen, chunk)
            internal = np.full(len(chunk), UNASSIGNED) if said is None else self._internal(said)
            mass = micro.learn(self.micro, chunk, internal)
            atoms.learn(self.atoms, chunk)
            drifting.record(self.latest, chunk, internal)
            if said is None:
                parts.append(nothing(len(chunk)))
            else:
                parts.append(self._answers(chunk, said, internal, mass))
                strange.record(self.recent, mass, said.log_density, said.distance)
                places = said.best[internal != UNASSIGNED]
                self.tally += np.bincount(places, minlength=ledger.ROOM)
            done = until
            if self.learnt % BLOCK == 0:
                self.settle()
        return Answers(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    # -- between blocks ----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """After a block: count its arrivals, see who was born and who has died, and let the clusters stand again."""
        if self.frozen is not None:
            ledger.record(self.ledger, self.frozen.ids, self.tally[: len(self.frozen.ids)])
            self.tally[:] = 0
        new = (self.since > 0) & (self.learnt - self.since <= NEW)
        if new.any():
            late_features.suppose(self.micro, np.where(new, self.since, 0))
        if self.learnt <= WARM_UP:
            restructure.form(self)
        else:
            if not new.any():
                self.renew()
                meeting.look(self)
            restless = self.learnt - self.renewed <= RESTLESS and self.learnt % SOON == 0
            if self.learnt % LOOK == 0 or restless:
                restructure.look(self)
            if self.learnt % LOOK == 0 and recovery.doubt(self, strange.level(self.recent, LOOK)):
                recovery.recover(self)
            births.look(self)
        self.freeze()

    def renew(self) -> None:
        """Make clusters that have changed of their latest events, and forget what others have left behind."""
        found = self.moments()
        changed = drifting.changed(
            self.latest, found, self.own(), self.micro.scale[0], micro.per_sd(self.micro), self.floor
        )
        for id_ in changed:
            X = self._present(id_)
            mass = float(self.moments().weight[self.own() == id_].sum())
            micro.drop(self.micro, self.own() == id_)
            micro.absorb(self.micro, X, id_, min(max(mass / len(X), 1.0), drifting.HEAVIER))
            self.ledger.changed[ledger.row(self.ledger, id_)] = self.renewed = self.learnt
        if changed:
            found = self.moments()
        left = trails.spent(found, self.lately(), self.own(), self.floor)
        if left.any():
            micro.drop(self.micro, left)
        births.forget_empty(self)

    def _present(self, id_: int) -> Array:
        """Return the latest events (n, d) of a cluster that has changed: those since it jumped, if it has."""
        X = drifting.of(self.latest, id_)[0]
        Z = micro.standardise(self.micro, X)
        first = jumps.since(Z, self.floor)
        if not first:
            return X
        births.tell_moved(self, id_, float(np.linalg.norm(Z[first:].mean(axis=0) - Z[:first].mean(axis=0))))
        drifting.leave(self.latest, id_, first)
        return X[first:]

    def freeze(self) -> None:
        """Let the clusters stand as they are now."""
        found, ids = self.moments(), self.own()
        known = ids != UNASSIGNED
        if known.any():
            held = macros.macros(micro.Moments(*(part[known] for part in found)), ids[known], self.floor)
            self.frozen = self._standing(held)
            if self.redrawn:
                said = frozen.say(self.frozen, self.latest.X)
                there = np.where(said.distance <= self.rank.far, self.frozen.ids[said.best], UNASSIGNED)
                self.latest.own[:] = np.where(self.latest.own == drifting.PAST, drifting.PAST, there)
                self.redrawn = False
        self.rank = strange.ruler(self.recent, 1 if self.frozen is None else int(self.frozen.active[0]))
        if self.learnt < WARM_UP:
            self.rank = self.rank._replace(far=np.inf)

    def _standing(self, held: macros.Macros) -> frozen.Frozen:
        """Return the clusters to stand, with their shares."""
        place = self.micro.scale[0], micro.per_sd(self.micro)
        if not self.transport or self.learnt < WARM_UP:
            return frozen.freeze(held, *place)
        made = frozen.freeze(held, *place, shares.expected(held, self.frozen))
        if self.learnt % LOOK or len(held.ids) < 2:
            return made
        taken = shares.transported(made, self.latest.X, self.rank.far)
        return frozen.freeze(held, *place, shares.followed(made, taken))

    def partition(self) -> tuple[Array, bool]:
        """Return the clusters (m,) int64, from 0, that the micro-clusters make now, and whether some were joined."""
        found = self.moments()
        self.floor = atoms.floors(self.atoms, self.micro.scale[0], self.sd())
        both = ppp.partitions(*found, penalties=(self.penalty, OF_GAUSSIANS), floor=self.floor)
        labels, fine = (one.labels for one in both)
        coarse = coarseness.choose(*found, labels)
        if coarse.max() == labels.max() >= fine.max():
            return labels, False
        if self.gaussian(found, labels):
            return (fine if fine.max() > labels.max() and self.gaussian(found, fine) else labels), False
        return coarse, bool(coarse.max() < labels.max())

    def gaussian(self, found: micro.Moments, labels: Array) -> bool:
        """Say whether clusters are Gaussians, as far as the latest events tell, so that there is nothing to join."""
        latest = self.latest.X[: int(self.latest.counts[0])]
        Z, varied = micro.standardise(self.micro, latest), micro.per_sd(self.micro) > 0.0
        bare = np.where(self.floor > atoms.LEAST, self.floor, BARE)  # a floor for atoms is part of what data show
        return gaussianity.fit(macros.macros(found, labels, bare), Z, varied) and not gaussianity.correlated(
            *found, labels, self.floor
        )

    def moments(self) -> micro.Moments:
        """Return the micro-clusters in standardised units."""
        return micro.moments(self.micro)

    def own(self) -> Array:
        """Return the clusters (m,) of the micro-clusters, to be written to."""
        own: Array = self.micro.macro[: self.micro.counts[LIVE]]
        return own

    def ids(self) -> Array:
        """Return the ids (k,) of the clusters that stand, below -1 for those that are not decided yet."""
        return np.zeros(0, np.int64) if self.frozen is None else self.frozen.ids

    def unknown(self) -> float:
        """Return the share of the latest events that belonged to no cluster, or to one not decided yet."""
        n = min(int(self.latest.counts[0]), drifting.HELD)
        own = self.latest.own[:n]
        return float(((own < 0) & (own != drifting.PAST)).mean()) if n else 0.0

    def lately(self) -> Array:
        """Return the latest events (m,) of the micro-clusters, decayed eight times faster than their weights."""
        recent: Array = self.micro.recent[: self.micro.counts[LIVE]] / self.micro.numbers[RECENT_UNIT]
        return recent

    def sd(self) -> Array:
        """Return the standard deviation (d,) of each feature, over all events."""
        per_sd = micro.per_sd(self.micro)
        return np.where(per_sd > 0.0, 1.0 / np.where(per_sd > 0.0, per_sd, 1.0), 0.0)

    def tell(self, kind: str, who: int, others: tuple[int, ...], before: float, after: float, text: str) -> None:
        """Keep something that happened until it is asked for."""
        self.redrawn = True
        self.renewed = self.learnt
        self.quality[:] = -np.inf, 0.0  # other clusters are no worse ones
        self.happened.append(Happened(self.learnt, kind, who, others, before, after, text))

    # -- state -------------------------------------------------------------------------------------------------------

    def widen(self, values: Array) -> None:
        """Take more features, of which the first values are given (new,)."""
        self.since = np.append(self.since, np.full(len(values), self.learnt))
        self.micro = late_features.wider(self.micro, values)
        self.atoms = atoms.wider(self.atoms, len(values))
        self.latest = drifting.wider(self.latest, values)
        self.floor = np.append(self.floor, np.full(len(values), atoms.LEAST))
        if self.frozen is not None:
            self.frozen = frozen.wider(self.frozen, values)

    def parts(self) -> dict[str, Any]:
        """Return all that is made of arrays alone."""
        return {
            "micro": self.micro,
            "atoms": self.atoms,
            "ledger": self.ledger,
            "recent": self.recent,
            "latest": self.latest,
        }

    def state(self) -> dict[str, Plain]:
        """Return all that goes on."""
        return {
            **{name: arrays.flat(part) for name, part in self.parts().items()},
            "tally": self.tally.copy(),
            "proposed": [[kind, list(ids), parts, asked] for (kind, ids, parts), asked in self.proposed.items()],
            "frozen": {} if self.frozen is None else arrays.flat(self.frozen),
            "floor": self.floor.copy(),
            "since": self.since.copy(),
            "renewed": self.renewed,
            "quality": self.quality.copy(),
            "redrawn": self.redrawn,
            "sorted": self.rank.sorted.copy(),
            "far": float(self.rank.far),
            "usual": float(self.rank.usual),
        }

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the one that gave this state. Raises `ValueError` where it does not fit; this one is spoilt then."""
        for name, part in self.parts().items():
            arrays.refill(part, scalar(state, name, dict))
        live, known = int(self.micro.counts[LIVE]), int(self.ledger.counts[0])
        if not 0 <= live <= len(self.micro.weight) or not 0 <= known <= ledger.ROOM:
            raise ValueError(f"state tells of {live} micro-clusters and {known} clusters")
        self.tally = array(state, "tally", like=self.tally)
        self.floor = array(state, "floor", like=self.floor)
        self.since = array(state, "since", like=self.since)
        self.proposed = {
            (kind, tuple(ids), parts): asked for kind, ids, parts, asked in scalar(state, "proposed", list)
        }
        self.renewed = scalar(state, "renewed", int)
        self.redrawn = scalar(state, "redrawn", bool)
        self.quality = array(state, "quality", like=self.quality)
        held = scalar(state, "frozen", dict)
        self.frozen = frozen.restored(held, self.d) if held else None
        ranked = scalar(state, "sorted", np.ndarray)
        if ranked.ndim != 1 or ranked.dtype != np.float64 or len(ranked) > strange.HELD:
            raise ValueError(
                f"state 'sorted' must be at most {strange.HELD} numbers, got {ranked.dtype} {ranked.shape}"
            )
        usual = scalar(state, "usual", float)
        if not usual > 0.0:
            raise ValueError(f"state 'usual' must be above 0, got {usual}")
        self.rank = strange.Ruler(ranked.copy(), scalar(state, "far", float), usual)

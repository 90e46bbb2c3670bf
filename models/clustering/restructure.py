"""All clusters looked at anew: which go on, which are split, which merge. Ids go on wherever there is reason to.

One look may be a whim of the latest events. After the first events, clusters change only if several looks in a row ask
for the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import pdtr

from driftline.models.base import Array
from driftline.models.clustering import births, changes, drifting, gaussians, ledger, macros, micro, mixture
from driftline.models.clustering.changes import Family
from driftline.models.clustering.micro import UNASSIGNED
from driftline.models.clustering.points import Points
from driftline.models.clustering.trails import TRAIL

Key = tuple[str, tuple[int, ...], int]
"""A change that is asked for: what happens, to which clusters, and how many there are then."""

if TYPE_CHECKING:
    from driftline.models.clustering.clusters import Clusters

PLAINLY = 0.05
"""Nats an event by which new clusters must be better than old ones: ties would be cut one way and then the other. Fewer
clusters must keep half of what the penalty spares."""
SOON, LATER = 2, 4
"""Looks in a row that must ask for the same: where a cluster has just changed, and where none has or scale decides."""
OBVIOUS = 4.0
"""So many times plainly better, two looks are enough in any case."""
SURE = 1.6
"""So many times that much better needs no second look where a cluster has just changed."""
DRIFTED = 1_500
"""Events that long ago is just."""
ENOUGH = 5.0
"""Arrivals to be expected of a part before it can be said that a cluster that moves has left it."""
LATELY, FEW = 100, 0.25
"""The very last events, and the part of what is usual below which they are few where a cluster is thought to be."""
CHANCE, DOUBT = 1e-3, 0.05
"""How unlikely so few must be for the place to be abandoned, and for the next look to be waited for."""


def form(clusters: Clusters) -> None:
    """Take the clusters as they are found; ids go to those that share most."""
    own = clusters.own()
    if not len(own):
        return
    new, _ = clusters.partition()
    book = clusters.ledger
    own[:] = macros.keep_ids(clusters.moments().weight, own, new, int(book.counts[1]))
    book.counts[1] = max(int(book.counts[1]), int(own.max()) + 1)
    for id_ in np.setdiff1d(ledger.live(book), own).tolist():
        ledger.leave(book, id_)
    for id_ in np.setdiff1d(own, ledger.live(book)).tolist():
        ledger.enter(book, id_, clusters.learnt)
    if clusters.learnt == ledger.WARM_UP:
        for id_ in np.unique(own).tolist():
            births.tell_born(clusters, id_)


def look(clusters: Clusters) -> None:
    """Look at all clusters, and change what several looks in a row agree on."""
    if len(clusters.own()):
        new, joined = clusters.partition()
        follow(clusters, new, joined)


def follow(clusters: Clusters, new: Array, joined: bool, sure: bool = False) -> None:
    """Make the clusters those of a partition, where the looks before asked for that too, or at once if `sure`.

    Parameters
    ----------
    clusters
        Those that there are.
    new
        (m,) int64 the partition of their micro-clusters, from 0.
    joined
        Whether it was made coarser than is likeliest, so that likelihoods do not tell.
    sure
        Whether to follow it at once.

    """
    own, weight = clusters.own(), clusters.moments().weight
    undecided = own < UNASSIGNED
    before = own.copy()
    proposed: dict[Key, int] = {}
    spent = np.zeros(len(own), bool)
    for family in changes.families(weight, before, new):
        kind = family.kind
        inside = np.isin(new, family.new) & ~undecided
        key = (kind, family.old, len(family.new))
        if kind == "same":
            own[inside] = family.old[0]
        elif kind in ("split", "merged", "rearranged"):
            plainly = 1.0 if joined else _plainly(clusters, before, new, family)
            if plainly >= 1.0:
                drifted = _drifted(clusters, family)
                asked = clusters.proposed.get(key, 0) + 1
                if (
                    sure
                    or asked >= (SOON if (drifted and not joined) or plainly >= OBVIOUS else LATER)
                    or (drifted and plainly >= SURE)
                ):
                    spent |= _rearrange(clusters, own, before, new, weight, family, ~undecided)
                else:
                    proposed[key] = asked
    clusters.proposed = proposed
    micro.drop(clusters.micro, spent)
    births.forget_empty(clusters)


def _arrivals(clusters: Clusters, new: Array, family: Family) -> Array:
    """Return the micro-clusters (n,) of a family that its very last events are nearest to."""
    count = int(clusters.latest.counts[0])
    return _nearest(clusters, new, family, np.arange(max(count - LATELY, 0), count) % drifting.HELD)[1]


def _nearest(clusters: Clusters, new: Array, family: Family, at: Array) -> tuple[Array, Array]:
    """Return which of these latest events are of a family (n,), and which of its micro-clusters each is nearest to."""
    at = at[np.isin(clusters.latest.own[at], family.old)]
    Z = micro.standardise(clusters.micro, clusters.latest.X[at])
    of_it = np.flatnonzero(np.isin(new, family.new))
    away = ((Z[:, None] - clusters.moments().mean[of_it]) ** 2).sum(axis=2)
    return at, of_it[away.argmin(axis=1)]


def _leave_behind(clusters: Clusters, new: Array, family: Family, abandoned: Array) -> None:
    """Take the events of what was abandoned out of the latest ones, so that no cluster is made of them again."""
    at, nearest = _nearest(clusters, new, family, np.arange(min(int(clusters.latest.counts[0]), drifting.HELD)))
    clusters.latest.own[at[abandoned[nearest]]] = drifting.PAST


def _drifted(clusters: Clusters, family: Family) -> bool:
    """Say whether a cluster of a family has just been made anew."""
    book = clusters.ledger
    changed = book.changed[: len(ledger.live(book))][np.isin(ledger.live(book), family.old)]
    return bool(((changed > 0) & (clusters.learnt - changed <= DRIFTED)).any())


def _plainly(clusters: Clusters, before: Array, new: Array, family: Family) -> float:
    """Return how much better the new clusters of a family explain its micro-clusters, 1 being plainly."""
    of_it = np.isin(new, family.new) & np.isin(before, family.old)
    weight, mean, variance = (part[of_it] for part in clusters.moments())
    held = Points(mean, weight, variance)
    old, now = (mixture.score(held, part[of_it], clusters.penalty, clusters.floor) for part in (before, new))
    mass = float(weight.sum())
    fewer = len(family.old) - len(family.new)
    if fewer > 0:
        spared = 0.5 * clusters.penalty * gaussians.free(fewer, clusters.d) * np.log(max(mass, 2.0))
        return float((now - old) / (0.5 * spared))
    return float((now - old) / (PLAINLY * mass))


def _rearrange(
    clusters: Clusters, own: Array, before: Array, new: Array, weight: Array, family: Family, free: Array
) -> Array:
    """Give the new clusters of a family their ids; return (m,) which micro-clusters are a trail to be forgotten."""
    book = clusters.ledger
    inside = np.isin(new, family.new) & free
    parts, spent, abandoned = _left(clusters, new, weight, family, inside)
    if not parts:  # nothing is sure, or each is so by another clock
        return np.zeros(len(own), bool)
    spent |= abandoned
    if abandoned.any():
        _leave_behind(clusters, new, family, abandoned)
    if len(family.old) == len(parts) == 1 and 2.0 * weight[abandoned].sum() > weight[inside].sum():
        mean = clusters.moments().mean
        there, then = (weight[of_it] @ mean[of_it] / weight[of_it].sum() for of_it in (inside & ~spent, abandoned))
        births.tell_moved(clusters, family.old[0], float(np.sqrt(((there - then) ** 2).sum())))
    shared = changes.overlap(weight, before, new, Family(family.old, tuple(parts)))
    id_of = dict.fromkeys(parts, -1)
    for a, b in zip(*linear_sum_assignment(-shared), strict=True):
        if shared[a, b] > 0.0:
            id_of[parts[a]] = family.old[b]
    came = {q: _recent(clusters, (new == q) & free) for q in parts}
    usual = dict(zip(ledger.live(book).tolist(), ledger.share(book).tolist(), strict=True))
    for a, q in enumerate(parts):
        if id_of[q] < 0:
            source = family.old[int(shared[a].argmax())]
            part = float(weight[(new == q) & (before == source)].sum() / weight[before == source].sum())
            id_of[q] = ledger.fresh(book)
            main = sum(came.values()) - came[q]
            was = usual.get(source, 0.0)
            # What was there before may have lost nothing: then this one did not leave it.
            apart = len(family.old) == 1 and abs(main - was * (1.0 - came[q])) < abs(main - (was - came[q]))
            _enter(clusters, own, (new == q) & free, id_of[q], None if apart else source, min(part, 1.0))
    for b, id_ in enumerate(family.old):
        if id_ not in id_of.values():
            target = id_of[parts[int(shared[:, b].argmax())]]
            ledger.add(book, target, id_)
            ledger.leave(book, id_)
            own[own == id_] = target  # also the few that lie in other families
            clusters.tell(
                "merged", target, (id_,), usual.get(target, 0.0), usual.get(target, 0.0) + usual.get(id_, 0.0),
                f"cluster {id_} went into {target}: nothing lies between them any more",
            )  # fmt: skip
    for q in parts:
        own[(new == q) & free] = id_of[q]
    return spent


def _left(
    clusters: Clusters, new: Array, weight: Array, family: Family, inside: Array
) -> tuple[list[int], Array, Array]:
    """Return the new clusters of a family that have arrivals, and (m,) the trails and what was abandoned of late.

    There are no clusters where it is not sure yet whether some have arrivals.
    """
    spent, abandoned = np.zeros(len(new), bool), np.zeros(len(new), bool)
    if len(family.new) == 1:
        return list(family.new), spent, abandoned
    recent = clusters.lately()
    rate = recent[inside].sum() / weight[inside].sum()
    nearest = _arrivals(clusters, new, family)
    lately = np.bincount(nearest, minlength=len(new))
    parts: list[int] = []
    silent: dict[int, tuple[float, float]] = {}
    for q in family.new:
        member = (new == q) & inside
        expected = rate * weight[member].sum()
        came, usual = float(lately[member].sum()), len(nearest) * float(weight[member].sum() / weight[inside].sum())
        if expected >= ENOUGH and recent[member].sum() < TRAIL * expected:
            spent |= member
        elif came < FEW * usual:
            silent[q] = came, usual
        else:
            parts.append(q)
    # What is left of one place may be in several pieces, too small for each to tell.
    chance = float(pdtr(*np.sum(list(silent.values()), axis=0))) if silent else 1.0
    if chance < CHANCE:
        return parts, spent, np.isin(new, list(silent)) & inside
    return [] if chance < DOUBT else sorted([*parts, *silent]), spent, abandoned


def _recent(clusters: Clusters, members: Array) -> float:
    """Return the share of the latest arrivals that these micro-clusters (m,) bool had."""
    recent = clusters.lately()
    return float(recent[members].sum() / recent.sum())


def _enter(clusters: Clusters, own: Array, members: Array, id_: int, source: int | None, part: float) -> None:
    """Enter a new cluster of these micro-clusters (m,) bool, of which `part` left `source`, or that was born."""
    book = clusters.ledger
    if source is None:
        ledger.enter(book, id_, clusters.learnt)
        own[members] = id_
        births.tell_born(clusters, id_)
        return
    usual = float(ledger.share(book)[ledger.row(book, source)])
    ledger.enter(book, id_, clusters.learnt, like=source, part=part)
    text = f"cluster {source} was split: {id_} left it with {part:.0%} of its mass"
    clusters.tell("split", source, (id_,), usual, usual * part, text)

"""Who was born, who has died, and who only jumped: read from events of no cluster, and from clusters without events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import pdtr

from driftline.models.base import Array
from driftline.models.clustering import drifting, ledger, macros, micro, ppp
from driftline.models.clustering.ledger import BLOCK, BLOCKS
from driftline.models.clustering.micro import UNASSIGNED, Moments

if TYPE_CHECKING:
    from driftline.models.clustering.clusters import Clusters

LEAST = 8.0
"""Events that a new cluster must have."""
FRESH = 5.0
"""Of which so many within about the latest 250 events."""
JUMPED = 1e-3
"""Probability of so few arrivals by chance, below which a cluster may have jumped when another came to be."""
FEW = 0.3
"""Share of the usual arrivals above which it has not."""
CLEAR = 25.0
"""Events of a new cluster that tell enough of its shape and share."""
LEAST_AGE = 50
"""Events before which nothing is decided: those that begin together tell each other apart only then."""
LONGEST = 250
"""Events after which it is decided in any case."""
STRAYS = 0.1
"""Share of a group that may be older than it."""
SHARES, SPREADS = 0.7, 0.5
"""How far logarithms of shares, and of variances on average, of a cluster may differ before and after a jump."""


def look(clusters: Clusters) -> None:
    """See who was born, who of them only jumped, and who has died."""
    _adopt_or_bear(clusters)
    _decide(clusters)
    for id_ in ledger.dead(clusters.ledger).tolist():
        own = clusters.own()
        if (own >= 0).sum() == (own == id_).sum():
            continue  # the last one stays: without any cluster nothing could be said
        before = float(ledger.share(clusters.ledger)[ledger.row(clusters.ledger, id_)])
        forget(clusters, id_)
        clusters.tell("died", id_, (), before, 0.0, f"cluster {id_} died: it had {before:.1%} of all events")


def tell_born(clusters: Clusters, id_: int) -> None:
    """Tell of a birth."""
    weight, own = clusters.moments().weight, clusters.own()
    share = float(weight[own == id_].sum() / weight.sum())
    clusters.tell("born", id_, (), 0.0, share, f"cluster {id_} was born: {share:.1%} of what is remembered")


def forget(clusters: Clusters, id_: int) -> None:
    """Take a cluster and its micro-clusters out."""
    micro.drop(clusters.micro, clusters.own() == id_)
    ledger.leave(clusters.ledger, id_)


def forget_empty(clusters: Clusters) -> None:
    """Take clusters out that have no micro-clusters any more."""
    held = set(clusters.own().tolist())
    for id_ in ledger.live(clusters.ledger).tolist():
        if id_ in held or ledger.code(id_) in held:
            continue
        before = float(ledger.share(clusters.ledger)[ledger.row(clusters.ledger, id_)])
        pending = bool(clusters.ledger.pending[ledger.row(clusters.ledger, id_)])
        ledger.leave(clusters.ledger, id_)
        if not pending:
            clusters.tell("died", id_, (), before, 0.0, f"cluster {id_} died: nothing of it is remembered")


def _adopt_or_bear(clusters: Clusters) -> None:
    """Make clusters of what belongs to none, where it stands apart, and give the rest to those that it is near to.

    What was found so before and is not decided yet is looked at again together with the latest.
    """
    own, book = clusters.own(), clusters.ledger
    pool = np.flatnonzero(own < 0)
    if not 0 < len(pool) < len(own):
        return
    recent, found = clusters.lately(), clusters.moments()
    if found.weight[pool].sum() < LEAST or recent[pool].sum() < FRESH:
        return
    before = ledger.code(own[pool])  # -1 stays what it is
    own[pool] = UNASSIGNED
    of_pool = Moments(*(part[pool] for part in found))
    groups = ppp.partition(*of_pool, floor=clusters.floor, penalty=1.0, least_mass=LEAST).labels
    new = np.full(len(pool), UNASSIGNED)
    for g in range(int(groups.max()) + 1):
        members = pool[groups == g]
        if found.weight[members].sum() < LEAST or recent[members].sum() < FRESH:
            continue
        nearest = _nearest(clusters, found, own, members)
        both = np.concatenate([np.flatnonzero(own == nearest), members])
        parts = [part[both] for part in found]
        second = np.isin(both, members)
        w, mean, variance = parts
        if ppp.gain(w, mean, variance, second, clusters.penalty, clusters.floor) <= 0.0:
            own[members] = nearest
        else:
            new[groups == g] = g
    kept = new >= 0
    if kept.any():
        numbers = np.unique(new[kept], return_inverse=True)[1]
        ids = macros.keep_ids(found.weight[pool[kept]], before[kept], numbers, int(book.counts[1]))
        book.counts[1] = max(int(book.counts[1]), int(ids.max()) + 1)
        own[pool[kept]] = ledger.code(ids)
        for id_ in np.setdiff1d(ids, ledger.live(book)).tolist():
            if len(ledger.live(book)) < ledger.ROOM:
                members = pool[kept][ids == id_]
                ledger.enter(book, id_, _onset(clusters, members), pending=True)
            else:
                own[own == ledger.code(id_)] = UNASSIGNED
    forget_empty(clusters)


def _onset(clusters: Clusters, members: Array) -> int:
    """Return when a group began: the first events of micro-clusters, less the oldest tenth, which may be strays."""
    opened, weight = clusters.micro.opened[members], clusters.micro.weight[members]
    order = np.argsort(opened)
    late = np.cumsum(weight[order]) > STRAYS * weight.sum()
    return int(opened[order][late][0])


def _nearest(clusters: Clusters, found: Moments, own: Array, members: Array) -> int:
    """Return the cluster in which a group of micro-clusters is most probable."""
    known = own >= 0
    held = macros.macros(Moments(*(part[known] for part in found)), own[known], clusters.floor)
    centre = found.weight[members] @ found.mean[members] / found.weight[members].sum()
    return int(held.ids[macros.score(held, centre[None]).log_posterior[0].argmax()])


def _decide(clusters: Clusters) -> None:
    """Of the new clusters: say which is an old one that jumped, and which was born, as soon as that is clear."""
    book = clusters.ledger
    ids = ledger.live(book)
    pending = np.flatnonzero(book.pending[: len(ids)])
    if not len(pending):
        return
    old = np.flatnonzero(book.pending[: len(ids)] == 0)
    own, found = clusters.own(), clusters.moments()
    known = own != UNASSIGNED
    held = {id_ if id_ >= 0 else ledger.code(id_): at for at, id_ in enumerate(np.unique(own[known]).tolist())}
    made = macros.macros(Moments(*(part[known] for part in found)), own[known], clusters.floor)
    cost = _costs(clusters, made, held, pending, old)
    finite = np.isfinite(cost)
    pairs = {}
    if finite.any():
        for a, b in zip(*linear_sum_assignment(np.where(finite, cost, 1e6)), strict=True):
            if finite[a, b]:
                pairs[a] = b
    decided = []
    for a, p in enumerate(pending.tolist()):
        id_ = int(ids[p])
        mine = held.get(id_)
        age = clusters.learnt - int(book.born[p])
        clear = mine is not None and (age >= LONGEST or (made.mass[mine] >= CLEAR and age >= LEAST_AGE))
        if clear:
            decided.append((id_, int(ids[old[pairs[a]]]) if a in pairs else -1))
    for id_, before in decided:
        if before < 0:
            book.pending[ledger.row(book, id_)] = 0
            own[own == ledger.code(id_)] = id_
            tell_born(clusters, id_)
        else:
            _move(clusters, id_, before, made, held)


def _costs(clusters: Clusters, made: macros.Macros, held: dict[int, int], pending: Array, old: Array) -> Array:
    """Return (pending, old) how unlike a new and an old cluster are, infinite where the old one cannot have jumped.

    It can have where it has hardly had events since the new one began, and where shares and variances are alike.
    """
    book = clusters.ledger
    ids, usual = ledger.live(book), ledger.share(book)
    cost = np.full((len(pending), len(old)), np.inf)
    for a, p in enumerate(pending.tolist()):
        since = clusters.learnt - int(book.born[p])
        blocks = min(max(-(-since // BLOCK), 1), BLOCKS)
        came = ledger.arrivals(book, blocks)
        mine = held.get(int(ids[p]))
        for b, o in enumerate(old.tolist()):
            other = held.get(int(ids[o]))
            if mine is None or other is None or usual[o] <= 0.0:
                continue
            expected = usual[o] * blocks * BLOCK
            if pdtr(came[o], expected) >= JUMPED or came[o] > FEW * expected:
                continue
            shares = abs(float(np.log(made.mass[mine] / max(since, 1) / usual[o])))
            spreads = float(np.abs(np.log(made.variance[mine] / made.variance[other])).mean())
            if shares <= SHARES and spreads <= SPREADS:
                away = float(np.sqrt(((made.mean[mine] - made.mean[other]) ** 2).mean()))
                cost[a, b] = shares + spreads + away
    return cost


def _move(clusters: Clusters, id_: int, before: int, made: macros.Macros, held: dict[int, int]) -> None:
    """Give a new cluster the id of the one that jumped."""
    book = clusters.ledger
    away = float(np.sqrt(((made.mean[held[id_]] - made.mean[held[before]]) ** 2).sum()))
    micro.drop(clusters.micro, clusters.own() == before)
    clusters.latest.own[clusters.latest.own == before] = drifting.PAST
    own = clusters.own()
    own[own == ledger.code(id_)] = before
    ledger.add(book, before, id_)
    ledger.leave(book, id_)
    tell_moved(clusters, before, away)


def tell_moved(clusters: Clusters, id_: int, away: float) -> None:
    """Tell that a cluster jumped so far, in standard deviations of all events."""
    clusters.tell("moved", id_, (), 0.0, away, f"cluster {id_} jumped by {away:.2g} standard deviations")

"""One event through iHOMER: seven opinions on each label, mixed; then, when the labels are known, what each learns.

Everything is arrays, and all loops are compiled. `run` takes many events and stops early where something is to be done
that is not arrays alone: a check of the label hierarchy, a drift, a block that is full.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models import adwin_bank
from driftline.models import held as holding
from driftline.models.base import Array
from driftline.models.multilabel import (
    bernoulli_tree,
    cooccurrence,
    deciding,
    feature_rows,
    linear_banks,
    mixing,
    neighbours,
)

OPINIONS = ("margin", "logistic", "neighbours", "quick rate", "slow rate", "tree", "cluster")
FIRST = np.array([0.24, 0.24, 0.24, 0.24, 0.24, 0.1, 0.1])
"""The weights with which mixing begins."""
QUICK, SLOW = 0.3, 0.01
"""Weights of the newest event in the two running rates of each label."""
LENGTH = 3.0
"""The length of the standardised view of an event before the linear learners."""
DONE, CHECK, DRIFT, FULL, TREE = 0, 1, 2, 4, 8
"""Why `run` came back: a sum of these."""
TREE_EVERY = 256
"""Events between two looks at which features are usual, and which dense ones have become sparse."""
RACE_LEAST, RACE_MOST, RACE_SURE = 300.0, 3_000.0, 3.0
"""Events after which an alternate tree may replace the tree, and after which it is dropped; standard errors by which
its Brier score must be lower."""


class State(NamedTuple):
    """All that is learnt, but names and the label hierarchy."""

    moments: feature_rows.Moments
    margin: linear_banks.Bank
    logistic: linear_banks.Bank
    active: linear_banks.Bank
    """A column for each cluster: whether any of its labels is on."""
    ring: neighbours.Ring
    everyone: mixing.Mixer
    clusters: mixing.Mixer
    each: mixing.Mixer
    counts: deciding.Counts
    tree: bernoulli_tree.Tree
    alternate: bernoulli_tree.Tree
    usual: Array
    """(C,) int32: the features that trees consider."""
    rates: Array
    """(2, L): quick and slow rate of each label."""
    shares: Array
    """(L,): faded count of each label, to be set against its cluster's."""
    whole: Array
    """(C,): faded count of the events that have any label of a cluster."""
    cluster_of: Array
    """(L,) int32."""
    tally: Array
    """(8,): events learnt; clusters; whether an alternate tree grows, its events, sum and sum of squares of the
    differences of the two trees' Brier scores; labels that were met, and those that have a cluster."""


class Scratch(NamedTuple):
    """Room for one event; holds nothing from one to the next."""

    scaled: Array
    where: Array
    standard: Array
    long: Array
    seen: Array
    scatter: Array
    x: Array
    margin: Array
    margin_spread: Array
    logistic: Array
    logistic_spread: Array
    active: Array
    active_spread: Array
    step: Array
    shrink: Array
    near: Array
    leaf: Array
    other: Array
    opinions: Array
    p: Array
    on: Array
    any: Array
    mixed: Array
    found: Array
    loss: Array
    size: Array


def make(features: int, labels: int, clusters: int, dense: int, sparse: int, window: int) -> State:
    """Return a state of these sizes that has learnt nothing."""
    state = State(
        feature_rows.make(features, dense),
        linear_banks.make(features, labels, linear_banks.PRIOR),
        linear_banks.make(features, labels, linear_banks.BIAS_PRIOR),
        linear_banks.make(features, clusters, linear_banks.BIAS_PRIOR),
        neighbours.make(window, dense, sparse, labels),
        mixing.make(1, FIRST),
        mixing.make(clusters, FIRST),
        mixing.make(labels, FIRST),
        deciding.make(labels),
        bernoulli_tree.make(labels),
        bernoulli_tree.make(labels),
        np.full(bernoulli_tree.CANDIDATES, -1, dtype=np.int32),
        np.full((2, labels), 0.5),
        np.zeros(labels),
        np.zeros(clusters),
        np.zeros(labels, dtype=np.int32),
        np.array([0.0, 1.0, *np.zeros(6)]),
    )
    bernoulli_tree.plant(state.tree, state.usual)
    return state


def scratch(state: State) -> Scratch:
    """Return room for one event of this state."""
    features, labels = len(state.moments.nonzero), len(state.shares)
    room = features + len(state.moments.dense) + 1
    small = np.zeros((8, labels), dtype=np.float32)
    return Scratch(
        np.zeros(room, dtype=np.float32),
        np.zeros(room, dtype=np.int32),
        np.zeros(room, dtype=np.float32),
        np.zeros(room, dtype=np.float32),
        np.zeros(features, dtype=np.bool_),
        np.zeros(features, dtype=np.float32),
        np.zeros(features),
        small[0],
        small[1],
        small[2],
        small[3],
        small[4],
        small[5],
        small[6],
        small[7],
        np.zeros(labels),
        np.zeros(labels),
        np.zeros(labels),
        np.zeros((labels, len(OPINIONS))),
        np.zeros(labels),
        np.zeros(labels, dtype=np.int32),
        np.zeros(labels, dtype=np.uint8),
        np.zeros(len(OPINIONS) + 1),
        np.zeros(max(len(state.moments.dense), 1), dtype=np.int32),
        np.zeros(labels + 1),
        np.zeros(labels + 1),
    )


@njit(cache=True)
def hold(state, scratch, pairs, bank, since):  # type: ignore[no-untyped-def]
    """Hold all arrays for `run`, which says what they are, and `predict`."""
    return holding.hold((state, scratch, pairs, bank, since))


@njit(cache=True)
def _odds(q, least):  # type: ignore[no-untyped-def]
    q = min(max(q, least), 1.0 - least)
    return np.log(q / (1.0 - q))


@njit(cache=True)
def _moderate(out, spread):  # type: ignore[no-untyped-def]
    return np.float64(out) / np.sqrt(1.0 + np.pi * np.float64(spread) / 8.0)


@njit(cache=True)
def consider(s, w, index, value, labels):  # type: ignore[no-untyped-def]
    """Form the opinions on each label and mix them to `w.p`; return the length of the event's standardised view."""
    n = len(index)
    n_dense = s.moments.counts[0]
    length = feature_rows.represent(s.moments, index, value, w.scaled, w.where, w.standard, w.seen)
    for i in range(length):
        w.long[i] = LENGTH * w.standard[i]
    linear_banks.margins(s.margin, index, w.scaled, n, labels, w.margin, w.margin_spread)
    linear_banks.margins(s.logistic, w.where, w.long, length, labels, w.logistic, w.logistic_spread)
    clusters = int(s.tally[1])
    linear_banks.margins(s.active, w.where, w.long, length, clusters, w.active, w.active_spread)
    near = neighbours.search(s.ring, w.where, w.standard, length, n_dense, w.scatter, w.near, labels)
    for i in range(n):
        w.x[index[i]] = feature_rows.tame(s.moments, index[i], np.float64(value[i]))
    bernoulli_tree.rates(s.tree, bernoulli_tree.leaf_of(s.tree, w.x), w.leaf, labels)
    if s.tally[2] > 0.0:
        bernoulli_tree.rates(s.alternate, bernoulli_tree.leaf_of(s.alternate, w.x), w.other, labels)
    for i in range(n):
        w.x[index[i]] = 0.0
    for c in range(clusters):
        a = min(max(_moderate(w.active[c], w.active_spread[c]), -30.0), 30.0)
        w.step[c] = 1.0 / (1.0 + np.exp(-a))
    for k in range(labels):
        o = w.opinions[k]
        c = s.cluster_of[k]
        o[0] = min(max(2.0 * w.margin[k] / np.sqrt(1.0 + w.margin_spread[k]), -8.0), 8.0)
        o[1] = min(max(_moderate(w.logistic[k], w.logistic_spread[k]), -4.6), 4.6)
        o[2] = _odds(w.near[k], 0.02) if near else 0.0
        o[3] = _odds(s.rates[0, k], 0.01)
        o[4] = _odds(s.rates[1, k], 0.01)
        o[5] = _odds(w.leaf[k], 0.01)
        o[6] = _odds(w.step[c] * (s.shares[k] + 0.5) / (s.whole[c] + 1.0), 0.01)
        a = mixing.mix(s.everyone, 0, o) + mixing.mix(s.each, k, o)
        a = (a + mixing.mix(s.clusters, c, o)) / 3.0 if clusters > 1 else a / 2.0
        w.p[k] = 1.0 / (1.0 + np.exp(-min(max(a, -30.0), 30.0)))
    return length


@njit(cache=True)
def teach(s, w, index, value, length, truth, labels):  # type: ignore[no-untyped-def]
    """Learn the labels (0 or 1, (L,)) of the event just considered; return what is to be done: `FULL`, `TREE`."""
    why = DONE
    n, clusters = len(index), int(s.tally[1])
    n_dense = s.moments.counts[0]
    for k in range(labels):
        o = w.opinions[k]
        y = np.float64(truth[k])
        mixing.learn(s.everyone, 0, o, y, w.mixed)
        if clusters > 1:
            mixing.learn(s.clusters, s.cluster_of[k], o, y, w.mixed)
        mixing.learn(s.each, k, o, y, w.mixed)
    deciding.learn(s.counts, w.p, truth, labels)
    s.tally[0] += 1.0
    events = s.tally[0]
    if events % deciding.EVERY == 0:
        deciding.choose(s.counts, labels)
    linear_banks.learn_margin(s.margin, index, w.scaled, n, labels, truth, w.margin, w.margin_spread, w.step, w.shrink)
    linear_banks.learn_logistic(
        s.logistic, w.where, w.long, length, labels, truth, w.logistic, w.logistic_spread, w.step, w.shrink
    )
    for c in range(clusters):
        w.any[c] = 0
    for k in range(labels):
        if truth[k]:
            w.any[s.cluster_of[k]] = 1
        s.shares[k] = s.shares[k] * deciding.FADE + truth[k]
        for r in range(2):
            pace = max(QUICK if r == 0 else SLOW, 1.0 / (events + 1.0))
            s.rates[r, k] += pace * (truth[k] - s.rates[r, k])
    for c in range(clusters):
        s.whole[c] = s.whole[c] * deciding.FADE + w.any[c]
    linear_banks.learn_logistic(
        s.active, w.where, w.long, length, clusters, w.any, w.active, w.active_spread, w.step, w.shrink
    )
    neighbours.remember(s.ring, w.where, w.standard, length, n_dense, truth, labels)
    for i in range(n):
        w.x[index[i]] = feature_rows.tame(s.moments, index[i], np.float64(value[i]))
    bernoulli_tree.learn(s.tree, w.x, truth, s.usual, labels)
    if s.tally[2] > 0.0:
        bernoulli_tree.learn(s.alternate, w.x, truth, s.usual, labels)
        if _race(s, w, truth, labels):
            why += TREE
    for i in range(n):
        w.x[index[i]] = 0.0
    if feature_rows.learn(s.moments, index, value):
        why += FULL
    if events % TREE_EVERY == 0 or events == feature_rows.ENOUGH:
        _look_around(s, w)
    return why


@njit(cache=True)
def begin_race(s):  # type: ignore[no-untyped-def]
    """Grow an alternate tree beside the tree, if none grows."""
    if s.tally[2] == 0.0:
        bernoulli_tree.plant(s.alternate, s.usual)
        s.tally[2:6] = 0.0
        s.tally[2] = 1.0


@njit(cache=True)
def _race(s, w, truth, labels):  # type: ignore[no-untyped-def]
    """Compare the two trees on an event; return whether the alternate has just taken the tree's place."""
    less = 0.0
    for k in range(labels):
        less += (w.leaf[k] - truth[k]) ** 2 - (w.other[k] - truth[k]) ** 2
    s.tally[3] += 1.0
    s.tally[4] += less
    s.tally[5] += less * less
    n = s.tally[3]
    mean = s.tally[4] / n
    error = np.sqrt(max(s.tally[5] / n - mean * mean, 0.0) / n)
    if n >= RACE_LEAST and mean > RACE_SURE * error:
        bernoulli_tree.adopt(s.tree, s.alternate)
        s.tally[2] = 0.0
        return True
    if n >= RACE_MOST:
        s.tally[2] = 0.0
    return False


@njit(cache=True)
def _look_around(s, w):  # type: ignore[no-untyped-def]
    """Find the usual features, and make dense ones sparse that have become so."""
    first = s.usual[0] < 0
    bernoulli_tree.most_usual(s.moments.nonzero, len(s.moments.nonzero), s.usual)
    if first:
        bernoulli_tree.gather_anew(s.tree, s.usual)
    for i in range(feature_rows.thinned(s.moments, w.found)):
        place, last = w.found[i], s.moments.counts[0] - 1
        feature_rows.retire(s.moments, place)
        neighbours.move_dense(s.ring, place, last)


@njit(cache=True)
def doubt(s, c, labels):  # type: ignore[no-untyped-def]
    """After a drift in a cluster (-1: in all): let its labels' learners and mixers move as fast as at first.

    What they know stays; only how sure they are of it is taken back.
    """
    if c < 0:
        mixing.doubt(s.everyone, 0)
    else:
        mixing.doubt(s.clusters, c)
    for k in range(labels):
        if c >= 0 and s.cluster_of[k] != c:
            continue
        mixing.doubt(s.each, k)
        for j in range(len(s.margin.variance)):
            s.margin.variance[j, k] = max(s.margin.variance[j, k], np.float32(0.25 * linear_banks.PRIOR))
            s.logistic.variance[j, k] = max(s.logistic.variance[j, k], np.float32(0.25 * linear_banks.PRIOR))


@njit(cache=True)
def predict(held, start, index, value, labels, out):  # type: ignore[no-untyped-def]
    """Write each event's probabilities to `out` (n, L); `held` and the rest are as for `run`."""
    s, w, _, _, _ = held.value
    for i in range(len(start) - 1):
        consider(s, w, index[start[i] : start[i + 1]], value[start[i] : start[i + 1]], labels)
        for k in range(labels):
            out[i, k] = w.p[k]


@njit(cache=True)
def judge(s, w, truth, labels):  # type: ignore[no-untyped-def]
    """Write the share of wrong decisions to `w.loss`: of all labels first, then of each cluster."""
    clusters = int(s.tally[1])
    threshold = s.counts.chosen[1]
    for c in range(clusters + 1):
        w.loss[c] = 0.0
        w.size[c] = 0.0
    for k in range(labels):
        c = s.cluster_of[k] + 1
        w.size[c] += 1.0
        if (w.p[k] > threshold) != (truth[k] > 0):
            w.loss[c] += 1.0
            w.loss[0] += 1.0
    w.loss[0] /= max(labels, 1)
    for c in range(1, clusters + 1):
        w.loss[c] /= max(w.size[c], 1.0)


@njit(cache=True)
def _watch(s, w, bank, since, truth, labels):  # type: ignore[no-untyped-def]
    """Give each detector its loss; return whether any of them tells of a drift for the worse."""
    judge(s, w, truth, labels)
    found = False
    clusters = int(s.tally[1])
    for g in range(clusters + 1 if clusters > 1 else 1):
        since[g, 0] += w.loss[g]
        since[g, 1] += 1.0
        if adwin_bank.update(bank, g, w.loss[g]):
            kept, total = bank.windows[g, adwin_bank.LENGTH], bank.windows[g, adwin_bank.TOTAL]
            earlier = since[g, 1] - kept
            if earlier > 0.0 and total / kept > (since[g, 0] - total) / earlier:
                found = True
            else:  # learning, not drift: what came before no longer counts
                since[g, 0], since[g, 1] = total, kept
                bank.windows[g, adwin_bank.DRIFTED] = 0.0
    return found


@njit(cache=True)
def run(held, every, start, index, value, truths, first, labels, out, cut):  # type: ignore[no-untyped-def]
    """Answer and learn events from `first` on, until all are done or something is to be done about the last of them.

    Parameters
    ----------
    held
        State; scratch; the counts of pairs of labels; drift detectors of the whole and of each cluster; (1 + C, 2) sum
        and count of each one's losses since its last drift.
    every
        The events between two checks of the hierarchy (0: never).
    start, index, value, truths
        Events as compressed rows, and their labels (n, L).
    first, labels
        The event to begin with; how many labels there are.
    out, cut
        (n, L) takes the probabilities and (n,) the threshold in use, as they stood before each event was learnt.

    Returns
    -------
    The next event, and what is to be done: a sum of `CHECK`, `DRIFT` and `FULL`.

    """
    s, w, pairs, bank, since = held.value
    for i in range(first, len(start) - 1):
        column, number = index[start[i] : start[i + 1]], value[start[i] : start[i + 1]]
        truth = truths[i]
        length = consider(s, w, column, number, labels)
        cut[i] = s.counts.chosen[1]
        n_on = 0
        for k in range(labels):
            out[i, k] = w.p[k]
            if truth[k]:
                w.on[n_on] = k
                n_on += 1
        why = DONE
        if _watch(s, w, bank, since, truth, labels):
            why += DRIFT
        why += teach(s, w, column, number, length, truth, labels)
        if every > 0:
            cooccurrence.observe_both(pairs, w.on, n_on)
            if s.tally[0] % every == 0:
                why += CHECK
        if why != DONE:
            return i + 1, why
    return len(start) - 1, DONE

"""One event through the event clock: a logistic regression whose weights have a slow and a quick part.

Each token's effect on the log odds is the sum of two Gaussian unknowns. The slow one counts all events alike (up to
thousands), the quick one the last few: who has begun to like something else moves the quick part at once. Both are
kept as information (precision `h` and `b`, precision times mean, of the data alone), so that the prior may change at
any time: mean = b / (1/v + h), variance = 1 / (1/v + h). An event is an extended Kalman update with a diagonal
covariance: all its tokens share one innovation variance.

The prior variances v are learnt, for each field, each field with the user, with the item, and each part: along the
gradient of the log-likelihood of each event's prediction, which for log v is g * mean * variance / v. So a field that
means nothing is shrunk away, and one in which users differ much is believed after a few events.

Everything is arrays, and all loops are compiled.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models import held as holding
from driftline.models.base import Array
from driftline.models.clicks import number_fields, slot_table, tokens
from driftline.models.clicks.click_rows import ITEM, USER

WIDTH = 6
SLOW_B, SLOW_H, QUICK_B, QUICK_H, CLICKS, SHOWN = range(WIDTH)
"""Columns of a slot's row."""
MEMORY = (1_000.0, 2.0)
"""The most information that the slow and the quick part keep; an event brings p (1 - p), 1/4 at most."""
PRIOR = {
    tokens.ALONE: 0.1, tokens.WITH_USER: 0.1, tokens.WITH_ITEM: 0.02, tokens.SLOPE: 0.1, tokens.BIAS: 1.0,
    tokens.PAIR: 0.05,
}  # fmt: skip
"""Prior variances of the slow part at first; 0.3 for user and item."""
ID_PRIOR, QUICK_PRIOR = 0.3, 0.01
PACE = 0.3
"""Step of a log variance, to the root of the sum of its squared gradients."""
LEAST, MOST = 1.0 / 8.0, 1e4
"""Bounds of precisions."""
LEAST_H = 1e-3
"""The least information of an event: what is nearly certain may be wrong."""
RATE_MEMORY, BASE_MEMORY = 1_000.0, 10_000.0
"""Events that smoothed rates, and the rate of all, remember."""
LEAST_RATE = 1e-6
"""The rate of all stays so far from 0 and 1."""
PSEUDO = 5.0
"""Events at the rate of all with which the rate of an id begins."""
DOORS = 1 << 13
"""Words of 64 bits that remember which pairs of user and item were seen once: only those seen again get a slot."""
LEARNT, BASE_CLICKS, BASE_SHOWN, DOORS_SHUT = range(4)
"""Places in the tally."""


class State(NamedTuple):
    """All that is learnt, but the names of fields."""

    table: slot_table.Table
    numbers: number_fields.Moments
    precision: Array
    """(G, 2): the inverse of the prior variance of each group, slow and quick."""
    pull: Array
    """(G, 2): sum of squared gradients."""
    doors: Array
    """(DOORS,) uint64: a bit for each pair of user and item, by its hash."""
    tally: Array
    """(4,): events learnt; fading clicks and events of all; bits set in `doors`."""


class Scratch(NamedTuple):
    """Room for one event."""

    tokens: tokens.Tokens
    mean: Array
    """(T, 2)."""
    variance: Array
    """(T, 2)."""
    gradient: Array
    """(G, 2); zeros between events."""


def make(slots: int, fields: int) -> State:
    """Return a state that has learnt nothing."""
    prior = np.full((tokens.groups(fields), 2), QUICK_PRIOR)
    for kind in (tokens.ALONE, tokens.WITH_USER, tokens.WITH_ITEM, tokens.SLOPE):
        prior[kind * fields : (kind + 1) * fields, 0] = PRIOR[kind]
    prior[[USER, ITEM], 0] = ID_PRIOR
    prior[-2:, 0] = PRIOR[tokens.BIAS], PRIOR[tokens.PAIR]
    return State(
        slot_table.make(slots, WIDTH),
        number_fields.make(fields),
        1.0 / prior,
        np.ones_like(prior),
        np.zeros(DOORS, dtype=np.uint64),
        np.array([0.0, 0.5, 1.0, 0.0]),
    )


def scratch(features: int, fields: int) -> Scratch:
    """Return room for events of so many features."""
    room = tokens.make(features)
    each = (len(room.key), 2)
    return Scratch(room, np.zeros(each), np.zeros(each), np.zeros((tokens.groups(fields), 2)))


@njit(cache=True)
def hold(state, scratch):  # type: ignore[no-untyped-def]
    """Hold all arrays for `run` and `predict`."""
    return holding.hold((state, scratch))


@njit(cache=True)
def _squash(a):  # type: ignore[no-untyped-def]
    return 1.0 / (1.0 + math.exp(-min(max(a, -30.0), 30.0)))


@njit(cache=True)
def _rate(s):  # type: ignore[no-untyped-def]
    """Rate of clicks of all events; where all labels were the same for very long, not quite 0 or 1."""
    return min(max(s.tally[BASE_CLICKS] / s.tally[BASE_SHOWN], LEAST_RATE), 1.0 - LEAST_RATE)


@njit(cache=True)
def _odds(rate):  # type: ignore[no-untyped-def]
    return math.log(rate / (1.0 - rate))


@njit(cache=True)
def _weigh(s, w, n):  # type: ignore[no-untyped-def]
    """Return the log odds of the event whose tokens have their slots, and their variance; keep each token's part."""
    slots, groups, sizes, rows, precision = w.tokens.slot, w.tokens.group, w.tokens.size, s.table.row, s.precision
    means, variances = w.mean, w.variance
    slots[n], groups[n], sizes[n] = len(rows) - 1, len(precision) - 2, 1.0  # what all events share
    logit, total = _odds(_rate(s)), 0.0
    for j in range(n + 1):
        slot = slots[j]
        if slot < 0:
            continue
        group, z = groups[j], sizes[j]
        for part in range(2):
            variance = 1.0 / (precision[group, part] + rows[slot, 2 * part + 1])
            mean = rows[slot, 2 * part] * variance
            means[j, part], variances[j, part] = mean, variance
            logit += mean * z
            total += variance * z * z
    return logit, total


@njit(cache=True)
def _look_up(s, w, rows, event):  # type: ignore[no-untyped-def]
    """Find the tokens of an event, where they are known; return how many there are."""
    tokens.write(w.tokens, s.numbers, rows, event)
    both = tokens.pair(w.tokens)
    if both != 0:
        tokens.add_pair(w.tokens, len(s.numbers.events), both)
    n = w.tokens.at[0]
    for j in range(n):
        w.tokens.slot[j] = slot_table.find(s.table, w.tokens.key[j])
    return n


@njit(cache=True)
def _claim(s, w, rows, event, most):  # type: ignore[no-untyped-def]
    """Find the tokens of an event, and places for new ones; return how many there are, `FULL` for a larger table."""
    tokens.write(w.tokens, s.numbers, rows, event)
    now = np.int64(s.tally[LEARNT]) + 1
    n = w.tokens.at[0]
    for j in range(n):
        slot = slot_table.claim(s.table, w.tokens.key[j], now, most)
        if slot == slot_table.FULL:
            return slot
        w.tokens.slot[j] = slot
    both = tokens.pair(w.tokens)
    if both != 0:
        place, bit = np.int64(both >> np.uint64(6)) % DOORS, np.uint64(1) << (both & np.uint64(63))
        if s.doors[place] & bit or slot_table.find(s.table, both) >= 0:
            slot = slot_table.claim(s.table, both, now, most)
            if slot == slot_table.FULL:
                return slot
            tokens.add_pair(w.tokens, len(s.numbers.events), both)
            w.tokens.slot[n] = slot
            n += 1
        else:
            if s.tally[DOORS_SHUT] >= 32 * DOORS:  # half of the bits: begin anew
                s.doors[:] = 0
                s.tally[DOORS_SHUT] = 0.0
            s.doors[place] |= bit
            s.tally[DOORS_SHUT] += 1.0
    return n


@njit(cache=True)
def _teach(s, w, n, y, logit, total):  # type: ignore[no-untyped-def]
    """Learn the answer of the event just weighed."""
    p = _squash(logit)
    g, h = y - p, max(p * (1.0 - p), LEAST_H)
    gain = g / (1.0 + total * h)
    slots, groups, sizes, rows, precision = w.tokens.slot, w.tokens.group, w.tokens.size, s.table.row, s.precision
    means, variances, gradients, pull = w.mean, w.variance, w.gradient, s.pull
    for j in range(n + 1):
        slot = slots[j]
        if slot < 0:
            continue
        group, z = groups[j], sizes[j]
        brought = h * z * z
        for part in range(2):
            mean, variance = means[j, part], variances[j, part]
            gradients[group, part] += g * z * mean * variance * precision[group, part]
            b = rows[slot, 2 * part] + brought * mean + z * gain * (1.0 + variance * brought)
            known = rows[slot, 2 * part + 1] + brought
            if known > MEMORY[part]:
                b *= MEMORY[part] / known
                known = MEMORY[part]
            rows[slot, 2 * part], rows[slot, 2 * part + 1] = b, known
        clicks, shown = rows[slot, CLICKS] + y, rows[slot, SHOWN] + 1.0
        if shown > RATE_MEMORY:
            clicks *= RATE_MEMORY / shown
            shown = RATE_MEMORY
        rows[slot, CLICKS], rows[slot, SHOWN] = clicks, shown
    for j in range(n + 1):
        group = groups[j]
        for part in range(2):
            gradient = gradients[group, part]
            if gradient != 0.0:
                gradients[group, part] = 0.0
                pull[group, part] += gradient * gradient
                half = 0.5 * PACE * gradient / math.sqrt(pull[group, part])
                moved = precision[group, part] * (1.0 - half) / (1.0 + half)  # nearly exp(-2 half)
                precision[group, part] = min(max(moved, LEAST), MOST)
    s.tally[BASE_CLICKS] += y
    s.tally[BASE_SHOWN] += 1.0
    if s.tally[BASE_SHOWN] > BASE_MEMORY:
        s.tally[BASE_CLICKS] *= BASE_MEMORY / s.tally[BASE_SHOWN]
        s.tally[BASE_SHOWN] = BASE_MEMORY
    s.tally[LEARNT] += 1.0


@njit(cache=True)
def predict(held, start, entry, first, number, field, key, out):  # type: ignore[no-untyped-def]
    """Write each event's log odds of a click to `out` (n,)."""
    s, w = held.value
    for i in range(len(start) - 1):
        n = _look_up(s, w, (start, entry, first, number, field, key), i)
        out[i] = _weigh(s, w, n)[0]


@njit(cache=True)
def rates(held, start, entry, first, number, field, key, out):  # type: ignore[no-untyped-def]
    """Write to `out` (n, 5): log odds of the smoothed rates of user, item and all, log(1 + events) of user and item."""
    s, w = held.value
    base = _rate(s)
    for i in range(len(start) - 1):
        _look_up(s, w, (start, entry, first, number, field, key), i)
        out[i, 2] = _odds(base)
        for who in range(2):
            clicks, shown = 0.0, 0.0
            at = w.tokens.at[who + 1]
            if at >= 0 and w.tokens.slot[at] >= 0:
                row = s.table.row[w.tokens.slot[at]]
                clicks, shown = np.float64(row[CLICKS]), np.float64(row[SHOWN])
            out[i, who] = math.log((clicks + PSEUDO * base) / (max(shown - clicks, 0.0) + PSEUDO * (1.0 - base)))
            out[i, 3 + who] = math.log1p(shown)


@njit(cache=True)
def run(held, start, entry, first, number, field, key, y, done, most, out):  # type: ignore[no-untyped-def]
    """Answer and learn events from `done` on, until all are done or the table has to be made larger.

    Parameters
    ----------
    held
        State and scratch.
    start, entry, first, number, field, key, y
        Events as `click_rows.Rows`, and whether each was clicked, (n,) of 0 and 1.
    done, most
        The event to begin with; the most slots of the table.
    out
        (n,) takes the log odds as they stood before each event was learnt.

    Returns
    -------
    The next event; all are done if there is none.

    """
    s, w = held.value
    for i in range(done, len(start) - 1):
        n = _claim(s, w, (start, entry, first, number, field, key), i, most)
        if n == slot_table.FULL:
            return i
        logit, total = _weigh(s, w, n)
        out[i] = logit
        _teach(s, w, n, np.float64(y[i]), logit, total)
        for e in range(w.tokens.at[3]):
            if w.tokens.number[e] != 0.0:
                number_fields.learn(s.numbers, w.tokens.field[e], w.tokens.number[e])
    return len(start) - 1

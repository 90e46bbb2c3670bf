"""What came of the experts' forecasts, and the weights that follow from it: by lead, for many series in one array.

Two memories, and the mean of the weights that they give. The first weighs experts by their discounted relative loss,
which finds good ones quickly. The second weighs them by their regret along the gradient, which finds good mixtures:
an expert that errs where the others do not earns a share though it errs more. Leads further than the next count half
for each other: who is good three hours ahead is likely to be good ten hours ahead, and no series has many days.

Losses are taken relative to those of the median expert, so that one absurd expert does not make all others look alike,
and in units of the usual loss, so that one wild truth does not outweigh all others.

References
----------
Herbster and Warmuth, "Tracking the best expert", Machine Learning 32 (1998): discounted exponential weights.
Gaillard, Stoltz and van Erven, "A second-order bound with excess losses", COLT 2014, section 3; Wintenberger, "Optimal
learning with Bernstein online aggregation", Machine Learning 106 (2017): a learning rate for each expert, from the
squares of its own excess losses; the gradient trick.
Hu et al., "Self-Refined Generative Foundation Models for Wireless Traffic Prediction", arXiv 2408.10390: feedback from
forecasts refines the next ones. There a language model reads it, here these weights.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array

RATE = 20.0
"""An expert with a tenth of the median expert's loss less than another has e² times its weight."""
CAP = 10.0
"""Usual losses; a larger loss counts as this."""
KEPT_LOSSES = 0.9
"""What is left of a loss after a season, in the first memory."""
KEPT_REGRETS = 0.97
"""The same in the second."""
BORROWED = 0.5
"""What a judgement of other leads counts, from the second range on: the next value is another matter."""
STRANGER = 0.02
"""The share of trust that a voice begins with."""
KNOWN = 12.0
"""Judgements after which a voice is trusted like an expert of the house."""
PACE = 0.02
"""How fast the usual loss follows, once fifty were seen."""
TINY = 1e-9
NOTHING = 1e-300


class Memory(NamedTuple):
    """Of n series, B ranges of leads and G experts."""

    loss: Array
    """(n, B, G) discounted sums of losses."""
    par: Array
    """(n, B, G) of the median expert's, where the expert was judged."""
    regret: Array
    """(n, B, G) discounted sums of what following the expert would have saved."""
    square: Array
    """(n, B, G) the same of the squares."""
    largest: Array
    """(n, B, G)."""
    judged: Array
    """(n, B, G) how often each was judged."""
    usual: Array
    """(n, B) the usual loss of the median expert."""
    true: Array
    """(n, B, G) which share of what an expert says far from the others comes true, see `far_opinions`."""


def make(series: int, ranges: int, experts: int) -> Memory:
    """Return memories of nothing."""
    shape = (series, ranges, experts)
    return Memory(
        loss=np.zeros(shape),
        par=np.zeros(shape),
        regret=np.zeros(shape),
        square=np.ones(shape),
        largest=np.full(shape, 0.5),
        judged=np.zeros(shape),
        usual=np.zeros((series, ranges)),
        true=np.zeros(shape),
    )


@njit(cache=True)
def judge(memory, c, b, seasons, losses, gains):  # type: ignore[no-untyped-def]
    """Take the losses (G,) of series `c` in range `b`, nan where an expert was silent.

    `gains` (G,) are what following each expert alone a little more would have saved; `seasons` passed since the last
    judgement.
    """
    held = losses[np.isfinite(losses)]
    if len(held) == 0:
        return
    median = np.median(held)
    usual = memory.usual[c, b]
    count = memory.judged[c, b].max()
    if count == 0.0:
        usual = median
    else:
        usual += max(PACE, 1.0 / (1.0 + count)) * (min(median, 5.0 * usual if usual > 0.0 else median) - usual)
    memory.usual[c, b] = usual
    unit = max(usual, median / 3.0, NOTHING)
    most = CAP * max(median, usual)
    keep, keep_regrets = KEPT_LOSSES**seasons, KEPT_REGRETS**seasons
    for g in range(len(losses)):
        if not math.isfinite(losses[g]):
            continue
        memory.loss[c, b, g] = keep * memory.loss[c, b, g] + min(losses[g], most) / unit
        memory.par[c, b, g] = keep * memory.par[c, b, g] + median / unit
        gain = min(max(gains[g] / unit, -CAP), CAP)
        memory.regret[c, b, g] = keep_regrets * memory.regret[c, b, g] + gain
        memory.square[c, b, g] = keep_regrets * memory.square[c, b, g] + gain * gain
        memory.largest[c, b, g] = max(0.5, keep_regrets * memory.largest[c, b, g], abs(gain))
        memory.judged[c, b, g] += 1.0


@njit(cache=True)
def weigh(memory, c, b, house, weights):  # type: ignore[no-untyped-def]
    """Write the weights (G,) of all experts, of which the first `house` are trusted from the start."""
    count = len(weights)
    second = np.empty(count)
    least, most = np.inf, -np.inf
    for g in range(count):
        weights[g] = (_of_all(memory.loss, c, b, g) + TINY) / (_of_all(memory.par, c, b, g) + TINY)
        square = max(_of_all(memory.square, c, b, g), TINY)
        rate = min(0.5 / memory.largest[c, b, g], math.sqrt(math.log(count) / square))
        second[g] = math.log(rate) + rate * _of_all(memory.regret, c, b, g)
        least, most = min(least, weights[g]), max(most, second[g])
    total, total_second = 0.0, 0.0
    for g in range(count):
        trust = 1.0 if g < house else min(1.0, max(STRANGER, memory.judged[c, b, g] / KNOWN))
        weights[g] = trust * math.exp(-RATE * (weights[g] - least))
        second[g] = trust * math.exp(second[g] - most)
        total += weights[g]
        total_second += second[g]
    for g in range(count):
        weights[g] = 0.5 * (weights[g] / total + second[g] / total_second)


@njit(cache=True)
def _of_all(sums, c, b, g):  # type: ignore[no-untyped-def]
    """Return a sum (n, B, G) of range `b`, with what it borrows from the others."""
    if b == 0:
        return sums[c, b, g]
    others = 0.0
    for other in range(1, sums.shape[1]):
        if other != b:
            others += sums[c, other, g]
    return sums[c, b, g] + BORROWED * others

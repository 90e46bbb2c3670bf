"""Groups of micro-clusters halved along their main direction, again and again: the first, compiled half of PPP."""

import numpy as np
from numba import njit

from driftline.models.clustering import gaussians

ROUNDS = 12
"""Hard two-Gaussian rounds per halving."""
TURNS, STEADY = 100, 1e-6
"""Rounds of power iteration for the main direction, and the change in it that ends them."""


@njit(cache=True)
def cut(w, mean, variance, leaf, chosen, leaves, depth, least_mass, floor):  # type: ignore[no-untyped-def]
    """Halve the chosen groups in `leaf`, the widest tree first, as long as there is room and mass."""
    m = len(w)
    waiting = np.empty(2 * m + 2, np.int64)
    level = np.zeros(m + len(chosen) + 1, np.int64)
    begin = end = 0
    for a in range(len(chosen)):
        if chosen[a]:
            waiting[end] = a
            end += 1
    count = len(chosen)
    while begin < end:
        a = waiting[begin]
        begin += 1
        members = np.flatnonzero(leaf == a)
        its = w[members]
        if count + 1 > leaves or level[a] == depth or its.sum() < 2.0 * least_mass:
            continue
        side = _above(its, mean[members])
        _halve(its, mean[members], variance[members], side, floor)
        high = (its * side).sum()
        if min(high, its.sum() - high) < max(least_mass, 1e-300) or side.sum() in (0, len(side)):
            continue
        stays = side[0]
        for i in range(len(members)):
            if side[i] != stays:
                leaf[members[i]] = count
        level[a] += 1
        level[count] = level[a]
        waiting[end], waiting[end + 1] = a, count
        end += 2
        count += 1


@njit(cache=True)
def _above(w, mean):  # type: ignore[no-untyped-def]
    """Return (m,) int64 1 for those above the centre in the main direction, else 0.

    The direction is found by power iteration from the heaviest deviation, so that it has no sign of chance.
    """
    m, d = mean.shape
    centre = np.zeros(d)
    for i in range(m):
        for j in range(d):
            centre[j] += w[i] * mean[i, j]
    centre /= w.sum()
    direction, farthest = np.zeros(d), 0.0
    for i in range(m):
        away = 0.0
        for j in range(d):
            away += (mean[i, j] - centre[j]) ** 2
        if w[i] * away > farthest:
            farthest = w[i] * away
            for j in range(d):
                direction[j] = mean[i, j] - centre[j]
    turned = np.empty(d)
    for _ in range(TURNS):
        size = np.sqrt((direction**2).sum())
        if size == 0.0:
            break
        direction /= size
        turned[:] = 0.0
        for i in range(m):
            along = 0.0
            for j in range(d):
                along += (mean[i, j] - centre[j]) * direction[j]
            along *= w[i]
            for j in range(d):
                turned[j] += along * (mean[i, j] - centre[j])
        size = np.sqrt((turned**2).sum())
        if size == 0.0:
            break
        change = 0.0
        for j in range(d):
            change = max(change, abs(turned[j] / size - direction[j]))
            direction[j] = turned[j]
        if change < STEADY:
            break
    side = np.zeros(m, np.int64)
    for i in range(m):
        along = 0.0
        for j in range(d):
            along += (mean[i, j] - centre[j]) * direction[j]
        side[i] = 1 if along > 0.0 else 0
    return side


@njit(cache=True)
def _halve(w, mean, variance, side, floor):  # type: ignore[no-untyped-def]
    """Assign to the better of two Gaussians in turn with their moments, until nothing changes."""
    m, d = mean.shape
    mu, v = np.empty((2, d)), np.empty((2, d))
    for _ in range(ROUNDS):
        first = gaussians.moments(w, mean, variance, side, 0, floor, mu[0], v[0])
        second = gaussians.moments(w, mean, variance, side, 1, floor, mu[1], v[1])
        if first == 0.0 or second == 0.0:
            break
        odds = np.log(second / first)
        volumes = gaussians.log_volume(v[0]), gaussians.log_volume(v[1])
        changed = False
        for i in range(m):
            better = odds + gaussians.log_density(mean[i], variance[i], mu[1], v[1], volumes[1])
            better -= gaussians.log_density(mean[i], variance[i], mu[0], v[0], volumes[0])
            now = 1 if better > 0.0 else 0
            changed = changed or now != side[i]
            side[i] = now
        if not changed:
            break
    return side

"""Groups of micro-clusters as Gaussians, their likelihood, and what several of them gain over one: the compiled part
of PPP and of the scores of mixtures.

Arrays over k groups are `mass` (k,), `mu` and `v` (k, d), and `own` (k, m), the log density of each micro-cluster in
each group's Gaussian; `leaf` (m,) says which group each is in.
"""

import numpy as np
from numba import njit

FAR = 40.0
"""Nats: what is so much less probable adds nothing to a sum of floats."""
COUNTED = 16
"""Features that the penalty counts at most: with all of them, many features would never be cut."""
MANY = 4
"""But it counts one feature of so many: else noise alone in some hundred features would be cut."""


@njit(cache=True)
def moments(w, mean, variance, leaf, a, floor, mu, v):  # type: ignore[no-untyped-def]
    """Put the mean and the floored variance of group `a` into `mu` and `v`, return its mass."""
    m, d = mean.shape
    mass = 0.0
    for j in range(d):
        mu[j] = v[j] = 0.0
    for i in range(m):
        if leaf[i] == a:
            mass += w[i]
            for j in range(d):
                mu[j] += w[i] * mean[i, j]
    if mass > 0.0:
        for j in range(d):
            mu[j] /= mass
        for i in range(m):
            if leaf[i] == a:
                for j in range(d):
                    away = mean[i, j] - mu[j]
                    v[j] += w[i] * (away * away + variance[i, j])
    for j in range(d):
        v[j] = v[j] / max(mass, 1e-300) + floor[j]
    return mass


@njit(cache=True)
def log_volume(v):  # type: ignore[no-untyped-def]
    """Return the sum of the logarithms of variances (d,)."""
    total = 0.0
    for j in range(len(v)):
        total += np.log(v[j])
    return total


@njit(cache=True)
def log_density(mean, variance, mu, v, volume):  # type: ignore[no-untyped-def]
    """Return the expected log density of a micro-cluster's events in a Gaussian, up to a constant."""
    total = volume
    for j in range(len(mean)):
        away = mean[j] - mu[j]
        total += (away * away + variance[j]) / v[j]
    return -0.5 * total


@njit(cache=True)
def leaves(w, mean, variance, leaf, k, floor):  # type: ignore[no-untyped-def]
    """Return `mass`, `mu`, `v` and `own` of `k` groups, of which some may be empty."""
    m, d = mean.shape
    mass, mu, v, own = np.empty(k), np.empty((k, d)), np.empty((k, d)), np.empty((k, m))
    for a in range(k):
        renew(w, mean, variance, leaf, mass, mu, v, own, a, floor)
    return mass, mu, v, own


@njit(cache=True)
def renew(w, mean, variance, leaf, mass, mu, v, own, a, floor):  # type: ignore[no-untyped-def]
    """Describe group `a` anew, after its members have changed."""
    mass[a] = moments(w, mean, variance, leaf, a, floor, mu[a], v[a])
    volume = log_volume(v[a])
    for i in range(len(w)):
        own[a, i] = log_density(mean[i], variance[i], mu[a], v[a], volume)


@njit(cache=True)
def gain(w, leaf, mass, mu, v, own, a, b, penalty, floor):  # type: ignore[no-untyped-def]
    """Return the nats that groups `a` and `b` gain over one Gaussian, after the penalty."""
    d = mu.shape[1]
    both = mass[a] + mass[b]
    part = mass[b] / both
    of_one = 0.0
    for j in range(d):
        away = mu[b, j] - mu[a, j]
        variance = (1.0 - part) * v[a, j] + part * v[b, j] + part * (1.0 - part) * away * away
        of_one += np.log(variance) + (variance - floor[j]) / variance  # the squared distances, summed over all members
    log_a, log_b = np.log(mass[a] / both), np.log(part)
    total = 0.5 * both * of_one
    for i in range(len(w)):
        if leaf[i] == a or leaf[i] == b:
            in_a, in_b = log_a + own[a, i], log_b + own[b, i]
            mixed, apart = max(in_a, in_b), abs(in_a - in_b)
            if apart < FAR:
                mixed += np.log1p(np.exp(-apart))
            total += w[i] * mixed
    return total - penalty * 0.5 * free(1, d) * np.log(both)


@njit(cache=True)
def gain_of_several(w, d, leaf, mass, own, joined, penalty):  # type: ignore[no-untyped-def]
    """Return the gain of all groups that are `joined` (k,) over one Gaussian, which is row k of `mass` and `own`."""
    room = len(joined)
    parts = 0
    for a in range(room):
        parts += joined[a]
    mixed = likelihood(w, leaf, mass, own, joined, mass[room], own[room])
    return mixed - penalty * 0.5 * free(parts - 1, d) * np.log(mass[room])


@njit(cache=True)
def score(w, mean, variance, leaf, k, floor, penalty):  # type: ignore[no-untyped-def]
    """Return the log likelihood of all in the mixture of their `k` groups, none of them empty, after the penalty.

    The gain of several groups over one is the difference of two of these.
    """
    mass, _, _, own = leaves(w, mean, variance, leaf, k, floor)
    whole = mass.sum()
    mixed = likelihood(w, leaf, mass, own, np.ones(k, np.bool_), whole, np.zeros(len(w)))
    return mixed - penalty * 0.5 * (free(k, mean.shape[1]) - 1) * np.log(max(whole, 1.0))


@njit(cache=True)
def likelihood(w, leaf, mass, own, joined, whole, base):  # type: ignore[no-untyped-def]
    """Return the log likelihood above `base` (m,) of what is in `joined` groups (k,), in their mixture.

    `whole` is the mass of all that are joined.
    """
    total = 0.0
    for i in range(len(w)):
        if joined[leaf[i]]:
            top = -np.inf
            for a in range(len(joined)):
                if joined[a]:
                    top = max(top, own[a, i] + np.log(mass[a] / whole))
            mixed = 0.0
            for a in range(len(joined)):
                if joined[a]:
                    mixed += np.exp(own[a, i] - top) * (mass[a] / whole)
            total += w[i] * (top + np.log(mixed) - base[i])
    return total


@njit(cache=True)
def free(parts, d):  # type: ignore[no-untyped-def]
    """Return the parameters that the penalty counts: of each part a share, means and variances."""
    return parts * (2 * max(min(d, COUNTED), d // MANY) + 1)

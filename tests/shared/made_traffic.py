"""A made series of one cell's traffic: a day, a week, a slow drift of the level, and noise."""

import numpy as np


def traffic(seed, n=24 * 7 * 4, day=24, level=400.0, noise=0.15):
    """Return n values >= 0."""
    rng, t = np.random.default_rng(seed), np.arange(n)
    daily = 1.0 + 0.6 * np.sin(2 * np.pi * (t + rng.integers(day)) / day)
    weekly = np.where(t // day % 7 < 5, 1.0, 0.7)
    drift = np.exp(np.cumsum(rng.normal(0.0, 0.01, n)))
    return level * daily * weekly * drift * rng.lognormal(0.0, noise, n)

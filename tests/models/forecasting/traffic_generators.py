"""Seeded traffic: a day and a week, a level that drifts, bursts, and cells that switch off."""

import math

import numpy as np


def series(kind, seed, days=20, season=24):
    """One cell's values; `kind` is drift, bursts, on_off or spikes: a few, of some hundred times the level."""
    rng = np.random.default_rng(seed)
    t = np.arange(season * days)
    day = 1 + 0.6 * np.sin(math.tau * t / season + seed) + 0.2 * np.sin(2 * math.tau * t / season)
    week = np.where(t // season % 7 >= 5, 0.6, 1.0)
    level = 50 * np.exp(np.cumsum(rng.normal(size=len(t))) * 0.02)
    values = level * day * week * np.exp(0.1 * rng.normal(size=len(t)))
    if kind == "bursts":
        values += (rng.random(len(t)) < 0.03) * (1 + rng.pareto(2.0, len(t))) * 100
    if kind == "on_off":
        values *= np.cumsum(rng.random(len(t)) < 0.08) % 2
    if kind == "spikes":
        values = 50 * np.exp(0.2 * rng.normal(size=len(t)))
        values[rng.integers(season * 2, len(t), days // 4)] *= 400
    return values


KINDS = ("drift", "bursts", "on_off", "spikes")

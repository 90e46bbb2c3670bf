"""Made metrics of eight kinds, in each of which two things of seven kinds happen, at known times.

The way in which `DriftClusterer` measures strangeness was chosen on seeds 0 to 3; `FRESH` came after that.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.signal import lfilter

from benchmarks.clustering.metric import Metric, features
from driftline.models.base import Array

EVENTS = 4_000
DAY = 288
"""Events of a day: one each five minutes."""
CHOSEN, FRESH = (0, 1, 2, 3), (4, 5, 6, 7)
HALF_WINDOW = EVENTS // 40
"""A window is a twentieth of all events, around the beginning: NAB's is a tenth for all windows of a series."""
KINDS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "sine": lambda day, rng: 10.0 + 4.0 * np.sin(day) + rng.normal(0.0, 0.5, len(day)),
    "autoregressive": lambda day, rng: 20.0 + _regressive(0.9, 1.0, len(day), rng),
    "lognormal": lambda day, rng: np.exp(1.5 * np.sin(day) + 3.0 + 0.3 * rng.normal(size=len(day))),
    "bursts": lambda day, rng: _bursts(len(day), rng),
    "walk": lambda day, rng: 50.0 + _regressive(0.998, 0.3, len(day), rng),
    "on and off": lambda day, rng: (
        np.where(np.sin(day * rng.integers(2, 5)) > 0.0, 30.0, 5.0) + rng.normal(0.0, 1.0, len(day))
    ),
    "counts": lambda day, rng: rng.poisson(np.exp(2.0 + 1.2 * np.sin(day))).astype(float),
    "flat": lambda day, rng: (
        1.8 + rng.normal(0.0, 0.02, len(day)) + 0.3 * (rng.random(len(day)) < 0.01)
    ),
}  # fmt: skip
"""How each kind goes on when nothing happens, by angle of the day (n,)."""
ANOMALIES = ("spike", "outage", "shift", "noise", "stuck", "copied", "ramp")


def metrics(seeds: tuple[int, ...] = CHOSEN + FRESH) -> Iterator[Metric]:
    """Make a metric of each kind for each seed, named by both."""
    for seed in seeds:
        for number, kind in enumerate(KINDS):
            rng = np.random.default_rng([seed, number])
            day = 2.0 * np.pi * np.arange(EVENTS) / DAY
            value = KINDS[kind](day, rng)
            begins = [int(rng.integers(1_200, 2_000)), int(rng.integers(2_500, 3_700))]
            for at in begins:
                happen(value, at, rng)
            windows = [(at - HALF_WINDOW, at + HALF_WINDOW) for at in begins]
            yield Metric(f"{kind}, {seed}", features(value, (day / (2.0 * np.pi) * 24.0) % 24.0), windows)


def happen(value: Array, at: int, rng: np.random.Generator) -> str:
    """Let something happen to a metric, in place; return what, one of `ANOMALIES`.

    Parameters
    ----------
    value
        (n,) of the metric, in its own unit; it is written to.
    at
        The first event to be changed; 3 to 99 are.
    rng
        What happens, how much and for how long is drawn from it.

    >>> value = np.random.default_rng(0).normal(size=4_000)
    >>> before = value.copy()
    >>> happen(value, 2_000, np.random.default_rng(1))
    'noise'
    >>> np.flatnonzero(value != before)[[0, -1]].tolist()
    [2000, 2056]
    """
    sd, length = value.std(), int(rng.integers(20, 100))
    what = ANOMALIES[rng.integers(0, len(ANOMALIES))]
    sign = rng.choice([-1, 1])
    part = value[at : at + length]
    if what == "spike":
        part[:3] += sign * rng.uniform(4.0, 8.0) * sd
    elif what == "outage":
        part[:] = 0.0 if abs(value.mean()) > sd else value.mean() - 4.0 * sd
    elif what == "shift":
        part += sign * rng.uniform(2.0, 4.0) * sd
    elif what == "noise":
        part += rng.normal(0.0, 2.5 * sd, len(part))
    elif what == "stuck":
        part[:] = part[0]
    elif what == "copied":
        part[:] = value[at - length : at][::-1] + sign * sd
    else:
        part += sign * np.linspace(0.0, 4.0 * sd, len(part))
    return what


def _regressive(keeps: float, sd: float, n: int, rng: np.random.Generator) -> Array:
    return np.asarray(lfilter([1.0], [1.0, -keeps], rng.normal(0.0, sd, n)))


def _bursts(n: int, rng: np.random.Generator) -> Array:
    value = 40.0 + rng.normal(0.0, 1.0, n)
    high = rng.random(n) < 0.02
    value[high] += rng.gamma(2.0, 8.0, int(high.sum()))
    return value

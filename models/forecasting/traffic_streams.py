"""Volumes of traffic per cell whose shape is known, and their readings as devices send them, with planted faults."""

from typing import NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.parameters import at_least, positive, within

KINDS = ("counters", "on_off")
DAYS = 7
"""Days of a week; the last two are its end."""
SWING = 0.9
"""How far the logarithm of the day's shape goes up and down."""
AGREE = 0.5
"""What of a bin's noise is left in the next one."""


class TrafficStream(NamedTuple):
    """Volumes and the truth about them."""

    volumes: Array
    """(n, cells) float64: what passed in each bin, whole numbers of at least 0."""
    expected: Array
    """(n, cells) float64: the mean of each bin given level, shape, burst or state: no forecast can know more."""
    bursts: Array
    """(n, cells) bool: where a burst is on; of cells that are on and off, where they are on."""


class Reading(NamedTuple):
    """What a device sends."""

    cell: int
    bin: int
    """The bin that it is of, counted from 0: its event time is the end of that bin."""
    value: float
    """The volume of the bin, or the count since the device was started."""


class Readings(NamedTuple):
    """Readings in the order in which they arrive, and what was planted among them; masks are (n, cells) bool."""

    readings: list[Reading]
    missing: Array
    """Bins whose reading was never sent."""
    late: Array
    """Bins whose reading came after the one of the next bin."""
    duplicates: Array
    """Bins whose reading came twice."""
    resets: Array
    """Bins at whose beginning the device was started anew, and counts from 0."""


def traffic(
    kind: str = "counters",
    n: int = 1_344,
    cells: int = 10,
    season: int = 24,
    seed: int = 0,
    level: float = 300.0,
    drift: float = 0.05,
    bursts: float = 0.2,
    noise: float = 0.15,
) -> TrafficStream:
    """Make cells with a daily and a weekly shape.

    Of `counters` the mean of a bin is level x day x week x burst. The level is log-normal over cells, with a spread of
    0.8, and walks by `drift` a day. The day is exp(0.9 cos + 0.36 cos of the double frequency), with peaks of each
    cell's own; on the last two days of a week the volume is another share, uniform in [0.4, 1.2], and its peak a sixth
    of a day later. Bursts begin `bursts` times a day, last an eighth of a day on average and multiply the volume by 2
    plus an exponential number of mean 2. The noise is log-normal with a mean of 1, and half of its logarithm lasts to
    the next bin; counts are Poisson.

    Cells that are `on_off` have the same day and week as how likely they are to be on, at most 0.95; that is drawn
    anew six times a day on average, at any bin. On, they carry the level with its walk and noise, off exactly 0.

    A stream begins with every shorter one of the same seed: no value depends on what is to come.

    Parameters
    ----------
    kind
        One of `KINDS`.
    n
        Bins, at least 1; 1,344 are eight weeks of hours.
    cells
        Series, at least 1. They are independent of each other.
    season
        Bins of a day, at least 2.
    seed
        What all chance comes from, at least 0.
    level
        Median over cells of the volume of a bin without burst, above 0.
    drift
        Standard deviation of the logarithm of the level after a day, in [0, 1].
    bursts
        Bursts of a day, in [0, season / 2]; of no meaning for `on_off`.
    noise
        Standard deviation of the logarithm of the noise, in [0, 2].

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> stream = traffic(n=336, cells=3)
    >>> stream.volumes.shape, bool((stream.volumes >= 0).all())
    ((336, 3), True)
    >>> bool((traffic(n=100, cells=3).volumes == stream.volumes[:100]).all())
    True
    >>> bool((traffic("on_off", n=336).volumes == 0).mean() > 0.3)
    True
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    at_least(1, n=n, cells=cells)
    at_least(2, season=season)
    at_least(0, seed=seed)
    positive(level=level)
    within("[0, 1]", drift=drift)
    within(f"[0, {season / 2}]", bursts=bursts)
    within("[0, 2]", noise=noise)
    # A source of chance for each part, so that a longer stream draws the same for its beginning.
    fixed, walk, starts, stays, sizes, noises, counts = map(
        np.random.default_rng, np.random.SeedSequence(seed).spawn(7)
    )
    levels = level * np.exp(0.8 * fixed.standard_normal(cells))
    week = _week(season, fixed, cells)
    shape = week[np.arange(n) % len(week)]
    if kind == "counters":
        on = _runs(starts.random((n, cells)) < bursts / season, stays.random((n, cells)) < 8.0 / season)
        going_on = np.vstack([np.zeros((1, cells), bool), on[1:] & on[:-1]])
        height = _held(2.0 + sizes.exponential(2.0, (n, cells)), going_on)
        factor = shape * np.where(on, height, 1.0)
    else:
        share = np.minimum(shape / week.max(axis=0), 0.95)
        anew = starts.random((n, cells)) < 6.0 / season
        on = _held(stays.random((n, cells)) < share, ~anew)
        factor = on.astype(float)
    drifted = levels * np.exp(drift / season**0.5 * np.cumsum(walk.standard_normal((n, cells)), axis=0))
    expected = drifted * factor
    volumes = counts.poisson(np.minimum(expected * _noise(noises, n, cells, noise), 1e15)).astype(float)
    return TrafficStream(volumes, expected, on)


def readings(
    volumes: Array,
    counter: bool = False,
    missing: float = 0.0,
    late: float = 0.0,
    duplicates: float = 0.0,
    resets: float = 0.0,
    seed: int = 0,
) -> Readings:
    """Send volumes as devices do, with faults.

    Readings come bin by bin, and in each by cell. The first and the last bin of a cell always come as they should. A
    late reading comes right after the next one of its cell, which is never late or missing itself; a repeated one comes
    twice in a row. A device that starts anew does so at the beginning of a bin, and only where that can be seen: where
    its next reading is less than its last.

    Parameters
    ----------
    volumes
        (n, cells), at least 0.
    counter
        Whether what is sent is the count since the device was started.
    missing, late, duplicates, resets
        Shares of bins with each fault, each in [0, 0.5]; resets are for counters only.
    seed
        What all chance comes from, at least 0.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> sent = readings(np.array([[5.0], [7.0], [2.0], [4.0]]), counter=True, resets=0.5, duplicates=0.5, seed=11)
    >>> [(reading.bin, reading.value) for reading in sent.readings]
    [(0, 5.0), (1, 12.0), (2, 2.0), (2, 2.0), (3, 6.0)]
    >>> sent.resets[:, 0].tolist()
    [False, False, True, False]
    """
    within("[0, 0.5]", missing=missing, late=late, duplicates=duplicates, resets=resets)
    at_least(0, seed=seed)
    if resets and not counter:
        raise ValueError(f"resets must be 0 where readings are no counts, got {resets}")
    if volumes.ndim != 2 or not (np.isfinite(volumes).all() and (volumes >= 0).all()):
        raise ValueError("volumes must be (n, cells) finite numbers of at least 0")
    n = len(volumes)
    rng = np.random.default_rng(seed)
    lost, delayed, twice, anew = (rng.random(volumes.shape) < p for p in (missing, late, duplicates, resets))
    for mask in (lost, delayed, twice, anew):
        mask[:1] = mask[n - 1 :] = False
    for at in range(n - 2, 0, -1):
        delayed[at] &= ~lost[at] & ~lost[at + 1] & ~delayed[at + 1]
    twice &= ~lost & ~delayed
    sent, visible = _counted(volumes, lost | delayed, anew) if counter else (volumes, anew)
    said: list[Reading] = []
    for at in range(n):
        for cell in np.flatnonzero(~lost[at] & ~delayed[at]):
            reading = Reading(int(cell), at, float(sent[at, cell]))
            said += [reading, reading] if twice[at, cell] else [reading]
            if at and delayed[at - 1, cell]:
                said.append(Reading(int(cell), at - 1, float(sent[at - 1, cell])))
    return Readings(said, lost, delayed, twice, visible)


def _counted(volumes: Array, unseen: Array, anew: Array) -> tuple[Array, Array]:
    """Return the counts, and where devices started anew such that the next reading in time shows it."""
    count, last = np.zeros(volumes.shape[1]), np.zeros(volumes.shape[1])
    counts, visible = np.empty_like(volumes), np.zeros(volumes.shape, bool)
    for at, here in enumerate(volumes):
        visible[at] = anew[at] & ~unseen[at] & (here < last)
        count = np.where(visible[at], 0.0, count) + here
        last = np.where(unseen[at], last, count)
        counts[at] = count
    return counts, visible


def _week(season: int, rng: np.random.Generator, cells: int) -> Array:
    """Return the shape of a day, on each day of a week: (7 x season, cells)."""
    peak, second = rng.uniform(0.4, 0.9, cells), rng.uniform(0.0, 0.5, cells)
    weekend = rng.uniform(0.4, 1.2, cells)
    day, of_day = np.divmod(np.arange(DAYS * season), season)
    late = (day >= DAYS - 2)[:, None]
    phase = of_day[:, None] / season - peak - late / 6.0
    waves = np.cos(2 * np.pi * phase) + 0.4 * np.cos(4 * np.pi * (phase - second))
    return np.exp(SWING * waves) * np.where(late, weekend, 1.0)


def _noise(rng: np.random.Generator, n: int, cells: int, scale: float) -> Array:
    """Return factors of mean 1 whose logarithms hang together from bin to bin."""
    drawn = rng.standard_normal((n, cells))
    for at in range(1, n):
        drawn[at] = AGREE * drawn[at - 1] + (1.0 - AGREE**2) ** 0.5 * drawn[at]
    return np.exp(scale * drawn - scale**2 / 2)


def _runs(start: Array, end: Array) -> Array:
    """Return where something is on that starts and ends at chance; in the bin in which it starts, it is."""
    on = start.copy()
    for at in range(1, len(on)):
        on[at] |= on[at - 1] & ~end[at]
    return on


def _held(values: Array, hold: Array) -> Array:
    """Return values, each kept from the one before where it is to hold."""
    kept = values.copy()
    for at in range(1, len(kept)):
        kept[at] = np.where(hold[at], kept[at - 1], kept[at])
    return kept

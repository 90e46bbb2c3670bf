"""The experts of the house: what they learn, and what each of them says of the next values."""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.forecasting import autoregression, smoothing
from driftline.models.forecasting.autoregression import Autoregression, continue_autoregression, learn_autoregression
from driftline.models.forecasting.motifs import continue_motifs
from driftline.models.forecasting.seasonal import continue_season
from driftline.models.forecasting.series import LARGEST
from driftline.models.forecasting.smoothing import Smoothing, continue_smoothing, learn_smoothing
from driftline.models.forecasting.week_mean import continue_mean

NAMES = (
    "last_value",
    "day",
    "week",
    "week_mean",
    "holt",
    "holt_winters",
    "autoregression",
    "motif",
    "motif_day",
    "motif_week",
    "median",
)
COUNT = len(NAMES)
START = NAMES.index("motif")
"""The one that answers first where no voice does."""
MEDIAN = COUNT - 1


class Learnt(NamedTuple):
    """What the experts that learn have learnt, of n series; the others look at the past alone."""

    holt: Smoothing
    holt_winters: Smoothing
    autoregression: Autoregression


def make(series: int, season: int) -> Learnt:
    """Return experts that have seen nothing."""
    return Learnt(smoothing.make(series, 0), smoothing.make(series, season), autoregression.make(series, season))


@njit(cache=True)
def learn(learnt, c, past, back, season, y, n):  # type: ignore[no-untyped-def]
    """Teach the experts of series `c` that its value `n` is `y`, after `past`."""
    if len(past):
        learn_autoregression(learnt.autoregression, c, past, back, season, y, n)
    learn_smoothing(learnt.holt, c, past, y, n, 0.5, 0.05, 0.0, 1.0)
    learn_smoothing(learnt.holt_winters, c, past, y, n, 0.3, 0.05, 0.2, 0.98)


@njit(cache=True)
def say(learnt, c, past, back, season, n, positive, out):  # type: ignore[no-untyped-def]
    """Write the experts' forecasts into the first rows of `out` (G, leads); nan for one that has none.

    `positive` says that the series never was below 0; then no forecast is. Rows after the house's are voices: they are
    cut at 0 as well.
    """
    leads = out.shape[1]
    if len(past) == 0:
        out[:COUNT] = 0.0
        return
    week = 7 * season
    out[0] = past[len(past) - 1]
    continue_season(past, season, out[1])
    continue_season(past, week if len(past) >= week else season, out[2])
    continue_mean(past, season, out[3])
    continue_smoothing(learnt.holt, c, n, 1.0, out[4])
    continue_smoothing(learnt.holt_winters, c, n, 0.98, out[5])
    continue_autoregression(learnt.autoregression, c, past, back, season, out[6])
    for row, width, count in ((7, 2 * season, 10), (8, season, 5), (9, week, 3)):
        if not continue_motifs(past, season, width, count, positive, out[row]):
            out[row] = out[3]
    for lead in range(leads):
        for g in range(out.shape[0]):
            if g == MEDIAN:
                continue
            least = 0.0 if positive else -LARGEST
            if out[g, lead] == out[g, lead]:
                out[g, lead] = min(max(out[g, lead], least), LARGEST)
        out[MEDIAN, lead] = np.nanmedian(out[:MEDIAN, lead])

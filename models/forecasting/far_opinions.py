"""Opinions that are far from all others count as far as such opinions have come true.

What experts earn in usual times says little of the hour in which one of them alone says something outrageous: "as
yesterday" is the best of all until yesterday had a spike. So what lies further from the median of the experts than a
few usual losses is drawn in to there, and beyond counts only the share that came true of what the same expert said
beyond. A level that has shifted is believed after a few steps, a spike that does not return is not.
"""

import math

from numba import njit

FAR = 5.0
"""Usual losses of the median expert; what lies further from it is far."""
PACE = 0.3
"""How fast the share follows; a window of several leads counts as one."""


@njit(cache=True)
def draw_in(said, median, usual, true, out):  # type: ignore[no-untyped-def]
    """Write to `out` (G,) what counts of what was said (G,).

    `median` is of the experts, `usual` its usual loss, `true` (G,) the share of each that came true.

    >>> import numpy as np
    >>> said, out = np.array([1.0, 2.0, 100.0, 100.0, np.nan]), np.empty(5)
    >>> draw_in(said, 2.0, 1.0, np.array([0.0, 0.0, 0.0, 0.5, 0.0]), out)
    >>> out.tolist()
    [1.0, 2.0, 7.0, 53.5, nan]
    """
    far = FAR * usual
    for g in range(len(said)):
        out[g] = said[g]
        away = said[g] - median
        beyond = abs(away) - far
        if far > 0.0 and beyond > 0.0:
            out[g] = median + math.copysign(far + true[g] * beyond, away)


@njit(cache=True)
def learn(said, median, usual, true, y, pace):  # type: ignore[no-untyped-def]
    """Let the shares (G,) of those who went far follow what came true: `y`."""
    far = FAR * usual
    for g in range(len(said)):
        away = said[g] - median
        beyond = abs(away) - far
        if far > 0.0 and beyond > 0.0:
            came = (math.copysign(1.0, away) * (y - median) - far) / beyond
            true[g] += pace * (min(max(came, 0.0), 1.0) - true[g])

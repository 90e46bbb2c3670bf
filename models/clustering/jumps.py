"""A cluster that has jumped so near that its events are still its own: told by its latest events, as they come.

One that drifts is made anew of its latest events, however many looks that takes. One that jumps is where it is since
one event, and of those before it nothing should be kept. So the latest events are cut in two where that explains them
best, and the cut is taken where the two are apart as two clusters would be, and explains more than a drift does.

References
----------
Hinkley, "Inference about the change-point in a sequence of random variables", Biometrika 57 (1970).

"""

import numpy as np

from driftline.models.base import Array
from driftline.models.clustering.meeting import APART, ODDS

EACH = 12
"""Events that there must be before and after."""


def since(Z: Array, floor: Array) -> int:
    """Return from which of the latest events (n, d) of a cluster on it is elsewhere, 0 where it has not jumped.

    Parameters
    ----------
    Z
        The oldest first, in standardised units.
    floor
        (d,) added to each variance.

    >>> rng = np.random.default_rng(0)
    >>> step, drift = np.repeat([0.0, 4.0], [90, 30]), np.linspace(0.0, 4.0, 120)
    >>> [since(at[:, None] * np.eye(3)[0] + rng.normal(size=(120, 3)), np.full(3, 0.02)) for at in (step, drift)]
    [90, 0]
    """
    n, d = Z.shape
    if n < 2 * EACH:
        return 0
    centred = Z - Z.mean(axis=0)
    whole = (centred**2).mean(axis=0)
    first = np.arange(EACH, n - EACH + 1)
    before = np.cumsum(centred, axis=0)[first - 1]
    part = (first * (n - first) / n)[:, None]
    apart = before / (first * (1.0 - first / n))[:, None]
    within = np.maximum(whole - apart**2 * part / n, 0.0) + floor
    step = -0.5 * n * np.log(within).sum(axis=1)
    best = int(step.argmax())
    time = np.arange(n) - 0.5 * (n - 1)
    along = whole - (time @ centred) ** 2 / (time @ time) / n
    drift = -0.5 * n * np.log(np.maximum(along, 0.0) + floor).sum()
    # Means of few events are apart by chance: in d features d / part on average, give or take, and variances are small.
    by_chance = (d + 3.0 * (2.0 * d) ** 0.5) * n / (n - 4.0) / float(part[best, 0])
    far = float((apart[best] ** 2 / within[best]).sum()) - by_chance
    return int(first[best]) if far >= APART**2 and step[best] - drift >= ODDS else 0

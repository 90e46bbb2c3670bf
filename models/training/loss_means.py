"""Losses of the last steps, one number for each interval."""

from collections.abc import Mapping

import numpy as np

from driftline.models.base import Array, Plain, array
from driftline.models.parameters import at_least, positive


class LossMeans:
    """Exponential means of k losses, each over the steps in which it was seen.

    Parameters
    ----------
    k
        How many.
    half_life
        Steps after which a loss counts half.

    >>> means = LossMeans(2, half_life=1.0)
    >>> means.update(np.array([4.0, np.nan]))
    >>> means.update(np.array([1.0, np.nan]))
    >>> means.means().tolist()
    [2.0, nan]
    """

    def __init__(self, k: int, half_life: float) -> None:
        at_least(1, k=k)
        positive(half_life=half_life)
        self.decay = 0.5 ** (1.0 / half_life)
        self._sums, self._counts = np.zeros(k), np.zeros(k)

    def update(self, losses: Array) -> None:
        """Take the losses (k,) of a step; those that are not finite were not seen."""
        seen = np.isfinite(losses)
        self._sums[seen] = self.decay * self._sums[seen] + losses[seen]
        self._counts[seen] = self.decay * self._counts[seen] + 1.0

    def means(self) -> Array:
        """Return the means (k,), NaN where none was seen."""
        with np.errstate(invalid="ignore"):
            means: Array = self._sums / self._counts
        return means

    def dense(self) -> dict[str, Array]:
        """Return what was seen, as arrays of its own."""
        return {"sums": self._sums.copy(), "counts": self._counts.copy()}

    def restore(self, dense: Mapping[str, Plain]) -> None:
        """Become what gave these arrays. Raises `ValueError`, and is unchanged, where they do not fit."""
        sums, counts = array(dense, "sums", like=self._sums), array(dense, "counts", like=self._counts)
        self._sums, self._counts = sums, counts

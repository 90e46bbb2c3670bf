"""A budget of tokens for each minute, spent before it is known what a question costs."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBudget:
    """A bucket that fills steadily: as many tokens as a minute has may be spent at once, then as they come.

    Parameters
    ----------
    per_minute
        Tokens of a minute.
    clock
        Gives seconds that never jump.

    Examples
    --------
    >>> budget = TokenBudget(600, clock=lambda: 0.0)
    >>> budget.take(500), budget.take(500)
    (True, False)
    >>> budget.settle(taken=500, used=20)
    >>> budget.take(500)
    True

    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic):
        self.per_minute = per_minute
        self._clock = clock
        self._left = float(per_minute)
        self._at = clock()

    def take(self, tokens: int) -> bool:
        """Take so many tokens if they are there; whether they were."""
        now = self._clock()
        self._left = min(float(self.per_minute), self._left + (now - self._at) * self.per_minute / 60)
        self._at = now
        if tokens > self._left:
            return False
        self._left -= tokens
        return True

    def settle(self, *, taken: int, used: int) -> None:
        """Give back what was taken and not used; what was used beyond is owed, but no more than a minute's tokens."""
        self._left = max(self._left + taken - max(used, 0), -float(self.per_minute))

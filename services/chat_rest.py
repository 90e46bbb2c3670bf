"""Rest after failures: a server that fails again and again is left alone for a while, and then tried once."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST = 64.0
"""The longest rest, in first rests."""


class Rest:
    """Count failures in a row; say when a server is left alone (a circuit breaker).

    After a rest one question is let through. If it succeeds all is well again; if not, the next rest is twice as long,
    up to 64 times the first.

    Parameters
    ----------
    failures
        Failures in a row before the first rest.
    seconds
        How long that is.
    clock
        Gives seconds that never jump.

    Examples
    --------
    >>> now = [0.0]
    >>> rest = Rest(failures=2, seconds=30.0, clock=lambda: now[0])
    >>> rest.failed(), rest.resting, rest.failed(), rest.resting
    (False, False, True, True)
    >>> now[0] = 30.0
    >>> rest.enter(), rest.enter()
    (True, False)
    >>> rest.succeeded()
    True
    >>> rest.enter(), rest.enter()
    (True, True)

    """

    def __init__(self, failures: int, seconds: float, *, clock: Callable[[], float] = time.monotonic):
        self.failures, self.seconds = failures, seconds
        self._clock = clock
        self._in_a_row = 0
        self._length = seconds
        self._until: float | None = None
        self._trying = False

    @property
    def resting(self) -> bool:
        """Whether questions are held back."""
        return self._until is not None and (self._trying or self._clock() < self._until)

    def enter(self) -> bool:
        """Whether a question may be asked now; who is let in tells `succeeded`, `failed` or `left`."""
        if self.resting:
            return False
        self._trying = self._until is not None
        return True

    def succeeded(self) -> bool:
        """All is well; whether that is new."""
        new = self._until is not None
        self._in_a_row, self._length, self._until, self._trying = 0, self.seconds, None, False
        return new

    def failed(self) -> bool:
        """One more failure; whether a rest begins with it."""
        self._in_a_row += 1
        if self._until is None and self._in_a_row < self.failures:
            return False
        if self._until is not None:
            if not self._trying:
                return False  # it was asked before the rest began
            self._length = min(2 * self._length, LONGEST * self.seconds)
        self._until, self._trying = self._clock() + self._length, False
        return True

    def left(self) -> None:
        """Neither: the question was given up before anything could be known."""
        self._trying = False

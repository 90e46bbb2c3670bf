"""Original time, played back: as it was, faster, or as fast as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Wait until a record of a given event time is due.

    Parameters
    ----------
    speed
        1.0 is real time, 60 plays a minute in a second, None never waits.
    clock
        Gives seconds that never jump.
    sleep
        Waits so many seconds; what it returns does not matter.

    Examples
    --------
    >>> slept = []
    >>> pace = Pace(60.0, clock=lambda: 5.0, sleep=slept.append)
    >>> pace.wait(1000.0), pace.wait(1030.0)
    (None, None)
    >>> slept
    [0.5]

    """

    def __init__(
        self,
        speed: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ):
        if speed is not None and not 0 < speed < float("inf"):
            raise ValueError(f"speed must be positive (1 is real time), or None for as fast as possible; got {speed}")
        self.speed = speed
        self._clock = clock
        self._sleep = sleep
        self._first: tuple[float, float] | None = None  # event time and clock of the first record

    def wait(self, at: float) -> None:
        """Return when event time `at` is due; at once if it is past or not known (0)."""
        if self.speed is None or at <= 0:
            return
        if self._first is None:
            self._first = at, self._clock()
            return
        first_at, started = self._first
        ahead = started + (at - first_at) / self.speed - self._clock()
        if ahead > 0:
            self._sleep(ahead)

"""Named points at which a test lets the process die: between any two steps that a crash could separate.

Off unless `arm` was called; the streams process arms from `DRIFTLINE_FAILPOINT=name:n`, which kills it with SIGKILL
when the point is passed for the n-th time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

POINTS = (
    "acquire.before",
    "acquire.after",
    "fence.after",
    "discard.before",
    "discard.after",
    "outputs.read",
    "outbox.resent",
    "handle.after",
    "produce.between",
    "produce.after",
    "flush.after",
    "note.after",
    "state.frozen",
    "state.ahead",
    "state.written",
    "outbox.between",
    "outbox.sent",
    "version.before",
    "version.written",
    "close.before",
)
"""Every point, in the order in which a lane's life passes them. A test asserts that the code names no other."""

_armed: dict[str, Callable[[], None]] = {}


def hit(point: str) -> None:
    """Pass a point; dies there when it is armed."""
    if _armed and point in _armed:
        _armed[point]()


def armed() -> bool:
    """Whether any point is armed."""
    return bool(_armed)


def arm(point: str, action: Callable[[], None]) -> None:
    """Let `action` run at each pass of a point. Raises `ValueError` for a point that does not exist."""
    if point not in POINTS:
        raise ValueError(f"no failpoint {point!r}: one of {', '.join(POINTS)}")
    _armed[point] = action


def disarm() -> None:
    """Switch all points off."""
    _armed.clear()


def arm_to_die(said: str) -> None:
    """Arm `name:n`: SIGKILL to this very process at the n-th pass (`name` alone: at the first)."""
    point, _, times = said.partition(":")
    left = int(times or 1)

    def die() -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    arm(point, die)

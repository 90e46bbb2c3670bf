"""Models of clicks: will this user take this item."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftline.models.clicks.diffumin import DiffuMin
    from driftline.models.clicks.event_clock import EventClock

__all__ = ["DiffuMin", "EventClock"]


def __getattr__(name: str) -> Any:
    """Import what is compiled, or needs torch, only when it is asked for: it takes a second, or some."""
    if name == "DiffuMin":
        from driftline.models.clicks.diffumin import DiffuMin

        return DiffuMin
    if name == "EventClock":
        from driftline.models.clicks.event_clock import EventClock

        return EventClock
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

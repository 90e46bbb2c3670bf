"""Models of many labels at once."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftline.models.multilabel.ihomer import IHomer

__all__ = ["IHomer"]


def __getattr__(name: str) -> Any:
    """Import what is compiled only when it is asked for: it takes a second."""
    if name == "IHomer":
        from driftline.models.multilabel.ihomer import IHomer

        return IHomer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Models of what comes next."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftline.models.forecasting.traffic import TrafficForecaster
    from driftline.models.forecasting.traffic_forecasters import TrafficForecasters

__all__ = ["TrafficForecaster", "TrafficForecasters"]


def __getattr__(name: str) -> Any:
    """Import what is compiled only when it is asked for: it takes a second."""
    if name == "TrafficForecaster":
        from driftline.models.forecasting.traffic import TrafficForecaster

        return TrafficForecaster
    if name == "TrafficForecasters":
        from driftline.models.forecasting.traffic_forecasters import TrafficForecasters

        return TrafficForecasters
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""River's bundled Shuttle: nine sensors of a space shuttle, 7 % of the readings anomalous (binary, imbalanced)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from river import datasets

from driftline.services.sources.dataset import Dataset


@dataclass(frozen=True)
class Shuttle(Dataset):
    """49097 readings; whether each was an anomaly comes `delay_seconds` after it.

    Parameters are those of `Dataset`; the keys are `shuttle-0` and so on.

    Examples
    --------
    >>> event, label, *_ = Shuttle(delay_seconds=0.5, limit=10)
    >>> event.value.x["f1"], label.value.y
    (50.0, True)

    """

    rows = datasets.Shuttle
    name = "shuttle"
    key = "shuttle"

    stream: str = "sensors"
    _: KW_ONLY
    delay_seconds: float = 10.0
    keys: int = 8

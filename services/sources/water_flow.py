"""River's bundled WaterFlow: the flow of water through a pipe, hour by hour, at the times when it was measured."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from river import datasets

from driftline.services.sources.source import Record
from driftline.streams.events import SensorEvent


class WaterFlow:
    """One reading an hour from March 2022 on, in litres a second; the next reading is the label of a forecast.

    Parameters
    ----------
    stream
        The stream that it is published to (kind `sensor`).
    sensor
        The one key.
    limit
        The most events; None takes all 1268.

    Examples
    --------
    >>> first, second, *_ = WaterFlow()
    >>> first.value.x, second.at - first.at
    ({'flow': 100.59}, 3600.0)

    """

    def __init__(self, stream: str = "flow", *, sensor: str = "pipe", limit: int | None = None):
        self.stream = stream
        self.sensor = sensor
        self.limit = limit

    @property
    def total(self) -> int:
        """The events."""
        samples = int(datasets.WaterFlow().n_samples)
        return samples if self.limit is None else min(samples, self.limit)

    def __iter__(self) -> Iterator[Record]:
        # The file says local time with its offset from UTC, so the end of winter time makes no gap.
        for n, (x, flow) in enumerate(islice(datasets.WaterFlow(), self.limit)):
            at = x["Time"].timestamp()
            event = SensorEvent(id=f"flow-{n}", at=at, sensor=self.sensor, x={"flow": float(flow)})
            yield Record(at, self.stream, "event", event.key, event)

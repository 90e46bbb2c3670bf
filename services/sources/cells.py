"""Made traffic of network cells as devices report it: some readings are missing, late, or come twice."""

from __future__ import annotations

from collections.abc import Iterator

from driftline.models.forecasting.traffic_streams import readings, traffic
from driftline.services.sources.source import START, Record
from driftline.streams.events import TrafficEvent

DAY_SECONDS = 86_400


class Cells:
    """Bytes that passed in each bin, in cells with a daily and a weekly shape; the next readings judge a forecast.

    Parameters
    ----------
    stream
        The stream that it is published to (kind `traffic`).
    limit
        The most events; None takes all.
    cells
        Number of cells, `cell-0` and so on.
    days
        How long it goes on.
    step_seconds
        Length of a bin; a day must be a whole number of them, at least 2.
    counter
        Whether readings count up since the device was started; then some begin again at 0.
    faults
        Share of bins with each fault (missing, late, twice; of counters, begun again), in [0, 0.1].
    start
        Event time of the first bin's beginning, in seconds since 1970 (UTC); its reading comes at its end.
    seed
        Of the random numbers.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    Examples
    --------
    >>> first, *_ = Cells(days=1)
    >>> first.key, first.value.x, first.at - START
    ('cell-0', {'bytes': 494.0}, 3600.0)

    """

    def __init__(
        self,
        stream: str = "cells",
        *,
        limit: int | None = None,
        cells: int = 20,
        days: int = 28,
        step_seconds: int = 3_600,
        counter: bool = False,
        faults: float = 0.005,
        start: float = START,
        seed: int = 0,
    ):
        if not 0 <= faults <= 0.1:
            raise ValueError(f"faults must be in [0, 0.1], got {faults}")
        if step_seconds < 1 or DAY_SECONDS % step_seconds or step_seconds > DAY_SECONDS // 2:
            raise ValueError(f"step_seconds must divide a day into 2 parts or more, got {step_seconds}")
        self.stream, self.limit = stream, limit
        self.step_seconds, self.start = step_seconds, start
        season = DAY_SECONDS // step_seconds
        made = traffic(n=days * season, cells=cells, season=season, seed=seed)
        self.sent = readings(
            made.volumes, counter, missing=faults, late=faults, duplicates=faults,
            resets=faults if counter else 0.0, seed=seed,
        )  # fmt: skip

    @property
    def total(self) -> int:
        """The events."""
        count = len(self.sent.readings)
        return count if self.limit is None else min(count, self.limit)

    def __iter__(self) -> Iterator[Record]:
        now = self.start
        for n, reading in enumerate(self.sent.readings[: self.total]):
            at = self.start + (reading.bin + 1) * self.step_seconds
            now = max(now, at)  # a late reading is published when it comes
            event = TrafficEvent(id=f"cells-{n}", at=at, cell=f"cell-{reading.cell}", x={"bytes": reading.value})
            yield Record(now, self.stream, "event", event.key, event)

"""The machine itself: what its network interfaces, processors and disks do, once a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import psutil

from driftline.services.sources.source import Record
from driftline.streams.events import TrafficEvent

INTERFACE = ("bytes_received", "bytes_sent", "packets_received", "packets_sent")
"""The counters of one interface."""


@dataclass(frozen=True)
class Reading:
    """The machine's counters at one moment; all but the percentage only rise, until something starts anew."""

    interfaces: Mapping[str, Mapping[str, int]]
    """For each interface the counters named in `INTERFACE`."""
    cpu_percent: float
    """Share of the processors in use since the last reading, in percent of them all."""
    disk_bytes: int | None = None
    """Bytes read and written by all disks; None where the system does not tell."""


def read() -> Reading:
    """Ask the system."""
    interfaces = {
        name: {
            "bytes_received": counters.bytes_recv,
            "bytes_sent": counters.bytes_sent,
            "packets_received": counters.packets_recv,
            "packets_sent": counters.packets_sent,
        }
        for name, counters in psutil.net_io_counters(pernic=True).items()
    }
    disk = psutil.disk_io_counters()
    return Reading(interfaces, psutil.cpu_percent(), None if disk is None else disk.read_bytes + disk.write_bytes)


class Host:
    """One event per interface and second: bytes and packets per second, disk bytes per second, processors in percent.

    Rates are differences of counters by the seconds that really went by. An interface whose counter fell (it was taken
    down, or came anew) is left out until there are two readings again; so is `disk_bytes` in such a second.

    Parameters
    ----------
    stream
        The stream that it is published to (kind `traffic`; the cell is the interface).
    interval_seconds
        Seconds between readings.
    limit
        The most events; None never ends.
    read
        Gives the counters.
    clock
        Gives the time in seconds since 1970.
    monotonic
        Gives seconds that never jump, for the rates.
    sleep
        Waits so many seconds.

    Examples
    --------
    >>> counters = iter([{"bytes_received": 1000}, {"bytes_received": 1500}])
    >>> now = iter([10.0, 10.0, 12.0])
    >>> [record] = Host(limit=1, read=lambda: Reading({"eth0": next(counters)}, 12.5), clock=lambda: 100.0,
    ...                 monotonic=lambda: next(now), sleep=lambda seconds: None)
    >>> record.key, record.value.x
    ('eth0', {'bytes_received': 250.0, 'cpu_percent': 12.5})

    """

    def __init__(
        self,
        stream: str = "traffic",
        *,
        interval_seconds: float = 1.0,
        limit: int | None = None,
        read: Callable[[], Reading] = read,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ):
        if interval_seconds <= 0:
            raise ValueError(f"interval_seconds must be positive, got {interval_seconds}")
        self.stream = stream
        self.interval_seconds = interval_seconds
        self.limit = limit
        self._read = read
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    @property
    def total(self) -> int | None:
        """The events, if their number is bounded."""
        return self.limit

    def __iter__(self) -> Iterator[Record]:
        # islice asks for nothing after the last: it would wait for a reading that nobody wants.
        return islice(self._records(), self.limit)

    def _records(self) -> Iterator[Record]:
        before, then = self._read(), self._monotonic()
        run = int(self._clock() * 1000)  # makes the ids of two runs differ
        last_at = 0.0
        number = 0
        due = then + self.interval_seconds
        while True:
            self._sleep(max(0.0, due - self._monotonic()))
            now_read, now = self._read(), self._monotonic()
            due = due + self.interval_seconds if due + self.interval_seconds > now else now + self.interval_seconds
            last_at = at = max(last_at, self._clock())  # the clock may be set back; records stay in order of time
            for cell, x in rates(before, now_read, now - then).items():
                event = TrafficEvent(id=f"{cell}-{run}-{number}", at=at, cell=cell, x=x)
                yield Record(at, self.stream, "event", event.key, event)
            number += 1
            before, then = now_read, now


def rates(before: Reading, after: Reading, seconds: float) -> dict[str, dict[str, float]]:
    """Return the features of each interface: its rates per second, and those of the whole machine.

    >>> rates(Reading({"lo": {"bytes_sent": 9}}, 0.0, 50), Reading({"lo": {"bytes_sent": 3}}, 7.0, 60), 1.0)
    {}
    """
    if seconds <= 0:
        return {}
    machine = {"cpu_percent": float(after.cpu_percent)}
    if before.disk_bytes is not None and after.disk_bytes is not None and after.disk_bytes >= before.disk_bytes:
        machine["disk_bytes"] = (after.disk_bytes - before.disk_bytes) / seconds
    found: dict[str, dict[str, float]] = {}
    for name, counters in after.interfaces.items():
        earlier = before.interfaces.get(name)
        if earlier is None or any(counters[counter] < earlier[counter] for counter in counters):
            continue
        found[name] = {c: (counters[c] - earlier[c]) / seconds for c in counters} | machine
    return found

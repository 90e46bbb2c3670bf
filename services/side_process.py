"""A process beside the streams, from its start to SIGTERM: logs, signals, failpoints, and its port."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import Protocol

from prometheus_client.registry import Collector

from driftline.services.settings import Settings
from driftline.services.worker_web import serve
from driftline.streams import failpoint


class Side(Protocol):
    """What runs in such a process."""

    settings: Settings
    stopping: threading.Event
    trouble: str | None
    turns: int

    def run(self) -> None:
        """Work until told to stop."""
        ...


def run_side(side: Side, collector: Collector) -> None:
    """Run it until SIGTERM or SIGINT; its metrics are those of the collector."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("kafka",):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    point = os.environ.get("DRIFTLINE_FAILPOINT")
    if point:
        failpoint.arm_to_die(point)
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda *_: side.stopping.set())
    web = serve(side, collector)
    try:
        side.run()
    finally:
        web.close()

"""One worker process for each heavy model, started and watched together: one that dies takes no other with it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from driftline.services.servers.process import spawn
from driftline.services.settings import Settings

log = logging.getLogger("driftline.worker")

PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
"""Between the starts of a process that dies again and again."""
HEALTHY_SECONDS = 60.0
STOP_SECONDS = 9.0


class Member:
    """One process, and when it may be started again."""

    def __init__(self, stream: str, model: str, port: int, config: Path | None):
        self.name = f"{stream}/{model}"
        self._command = [sys.executable, "-m", "driftline", "worker", "--stream", stream, "--model", model]
        if config is not None:
            self._command += ["--config", str(config)]
        self._env = {**os.environ, "DRIFTLINE_WORKER__PORT": str(port)}
        self.child: subprocess.Popen[bytes] | None = None
        self.deaths = 0
        self._started = 0.0
        self._next = 0.0

    def look(self, now: float) -> None:
        """Start it where it does not run and its pause is over."""
        if self.child is not None:
            code = self.child.poll()
            if code is None:
                return
            self.child = None
            if now - self._started > HEALTHY_SECONDS:
                self.deaths = 0
            pause = PAUSES_SECONDS[min(self.deaths, len(PAUSES_SECONDS) - 1)]
            self.deaths += 1
            self._next = now + pause
            log.warning("%s ended with %d: again in %g s", self.name, code, pause)
        if now >= self._next:
            self._started = now
            self.child = spawn(self._command, sys.stderr.fileno(), self._env)

    def stop(self) -> None:
        """Ask it to end."""
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()


def run_all(settings: Settings, wanted: list[tuple[str, str]], config: Path | None) -> int:
    """Run a worker for each (stream, model) until SIGTERM or SIGINT; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    port = settings.worker.port
    members = [Member(*who, port + place if port else 0, config) for place, who in enumerate(wanted)]
    stopping = threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda *_: stopping.set())
    while not stopping.is_set():
        for member in members:
            member.look(time.monotonic())
        stopping.wait(0.2)
    for member in members:
        member.stop()
    until = time.monotonic() + STOP_SECONDS
    well = True
    for member in members:
        if member.child is not None:
            try:
                well &= member.child.wait(max(0.1, until - time.monotonic())) == 0
            except subprocess.TimeoutExpired:
                member.child.kill()
                well = False
    return 0 if well else 1

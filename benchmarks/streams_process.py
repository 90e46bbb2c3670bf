"""`driftline streams` as a child process of a benchmark, and what it uses."""

import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import Self

import psutil

from driftline.services.servers.process import Child, free_port

COMMAND = f"{shlex.quote(sys.executable)} -m driftline streams"


class StreamsProcess:
    """The streams process over a configuration, between `with` and its SIGTERM.

    Parameters
    ----------
    config
        The text of its `driftline.toml`.
    brokers, redis_url
        Where it finds its servers.
    folder
        Takes the configuration and the log.
    command
        What to start instead of `driftline streams`; `--config FILE` is added.

    """

    def __init__(self, config: str, brokers: str, redis_url: str, folder: Path, command: str = COMMAND):
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "driftline.toml"
        file.write_text(config, encoding="utf-8")
        self.log = folder / "streams.log"
        env = {
            "DRIFTLINE_KAFKA__BROKERS": brokers,
            "DRIFTLINE_REDIS__URL": redis_url,
            "DRIFTLINE_WEB__PORT": str(free_port()),
            "DRIFTLINE_SECRETS__SNAPSHOT_KEY": "of-a-benchmark-and-no-secret",
        }
        self._child = Child("driftline streams", [*shlex.split(command), "--config", str(file)], self.log, env)

    def __enter__(self) -> Self:
        self._child.start(answers=lambda: True)
        self._process = psutil.Process(self._child.pid)
        return self

    def __exit__(self, *error: object) -> None:
        self._child.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def check(self) -> None:
        """Raise `RuntimeError`, with the end of its log, if it has ended."""
        if not self._child.running:
            raise RuntimeError(f"driftline streams has ended:\n{self.log_end()}")

    def cpu_seconds(self) -> float:
        """Return the user and system time of its threads and of processes that it started."""
        total = 0.0
        for process in (self._process, *self._process.children(recursive=True)):
            used = process.cpu_times()
            total += used.user + used.system
        return total

    def cpu_by_thread(self) -> Counter[str]:
        """Return the seconds of each thread by its name, as far as the threads still live (Linux)."""
        seconds: Counter[str] = Counter()
        for thread in self._process.threads():
            name = Path(f"/proc/{self.pid}/task/{thread.id}/comm").read_text(encoding="utf-8").strip()
            seconds[name] += thread.user_time + thread.system_time
        return seconds

    def rss_bytes(self) -> int:
        """Return the memory that is resident now."""
        return int(self._process.memory_info().rss)

    def log_end(self, lines: int = 25) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

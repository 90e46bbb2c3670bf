"""Start a server program as a child process, wait until it answers, and be sure that it ends.

    ServerError
    ├── ServerUnavailable   the program, its port or something that it needs cannot be had
    ├── ServerDied          it ended before it answered
    └── ServerTimeout       it did not answer in time

A child ends with the process that started it: in good order at a normal exit, at once (Linux) if that process
is killed. It is in a session of its own, so that Ctrl-C on a terminal reaches us alone, and we stop the servers
after whatever still needs them.
"""

import atexit
import functools
import os
import queue
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from driftline.services.servers import leash

HOST = "127.0.0.1"
"""Every server that we start listens here and nowhere else."""


class ServerError(RuntimeError):
    """A server that we were to run is not running."""


class ServerUnavailable(ServerError):
    """The program, its port or something that it needs cannot be had on this machine."""


class ServerDied(ServerError):
    """The server ended before it answered."""


class ServerTimeout(ServerError):
    """The server did not answer in time."""


class Child:
    """One child process, its log file and its end.

    Parameters
    ----------
    name
        What to call it in errors.
    command
        The program and its arguments.
    log
        Takes the child's output; appended to.
    env
        Variables set for the child besides our own.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     child = Child("sleeper", ["sleep", "60"], log=Path(folder, "log"))
    ...     child.start(answers=lambda: True)
    ...     print(child.running)
    ...     child.stop()
    ...     print(child.running)
    True
    False

    """

    def __init__(self, name: str, command: list[str], log: Path, env: Mapping[str, str] | None = None):
        self.name = name
        self.command = command
        self.log = log
        self.env = env or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The process id; raises `ServerError` when it is not running."""
        if not self.running:
            raise ServerError(f"{self.name} is not running")
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, answers: Callable[[], bool], timeout_seconds: float = 60) -> None:
        """Start the process and return when `answers()` is true.

        Raises `ServerDied` or `ServerTimeout`, each with the last lines of the log; either way nothing is left
        running.
        """
        if self.running:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = spawn(self.command, log.fileno(), {**os.environ, **self.env})
        atexit.register(self.stop)  # in a forked copy of us it does nothing: the process is not its child
        try:
            Retrying(
                stop=stop_after_delay(timeout_seconds),
                wait=wait_fixed(0.05),
                retry=retry_if_result(lambda ready: not ready),
            )(self._alive_and, answers)
        except RetryError:
            self.kill()
            raise ServerTimeout(
                f"{self.name} did not answer within {timeout_seconds:g} s{self._last_lines()}"
            ) from None
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_seconds: float = 15) -> None:
        """End the process in good order (SIGTERM); kill it if it has not ended after `timeout_seconds`."""
        if not self.running:
            return
        assert self._process is not None
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # one that a test has suspended could not hear the SIGTERM
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_seconds)
        self.kill()

    def kill(self) -> None:
        """End the process at once (SIGKILL), as a crash would."""
        if self._process is not None:
            self._process.kill()  # does nothing if it has ended: a process id that came back is never hit
            self._process.wait()
        atexit.unregister(self.stop)

    def _alive_and(self, answers: Callable[[], bool]) -> bool:
        ready = answers()
        # Asked last: an answer counts only if it can have come from our own child.
        if not self.running:
            assert self._process is not None
            raise ServerDied(f"{self.name} ended with status {self._process.returncode}{self._last_lines()}")
        return ready

    def _last_lines(self, count: int = 15) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()[-count:]
        return "; its log is empty" if not lines else "; the end of its log:\n  " + "\n  ".join(lines)


def free_ports(count: int) -> list[int]:
    """Return `count` different loopback ports on which nothing listens.

    No port is given out twice by one process. Ports lie below the range from which the system takes ports for
    outgoing connections: in that range, a client that tries again and again to reach a server that is down may
    be given the server's own port, reach itself, and keep the server from coming back.

    >>> len(set(free_ports(3)))
    3
    """
    ports: list[int] = []
    with ExitStack() as held, _ports_lock:
        for _ in range(1_000 + 10 * count):
            # Not from `random`: under a fixed seed, two test runs side by side would choose the same ports.
            port = _LOWEST_PORT + secrets.randbelow(_outgoing_ports_start() - _LOWEST_PORT)
            if port in _given_ports:
                continue
            sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            try:
                sock.bind((HOST, port))
            except OSError:
                continue
            _given_ports.add(port)
            ports.append(port)
            if len(ports) == count:
                return ports
    raise ServerUnavailable(f"no {count} free ports on {HOST}")


def free_port() -> int:
    """Return a loopback port on which nothing listens; see `free_ports`."""
    return free_ports(1)[0]


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections are no hindrance
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
        return True


_LOWEST_PORT = 15_000
_given_ports: set[int] = set()
_ports_lock = threading.Lock()


def _outgoing_ports_start() -> int:
    try:
        start = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        start = 49_152  # the IANA's range, which other systems use
    # A system that takes nearly every port for connections leaves us no better choice than the same range.
    return start if start >= _LOWEST_PORT + 1_000 else 49_152


def spawn(command: list[str], log: int, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Start `command` from the thread that never ends."""
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", str(leash.__file__), str(os.getpid()), *command]
    future: Future[subprocess.Popen[bytes]] = Future()
    _spawner(os.getpid()).put((command, log, env, future))
    return future.result()


_Job = tuple[list[str], int, dict[str, str], "Future[subprocess.Popen[bytes]]"]


@functools.cache
def _spawner(_pid: int) -> "queue.SimpleQueue[_Job]":
    """Return the way to the thread that starts all children of this process.

    Linux sends the death signal when the *thread* that forked ends, so a child that was started from a
    short-lived thread would be killed with it. The thread is a daemon: it ends with the process and not a moment
    before. A fork does not bring it along, hence one for each process id.
    """
    jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()

    def work() -> None:
        while True:
            command, log, env, future = jobs.get()
            try:
                future.set_result(
                    subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
                    )
                )
            except BaseException as error:
                future.set_exception(error)

    threading.Thread(target=work, name="driftline-servers", daemon=True).start()
    return jobs

"""What all servers have in common: a port, a folder, a child process, and the verbs start, stop and kill."""

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from driftline.services.servers.process import HOST, Child, ServerUnavailable, free_port, port_is_free


class Server(ABC):
    """A server program on one loopback port.

    It can be stopped or killed and started again, on the same port and with what it has written. As a context
    manager it starts, and is closed at the end.

    Parameters
    ----------
    port
        The port on 127.0.0.1; a free one is taken if none is given.
    data
        The folder for its data and its log. If none is given, a temporary one that `close` removes.
    timeout_seconds
        How long a start may take.

    """

    kind: ClassVar[str]
    """What it is, in one word."""

    def __init__(self, *, port: int | None = None, data: Path | None = None, timeout_seconds: float = 60):
        self.port = free_port() if port is None else port
        self.timeout_seconds = timeout_seconds
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if data is None:
            self._temporary = tempfile.TemporaryDirectory(prefix=f"driftline-{self.kind}-", ignore_cleanup_errors=True)
            data = Path(self._temporary.name)
        self.data = data.absolute()
        self._child: Child | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program and its arguments; raise `ServerUnavailable` if it is not on this machine."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves requests; asked again and again while it starts."""

    def prepare(self) -> None:
        """Do what must be done before a start: here, make the folder."""
        self.data.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file that takes the server's output."""
        return self.data / f"{self.kind}.log"

    @property
    def pid(self) -> int:
        """The process id; raises `ServerError` when it is not running."""
        return self._started_child().pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._child is not None and self._child.running

    def start(self) -> Self:
        """Start the server and return when it serves requests.

        Raises `ServerUnavailable`, `ServerDied` or `ServerTimeout`.
        """
        if self.running:
            return self
        # Without this, a stranger on the port could answer for a child of ours that is about to fail.
        if not port_is_free(self.port):
            raise ServerUnavailable(f"{self.kind} cannot listen on {self.address}: the port is taken")
        self.prepare()
        self._child = Child(self.kind, self.command(), self.log)
        self._child.start(self.answers, self.timeout_seconds)
        return self

    def stop(self) -> None:
        """Stop the server in good order; its data stay."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """Stop the server as a crash would (SIGKILL); its data stay."""
        if self._child is not None:
            self._child.kill()

    def close(self) -> None:
        """Stop the server; remove its data if they are in a temporary folder."""
        if self._temporary is not None:
            self.kill()  # nobody will read what it would still write
            self._temporary.cleanup()
        else:
            self.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    def _started_child(self) -> Child:
        if self._child is None:
            raise ServerUnavailable(f"{self.kind} has not been started")
        return self._child

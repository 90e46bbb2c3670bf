"""The streams process: a Faust application around the runner.

Faust owns the life of the process, its timers, its web port and the rare topics (alarms, commands). The runner is a
service in it, with a thread of its own; when the runner dies, the process dies, and another takes its lanes over.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import faust
from faust.web import Request, Response, View
from mode import Service
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from driftline.services.chat_agents import ChatAgents, ChatCollector
from driftline.services.servers.process import free_port
from driftline.services.settings import Settings, snapshot_key
from driftline.streams import failpoint
from driftline.streams.config import ALARM_TOPIC
from driftline.streams.holding import Options
from driftline.streams.metrics import RunnerCollector
from driftline.streams.redis_store import RedisStore
from driftline.streams.registry import class_of
from driftline.streams.runner import Runner
from driftline.streams.store import Unavailable
from driftline.streams.tenure import Recovery
from driftline.streams.vault import Vault

log = logging.getLogger("driftline.streams")

STOP_SECONDS = 8.0
"""How long the runner may take for its last checkpoint."""
END_SECONDS = 9.0
"""How long the whole process may take to end: orchestrators grant 10 s."""
PING_SECONDS = 2.0
"""How often Kafka and Redis are asked whether they are there."""
ANSWER_SECONDS = 3.0
"""How long Kafka may take to say so."""
ALARMS_SHOWN = 200
GC_THRESHOLDS = (20_000, 20, 50)
"""Objects made and not freed before the collector looks at the youngest, and how many such looks before older ones."""


def make_runner(settings: Settings) -> Runner:
    """Build the runner that the settings describe. Opens no connection."""
    kafka, redis = settings.kafka, settings.redis
    options = Options(
        brokers=kafka.brokers,
        client=kafka.client,
        group=kafka.group,
        assignment=kafka.assignment,
        session_timeout_seconds=kafka.session_timeout_seconds,
        idempotence=kafka.idempotence,
        instance=kafka.instance,
    )
    recovery = Recovery(**settings.recovery.model_dump())
    store = RedisStore(redis.url, redis.command_timeout_seconds)
    return Runner(settings.streams, options, store, Vault(snapshot_key(settings)), recovery, settings.app)


class RunnerService(Service):
    """The runner as a service of the Faust application."""

    def __init__(self, runner: Runner, **options: Any):
        super().__init__(**options)
        self.runner = runner
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def _run(self) -> None:
        try:
            self.runner.run()
        except BaseException as error:
            self.error = error
        finally:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._ended.set)

    @property
    def ended_well(self) -> bool:
        """Whether the runner has written its last checkpoints and ended."""
        return self._thread.ident is not None and not self._thread.is_alive() and self.error is None

    async def on_start(self) -> None:
        """Start the thread."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @Service.task
    async def _watch(self) -> None:
        """The runner's death is the process's death: its lanes must go to another."""
        await self._ended.wait()
        if self.runner.stopping.is_set():
            if self.error is not None:
                log.warning("no good end: %s: %s", type(self.error).__name__, self.error)
        elif not self.should_stop:
            log.critical("the runner died: %s: %s", type(self.error).__name__, self.error)
            await asyncio.sleep(0.2)
            os._exit(1)

    async def on_stop(self) -> None:
        """Let the runner write its last checkpoints."""
        self.runner.stopping.set()
        if self._thread.ident is None:
            return
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)


class Watch(Service):
    """Ask a server whether it is there, so that readiness says so before a lane fails.

    The runner cannot tell in time: while it waits for one answer it hears nothing else, and a server that has fallen
    silent looks like one that is slow. `ping` asks, and raises `Unavailable` where no answer came.
    """

    def __init__(self, ping: Callable[[], None], **options: Any):
        super().__init__(**options)
        self._ping = ping
        self.trouble: str | None = "not asked yet"

    @Service.task
    async def _ask(self) -> None:
        while not self.should_stop:
            try:
                await asyncio.to_thread(self._ping)
                self.trouble = None
            except Unavailable as trouble:
                self.trouble = str(trouble)
            await self.sleep(PING_SECONDS)


class Worker(faust.Worker):
    """Faust's worker, but it ends in bounded time: Faust waits for a broker for as long as that is away."""

    def __init__(self, app: faust.App, service: RunnerService, **options: Any):
        super().__init__(app, **options)
        self._service = service

    async def stop(self) -> None:
        """Stop the runner and Faust side by side; give up what has not ended when it is time."""
        self._service.runner.stopping.set()
        late = threading.Timer(END_SECONDS, self._give_up)
        late.daemon = True
        late.start()
        await super().stop()

    def _give_up(self) -> None:
        well = self._service.ended_well
        log.warning("no end within %g s, %s", END_SECONDS, "but all is written" if well else "nor a last checkpoint")
        os._exit(0 if well else 1)


def make_app(settings: Settings, service: RunnerService) -> faust.App:
    """Build the Faust application: lifecycle, web port, alarms and commands."""
    kafka, runner = settings.kafka, service.runner
    settings.data.mkdir(parents=True, exist_ok=True)
    port = settings.web.port or free_port()
    log.info("web port %d on %s", port, settings.web.host)
    app = faust.App(
        f"{settings.app}-{kafka.group}-rare",
        broker=[f"kafka://{broker.strip()}" for broker in kafka.brokers.split(",")],
        broker_credentials=_credentials(kafka.client),
        store="memory://",
        datadir=str(settings.data / "faust"),
        autodiscover=False,
        web_enabled=True,
        web_host=settings.web.host,
        web_bind=settings.web.host,
        web_port=port,
        web_cors_options={},
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="latest",
        stream_wait_empty=False,
        broker_session_timeout=max(6, int(kafka.session_timeout_seconds)),
        broker_heartbeat_interval=2,
        logging_config=None,
        loghandlers=[],
    )
    watches = {
        "broker": Watch(lambda: runner.log.ping(ALARM_TOPIC, ANSWER_SECONDS)),
        "redis": Watch(runner.store.ping),
    }
    app.add_dependency(service)
    for watch in watches.values():
        app.add_dependency(watch)
    alarms: deque[dict[str, Any]] = deque(maxlen=ALARMS_SHOWN)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)

    def troubles() -> dict[str, str]:
        return runner.troubles() | {name: watch.trouble for name, watch in watches.items() if watch.trouble}

    registry.register(RunnerCollector(runner, troubles))
    chats = ChatAgents(settings.streams)
    if chats.voices:
        app.add_dependency(chats)
        chats.install(app)
        registry.register(ChatCollector(chats))

    @app.page("/livez")
    async def livez(view: View, request: Request) -> Response:
        return view.json({"alive": True, "turns": runner.turns})

    @app.page("/readyz")
    async def readyz(view: View, request: Request) -> Response:
        said = troubles()
        return view.json({"ready": not said, "troubles": said}, status=503 if said else 200)

    @app.page("/metrics")
    async def metrics(view: View, request: Request) -> Response:
        said = await asyncio.to_thread(generate_latest, registry)
        return view.bytes(said, content_type=CONTENT_TYPE_LATEST.partition(";")[0])

    @app.page("/alarms")
    async def recent_alarms(view: View, request: Request) -> Response:
        return view.json({"alarms": list(alarms)})

    topic = app.topic(ALARM_TOPIC, value_serializer="json", internal=False, allow_empty=True)

    @app.agent(topic)
    async def hear_alarms(stream: Any) -> None:
        async for alarm in stream:
            alarms.append(alarm)
            log.warning("alarm: %s", alarm)

    return app


def _credentials(client: Mapping[str, str]) -> Any:
    """The same security for Faust's client as librdkafka's options say."""
    protocol = client.get("security.protocol", "PLAINTEXT").upper()
    if protocol == "PLAINTEXT":
        return None
    context = None
    if protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=client.get("ssl.ca.location"))
        if "ssl.certificate.location" in client:
            context.load_cert_chain(client["ssl.certificate.location"], client.get("ssl.key.location"))
    if protocol == "SSL":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=client.get("sasl.username"),
        password=client.get("sasl.password"),
        mechanism=client.get("sasl.mechanism", client.get("sasl.mechanisms", "PLAIN")),
        ssl_context=context,
    )


def warm_up(settings: Settings) -> None:
    """Let configured models compile what they need, before any lane would have to wait for it."""
    names = sorted({model.class_ for stream in settings.streams.values() for model in stream.light.models.values()})
    for name in names:
        cls = class_of(name)
        if hasattr(cls, "warm_up"):
            started = time.perf_counter()
            log.info("%s: compiling; it takes a minute the first time on a machine", name)
            cls.warm_up()
            log.info("%s: ready after %.1f s", name, time.perf_counter() - started)


def run(settings: Settings) -> None:
    """Run the streams process until SIGTERM or SIGINT; exits 0 after a last checkpoint, 1 when it died."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("faust", "mode", "aiokafka", "kafka"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    point = os.environ.get("DRIFTLINE_FAILPOINT")
    if point:
        failpoint.arm_to_die(point)
    warm_up(settings)
    # What has been loaded stays: only what comes and goes is looked through for cycles, and seldom, for events make
    # many small objects and no cycles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    service = RunnerService(make_runner(settings))
    app = make_app(settings, service)
    worker = Worker(app, service, loglevel="WARNING", quiet=True, override_logging=False, redirect_stdouts=False)
    worker.execute_from_commandline()

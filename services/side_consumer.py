"""The consumer of a process beside the streams: a group of its own, commits of its own."""

from __future__ import annotations

from typing import Any

from kafka import KafkaConsumer

from driftline.services.kafka_python import options_of
from driftline.services.settings import Settings
from driftline.services.topics import ROOMY

METADATA_MS = 5_000


def side_consumer(settings: Settings, group: str, reset: str) -> Any:
    """Connect a consumer of this group, or of none where the settings say that a process takes all partitions.

    `reset` is where it begins where nothing was committed: `earliest` or `latest`. Raises `KafkaError`.
    """
    kafka = settings.kafka
    return KafkaConsumer(
        bootstrap_servers=kafka.brokers.split(","),
        group_id=None if kafka.assignment == "all" else f"{kafka.group}.{group}",
        enable_auto_commit=False,
        auto_offset_reset=reset,
        session_timeout_ms=int(kafka.session_timeout_seconds * 1_000),
        heartbeat_interval_ms=max(100, int(kafka.session_timeout_seconds * 250)),
        fetch_max_wait_ms=20,
        max_partition_fetch_bytes=4 * ROOMY,
        # One that leads the group before it knows the topic assigns nothing until it asks again.
        metadata_max_age_ms=METADATA_MS,
        **options_of(kafka.client),
    )

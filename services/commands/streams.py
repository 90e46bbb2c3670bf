"""`driftline streams`: one streams process."""

from __future__ import annotations

from driftline.services.console import Config, fail, settings_of


def streams(config: Config = None) -> None:
    """Run one streams process against the configured Kafka and Redis.

    Several may run: the group shares the partitions. SIGTERM: a last checkpoint, exit 0.

    Example: driftline streams --config driftline.toml
    """
    settings = settings_of(config)
    if not settings.kafka.brokers or not settings.redis.url:
        fail("no Kafka or no Redis configured: set kafka.brokers and redis.url, or use `driftline up`", 3)
    from driftline.services.streams_process import run

    run(settings)

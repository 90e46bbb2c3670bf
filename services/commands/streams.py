"""`driftline streams`: one streams process."""

from __future__ import annotations

from driftline.services.console import UNAVAILABLE, Config, err, explained, fail, settings_of


def streams(config: Config = None) -> None:
    """Run one streams process against the configured Kafka and Redis; missing topics are made first.

    Several may run: the group shares the partitions. SIGTERM: a last checkpoint, exit 0.

    For example:

        driftline streams --config driftline.toml
    """
    settings = settings_of(config)
    if not settings.kafka.brokers or not settings.redis.url:
        fail(
            "no Kafka or no Redis configured: set kafka.brokers and redis.url, or use `driftline up`",
            UNAVAILABLE,
        )
    from driftline.services import topics
    from driftline.services.settings import snapshot_key
    from driftline.services.streams_process import run

    with explained():
        snapshot_key(settings)
        made = topics.create(settings.kafka.brokers, settings.streams, client=settings.kafka.client)
    if made:
        err.print(f"made the topics {', '.join(made)}", highlight=False)
    run(settings)

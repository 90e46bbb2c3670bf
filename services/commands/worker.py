"""`driftline worker`: the side worker, where heavy models live."""

from __future__ import annotations

from typing import Annotated

import typer

from driftline.services.console import UNAVAILABLE, USAGE, Config, configured, err, explained, fail, settings_of


def worker(
    stream: Annotated[str | None, typer.Option(help="The stream; needed where several have heavy models.")] = None,
    model: Annotated[str | None, typer.Option(help="The heavy model; needed where there are several.")] = None,
    config: Config = None,
) -> None:
    """Run the worker of one heavy model: it answers in batches, learns in micro-batches and swaps versions.

    Without options, and where several heavy models are configured, one process for each is started and watched, so
    that one that crashes takes no other with it. SIGTERM: a last checkpoint, exit 0.

    For example:

        driftline worker
        driftline worker --stream clicks --model deep
    """
    settings = settings_of(config)
    if not settings.kafka.brokers or not settings.redis.url:
        fail("no Kafka or no Redis configured: set kafka.brokers and redis.url, or use `driftline up`", UNAVAILABLE)
    if stream is not None:
        configured(settings, stream)
    wanted = [
        (name, heavy)
        for name, of in settings.streams.items()
        for heavy in of.heavy
        if stream in (None, name) and model in (None, heavy)
    ]
    if not wanted:
        known = ", ".join(f"{name}/{heavy}" for name, of in settings.streams.items() for heavy in of.heavy)
        fail(f"no such heavy model is configured; there are: {known or 'none'}", USAGE)
    from driftline.services import topics
    from driftline.services.settings import snapshot_key

    with explained():
        snapshot_key(settings)
        made = topics.create(settings.kafka.brokers, settings.streams, client=settings.kafka.client)
    if made:
        err.print(f"made the topics {', '.join(made)}", highlight=False)
    if len(wanted) > 1:
        from driftline.services.worker_crew import run_all

        raise typer.Exit(run_all(settings, wanted, config))
    from driftline.services.worker import run

    with explained():
        run(settings, *wanted[0])

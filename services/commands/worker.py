"""`driftline worker`: the side worker, where heavy models live."""

from __future__ import annotations

from typing import Annotated

import typer

from driftline.services.console import UNAVAILABLE, USAGE, Config, configured, err, explained, fail, settings_of


def worker(
    stream: Annotated[str | None, typer.Option(help="Only the heavy models of this stream.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this heavy model.")] = None,
    config: Config = None,
) -> None:
    """Run the heavy models: they answer in batches, learn in micro-batches and swap versions.

    Each has a process of its own, started and watched, so that one that crashes takes no other with it; with --stream
    and --model it is that one process. SIGTERM: a last checkpoint, exit 0.

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
    if stream is None or model is None:
        from driftline.services.worker_crew import run_all

        raise typer.Exit(run_all(settings, wanted, config))
    try:
        from driftline.services.worker import run
        from driftline.streams.registry import class_of

        class_of(settings.streams[stream].models[model].class_)
    except (ImportError, ValueError) as error:
        fail(f"{stream}/{model}: {error}; heavy models need torch and safetensors: pip install 'driftline[torch]'")
    with explained():
        run(settings, stream, model)

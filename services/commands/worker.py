"""`driftline worker`: the side worker, where heavy models live, and voices that need torch."""

from __future__ import annotations

from typing import Annotated

import typer

from driftline.services.console import UNAVAILABLE, USAGE, Config, configured, err, explained, fail, settings_of
from driftline.services.settings import Settings


def worker(
    stream: Annotated[str | None, typer.Option(help="Only what this stream needs.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this heavy model, or the voices of this forecaster.")] = None,
    config: Config = None,
) -> None:
    """Run the heavy models: they answer in batches, learn in micro-batches and swap versions.

    And the voices of forecasters that need torch (Fracast): they answer questions in batches.

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
        (name, one)
        for name, of in settings.streams.items()
        for one in of.worked
        if stream in (None, name) and model in (None, one)
    ]
    if not wanted:
        known = ", ".join(f"{name}/{one}" for name, of in settings.streams.items() for one in of.worked)
        fail(f"no such heavy model, or forecaster with voices, is configured; there are: {known or 'none'}", USAGE)
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
        with explained():
            _run(settings, stream, model)
    except ImportError as error:
        fail(f"{stream}/{model}: {error}; the worker needs torch: pip install 'driftline[torch]'")


def _run(settings: Settings, stream: str, model: str) -> None:
    """Run what this model needs. Raises `ImportError` where a library is missing."""
    if model not in settings.streams[stream].heavy:
        from driftline.services import voice_worker

        voice_worker.run(settings, stream, model)
        return
    from driftline.services import worker as heavy_worker
    from driftline.streams.registry import class_of

    try:
        class_of(settings.streams[stream].models[model].class_)
    except ValueError as error:
        raise ImportError(str(error)) from error
    heavy_worker.run(settings, stream, model)

"""`driftline answers`: one answer for each event of a stream with heavy models."""

from __future__ import annotations

import itertools
import sys
from typing import Annotated

import msgspec
import typer

from driftline.services.console import USAGE, Config, configured, connected, err, explained, fail


def answers(
    stream: Annotated[str, typer.Argument(help="The stream.")],
    model: Annotated[str | None, typer.Option(help="The heavy model; needed where there are several.")] = None,
    deadline: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for the heavy model.")] = 0.5,
    follow: Annotated[bool, typer.Option("--follow", help="Begin at the end of the topics and go on.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    config: Config = None,
) -> None:
    """Print one answer for each event, a JSON object a line: the heavy model's where it leads and is there in time.

    Else it is the light model's, and `why` says why. At the end it is told how often each was.

    For example:

        driftline answers clicks --follow --deadline 0.2
        driftline answers clicks --limit 100
    """
    with explained():
        settings = connected(config)
        known = configured(settings, stream)
        heavy = list(known.heavy)
        if model is None and len(heavy) == 1:
            model = heavy[0]
        if model not in heavy:
            fail(f"say which heavy model of {stream}: {', '.join(heavy) or 'it has none'}", USAGE)
        from driftline.services.answers import Answers

        kafka = settings.kafka
        with Answers(
            kafka.brokers, known, model, deadline_seconds=deadline, follow=follow, client=kafka.client
        ) as reading:
            try:
                for answer in itertools.islice(reading, limit):
                    said = {"why": answer.why, **msgspec.to_builtins(answer.prediction)}
                    sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
            except KeyboardInterrupt:
                pass
            told = ", ".join(f"{count:,} {why}" for why, count in reading.counts.most_common())
    err.print(told or "no answers", highlight=False)

"""`driftline replay`: the same lanes without a broker, over a file or over real topics; and the proof of a live one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from driftline.services import replay as replaying
from driftline.services.console import (
    CHECK_FAILED,
    FAILURE,
    UNAVAILABLE,
    USAGE,
    Config,
    Json,
    configured,
    connected,
    err,
    explained,
    fail,
    out,
    say_json,
    settings_of,
)
from driftline.services.replay import Batch, CannotVerify, LogTruncated, NoSnapshot, Replayed, Verdict
from driftline.services.score_rows import scores_table
from driftline.services.settings import Settings
from driftline.services.sources import JsonLines
from driftline.services.topics import partition_counts
from driftline.services.verdict_shown import show_verdict

SHOWN = 5
"""Dead letters and alarms that people are shown."""


def replay(
    file: Annotated[Path | None, typer.Argument(help="JSON lines (.gz too), `-` for standard input.")] = None,
    config: Config = None,
    stream: Annotated[str | None, typer.Option(help="The stream of bare messages in FILE.")] = None,
    from_topic: Annotated[
        str | None, typer.Option(metavar="STREAM", help="Read the real topics of this stream.")
    ] = None,
    verify: Annotated[
        str | None, typer.Option(metavar="STREAM", help="Rebuild the live lanes of this stream, and compare.")
    ] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition of the topics.")] = None,
    lanes: Annotated[int, typer.Option(min=1, help="Lanes over which the keys of FILE are spread.")] = 1,
    predictions: Annotated[Path | None, typer.Option(help="Write every prediction to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Replay events and labels through lanes of their own, and show each model's score beside its baselines.

    Nothing is published and nothing is kept. `--verify` rebuilds live lanes from their log, in the order that their
    published predictions give, and compares state and predictions bit by bit: exit code 4 if anything differs, 3 if
    the log no longer reaches back to where the lane began.

    For example:

        driftline replay events.jsonl.gz --stream sensors
        driftline publish --from yeast --print | driftline replay -
        driftline replay --from-topic sensors --predictions sensors.jsonl
        driftline replay --verify sensors
    """
    if sum(given is not None for given in (file, from_topic, verify)) != 1:
        fail("say what to replay: a FILE, --from-topic STREAM or --verify STREAM", USAGE)
    with explained():
        if verify is not None:
            _verify(connected(config, redis=True), verify, partition, as_json)
        elif from_topic is not None:
            settings = connected(config)
            numbers = _partitions(settings, from_topic, partition)
            total = replaying.total_of(settings, from_topic, numbers)
            batches = chain.from_iterable(replaying.of_topics(settings, from_topic, n) for n in numbers)
            _replay(batches, settings, predictions, total, as_json)
        else:
            settings = settings_of(config)
            # Bad lines become dead letters, as they would on a topic.
            source = JsonLines(str(file), settings.streams, stream=stream, raw=True)
            try:
                _replay(replaying.of_records(source, settings.streams, lanes), settings, predictions, None, as_json)
            except OSError as error:
                fail(f"{error.filename or file}: {error.strerror or error}")


def _partitions(settings: Settings, stream: str, partition: int | None) -> list[int]:
    topic = configured(settings, stream).topic
    count = partition_counts(settings.kafka.brokers, client=settings.kafka.client).get(topic)
    if count is None:
        fail(f"topic {topic!r} does not exist: `driftline topics create` makes it")
    if partition is not None and partition >= count:
        fail(f"{topic} has the partitions 0 to {count - 1}", USAGE)
    return list(range(count)) if partition is None else [partition]


@contextmanager
def _progress(what: str, total: int | None) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on a terminal, nothing elsewhere."""
    if not err.is_terminal:
        yield lambda done, of: None
        return
    with Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err, transient=True
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda done, of: bar.update(task, completed=done, total=total if of is None else of)


# -- replay ----------------------------------------------------------------------------------------------------------


def _replay(
    batches: Iterable[Batch], settings: Settings, predictions: Path | None, total: int | None, as_json: bool
) -> None:
    with ExitStack() as stack:
        told = stack.enter_context(_progress("replayed", total))
        keep: Callable[[bytes], object] = lambda value: None  # noqa: E731 - replaced below
        if predictions is not None:
            file = stack.enter_context(predictions.open("wb"))
            keep = lambda value: file.write(value + b"\n")  # noqa: E731
        done = replaying.replay(batches, settings, keep, lambda messages: told(messages, None))
    if as_json:
        say_json(done.as_json())
    else:
        _show(done)


def _show(done: Replayed) -> None:
    out.print(f"{done.messages:,} messages, {done.predictions:,} predictions", highlight=False)
    out.print(scores_table(done.scores()))
    outcomes = Table("stream", "labels", "count", title="what became of the labels", title_justify="left")
    for stream, said in sorted(done.labels().items()):
        for outcome, count in sorted(said.items()):
            if count:
                outcomes.add_row(stream, outcome, f"{count:,}")
    if outcomes.row_count:
        out.print(outcomes)
    for drift in done.drifts[:SHOWN]:
        out.print(
            f"drift: {drift['stream']}/{drift['partition']} {drift['model']} at event time {drift['at']:.3f} "
            f"(label {drift['count']:,}): loss {drift['before']:.4g} before, {drift['after']:.4g} after",
            style="yellow",
            highlight=False,
        )
    if len(done.drifts) > SHOWN:
        out.print(f"… and {len(done.drifts) - SHOWN:,} more drifts", highlight=False)
    for (stream, reason), count in sorted(done.reasons.items()):
        out.print(f"dead letters of {stream}: {count:,} {reason}", style="red", highlight=False)
    for letter in done.letters[:SHOWN]:
        out.print(f"  {letter['id']}: {letter['message']}", markup=False, highlight=False)


# -- verify ----------------------------------------------------------------------------------------------------------


def _verify(settings: Settings, stream: str, partition: int | None, as_json: bool) -> None:
    verdicts: list[Verdict] = []
    troubles: list[tuple[int, CannotVerify]] = []
    for number in _partitions(settings, stream, partition):
        try:
            with _progress(f"{stream}/{number}", None) as told:
                verdicts.append(replaying.verify(settings, stream, number, told))
        except NoSnapshot as trouble:
            if replaying.total_of(settings, stream, [number]):
                troubles.append((FAILURE, trouble))  # messages, but no state
        except LogTruncated as trouble:
            troubles.append((UNAVAILABLE, trouble))
        except CannotVerify as trouble:
            troubles.append((FAILURE, trouble))
    if as_json:
        said = [verdict.as_json() for verdict in verdicts]
        say_json({"lanes": said, "not_verified": [str(why) for _, why in troubles]})
    else:
        for verdict in verdicts:
            show_verdict(verdict)
    for _, why in troubles:
        err.print(f"cannot verify {why}", style="red", markup=False, highlight=False)
    if not all(verdict.equal for verdict in verdicts):
        raise typer.Exit(CHECK_FAILED)
    if troubles:
        raise typer.Exit(max(code for code, _ in troubles))
    if not verdicts:
        fail(f"{stream}: nothing has been handled yet, so there is nothing to verify")

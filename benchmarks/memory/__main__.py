"""Publish millions of events while `driftline streams` runs, and watch how much memory it holds.

Two models read the stream: a forecast per key (recursive least squares, one small instance for each of the keys) and a
logistic regression per lane, which is taught by labels of every second event. Every key is seen once in each round over
all keys, so that after the first round the keys are all there, and after the warm-up the models' windows, the waiting
set and the scores have reached their bounds: what grows then, grows for ever.

Events are published in chunks; the next one is sent when all predictions of the last are in their topic, and then the
resident size (RSS) is read. The growth is the slope of a straight line through the readings after the warm-up.
"""

import csv
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from confluent_kafka import Producer
from rich.console import Console

from benchmarks import machine
from benchmarks.road.topics import Topics
from benchmarks.streams_process import COMMAND, StreamsProcess
from driftline.services.servers.kafka import KafkaServer
from driftline.services.servers.process import ServerError
from driftline.services.servers.redis import RedisServer
from driftline.streams.config import ALARM_TOPIC

RESULTS = Path(__file__).resolve().parents[1] / "results"
TOPIC = "memory"
MODELS = 2
CONFIG = """\
[streams.memory]
kind = "sensor"
topic = "{topic}"
partitions = {partitions}

[streams.memory.models.forecast]
class = "recursive-least-squares"
target = "x0"
per = "key"

[streams.memory.models.lane]
class = "river.linear_model:LogisticRegression"
task = "binary"
"""
START = 1_700_000_000.0
EVENTS_PER_SECOND = 1_000
"""In event time."""
DELAY = 1_000
"""How many events later a label comes."""
MB = 1e6
console = Console()


def messages(first: int, events: int, keys: int, rng: np.random.Generator) -> Iterator[tuple[bool, int, bytes, float]]:
    """Yield whether it is an event, the number of its key, the message and its time, in the order of time."""
    values = rng.normal(size=(events, 3)).round(3).tolist()
    for number, (a, b, c) in enumerate(values, start=first):
        at = START + number / EVENTS_PER_SECOND
        key = number % keys
        event = {"id": f"e{number}", "at": at, "sensor": f"s{key}", "x": {"x0": a, "x1": b, "x2": c}}
        yield True, key, json.dumps(event).encode(), at
        labelled = number - DELAY
        if labelled >= 0 and labelled % 2 == 0:
            label = {"of": f"e{labelled}", "at": at, "y": labelled % 3 == 0}
            yield False, labelled % keys, json.dumps(label).encode(), at


def growth(events: list[int], rss: list[int]) -> float:
    """Return the slope in MB per 100,000 events.

    >>> round(growth([0, 100_000, 200_000], [0, 2_000_000, 4_000_000]), 3)
    2.0
    """
    if len(events) < 3:
        return float("nan")
    return float(np.polyfit(np.array(events) / 1e5, np.array(rss) / MB, 1)[0])


def main(
    events: Annotated[int, typer.Option(min=10_000, max=20_000_000)] = 2_000_000,
    keys: Annotated[int, typer.Option(min=1, max=1_000_000)] = 100_000,
    chunk: Annotated[int, typer.Option(min=1_000, help="Events published at once.")] = 50_000,
    warm_up: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the events before growth counts.")] = 0.3,
    partitions: Annotated[int, typer.Option(min=1, max=64)] = 2,
    seconds: Annotated[int, typer.Option(min=60, help="The most that all may take.")] = 3_600,
    results: Annotated[Path, typer.Option(help="Takes memory.csv and memory.json.")] = RESULTS,
    command: Annotated[str, typer.Option(help="What to measure.", hidden=True)] = COMMAND,
) -> None:
    """Measure the growth of the streams process in MB per 100,000 events."""
    try:
        kafka = KafkaServer().start()
    except ServerError as error:
        console.print(f"[bold red]No Kafka:[/] {error}")
        raise typer.Exit(3) from None
    with kafka, RedisServer() as redis, tempfile.TemporaryDirectory(prefix="driftline-memory-") as temporary:
        topics = Topics(kafka.bootstrap)
        topics.create([TOPIC, f"{TOPIC}.labels", f"{TOPIC}.predictions", f"{TOPIC}.dead", ALARM_TOPIC], partitions)
        config = CONFIG.format(topic=TOPIC, partitions=partitions)
        with StreamsProcess(config, kafka.bootstrap, redis.url, Path(temporary), command) as streams:
            try:
                read = _watch(topics, streams, events, keys, chunk, partitions, seconds)
            except (RuntimeError, TimeoutError) as error:
                console.print(f"[red]{error}[/]")
                raise typer.Exit(1) from None
            finally:
                topics.close()

    settled = [(count, rss) for count, rss, _ in read if count >= warm_up * events]
    slope = growth([count for count, _ in settled], [rss for _, rss in settled])
    console.print(
        f"{read[-1][0]:,} events over {keys:,} keys in {read[-1][2]:.0f} s: resident {settled[0][1] / MB:.0f} MB after "
        f"the warm-up, {read[-1][1] / MB:.0f} MB at the end; growth [bold]{slope:.2f} MB per 100,000 events[/]",
        soft_wrap=True,
    )
    results.mkdir(parents=True, exist_ok=True)
    with (results / "memory.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("events", "rss_bytes", "seconds"))
        writer.writerows((count, rss, round(at, 1)) for count, rss, at in read)
    summary = {
        "machine": {**machine.machine(), **machine.versions()},
        "events": read[-1][0],
        "keys": keys,
        "warm_up": warm_up,
        "growth_mb_per_100000_events": round(slope, 3),
    }
    (results / "memory.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def _watch(
    topics: Topics, streams: StreamsProcess, events: int, keys: int, chunk: int, partitions: int, seconds: int
) -> list[tuple[int, int, float]]:
    """Publish chunk after chunk; return events, resident bytes and seconds after each."""
    producer = Producer(
        {"bootstrap.servers": topics.brokers, "enable.idempotence": True, "linger.ms": 20, "log_level": 0}
    )
    began = time.monotonic()
    rng = np.random.default_rng(7)
    read = []
    while sum(topics.count(f"{TOPIC}.predictions", partitions)) < partitions:  # the fences: the lanes are there
        _check(streams, began, seconds, "the lanes were not taken")
        time.sleep(0.1)
    for first in range(0, events, chunk):
        count = min(chunk, events - first)
        for is_event, key, value, at in messages(first, count, keys, rng):
            topic = TOPIC if is_event else f"{TOPIC}.labels"
            while True:
                try:
                    producer.produce(topic, value, f"s{key}", partition=key % partitions, timestamp=int(1_000 * at))
                except BufferError:
                    producer.poll(0.1)
                else:
                    break
        if producer.flush(60):
            raise TimeoutError("the broker did not take the events within 60 s")
        done = first + count
        while sum(topics.count(f"{TOPIC}.predictions", partitions)) < MODELS * done + partitions:
            _check(streams, began, seconds, f"{done:,} events were not answered")
            time.sleep(0.1)
        read.append((done, streams.rss_bytes(), time.monotonic() - began))
        console.print(f"{done:>12,} events  {read[-1][1] / MB:8.1f} MB  {read[-1][2]:7.0f} s", highlight=False)
    return read


def _check(streams: StreamsProcess, began: float, seconds: int, told: str) -> None:
    streams.check()
    if time.monotonic() - began > seconds:
        raise TimeoutError(f"{told} within {seconds} s\n{streams.log_end()}")


if __name__ == "__main__":
    typer.run(main)

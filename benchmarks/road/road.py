"""The whole road: `driftline streams` with its join, scores, drift detection, metrics and checkpoints in Redis.

It is the shipped process with the shipped defaults, watched from outside. Its CPU time is read when the fences of all
its lanes are in the predictions topic (it has then acquired them, and begins to read) and again when the last
prediction is there. How many messages it had handled by then is not guessed: each prediction carries the offsets that
its lane had seen.

Two bounds differ from the defaults, because the topics are read as fast as the process can, and not as time passes:
labels may wait for their event without limit. Both topics are full from the beginning, and nothing holds the reader of
one back until the other has come to the same moment.
"""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.road.job import Job
from benchmarks.road.sampling import Sampler
from benchmarks.road.topics import Topics, outcome
from benchmarks.streams_process import COMMAND, StreamsProcess
from driftline.services.servers.redis import RedisServer

CONFIG = """\
[streams.bench]
kind = "sensor"
topic = "{topic}"
labels = "{labels}"
partitions = {partitions}
waiting = {{ early_max_count = 10_000_000, early_max_age_seconds = 1e9 }}

[streams.bench.models.model]
class = "{model}"
task = "binary"
"""
GLANCE_SECONDS = 0.02
"""How often the predictions topic is looked at: the most by which an end can be seen too late."""


@dataclass(frozen=True)
class Watched:
    """What one run of the road used."""

    messages: int
    cpu_seconds: float
    wall_seconds: float
    threads: dict[str, float]
    """CPU seconds by the name of the thread."""


def watch(job: Job, topics: Topics, folder: Path, sampler: Sampler | None = None, command: str = COMMAND) -> Watched:
    """Run the road over the job's topics until every event has its prediction."""
    config = CONFIG.format(topic=job.events_topic, labels=job.labels_topic, partitions=job.partitions, model=job.model)
    expected = job.events + job.partitions
    with RedisServer() as redis, StreamsProcess(config, job.brokers, redis.url, folder, command) as streams:
        deadline = time.monotonic() + job.seconds

        def until_there(records: int, *, each: int = 0) -> None:
            """Wait for this many records in the predictions topic, and for so many in each partition."""
            while sum(counts := topics.count(job.predictions_topic, job.partitions)) < records or min(counts) < each:
                streams.check()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{sum(counts)} of {records} records after {job.seconds} s\n{streams.log_end()}")
                time.sleep(GLANCE_SECONDS)

        until_there(job.partitions, each=1)
        wall, cpu, threads = time.perf_counter(), streams.cpu_seconds(), streams.cpu_by_thread()
        if sampler is not None:
            sampler.start(streams.pid)
        until_there(expected)
        wall, cpu = time.perf_counter() - wall, streams.cpu_seconds() - cpu
        threads = streams.cpu_by_thread() - threads
        if sampler is not None:
            sampler.stop()
        # One fence a partition is the rule; a lane acquired again has written more, and is then not done yet.
        while (found := outcome(topics.read(job.predictions_topic, job.partitions), {})).predictions < job.events:
            expected += job.events - found.predictions
            until_there(expected)
        # `seen` is as it stood just before the event: that event is one more.
        messages = sum(1 + sum(offsets.values()) for offsets in found.seen.values())
    return Watched(messages, cpu, wall, _rounded(threads))


def _rounded(seconds: Counter[str]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in seconds.most_common() if value >= 0.01}

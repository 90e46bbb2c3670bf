"""What a contestant is told, and how it is measured. Only the standard library: rivals have their own environment."""

import importlib
import json
import resource
import signal
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Job:
    """One run of one contestant."""

    model: str
    """The import path of the River model, `package.module:Class`."""
    events: int
    """Events to handle, each with its label."""
    partitions: int
    delay: int
    """How many events later a label comes."""
    seed: int
    brokers: str = ""
    events_topic: str = ""
    labels_topic: str = ""
    predictions_topic: str = ""
    group: str = ""
    """A consumer group that no run has had before, so that nobody starts where another has stopped."""
    seconds: int = 600
    """The process ends itself after this time, whatever it hangs on."""

    @classmethod
    def from_argv(cls) -> Self:
        """Read the job that `to_argument` wrote, and set the alarm that ends this process."""
        job = cls(**json.loads(sys.argv[1]))
        signal.alarm(job.seconds)
        return job

    def to_argument(self) -> str:
        """Return the job as one argument of a command."""
        return json.dumps(asdict(self))

    @property
    def messages(self) -> int:
        """Messages to handle: events and labels."""
        return 2 * self.events

    def make_models(self) -> list[Any]:
        """Make a model for each partition, as every loop must that may share its partitions with a second process."""
        return [self._make() for _ in range(self.partitions)]

    def warm_up(self, rounds: int = 2_000) -> None:
        """Exercise a model that is thrown away, so that caches and specialized bytecode are there."""
        model = self._make()
        for i in range(rounds):
            x = {f"x{j}": (i * j % 7) / 7 for j in range(10)}
            model.predict_proba_one(x)
            model.learn_one(x, i % 3 == 0)

    def _make(self) -> Any:
        module, _, name = self.model.partition(":")
        return getattr(importlib.import_module(module), name)()


class Meter:
    """CPU and wall time of this process, between `start` and `stop`."""

    def __init__(self) -> None:
        self.started = False

    def start(self) -> None:
        """Begin to count; later calls change nothing."""
        if not self.started:
            self.started = True
            self._cpu, self._wall = cpu_seconds(), time.perf_counter()

    def stop(self, messages: int) -> None:
        """Print what was counted as one line of JSON."""
        cpu, wall = cpu_seconds() - self._cpu, time.perf_counter() - self._wall
        told = json.dumps({"messages": messages, "cpu_seconds": cpu, "wall_seconds": wall})
        print(told, file=sys.__stdout__, flush=True)  # Faust has turned sys.stdout into its log


def cpu_seconds() -> float:
    """Return the user and system time of all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

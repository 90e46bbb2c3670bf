"""What a runner knows of each lane that it is to hold, and how it meets Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftline.streams.config import StreamConfig
from driftline.streams.tenure import Tenure

CHECKPOINT_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Bounds of the histogram of checkpoints, in seconds."""


@dataclass
class Options:
    """How the runner meets Kafka."""

    brokers: str
    client: Mapping[str, str] = field(default_factory=dict)
    group: str = "driftline"
    assignment: str = "group"
    session_timeout_seconds: float = 10.0
    idempotence: bool = True
    instance: str | None = None


class Holding:
    """One lane that this process is to hold, and its tenure while it does."""

    def __init__(self, stream: str, partition: int, config: StreamConfig):
        self.stream = stream
        self.partition = partition
        self.config = config
        self.tenure: Tenure | None = None
        self.trouble: str | None = None
        """Why the lane is not held, or cannot be written."""
        self.retry_at = 0.0
        self.tries = 0
        self.expected: dict[str, int] = {}
        """The offset from which each topic must come, until its first message has."""
        self.heard: dict[str, float] = {}
        self.paused: set[str] = set()
        self.checkpoint_at = 0.0
        self.checkpoints = 0
        self.checkpoint_total = 0.0
        self.checkpoint_bins = [0] * (len(CHECKPOINT_BOUNDS) + 1)
        self.restore_seconds = 0.0
        self.losses = 0
        self.ends: dict[str, int] = {}
        """The next offset to be written, as last heard."""

    def checkpointed(self, seconds: float) -> None:
        """Count a checkpoint and how long it took."""
        self.checkpoints += 1
        self.checkpoint_total += seconds
        self.checkpoint_bins[sum(seconds > bound for bound in CHECKPOINT_BOUNDS)] += 1

    @property
    def topics(self) -> tuple[str, str]:
        """Events and labels."""
        return self.config.topic, self.config.label_topic

"""What a runner knows of each lane that it is to hold, and how it meets Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftline.streams.config import StreamConfig
from driftline.streams.tenure import Tenure


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
        self.checkpoint_seconds = 0.0
        self.checkpoints = 0
        self.restore_seconds = 0.0
        self.losses = 0
        self.ends: dict[str, int] = {}
        """The next offset to be written, as last heard."""

    @property
    def topics(self) -> tuple[str, str]:
        """Events and labels."""
        return self.config.topic, self.config.label_topic

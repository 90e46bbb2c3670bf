"""A message as a lane takes it."""

import msgspec


class Message(msgspec.Struct, gc=False):
    """One message of a topic that feeds the lane."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: float | None = None
    """Kafka's own time of the message, in seconds since 1970; None where there is none."""

"""Prediction topics as tests write them, and as a reader that keeps the fence rule must understand them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from driftline.streams import wire
from driftline.streams.fence import FenceFilter, decode, fence_of


def made(gen: int, offset: int, partition: int = 0, model: str = "m") -> bytes:
    """A prediction on the event at this offset, by the owner of this generation."""
    return wire.encode(
        wire.Prediction(
            id=f"{model}/t/{partition}/{offset}",
            model=model,
            of=f"e{offset}",
            key="k",
            at=0.0,
            y=True,
            seen={"t": offset},
            gen=gen,
            version="v",
        )
    )


def fence(gen: int) -> bytes:
    """The fence of the owner of this generation."""
    return wire.encode(wire.Fence(fence=gen))


def believed(records: Iterable[tuple[int, Any]], partition: int = 0) -> tuple[dict[str, Any], list[str], FenceFilter]:
    """Read (offset, value) pairs: predictions believed, by id; ids with two values that are not void; the reader."""
    reader, floor = FenceFilter(), 0
    found: dict[str, Any] = {}
    values: dict[str, set[str]] = defaultdict(set)
    for offset, value in records:
        record = reader.feed(partition, offset, value)
        if record is not None:
            found[record.id] = record
        raw = decode(value)
        raised = fence_of(raw)
        if raised is not None:
            floor = max(floor, raised)
        elif raw.gen >= floor:
            values[raw.id].add(repr((*wire.answer(raw), raw.seen)))
    return found, [id_ for id_, said in values.items() if len(said) > 1], reader

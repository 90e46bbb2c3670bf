"""A snapshot made into a lane again, to look at it: whoever goes on from one is `streams.tenure`."""

from __future__ import annotations

from driftline.streams import header
from driftline.streams.config import StreamConfig
from driftline.streams.header import Header
from driftline.streams.lane import Lane
from driftline.streams.state import restore
from driftline.streams.store import Snapshot
from driftline.streams.vault import Foreign, Vault


class OtherModels(Foreign):
    """Models have another class or other parameters than when the snapshot was made."""

    def __init__(self, lane: str, serial: int, names: set[str]):
        self.names = ", ".join(sorted(names))
        super().__init__(
            f"{lane}: generation {serial} has {self.names} with another class or other parameters than the "
            "configuration: the streams process does what recovery.on_model_change says"
        )


def restored(stream: str, partition: int, config: StreamConfig, snapshot: Snapshot, head: Header, vault: Vault) -> Lane:
    """Return the lane that a snapshot holds; configured models that it does not have yet are left out.

    Parameters
    ----------
    stream, partition
        The lane's stream, as configured, and its partition.
    config
        The configuration of the stream.
    snapshot
        What the store keeps.
    head
        Its header, read and checked (`header.read`), which names the lane.
    vault
        Opens the parts.

    Raises `OtherModels`, `Unsound` or `Foreign`. Per-key models are opened when they are asked for.

    """
    app = head.lane.partition(":")[0]
    lane = Lane(stream, partition, config.only(head.models), vault, app=app)
    header.check_topics(head, lane)
    _, other = header.changed(head, lane)
    if other:
        raise OtherModels(head.lane, head.serial, other)
    restore(lane, snapshot.parts, snapshot.keyed)  # type: ignore[arg-type]
    return lane

"""The head of a snapshot: what it is, from where in the topics, and by what it was made."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata
from typing import Any

import msgspec

from driftline.streams.lane import Lane
from driftline.streams.state import Parts, Touched, family
from driftline.streams.store import Snapshot
from driftline.streams.vault import SEAL, Foreign, Unsound, Vault

FORMATS = (1, 2)
"""The forms that are read. 2: events that timed out, or may, are in the waiting set; written only where that is so, for
a program that knows 1 alone would take them for labelled."""
LIBRARIES = ("river", "numpy")
"""Libraries whose objects lie in snapshots: another minor version is not loaded."""


class Header(msgspec.Struct):
    """What a snapshot says of itself; sealed with the rest, but readable without the models."""

    format: int
    lane: str
    serial: int
    gen: int
    offsets: dict[str, int]
    """The next offset of every topic that feeds the lane."""
    origin: dict[str, int]
    """The offsets at which the lane began."""
    note: int
    """The offset of the lane's predictions partition from which a successor reads."""
    floor: int
    """The fence in force at `note`."""
    models: dict[str, dict[str, Any]]
    """Class, parameters and version by name."""
    libraries: dict[str, str]
    key: str
    """Names the snapshot key without telling it."""
    parts: dict[str, str]
    """Digest of each part."""
    keys: dict[str, int]
    """How many keys each per-key model holds: keys that are missing carry no seal that could tell."""
    outputs: str = ""
    """The predictions topic of `note`; empty in snapshots from when it could only be the event topic's own."""


@cache
def version(name: str) -> str:
    """The version of a library; read once, for the files behind it are slow to read."""
    return metadata.version(name)


@cache
def libraries() -> dict[str, str]:
    """Versions of what made a snapshot."""
    return {
        "python": platform.python_version(),
        "driftline": version("driftline"),
        **{name: version(name) for name in LIBRARIES},
    }


def write(
    lane: Lane, serial: int, origin: dict[str, int], note: int, floor: int, parts: Parts, keyed: Touched
) -> Snapshot:
    """Make the snapshot of a lane from its frozen parts."""
    header = Header(
        format=lane.waiting.layout,
        lane=lane.name,
        serial=serial,
        gen=lane.gen,
        offsets=dict(lane.offsets),
        origin=origin,
        note=note,
        floor=floor,
        models={
            slot.name: {
                "class": slot.config.class_,
                "parameters": slot.config.parameters,
                "version": slot.version,
                "per": slot.config.per,
            }
            for slot in lane.slots
        },
        libraries=libraries(),
        key=lane.vault.key_id,
        parts={name: checksum(part) for name, part in parts.items()},
        keys={family(slot): len(slot.keyed) for slot in lane.slots if slot.keyed is not None},
        outputs=lane.config.prediction_topic,
    )
    body = msgspec.json.encode(header)
    return Snapshot(serial, lane.vault.seal(f"{lane.name}/header", body), parts, keyed)


def checksum(part: bytes) -> str:
    """A digest that tells damage; authenticity is the seal's business."""
    return hashlib.blake2b(part, digest_size=12).hexdigest()


def read(snapshot: Snapshot, name: str, vault: Vault) -> Header:
    """Read a snapshot's header and check all of it that needs no model.

    Raises `Unsound` for damage (an older generation may do) and `Foreign` for what another program, key or library
    version has made (none will).
    """
    sealed = snapshot.header
    body = sealed[SEAL:]
    try:
        header = msgspec.json.decode(body, type=Header)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise Unsound(f"{name}: generation {snapshot.serial}: the header cannot be read") from None
    if header.key != vault.key_id:
        raise Foreign(
            f"{name}: generation {snapshot.serial} was sealed under another key ({header.key}, not {vault.key_id}): "
            "set the snapshot key that was used then"
        )
    vault.open(f"{name}/header", sealed)
    if header.lane != name:
        raise Foreign(f"{name}: generation {snapshot.serial} belongs to the lane {header.lane}")
    if header.format not in FORMATS:
        known = " and ".join(map(str, FORMATS))
        raise Foreign(f"{name}: generation {snapshot.serial} has format {header.format}; this program reads {known}")
    for library in LIBRARIES:
        then, now = header.libraries.get(library, "?"), version(library)
        if then.split(".")[:2] != now.split(".")[:2]:
            wanted = ".".join(then.split(".")[:2])
            raise Foreign(
                f"{name}: generation {snapshot.serial} was made with {library} {then}, here is {now}: install "
                f"{library} {wanted}.x again, or rebuild the lane from the log (recovery.on_unreadable)"
            )
    for part, said in header.parts.items():
        if checksum(snapshot.parts.get(part, b"")) != said:
            raise Unsound(f"{name}: generation {snapshot.serial}: the part {part} is damaged")
    for part, count in header.keys.items():
        found = len(snapshot.keyed.get(part, ()))
        if found != count:
            raise Unsound(f"{name}: generation {snapshot.serial}: {part} has {found} keys instead of {count}")
    return header


def check_topics(header: Header, lane: Lane) -> None:
    """Check that the lane has the topics on which its snapshot stands.

    Raises `Foreign` where one was given another name since.
    """
    outputs = header.outputs or f"{lane.events}.predictions"
    then, now = {*header.offsets, outputs}, {*lane.offsets, lane.config.prediction_topic}
    if then != now:
        raise Foreign(
            f"{lane.name}: generation {header.serial} stands on the topics {', '.join(sorted(then))}; configured are "
            f"{', '.join(sorted(now))}: set them back, or give the stream another name to begin anew"
        )


def changed(header: Header, lane: Lane) -> tuple[set[str], set[str]]:
    """Return the models that are new, and those whose class or parameters changed, since the snapshot."""
    known = {name: said["version"] for name, said in header.models.items()}
    new = {slot.name for slot in lane.slots if slot.name not in known}
    other = {slot.name for slot in lane.slots if slot.name in known and known[slot.name] != slot.version}
    return new, other

"""Snapshots of the side worker: sealed parts under a sealed head that says what they are.

They lie in the same store as those of lanes, by the same fence, and are written by the same rules.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from driftline.models.base import Array
from driftline.streams.header import checksum, libraries
from driftline.streams.state import Keys, Parts, Touched
from driftline.streams.store import Snapshot
from driftline.streams.vault import SEAL, Foreign, Unsound, Vault

FORMAT = 1


def place_of(app: str, stream: str, model: str, what: str) -> str:
    """Name a place in the store; no lane has such a name.

    >>> place_of("driftline", "clicks", "deep", "desk/0")
    'driftline+worker:clicks/deep/desk/0'
    """
    return f"{app}+worker:{stream}/{model}/{what}"


class Head(msgspec.Struct):
    """What a snapshot says of itself."""

    format: int
    place: str
    serial: int
    told: dict[str, Any]
    """Offsets and whatever else is small."""
    parts: dict[str, str]
    """Digest of each part."""
    keys: dict[str, int]
    """How many keys each table has."""
    key: str
    """Names the snapshot key without telling it."""
    libraries: dict[str, str]


def write(
    vault: Vault,
    place: str,
    serial: int,
    told: dict[str, Any],
    parts: Parts,
    keyed: Touched,
    keys: dict[str, int],
) -> Snapshot:
    """Make a snapshot; `keyed` holds what changed, sealed by `seal_rows`, and `keys` how many keys there are by now."""
    head = Head(
        FORMAT,
        place,
        serial,
        told,
        {name: checksum(part) for name, part in parts.items()},
        keys,
        vault.key_id,
        libraries(),
    )
    return Snapshot(serial, vault.seal(f"{place}/head", msgspec.json.encode(head)), parts, keyed)


def read(vault: Vault, place: str, snapshot: Snapshot) -> Head:
    """Check all of a snapshot but what is in its parts. Raises `Unsound` (an older one may do) or `Foreign`."""
    try:
        head = msgspec.json.decode(snapshot.header[SEAL:], type=Head)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise Unsound(f"{place}: generation {snapshot.serial}: the head cannot be read") from None
    if head.key != vault.key_id:
        raise Foreign(
            f"{place}: generation {snapshot.serial} was sealed under another key ({head.key}, not {vault.key_id}): "
            "set the snapshot key that was used then"
        )
    vault.open(f"{place}/head", snapshot.header)
    if head.place != place or head.format != FORMAT:
        raise Foreign(f"{place}: generation {snapshot.serial} is of {head.place}, format {head.format}")
    for name, said in head.parts.items():
        if checksum(snapshot.parts.get(name, b"")) != said:
            raise Unsound(f"{place}: generation {snapshot.serial}: the part {name} is damaged")
    for name, count in head.keys.items():
        found = len(snapshot.keyed.get(name, ()))
        if found != count:
            raise Unsound(f"{place}: generation {snapshot.serial}: {name} has {found} keys instead of {count}")
    return head


def seal_rows(vault: Vault, place: str, rows: dict[str, bytes | None]) -> dict[str, bytes | None]:
    """Seal the rows of a table that changed."""
    return {key: None if row is None else vault.seal(f"{place}/{key}", row) for key, row in rows.items()}


def open_rows(vault: Vault, place: str, rows: Keys | dict[str, bytes]) -> dict[str, bytes]:
    """Open all rows of a table. Raises `Unsound`."""
    return {key: vault.open(f"{place}/{key}", row) for key, row in rows.items()}  # type: ignore[arg-type]


def pack_dense(vault: Vault, place: str, arrays: dict[str, Array]) -> bytes:
    """Seal arrays as safetensors."""
    # `ascontiguousarray` would give a single number a dimension.
    return vault.seal(place, save({name: np.array(one, order="C") for name, one in arrays.items()}))


def open_dense(vault: Vault, place: str, sealed: bytes) -> dict[str, Array]:
    """Open arrays. Raises `Unsound`."""
    try:
        return dict(load(vault.open(place, sealed)))
    except SafetensorError as error:
        raise Unsound(f"{place}: {error}") from error

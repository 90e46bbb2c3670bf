"""Objects to sealed bytes and back: arrays and plain values for our models, a sealed pickle for River's.

Every part carries an HMAC-SHA256 over its place (lane, part) and its bytes, under the key from the settings. It is
checked before anything is loaded, so that a pickle from another hand, a damaged part, or a sound part in the wrong
place is never opened.
"""

from __future__ import annotations

import hashlib
import hmac
import pickle
from typing import Any

from driftline.models.base import Stateful
from driftline.models.snapshot import SnapshotError, pack, unpack

SEAL = 32
"""Bytes of the seal in front of a payload."""
_ARRAYS, _PICKLE = b"A", b"P"


class Unsound(ValueError):
    """A stored part is damaged, cut, or in the wrong place: an older snapshot may still be sound."""


class Foreign(ValueError):
    """A snapshot was made by something else (key, library, format, model): no older one will help."""


class Vault:
    """Seal and open parts under one key.

    >>> vault = Vault(b"a key of the settings")
    >>> vault.open("here", vault.seal("here", b"state"))
    b'state'
    >>> vault.open("there", vault.seal("here", b"state"))
    Traceback (most recent call last):
    driftline.streams.vault.Unsound: there: the seal does not fit
    """

    def __init__(self, key: bytes):
        if len(key) < 16:
            raise ValueError(f"the snapshot key has {len(key)} bytes: at least 16 are needed")
        self._key = key
        self.key_id = hashlib.blake2b(key, digest_size=6, person=b"driftline-key").hexdigest()
        """Names the key without telling it."""

    def seal(self, place: str, payload: bytes) -> bytes:
        """Return the payload with its seal in front."""
        return self._mac(place, payload) + payload

    def open(self, place: str, sealed: bytes) -> bytes:
        """Return the payload, or raise `Unsound`."""
        payload = sealed[SEAL:]
        if not hmac.compare_digest(sealed[:SEAL], self._mac(place, payload)):
            raise Unsound(f"{place}: the seal does not fit")
        return payload

    def _mac(self, place: str, payload: bytes) -> bytes:
        # Its length goes before the place: a key from Kafka is part of it, and must not run on into the payload.
        where = place.encode("utf-8", "surrogatepass")
        mac = hmac.new(self._key, len(where).to_bytes(8, "little") + where, hashlib.sha256)
        mac.update(payload)
        return mac.digest()

    def freeze(self, place: str, thing: Any) -> bytes:
        """Seal an object."""
        return self.seal(place, encode(thing))

    def thaw(self, place: str, sealed: bytes, fresh: Any = None) -> Any:
        """Open what `freeze` sealed; a stateful object is restored into `fresh`.

        Raises `Unsound` where the bytes are damaged, `Foreign` where they are sound but do not fit.
        """
        return decode(place, self.open(place, sealed), fresh)


def encode(thing: Any) -> bytes:
    """Return an object's arrays where it has `state`, plain values as they are, else its pickle."""
    if isinstance(thing, Stateful):
        return _ARRAYS + pack(thing.state())
    if isinstance(thing, dict | list):
        return _ARRAYS + pack(thing)
    return _PICKLE + pickle.dumps(thing, protocol=5)


def decode(place: str, payload: bytes, fresh: Any = None) -> Any:
    """Take back what `encode` made. Only for bytes whose seal was checked."""
    form, body = payload[:1], payload[1:]
    if form == _PICKLE:
        try:
            return pickle.loads(body)  # noqa: S301 - the seal proves that it is our own
        except Exception as error:
            raise Foreign(f"{place}: cannot be loaded by these library versions: {error!r}") from error
    try:
        state = unpack(body)
    except SnapshotError as error:
        raise Unsound(f"{place}: {error}") from error
    if not isinstance(fresh, Stateful):
        return state
    try:
        fresh.restore(state)
    except (ValueError, KeyError, TypeError) as error:
        raise Foreign(f"{place}: the state does not fit the model: {error}") from error
    return fresh

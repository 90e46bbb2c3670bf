"""What Redis keeps of the lanes, seen from outside: which generations there are, and whether they are sound.

Nothing here takes a lane from its owner.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import ResponseError

from driftline.services.restored import restored
from driftline.services.settings import Settings, snapshot_key
from driftline.services.tape import options_of
from driftline.streams import header
from driftline.streams.header import Header
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.lane import Lane
from driftline.streams.redis_store import RedisSession, RedisStore
from driftline.streams.state import digests
from driftline.streams.store import Broken, Snapshot, Unavailable
from driftline.streams.vault import Foreign, Unsound, Vault


@dataclass
class Generation:
    """One snapshot of a lane, as found."""

    lane: str
    serial: int
    header: Header | None = None
    size: int = 0
    """Bytes."""
    at: float | None = None
    """When what it holds was acknowledged, in seconds since 1970 (Kafka's time of its fence); None if not known."""
    trouble: str | None = None
    """Why it cannot be used."""
    state: Lane | None = field(default=None, repr=False)
    """The lane restored from it, where that was asked for."""

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        head = self.header
        return {
            "lane": self.lane,
            "serial": self.serial,
            "sound": self.trouble is None,
            "trouble": self.trouble,
            "bytes": self.size,
            "at": self.at,
            "age_seconds": None if self.at is None else max(0.0, time.time() - self.at),
            "gen": head and head.gen,
            "offsets": head and head.offsets,
            "origin": head and head.origin,
            "models": head and head.models,
            "libraries": head and head.libraries,
        }


class _Onlooker(RedisStore):
    """The store, read in more detail than its owners need."""

    def lanes(self, app: str) -> list[str]:
        """Return the names of all lanes that have state."""
        found: set[str] = set()
        with self._reading() as link:
            cursor: Any = b"0"
            while True:
                cursor, keys = link.call("SCAN", cursor, "MATCH", f"{{{app}:*}}", "COUNT", 1_000)
                found.update(key.decode()[1:-1] for key in keys)
                if cursor == b"0":
                    break
        return sorted(found, key=lambda name: (name.rpartition(":")[0], _number(name)))

    def generations(self, lane: str) -> Iterator[tuple[int, Snapshot | Unsound]]:
        """Yield the generations kept, the oldest first, or why one cannot be read."""
        with self._reading() as link:
            kept = json.loads(link.call("HGET", f"{{{lane}}}", "kept") or "[]")
            session = RedisSession(lane, link, 0, b"", kept)
            for serial in session.serials:
                try:
                    yield serial, session.load(serial)
                except Unsound as trouble:
                    yield serial, trouble

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        """A connection to read by; what goes wrong on it is `Unavailable`."""
        link = self._connect()
        try:
            yield link
        except (Broken, ResponseError) as error:
            raise Unavailable(f"Redis cannot be read: {error}") from error
        finally:
            link.close()


def lanes(settings: Settings, stream: str | None = None) -> list[str]:
    """Return the names (`app:stream:partition`) of all lanes, or of one stream's, that have state.

    Raises `Unavailable`.
    """
    found = _store(settings).lanes(settings.app)
    return [name for name in found if stream is None or name.rpartition(":")[0] == f"{settings.app}:{stream}"]


def generations(settings: Settings, lane: str, *, load: bool = False) -> list[Generation]:
    """Return the generations of a lane, the oldest first, each checked: header, checksums, seals.

    With `load` every part is loaded as well, models of each key included. A generation that its owner replaced
    meanwhile is left out. Raises `Unavailable` and, where no snapshot key is set, `ConfigError`.
    """
    store, vault = _store(settings), Vault(snapshot_key(settings))
    found = []
    for serial, snapshot in list(store.generations(lane)):
        one = Generation(lane, serial)
        if isinstance(snapshot, Unsound):
            one.trouble = str(snapshot)
        else:
            one.size = snapshot.size
            try:
                one.header = header.read(snapshot, lane, vault)
                _open_all(snapshot, one.header, vault)
                if load:
                    one.state = _load(settings, lane, snapshot, one.header, vault)
            except (Unsound, Foreign) as trouble:
                one.trouble = str(trouble)
        found.append(one)
    if any(one.trouble for one in found):
        still = {serial for serial, _ in store.generations(lane)}
        found = [one for one in found if one.trouble is None or one.serial in still]
    return found


def newest(settings: Settings, lane: str) -> Generation | None:
    """Return the newest sound generation, loaded; None where there is none."""
    sound = [one for one in generations(settings, lane, load=True) if one.trouble is None]
    return sound[-1] if sound else None


def tell_times(settings: Settings, found: list[Generation]) -> None:
    """Fill in when the generations were written, as far as the log tells: each ends with a fence."""
    log = KafkaLog(options_of(settings), idempotence=False)
    try:
        for one in found:
            stream, partition = _parts(one.lane)
            if one.header is None or not one.header.note or stream not in settings.streams:
                continue
            topic, note = settings.streams[stream].prediction_topic, one.header.note
            for message in log.messages(topic, partition, note - 1, note):
                _, millis = message.timestamp()
                one.at = millis / 1e3 if millis >= 0 else None
    except Unavailable:
        return  # the times are a courtesy
    finally:
        log.close()


def _store(settings: Settings) -> _Onlooker:
    return _Onlooker(settings.redis.url, settings.redis.command_timeout_seconds)


def _number(name: str) -> int:
    said = name.rpartition(":")[2]
    return int(said) if said.isdigit() else -1


def _parts(lane: str) -> tuple[str, int]:
    _, _, rest = lane.partition(":")
    stream, _, _ = rest.rpartition(":")
    return stream, _number(lane)


def _open_all(snapshot: Snapshot, head: Header, vault: Vault) -> None:
    for name, part in snapshot.parts.items():
        vault.open(f"{head.lane}/{name}", part)
    for name in head.parts.keys() - snapshot.parts.keys():
        raise Unsound(f"{head.lane}: generation {head.serial}: the part {name} is missing")


def _load(settings: Settings, lane: str, snapshot: Snapshot, head: Header, vault: Vault) -> Lane | None:
    """Restore all of it; None where its stream is not configured, so that nothing can be loaded."""
    stream, partition = _parts(lane)
    config = settings.streams.get(stream)
    if config is None:
        return None
    state = restored(stream, partition, config, snapshot, head, vault)
    digests(state)  # looks at every model of every key, and so loads it
    return state

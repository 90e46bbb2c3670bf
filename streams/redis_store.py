"""The store on Redis or Valkey: one hash per lane, written only through a fence in Lua.

Keys of a lane share the hash tag `{app:stream:partition}`, so they lie in one slot of a cluster:

    {lane}                   hash: gen, last (who wrote last), kept (JSON: the generations), head:TAG, part:TAG:NAME
    {lane}:blob:TAG:NAME     a part too large for the hash, written before the hash points to it
    {lane}:keys:NAME         hash: per-key models as of the oldest generation kept
    {lane}:keys:NAME:TAG     hash: the keys that one later generation touched (an empty value: the key is gone)

TAG is `gen-serial`, which no two sessions share: whatever a fenced-out session still writes under it is never read.
What is written ahead carries an expiry that only the fenced script takes away, so leftovers vanish by themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from driftline.streams.failpoint import hit
from driftline.streams.state import Keys
from driftline.streams.store import KEPT, Broken, Refused, Snapshot, Unavailable
from driftline.streams.vault import Unsound

INLINE = 65_536
"""Parts up to this many bytes lie in the hash itself."""
AHEAD_SECONDS = 3_600
"""Expiry of what is written ahead of its checkpoint."""
_CHUNK = 1_000

_ACQUIRE = """
local now = redis.call('TIME')
local micros = tonumber(now[1]) * 1000000 + tonumber(now[2])
local gen = math.max(tonumber(redis.call('HGET', KEYS[1], 'gen') or '0') + 1, micros)
gen = string.format('%.0f', gen)
redis.call('HSET', KEYS[1], 'gen', gen)
return {gen, redis.call('HGET', KEYS[1], 'last') or '', redis.call('HGET', KEYS[1], 'kept') or '[]'}
"""

# Refused unless `gen` is still mine and the last write was mine; then everything, or (a part is missing) nothing.
_FENCED = """
if redis.call('HGET', KEYS[1], 'gen') ~= ARGV[1] then return 'gen' end
if (redis.call('HGET', KEYS[1], 'last') or '') ~= ARGV[2] then return 'last' end
local commands, at = {}, 3
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  commands[#commands + 1] = {unpack(ARGV, at + 1, at + count)}
  at = at + count + 1
end
for _, c in ipairs(commands) do
  if c[1] == 'PERSIST' and redis.call('EXISTS', c[2]) == 0 then return 'ahead' end
end
for _, c in ipairs(commands) do
  if c[1] == 'MERGE' then
    local delta = redis.call('HGETALL', c[2])
    for i = 1, #delta, 2 do
      if delta[i + 1] == '' then redis.call('HDEL', c[3], delta[i])
      else redis.call('HSET', c[3], delta[i], delta[i + 1]) end
    end
    redis.call('DEL', c[2])
  else
    redis.call(unpack(c))
  end
end
return 'ok'
"""


class _Once:
    """A connection that connects once: redis-py would reconnect in silence, over which no write may be repeated."""

    _connected = False

    def connect_check_health(self, *args: Any, **options: Any) -> None:
        if not self._connected:
            super().connect_check_health(*args, **options)  # type: ignore[misc]
            self._connected = True
        elif not self._sock:  # type: ignore[attr-defined]
            raise RedisConnectionError("the connection broke; a session does not outlive it")


class RedisStore:
    """Lanes' states on one Redis.

    `url` is `redis://host:port/db` (or `rediss://`, `unix://`); `timeout_seconds` bounds each reply.
    """

    def __init__(self, url: str, timeout_seconds: float = 5.0):
        self._pool = redis.ConnectionPool.from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )

    def _connect(self) -> _Link:
        kind = type("Once", (_Once, self._pool.connection_class), {})
        return _Link(kind(**self._pool.connection_kwargs))

    def acquire(self, lane: str) -> RedisSession:
        """Take the lane from whoever has it. Raises `Unavailable`."""
        link = self._connect()
        try:
            gen, last, kept = link.call("EVAL", _ACQUIRE, 1, f"{{{lane}}}")
        except Broken as error:
            link.close()
            raise Unavailable(f"Redis cannot be reached: {error}") from error
        except ResponseError as error:
            link.close()
            raise Unavailable(f"Redis refuses to take over {lane}: {error}") from error
        return RedisSession(lane, link, int(gen), last, json.loads(kept))

    def peek(self, lane: str) -> list[Snapshot]:
        """Read the generations kept, the oldest first, without taking the lane.

        One that its owner replaces while it is being read is left out.
        """
        with self._looking() as link:
            kept = json.loads(link.call("HGET", f"{{{lane}}}", "kept") or "[]")
            session = RedisSession(lane, link, 0, b"", kept)
            found = []
            for serial in session.serials:
                try:
                    found.append(session.load(serial))
                except Unsound:
                    continue
        return found

    def newest(self, lane: str) -> str:
        """Name the newest generation, as no other is ever named; empty where there is none. Raises `Unavailable`."""
        with self._looking() as link:
            kept = json.loads(link.call("HGET", f"{{{lane}}}", "kept") or "[]")
        return str(kept[-1]["tag"]) if kept else ""

    def look_up(self, lane: str, part: str, keys: Sequence[str]) -> list[bytes | None]:
        """Read some keys of the newest generation, without taking the lane. Raises `Unavailable`."""
        if not keys:
            return []
        with self._looking() as link:
            kept = json.loads(link.call("HGET", f"{{{lane}}}", "kept") or "[]")
            while kept and part not in kept[0]["keyed"]:
                kept = kept[1:]
            deltas = [entry["keyed"][part] for entry in kept if entry["keyed"].get(part)]
            # The newest first. A delta that is merged into the base meanwhile is found there: the base is read last.
            places = [*reversed(deltas), f"{{{lane}}}:keys:{part}"] if kept else []
            replies = link.many([("HMGET", place, *keys) for place in places]) if places else []
        found: list[bytes | None] = [None] * len(keys)
        for reply in reversed(replies):
            found = [now if now is not None else before for now, before in zip(reply, found, strict=True)]
        return [value or None for value in found]

    @contextmanager
    def _looking(self, fault: str = "cannot be read") -> Iterator[_Link]:
        link = self._connect()
        try:
            yield link
        except (Broken, ResponseError) as error:
            raise Unavailable(f"Redis {fault}: {error}") from error
        finally:
            link.close()

    def ping(self) -> None:
        """Raises `Unavailable` where Redis does not answer."""
        with self._looking("does not answer") as link:
            link.call("PING")


class _Link:
    """Commands over one connection, which is never made again."""

    def __init__(self, connection: Any):
        self._connection = connection

    def call(self, *command: Any) -> Any:
        """Send one command and wait for its reply. Raises `Broken`, or redis-py's `ResponseError`."""
        return self.many([command])[0]

    def many(self, commands: list[Any]) -> list[Any]:
        """Send commands together and wait for all replies."""
        connection = self._connection
        try:
            connection.send_packed_command(connection.pack_commands(commands))
            return [connection.read_response(disable_decoding=True) for _ in commands]
        except ResponseError:
            # Replies may be left unread: this connection is of no more use for more than one command.
            if len(commands) > 1:
                self.close()
            raise
        except (RedisConnectionError, RedisTimeoutError, OSError) as error:
            self.close()
            raise Broken(str(error)) from error
        except RedisError as error:
            self.close()
            raise Unavailable(str(error)) from error

    def close(self) -> None:
        """End the connection."""
        self._connection.disconnect()


class RedisSession:
    """One hold on one lane: see `Session`."""

    def __init__(self, lane: str, link: _Link, gen: int, last: bytes, kept: list[dict[str, Any]]):
        self.gen = gen
        self._lane = lane
        self._key = f"{{{lane}}}"
        self._link = link
        self._last = last
        self._kept = kept

    @property
    def serials(self) -> list[int]:
        """Generations kept, the oldest first."""
        return [entry["serial"] for entry in self._kept]

    def load(self, serial: int) -> Snapshot:
        """Read one generation. Raises `Unsound` where something of it is missing, `Broken` or `Unavailable`."""
        try:
            return self._load(serial)
        except ResponseError as error:
            if str(error).startswith("WRONGTYPE"):
                raise Unsound(f"{self._lane}: generation {serial}: {error}") from error
            self.close()
            raise Unavailable(f"Redis cannot be read: {error}") from error

    def _load(self, serial: int) -> Snapshot:
        place = self.serials.index(serial)
        entry = self._kept[place]
        tag = entry["tag"]
        names = list(entry["parts"])
        inline = [f"part:{tag}:{name}" for name in names if not entry["parts"][name]]
        blobs = [entry["parts"][name] for name in names if entry["parts"][name]]
        head, *found = self._link.call("HMGET", self._key, f"head:{tag}", *inline)
        values = dict(zip(inline, found, strict=True))
        if blobs:
            values.update(zip(blobs, self._link.call("MGET", *blobs), strict=True))
        parts = {name: values[entry["parts"][name] or f"part:{tag}:{name}"] for name in names}
        missing = [name for name, value in parts.items() if value is None]
        if head is None or missing:
            raise Unsound(f"{self._lane}: generation {serial} lacks {', '.join(missing) or 'its header'}")
        keyed: Keys = {}
        for name in entry["keyed"]:
            keys: dict[str, bytes] = {}
            for at, generation in enumerate(self._kept[: place + 1]):
                if name not in generation["keyed"]:  # a model that was taken away, and came back, begins anew
                    keys = {}
                    continue
                if at == 0:
                    keys.update(self._hash(f"{self._key}:keys:{name}"))
                if generation["keyed"][name]:
                    keys.update(self._hash(generation["keyed"][name]))
            keyed[name] = {key: value for key, value in keys.items() if value}
        return Snapshot(serial, head, parts, keyed)

    def _hash(self, key: str) -> Iterator[tuple[str, bytes]]:
        flat = self._link.call("HGETALL", key)
        return zip((name.decode() for name in flat[::2]), flat[1::2], strict=True)

    def discard(self, after: int) -> None:
        """Delete the generations above `after`. Raises `Refused` or `Broken`."""
        gone = [entry for entry in self._kept if entry["serial"] > after]
        kept = [entry for entry in self._kept if entry["serial"] <= after]
        commands: list[list[Any]] = []
        for entry in gone:
            commands += self._forget(entry, with_keys=True)
        if not kept:
            commands += [["DEL", f"{self._key}:keys:{name}"] for name in {n for e in gone for n in e["keyed"]}]
        self._fenced(commands, kept, f"discarded-{self.gen}-{after}")

    def checkpoint(self, snapshot: Snapshot) -> None:
        """Write a generation: all of it or nothing. Raises `Refused`, `Broken` or `Unavailable`."""
        tag = f"{self.gen}-{snapshot.serial}"
        ahead: list[list[Any]] = []
        commands: list[list[Any]] = [["HSET", self._key, f"head:{tag}", snapshot.header]]
        parts: dict[str, str] = {}
        for name, value in snapshot.parts.items():
            parts[name] = "" if len(value) <= INLINE else f"{self._key}:blob:{tag}:{name}"
            if parts[name]:
                ahead.append(["SET", parts[name], value, "EX", AHEAD_SECONDS])
                commands.append(["PERSIST", parts[name]])
            else:
                commands.append(["HSET", self._key, f"part:{tag}:{name}", value])
        keyed: dict[str, str] = {}
        for name, touched in snapshot.keyed.items():
            keyed[name] = ""
            if not touched:
                continue
            keyed[name] = f"{self._key}:keys:{name}:{tag}"
            flat = [item for key, value in touched.items() for item in (key, value or b"")]
            for start in range(0, len(flat), 2 * _CHUNK):
                ahead.append(["HSET", keyed[name], *flat[start : start + 2 * _CHUNK]])
            ahead.append(["EXPIRE", keyed[name], AHEAD_SECONDS])
            commands.append(["PERSIST", keyed[name]])
        if ahead:
            try:
                self._link.many(ahead)
            except ResponseError as error:
                raise Unavailable(f"Redis cannot write: {error}") from error
        hit("state.ahead")
        entry = {"serial": snapshot.serial, "tag": tag, "parts": parts, "keyed": keyed}
        every = [*self._kept, entry]
        gone, kept = every[:-KEPT], every[-KEPT:]
        for old in gone:
            commands += self._forget(old, with_keys=False)
        for name in sorted({name for old in gone for name in old["keyed"]} - set(kept[0]["keyed"])):
            commands.append(["DEL", f"{self._key}:keys:{name}"])
        # The keys' base follows the oldest generation kept: what that one touched is merged into it.
        kept[0] = {**kept[0], "keyed": dict(kept[0]["keyed"])}
        for name, delta in kept[0]["keyed"].items():
            if delta:
                commands.append(["MERGE", delta, f"{self._key}:keys:{name}"])
                kept[0]["keyed"][name] = ""
        self._fenced(commands, kept, tag)

    def _forget(self, entry: dict[str, Any], with_keys: bool) -> list[list[Any]]:
        tag = entry["tag"]
        fields = [f"part:{tag}:{name}" for name, blob in entry["parts"].items() if not blob]
        keys = [blob for blob in entry["parts"].values() if blob]
        if with_keys:
            keys += [delta for delta in entry["keyed"].values() if delta]
        commands: list[list[Any]] = [["HDEL", self._key, f"head:{tag}", *fields]]
        return [*commands, ["DEL", *keys]] if keys else commands

    def _fenced(self, commands: list[list[Any]], kept: list[dict[str, Any]], last: str | None) -> None:
        if last is not None:
            commands.append(["HSET", self._key, "kept", json.dumps(kept, separators=(",", ":")), "last", last])
        keys = sorted({str(command[1]) for command in commands} - {self._key})
        flat = [word for command in commands for word in (len(command), *command)]
        try:
            said = self._link.call("EVAL", _FENCED, 1 + len(keys), self._key, *keys, self.gen, self._last, *flat)
        except ResponseError as error:
            self.close()
            raise Unavailable(f"Redis cannot write: {error}") from error
        if said == b"gen":
            raise Refused(f"{self._lane} was acquired by another")
        if said == b"last":
            raise Refused(f"{self._lane} is not as this session left it")
        if said != b"ok":
            raise Refused(f"{self._lane}: what was written ahead is gone")
        if last is not None:
            self._last, self._kept = last.encode(), kept

    def check(self) -> None:
        """Raises `Refused` or `Broken` where the lane is no longer this session's, or Redis has lost writes."""
        self._fenced([], self._kept, None)

    def close(self) -> None:
        """End the connection."""
        self._link.close()

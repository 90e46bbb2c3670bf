"""Small models, one for each key: bounded in number, expired by event time, written by touched keys."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from driftline.streams.vault import Vault, decode, encode

T = TypeVar("T")
_HEAD = struct.Struct("<Qd")


class Held(Generic[T]):
    """One key's model, when it was last wanted (event time), and a number that orders the keys by use."""

    __slots__ = ("at", "order", "sealed", "thing")

    def __init__(self, thing: T | None, at: float, order: int, sealed: bytes = b""):
        self.thing = thing
        self.at = at
        self.order = order
        self.sealed = sealed
        """The bytes of a restored model that nobody has wanted yet."""


class Keyed(Generic[T]):
    """A bounded map from key to model.

    `make` builds a new one, `change` changes one after `change_all`. A restored key stays sealed bytes until it is
    wanted, so that a lane of many keys is quick to take over. Only events move a key to the end of the order (`want`);
    labels find it where it is (`find`).
    """

    def __init__(
        self,
        make: Callable[[], T],
        max_keys: int,
        max_age_seconds: float,
        place: str,
        vault: Vault,
        change: Callable[[T], None] = lambda thing: None,
    ):
        self.make = make
        self.change = change
        self.max_keys = max_keys
        self.max_age_seconds = max_age_seconds
        self.place = place
        self.vault = vault
        self._held: OrderedDict[str, Held[T]] = OrderedDict()
        self._touched: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        self._order = 0
        self.due = 0
        """Models whose last event was the one of this number or an earlier one are to be changed with their next."""
        self.expired = 0

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[str]:
        """The keys, the longest unseen first."""
        return iter(self._held)

    def want(self, key: str, at: float, watermark: float) -> T:
        """Return the key's model for an event, made anew where there is none, after the expiry of others."""
        held = self._held.get(key)
        self._order += 1
        due = held is not None and held.order <= self.due
        if held is None:
            held = self._held[key] = Held(self.make(), at, self._order)
            self._gone.pop(key, None)
        else:
            self._held.move_to_end(key)  # the least recently wanted key is the first
            if at > held.at:
                held.at = at
            held.order = self._order
        self._touched[key] = None
        self._expire(watermark - self.max_age_seconds)
        thing = self._awake(key, held)
        if due:
            self.change(thing)
        return thing

    def change_all(self) -> None:
        """Let `change` be done to every model that there is, to each when it is next wanted: there may be many."""
        self.due = self._order

    def find(self, key: str) -> T | None:
        """Return the key's model for a label, or None when it has expired."""
        held = self._held.get(key)
        if held is None:
            return None
        self._touched[key] = None
        return self._awake(key, held)

    def peek(self, key: str) -> T | None:
        """Return the key's model only to look at it."""
        held = self._held.get(key)
        return None if held is None else self._awake(key, held)

    def last_at(self, key: str) -> float:
        """Return the event time of the key's last event. Raises `KeyError` where there is none."""
        return self._held[key].at

    def drop(self) -> None:
        """Forget all keys."""
        for key in self._held:
            self._gone[key] = None
        self._held, self._touched = OrderedDict(), {}
        self._order = self.due = 0

    def _expire(self, before: float) -> None:
        held = self._held
        while len(held) > 1:
            key = next(iter(held))
            if len(held) <= self.max_keys and held[key].at >= before:
                return
            del held[key]
            self._touched.pop(key, None)
            self._gone[key] = None
            self.expired += 1

    def _awake(self, key: str, held: Held[T]) -> T:
        if held.thing is None:
            payload = self.vault.open(self._at(key), held.sealed)
            held.thing = decode(self._at(key), payload[_HEAD.size :], self.make())
            held.sealed = b""
        return held.thing

    def _at(self, key: str) -> str:
        return f"{self.place}/{key}"

    def touched(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, sealed: None is a key that is gone."""
        changed: dict[str, bytes | None] = dict.fromkeys(self._gone)
        for key in self._touched:
            held = self._held[key]
            head = _HEAD.pack(held.order, held.at)
            changed[key] = self.vault.seal(self._at(key), head + encode(self._awake(key, held)))
        self._touched, self._gone = {}, {}
        return changed

    def restore(self, stored: dict[str, bytes]) -> None:
        """Take all keys of a snapshot, in their order of use. Raises `Unsound` for a damaged one."""
        held = []
        for key, sealed in stored.items():
            order, at = _HEAD.unpack_from(self.vault.open(self._at(key), sealed))
            held.append((order, key, Held[T](None, at, order, sealed)))
        held.sort(key=lambda item: item[0])
        self._held = OrderedDict((key, one) for _, key, one in held)
        self._order = held[-1][0] if held else 0
        self._touched, self._gone = {}, {}

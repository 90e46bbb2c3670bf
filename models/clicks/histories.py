"""What each key did, as tokens in the order in which they came; any recent moment can be looked at again."""

import numpy as np

from driftline.models.base import Array
from driftline.models.parameters import at_least

_FIRST = 16


class Histories:
    """Keep the newest tokens of each key, eight bytes each, and how many there ever were.

    The count is the key's version. Who keeps the version with an event gets for it later, by `at`, exactly the tokens
    that there were then, as long as not too much has come since.

    Parameters
    ----------
    length
        The most tokens that `at` gives, the newest.
    slack
        How many further ones may have come since a version that can still be looked at.
    most
        The most keys; beyond, the one that was appended to least lately is forgotten. If it comes again, its versions
        go on above all that were forgotten, so that none means two things.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> histories = Histories(length=3, slack=2)
    >>> [histories.append("ann", token) for token in (11, 12, 13, 14, 15)]
    [1, 2, 3, 4, 5]
    >>> histories.at("ann", 5).tolist(), histories.at("ann", 3).tolist(), histories.at("bob", 0).tolist()
    ([15, 14, 13], [13, 12, 11], [])
    >>> histories.append("ann", 16), histories.at("ann", 3)
    (6, None)

    """

    def __init__(self, length: int = 5_000, slack: int = 1_000, most: int = 100_000):
        at_least(1, length=length, most=most)
        at_least(0, slack=slack)
        self.length, self.slack, self.most = length, slack, most
        self._rings: dict[str, Array] = {}
        """Token number v, counted from 0, stands at v modulo the ring's size."""
        self._span: dict[str, tuple[int, int]] = {}
        """The first version and the present one."""
        self._floor = 0
        """The highest version of those forgotten."""
        self._touched: dict[str, bool] = {}
        """Keys that changed since `touched` was called: whether they are still there."""

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._span)

    def append(self, key: str, token: int) -> int:
        """Put a token in front of a key's history and return its version from now on."""
        ring = self._rings.pop(key, None)
        if ring is None:
            if len(self._span) == self.most:
                self._forget(next(iter(self._rings)))
            ring, self._span[key] = np.zeros(min(_FIRST, self.length + self.slack), np.uint64), (self._floor,) * 2
        first, now = self._span[key]
        if now - first >= len(ring) < self.length + self.slack:
            larger = np.zeros(min(2 * len(ring), self.length + self.slack), np.uint64)
            kept = np.arange(now - len(ring), now)
            larger[kept % len(larger)] = ring[kept % len(ring)]
            ring = larger
        ring[now % len(ring)] = token
        self._rings[key], self._span[key] = ring, (first, now + 1)
        self._touched[key] = True
        return now + 1

    def version(self, key: str) -> int:
        """Return how many tokens a key ever had."""
        return self._span[key][1] if key in self._span else self._floor

    def at(self, key: str, version: int, length: int | None = None) -> Array | None:
        """Return the newest tokens as they were at a version, the newest first: uint64 of shape (l,).

        None where that cannot be told any more: too many came since, the key was forgotten, or no such version was yet.
        """
        first, now = self._span.get(key, (self._floor, self._floor))
        wanted = min(self.length if length is None else min(length, self.length), version - first)
        if not first <= version <= now:
            return None
        if wanted == 0:
            return np.zeros(0, np.uint64)
        ring = self._rings[key]
        if version - wanted < now - len(ring):
            return None
        found: Array = ring[np.arange(version - 1, version - 1 - wanted, -1) % len(ring)]
        return found

    def newest(self, key: str) -> Array:
        """Return a key's history as it is now, the newest first."""
        found = self.at(key, self.version(key))
        assert found is not None
        return found

    def packed(self, key: str) -> bytes:
        """Return all that is known of a key: its versions and tokens, eight bytes each."""
        first, now = self._span[key]
        ring = self._rings[key]
        kept = np.arange(max(first, now - len(ring)), now)
        return np.concatenate([np.array([first, now], np.uint64), ring[kept % len(ring)]]).tobytes()

    def put(self, key: str, packed: bytes) -> None:
        """Take a key's history from `packed`. Raises `ValueError`, and is unchanged, where it does not fit."""
        words = np.frombuffer(packed, np.uint64) if len(packed) % 8 == 0 else np.zeros(0, np.uint64)
        first, now = words[:2].tolist() if len(words) > 1 else (1, 0)
        tokens = words[2:]
        if now < first or len(tokens) != min(now - first, self.length + self.slack):
            raise ValueError(f"history of {key!r} does not fit: {len(packed)} bytes, versions {first} to {now}")
        if key not in self._span and len(self._span) == self.most:
            self._forget(next(iter(self._rings)))
        size = _FIRST
        while size < len(tokens):
            size *= 2
        ring = np.zeros(min(size, self.length + self.slack), np.uint64)
        ring[np.arange(now - len(tokens), now) % len(ring)] = tokens
        self._rings.pop(key, None)
        self._rings[key], self._span[key] = ring, (first, now)

    def _forget(self, key: str) -> None:
        self._floor = max(self._floor, self._span.pop(key)[1])
        del self._rings[key]
        self._touched[key] = False

    def touched(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, packed; None is a key that was forgotten."""
        changed = {key: self.packed(key) if there else None for key, there in self._touched.items()}
        self._touched = {}
        return changed

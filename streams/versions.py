"""Versions of a heavy model: immutable, written whole or not at all, and the newest one serves.

A version lies in the store as one blob of all that is dense and the rows of tables that changed since the version
before; the pointer moves in the same fenced step that completes it. So whoever reads finds a whole version, whenever a
writer dies. The last three are kept; taking the newest away is what a rollback is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from driftline.models.heavy import Heavy
from driftline.streams import side_snapshot
from driftline.streams.failpoint import hit
from driftline.streams.store import Session, Store
from driftline.streams.vault import Foreign, Unsound, Vault


@dataclass(frozen=True)
class Version:
    """What is known of a version besides the model."""

    name: str
    """Digest of class and parameters, and of the offsets up to which it has learnt."""
    tag: str
    """How the store calls it."""
    told: dict[str, Any]
    """`offsets` by partition, `learnt` labels, `at` (seconds since 1970), `champion` of its contest, if any."""


def place_of(app: str, stream: str, model: str) -> str:
    """Name the place of a model's versions in the store."""
    return side_snapshot.place_of(app, stream, model, "versions")


class Versions:
    """The versions of one model, to follow or to publish.

    `pending` collects the rows that changed since the last version that was written.
    """

    def __init__(self, store: Store, vault: Vault, place: str):
        self.store, self.vault, self.place = store, vault, place
        self._session: Session | None = None
        self._pending: dict[str, bytes | None] | None = None
        """None: the next version has to be written with all rows."""

    # -- following ---------------------------------------------------------------------------------------------------

    def newest(self) -> str:
        """Name the version that is to serve, as the store calls it; empty where there is none. Raises `Unavailable`."""
        return self.store.newest(self.place)

    def load(self, fresh: Heavy) -> Version | None:
        """Restore the newest sound version into a fresh model; None where there is none.

        Raises `Foreign` where it was made by another class or under another key.
        """
        for snapshot in reversed(self.store.peek(self.place)):
            try:
                head = side_snapshot.read(self.vault, self.place, snapshot)
                dense = side_snapshot.open_dense(self.vault, f"{self.place}/dense", snapshot.parts["dense"])
                rows = side_snapshot.open_rows(self.vault, f"{self.place}/rows", snapshot.keyed.get("rows", {}))  # type: ignore[arg-type]
            except Unsound:
                continue
            try:
                fresh.restore(dense, rows)
            except ValueError as error:
                raise Foreign(f"{self.place}: {head.told['name']} does not fit the model: {error}") from error
            return Version(head.told["name"], head.told["tag"], head.told)
        return None

    # -- publishing --------------------------------------------------------------------------------------------------

    def take(self) -> None:
        """Become the one who publishes. Raises `Unavailable`."""
        self.drop()
        self._session = self.store.acquire(self.place)
        self._pending = None

    def drop(self) -> None:
        """Let go."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def touched(self, rows: dict[str, bytes | None]) -> None:
        """Remember which rows have changed."""
        if self._pending is not None:
            self._pending.update(rows)

    def publish(self, name: str, told: dict[str, Any], dense: Any, every: dict[str, bytes]) -> Version:
        """Write a version: all of it or nothing. Raises `Lost` or `Unavailable`.

        `every` are all rows of the model's tables.
        """
        session = self._session
        assert session is not None, "take the place first"
        serials = session.serials
        serial = serials[-1] + 1 if serials else 1
        rows: dict[str, bytes | None] = dict(every) if self._pending is None else self._pending
        if self._pending is None and serials:  # whoever was before us may have left rows that are gone by now
            for key in self._known(session, serials[-1]) - every.keys():
                rows[key] = None
        tag = f"{session.gen}-{serial}"
        told = {**told, "name": name, "tag": tag}
        parts = {"dense": side_snapshot.pack_dense(self.vault, f"{self.place}/dense", dense)}
        keyed = {"rows": side_snapshot.seal_rows(self.vault, f"{self.place}/rows", rows)}
        snapshot = side_snapshot.write(self.vault, self.place, serial, told, parts, keyed, {"rows": len(every)})
        hit("version.before")
        session.checkpoint(snapshot)
        hit("version.written")
        self._pending = {}
        return Version(name, tag, told)

    def _known(self, session: Session, serial: int) -> set[str]:
        try:
            return set(session.load(serial).keyed.get("rows", {}))
        except Unsound:
            return set()

    def roll_back(self) -> tuple[str, str]:
        """Take the newest version away; return its name and that of the one that serves from now on.

        Raises `ValueError` where there is no other, `Lost` or `Unavailable`.
        """
        kept = [side_snapshot.read(self.vault, self.place, one) for one in self.store.peek(self.place)]
        if len(kept) < 2:
            raise ValueError(f"{self.place}: {len(kept)} version(s) kept: there is none to go back to")
        session = self.store.acquire(self.place)
        try:
            session.discard(kept[-2].serial)
        finally:
            session.close()
        return kept[-1].told["name"], kept[-2].told["name"]

    def kept(self) -> list[dict[str, Any]]:
        """Tell of the versions that are kept, the oldest first."""
        return [side_snapshot.read(self.vault, self.place, one).told for one in self.store.peek(self.place)]

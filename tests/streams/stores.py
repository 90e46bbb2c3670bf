"""What the tests of stores share: snapshots, and an oracle of what a lane must hold."""

from __future__ import annotations

from driftline.streams.store import KEPT, Snapshot

LANE = "driftline:s:0"


def snapshot(serial: int, keyed: dict[str, dict[str, bytes | None]] | None = None, **parts: bytes) -> Snapshot:
    """A generation that can be told from every other."""
    return Snapshot(serial, f"header {serial}".encode(), parts or {"desk": f"state {serial}".encode()}, keyed or {})


class Ledger:
    """The generations that must be there, each with all its keys."""

    def __init__(self) -> None:
        self.kept: list[Snapshot] = []

    def checkpoint(self, written: Snapshot) -> None:
        """Take a generation."""
        before = self.kept[-1].keyed if self.kept else {}
        keyed = {
            family: {
                key: value for key, value in {**before.get(family, {}), **touched}.items() if value is not None
            }
            for family, touched in written.keyed.items()
        }  # fmt: skip
        self.kept = [*self.kept, Snapshot(written.serial, written.header, written.parts, keyed)][-KEPT:]

    def discard(self, after: int) -> None:
        """Forget the generations above."""
        self.kept = [one for one in self.kept if one.serial <= after]

"""A lane with forecasters that were asked, heard voices and judged themselves: what commands have to show."""

from __future__ import annotations

from pathlib import Path

from driftline.services.settings import Settings, load
from driftline.streams.lane import Lane
from driftline.streams.message import Message
from driftline.streams.vault import Vault
from driftline.streams.wire import encode

START = 1_700_000_000.0
"""Event time of the first reading, in seconds."""
CONFIG = """
[streams.s]
kind = "sensor"
topic = "s"
[streams.s.models.sage]
class = "sages:Sage"
task = "forecast"
per = "key"
target = "a"
horizon = 2
season = 4
step_seconds = 60.0
voices = { v = { kind = "fracast" }, w = { kind = "other" } }
[streams.s.models.plain]
class = "holt-winters"
per = "key"
target = "a"
horizon = 3
[streams.s.models.found]
class = "holt-winters"
per = "key"
target = "a"
step_seconds = "discover"
[streams.s.models.tree]
class = "river.tree:HoeffdingTreeClassifier"
"""
KEYS = ("north", "[south]")


def settings(folder: Path) -> Settings:
    """The settings of this file, written there; the servers answer nobody."""
    path = folder / "driftline.toml"
    path.write_text(CONFIG)
    return load(path, kafka={"brokers": "127.0.0.1:9"}, redis={"url": "redis://127.0.0.1:9/0"})


def reading(offset: int, key: str, minute: int, value: float) -> Message:
    """A reading of a minute."""
    body = {"id": f"e{offset}", "at": START + 60.0 * minute, "sensor": key, "x": {"a": value}}
    return Message("s", offset, key.encode(), encode(body))


def voice(offset: int, key: str, origin: int, ys: list[float]) -> Message:
    """What the voice `v` says to `sage`."""
    body = {"voice": "v", "model": "sage", "origin": origin, "at": START, "y": ys}
    return Message("s.labels", offset, key.encode(), encode(body))


def lane(known: Settings, minutes: int = 7) -> Lane:
    """A lane whose second key begins a minute later; of the third minute of each the reading is missing."""
    made = Lane("s", 0, known.streams["s"], Vault(b"0123456789abcdef"))
    offset = 0
    for minute in range(minutes):
        for late, key in enumerate(KEYS):
            if minute != 3:
                made.handle([reading(offset, key, minute + late, 10.0 * (late + 1) + minute)])
                offset += 1
    if minutes >= 7:
        made.handle([voice(0, "north", 6, [20.0, 30.0])])
    return made

"""One thing that the doctor has looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail", "unreachable"]


@dataclass(frozen=True)
class Check:
    """What was found, and what to do about it."""

    name: str
    status: Status
    found: str
    do: str = ""
    """What to do about it."""

    def as_json(self) -> dict[str, str]:
        """Return it for scripts."""
        return asdict(self)

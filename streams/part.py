"""What all parts of a configuration share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Frozen, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

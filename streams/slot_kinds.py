"""Which kind of slot a model gets."""

from __future__ import annotations

from driftline.streams.forecast_slot import ForecastSlot
from driftline.streams.model_config import ModelConfig
from driftline.streams.slots import Clock, EventSlot, Slot
from driftline.streams.tasks import TASKS
from driftline.streams.vault import Vault


def slot_of(name: str, index: int, config: ModelConfig, lane: str, vault: Vault, clock: Clock) -> Slot:
    """Make the slot that fits the model's task."""
    task = TASKS[config.effective_task]
    kind = ForecastSlot if task.name == "forecast" else Slot if task.waits else EventSlot
    return kind(name, index, config, lane, vault, clock)

"""What trains heavy models: the schedule of diffusion, its sampler, and the balance between levels of noise.

Schedules, intervals and weightings are numpy; trainer and sampler need torch, imported when they are asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from driftline.models.training.diffusion_trainer import DiffusionTrainer
    from driftline.models.training.sampler import sample
    from driftline.models.training.schedule import Schedule

__all__ = ["DiffusionTrainer", "Schedule", "sample"]

_HOMES = {"DiffusionTrainer": "diffusion_trainer", "Schedule": "schedule", "sample": "sampler"}


def __getattr__(name: str) -> Any:
    """Import a name from its file when it is asked for."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

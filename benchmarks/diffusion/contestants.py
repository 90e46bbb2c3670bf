"""Who competes: ways to weigh levels of noise in one and the same trainer."""

from enum import StrEnum
from typing import Any

from driftline.models.training.diffusion_trainer import DiffusionTrainer
from driftline.models.training.schedule import Schedule

LR = 1e-3
"""Of all rows, chosen beforehand: ten times the default, for a run of minutes."""


class Row(StrEnum):
    """A row of the table."""

    FLOOR = "floor"
    UNIFORM = "uniform"
    MIN_SNR = "min-snr"
    UW = "ant-uw"
    UW_TIMESTEP = "ant-uw-timestep"
    FORGETTING = "ant-uw-forgetting"
    NASH = "ant-nash"
    PCGRAD = "ant-pcgrad"

    @property
    def title(self) -> str:
        """Its name on the page."""
        return {
            Row.FLOOR: "pictures to learn from, no model",
            Row.UNIFORM: "`uniform`",
            Row.MIN_SNR: "`min-snr`",
            Row.UW: "`ant-uw`, intervals by log-SNR",
            Row.UW_TIMESTEP: "`ant-uw`, intervals by timestep (equal)",
            Row.FORGETTING: "`ant-uw-forgetting`",
            Row.NASH: "`ant-nash`",
            Row.PCGRAD: "`ant-pcgrad`",
        }[self]

    def trainer(self, predict: Any, seed: int) -> DiffusionTrainer:
        """Return its trainer."""
        by: Any = "timestep" if self is Row.UW_TIMESTEP else "log-snr"
        name: Any = "ant-uw" if self is Row.UW_TIMESTEP else self.value
        return DiffusionTrainer(Schedule(), name, interval_by=by, predict=predict, lr=LR, seed=seed)


DRIFT = (Row.UNIFORM, Row.UW, Row.FORGETTING)

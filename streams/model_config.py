"""What a user declares of a model that reads a stream."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from driftline.streams import detectors, signals
from driftline.streams.part import Part
from driftline.streams.registry import MODELS, TASKS, class_of, task_of, version_of
from driftline.streams.voice_config import VoiceConfig

HEAVY_TASKS = ("binary", "multiclass", "multilabel", "regression")
"""The tasks of heavy models: those that learn from labels."""
NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class Drift(Part):
    """Which detector watches what of a model, and what happens when it speaks."""

    detector: detectors.Name = "adwin"
    parameters: dict[str, Any] = Field(default_factory=dict)
    on: tuple[signals.Signal, ...] | None = Field(None, min_length=1)
    """What is watched: `loss`, `score` (anomaly), `distance` and `mass` (cluster); left out, all that there is."""
    policy: Literal["alarm", "recluster", "reset", "challenger"] = "alarm"
    """`alarm` only tells; `recluster` lets the model find its clusters anew; `reset` starts the model anew;
    `challenger` hands the lead of the model's contest to the best of the others. What is better now is only told: a
    loss or a distance that fell, fewer events of no cluster."""
    rest: int = Field(500, ge=0, le=1_000_000)
    """Answers of a new model whose score, distance and mass are not watched yet."""
    budget: float = Field(1.0, gt=0, le=10_000)
    """False alarms in 10,000 values that are tolerated; shown beside those that are measured."""


class WorkerConfig(Part):
    """How the side worker asks and teaches one heavy model."""

    batch: int = Field(256, ge=1, le=65_536)
    """Events that are answered at once, at most."""
    batch_seconds: float = Field(0.02, ge=0, le=60)
    """How long a batch that is not full waits for more."""
    deadline_seconds: float = Field(1.0, gt=0, le=3_600)
    """An event that has waited so long for the worker is answered as the light model did."""
    fallback: str | None = None
    """The light model of this stream whose answer is given then; left out, the first of the same task."""
    step: int = Field(256, ge=1, le=1_000_000)
    """Labels of one step of learning."""
    step_seconds: float = Field(5.0, gt=0, le=3_600)
    """A step that has waited so long for more labels is done with fewer."""
    share: float = Field(0.5, gt=0, lt=1)
    """The most of the worker's time that learning may take while events wait."""
    checkpoint_seconds: float = Field(5.0, gt=0, le=600)
    """Seconds between two checkpoints of what has been learnt."""
    version_seconds: float = Field(30.0, gt=0, le=86_400)
    """Seconds between two versions that are proposed for serving."""
    canary: int = Field(1_000, ge=1, le=100_000)
    """The last labels on which a version is compared with the one that serves."""
    tolerance: float = Field(0.02, ge=0, le=10)
    """How much worse its mean loss may be there, as a share of the other's."""
    history: int = Field(5_000, ge=0, le=5_000)
    """The most that is kept of what each key did, for models that ask for it."""
    keys: int = Field(1_000_000, ge=1)
    """The most keys of which that is kept; the one longest unseen goes first."""


MOST_VOICES = 8
"""The most voices from outside that one forecaster hears."""


def _named(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError("a name: 1 to 64 lower-case letters, digits, dots, dashes or underscores")
    return name


Named = Annotated[str, AfterValidator(_named)]


class ModelConfig(Part):
    """One model that reads a stream."""

    where: Literal["lane", "worker"] | None = None
    """Where the model lives: in the lane, or, a heavy one, in the side worker; left out, it follows from the class."""
    class_: str = Field(alias="class", min_length=1)
    """A name of the registry (`driftline models`), or an import path: `river.tree:HoeffdingTreeClassifier`."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the class."""
    task: Literal[TASKS] | None = None  # type: ignore[valid-type]
    """What the model answers; left out, it follows from the class."""
    per: Literal["lane", "key"] = "lane"
    """One model per lane, or one small one for each key (cell, sensor, user)."""
    max_keys: int = Field(100_000, ge=1)
    """Keys kept per lane with `per = "key"`; the one longest unseen goes first."""
    key_max_age_seconds: float = Field(7 * 86_400.0, gt=0)
    """Event time after which an unseen key's model is dropped."""
    target: str | None = None
    """The feature to forecast (task `forecast`)."""
    horizon: int = Field(1, ge=1, le=1_000)
    """Steps ahead (task `forecast`)."""
    season: Annotated[int, Field(ge=0, le=100_000)] | Literal["day"] = 0
    """Steps of a season, for the seasonal baseline (task `forecast`); 0 is none, `day` as many as a day has."""
    step_seconds: Annotated[float, Field(gt=0, le=10 * 86_400)] | Literal["discover"] | None = None
    """Length of a step (task `forecast`), so that missing readings, repeats and late ones are seen; `discover` finds it
    out for each key. Left out, each event is a step."""
    counter: bool = False
    """Whether the target counts up, and its increase is what is forecast (with `step_seconds`)."""
    voices: dict[Named, VoiceConfig] = Field(default_factory=dict)
    """Whose forecasts a forecaster hears beside its own experts', by name."""
    drift: Drift = Drift()
    worker: WorkerConfig = WorkerConfig()

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @field_validator("class_")
    @classmethod
    def _exists(cls, name: str, info: ValidationInfo) -> str:
        # A heavy model's file needs torch, which only the worker has.
        if not _is_heavy(name, info.data.get("where")):
            class_of(name)
        return name

    @property
    def heavy(self) -> bool:
        """Whether the model lives in the side worker."""
        return _is_heavy(self.class_, self.where)

    @model_validator(mode="after")
    def _fits(self) -> ModelConfig:
        if self.heavy and self.class_ not in MODELS and self.task is None:
            raise ValueError(f"{self.class_} lives in the worker, which alone can load it: say its `task`")
        if self.heavy and self.per == "key":
            raise ValueError('a model in the worker serves all keys: leave out per = "key"')
        if self.heavy and self.drift.policy not in ("alarm", "challenger"):
            raise ValueError(f"drift: policy {self.drift.policy} is none for a model in the worker: alarm, challenger")
        if self.heavy and self.effective_task not in HEAVY_TASKS:
            raise ValueError(
                f"a model in the worker has one of the tasks {', '.join(HEAVY_TASKS)}; {self.class_} has "
                f"{self.effective_task}"
            )
        task = self.effective_task
        if task == "forecast" and self.target is None:
            raise ValueError('a forecast needs `target`: the feature to forecast, such as target = "bytes"')
        if task == "forecast" and self.per != "key":
            raise ValueError('a forecast follows one series: set per = "key"')
        for name in ("target", "step_seconds", "counter", "voices"):
            if task != "forecast" and getattr(self, name):
                raise ValueError(f"`{name}` is for the task forecast; {self.class_} has the task {task}")
        return self

    @model_validator(mode="after")
    def _steps(self) -> ModelConfig:
        if self.step_seconds is None and self.counter:
            raise ValueError("`counter` needs `step_seconds`: an increase is that of a step")
        if self.step_seconds is None and self.season == "day":
            raise ValueError('season = "day" needs `step_seconds`: a number, or "discover"')
        if self.voices and not self._has("hear"):
            raise ValueError(f"`voices`: {self.class_} hears none: trafficllm does")
        if len(self.voices) > MOST_VOICES:
            raise ValueError(f"`voices`: {len(self.voices)} are too many: at most {MOST_VOICES}")
        return self

    def arguments(self, season: int) -> dict[str, Any]:
        """Return the arguments of a forecaster's class: those of one that hears voices follow from the configuration.

        `season` is the length of a season in steps, set or found out.
        """
        if not self._has("hear"):
            return self.parameters
        implied = {"horizon": self.horizon, "voices": tuple(self.voices)} | ({"season": season} if season else {})
        return implied | self.parameters

    @model_validator(mode="after")
    def _can_be_watched(self) -> ModelConfig:
        try:
            if self.drift.policy == "recluster" and not self._has("recluster"):
                raise ValueError(f"policy recluster: {self.class_} has no clusters to find anew (no `recluster`)")
            _ = self.watched
        except ValueError as error:
            raise ValueError(f"drift: {error}") from None
        return self

    def _has(self, verb: str) -> bool:
        # Of a heavy model's class, which only the worker can load, nothing is known here.
        return not self.heavy and callable(getattr(class_of(self.class_), verb, None))

    @property
    def watched(self) -> tuple[signals.Signal, ...]:
        """What the drift detector watches of this model."""
        drift, task = self.drift, self.effective_task
        return signals.watched(
            drift.detector, drift.on, task, task == "cluster" and self._has("prequential_rows"), self.per, self.class_
        )

    @property
    def effective_task(self) -> str:
        """The task said, or the one that the class implies."""
        if self.task:
            return str(self.task)
        return MODELS[self.class_].task if self.class_ in MODELS else task_of(class_of(self.class_))

    @property
    def version(self) -> str:
        """What predictions name: a digest of the class and of all that makes it another model."""
        said = self.model_dump(mode="json", include={"parameters", "per", "target", "horizon", "season"})
        if self.step_seconds is not None:
            said |= {"step_seconds": self.step_seconds, "counter": self.counter}
        if self.voices:
            said["voices"] = list(self.voices)
        return version_of(self.class_, said, self.effective_task)


def _is_heavy(name: str, where: str | None) -> bool:
    return where == "worker" if where is not None else name in MODELS and MODELS[name].heavy

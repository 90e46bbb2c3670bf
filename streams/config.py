"""What a user declares of a stream: its kind, its topics, the models that read it, bounds and rhythms.

These are values handed down; where they are read from (`driftline.toml`, the environment) is the business of
`services/settings.py`. Every mistake is a pydantic error that names the field and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from driftline.streams import detectors, signals
from driftline.streams.losses import LOSSES
from driftline.streams.registry import MODELS, TASKS, class_of, task_of, version_of
from driftline.streams.tasks import LABELLED
from driftline.streams.voice_config import VoiceConfig

TOPIC = r"^[a-zA-Z0-9._-]{1,200}$"
HEAVY_TASKS = ("binary", "multiclass", "multilabel", "regression")
"""The tasks of heavy models: those that learn from labels."""
NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class Part(BaseModel):
    """What all parts of a configuration share: frozen, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Waiting(Part):
    """How long an event waits for its label, and how many may wait."""

    max_count: int = Field(100_000, ge=1, le=10_000_000)
    """Events kept per lane, those already labelled included (they catch duplicate labels)."""
    max_age_seconds: float = Field(3_600.0, gt=0)
    """Event time after which an event without a label is given up; a label after that is late."""
    early_max_count: int = Field(10_000, ge=1, le=10_000_000)
    """Labels kept per lane whose event has not been seen yet."""
    early_max_age_seconds: float = Field(60.0, gt=0)
    """Event time after which a label without an event is unknown."""
    negative_after_seconds: float | None = Field(None, gt=0)
    """Event time after which an event without a label is taken as labelled no (silence means no); left out, never."""
    correction: Literal["learn", "count"] = "learn"
    """A yes after that: models `learn` it as well, or it is only `count`ed."""

    @model_validator(mode="after")
    def _expires_last(self) -> Waiting:
        after = self.negative_after_seconds
        if after is not None and after >= self.max_age_seconds:
            raise ValueError(
                f"negative_after_seconds ({after:g}) must be less than max_age_seconds ({self.max_age_seconds:g}): "
                "an event that timed out is kept until max_age_seconds, for a yes that comes late"
            )
        return self


class Rhythm(Part):
    """When a lane is checkpointed: on whichever comes first."""

    events: int = Field(50_000, ge=1)
    """Messages handled since the last checkpoint."""
    seconds: float = Field(5.0, gt=0, le=600)
    """Seconds since the last checkpoint."""


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


class ContestConfig(Part):
    """Models of one task of which the best one leads: its predictions carry the contest's name in `champion_of`."""

    models: tuple[str, ...] = Field(min_length=2, max_length=32)
    """Models of this stream; the first is the champion at the beginning."""
    loss: str | None = None
    """What is compared: `error` or `brier` (binary, multiclass), `f1`, `jaccard`, `subset` or `hamming` (multilabel),
    `absolute` or `squared` (regression); left out, the first of these."""
    run_length: float = Field(100_000.0, gt=1, le=1e15)
    """While no challenger is better than the champion, a promotion comes on average at most once in so many labels."""
    margin: float = Field(0.0, ge=0, lt=1)
    """How much better a challenger must be: mean loss, or for numbers the mean share of both losses."""


class StreamConfig(Part):
    """One stream: an event topic and the label topic that teaches it."""

    kind: Literal["traffic", "sensor", "click"]
    topic: str = Field(pattern=TOPIC)
    labels: str | None = Field(None, pattern=TOPIC)
    """The label topic; left out, it is the event topic with `.labels`."""
    predictions: str | None = Field(None, pattern=TOPIC)
    """The topic of the predictions, such as `sensors.clusters` where the models are clusterers; left out, it is the
    event topic with `.predictions`."""
    partitions: int = Field(2, ge=1, le=10_000)
    """Partitions of the topics when Driftline creates them."""
    max_ahead_seconds: float = Field(86_400.0, gt=0)
    """An event further ahead of its Kafka timestamp than this is refused: it would expire all that wait."""
    skew_seconds: float = Field(1.0, ge=0)
    """How far events may run ahead of the labels while a lane catches up, by Kafka's time of each."""
    waiting: Waiting = Waiting()
    checkpoint: Rhythm = Rhythm()
    models: dict[Named, ModelConfig] = Field(min_length=1)
    contests: dict[Named, ContestConfig] = Field(default_factory=dict)
    """Champion and challengers, by a name that is no model's."""

    @model_validator(mode="after")
    def _compete(self) -> StreamConfig:
        entered: dict[str, str] = {}
        for name, contest in self.contests.items():
            if name in self.models:
                raise ValueError(f"contests.{name}: a model has this name: give the contest another")
            for model in contest.models:
                if model not in self.models:
                    raise ValueError(f"contests.{name}: no model {model!r} in this stream: {', '.join(self.models)}")
                if model in entered:
                    raise ValueError(f"contests.{name}: {model} is in the contest {entered[model]!r} already")
                entered[model] = name
            tasks = {self.models[model].effective_task for model in contest.models}
            if len(tasks) > 1:
                raise ValueError(f"contests.{name}: its models have different tasks: {', '.join(sorted(tasks))}")
            losses = LOSSES.get(task := tasks.pop())
            if losses is None:
                raise ValueError(f"contests.{name}: models with the task {task} cannot be compared by labels")
            if contest.loss is not None and contest.loss not in losses:
                raise ValueError(f"contests.{name}: no loss {contest.loss!r} for {task}: {', '.join(losses)}")
        for name, reader in self.models.items():
            if reader.drift.policy == "challenger" and name not in entered:
                raise ValueError(
                    f"models.{name}.drift: policy challenger needs a contest of {name} with other models: add "
                    f'contests.NAME with models = ["{name}", …], or name another policy'
                )
        return self

    @model_validator(mode="after")
    def _has_silence(self) -> StreamConfig:
        if self.waiting.negative_after_seconds is None:
            return self
        taught = {name: model.effective_task for name, model in self.models.items()}
        taught = {name: task for name, task in taught.items() if task in LABELLED}
        for name, task in taught.items():
            if task != "binary":
                raise ValueError(
                    f"waiting.negative_after_seconds: silence means no only where all labels are yes or no, and {name} "
                    f"has the task {task}: leave it out, or give {name} a stream of its own"
                )
        if not taught:
            raise ValueError("waiting.negative_after_seconds: no model here learns from labels (task binary)")
        return self

    @model_validator(mode="after")
    def _fall_back(self) -> StreamConfig:
        for name, model in self.heavy.items():
            said = model.worker.fallback
            fits = [light for light, of in self.light.models.items() if of.effective_task == model.effective_task]
            if said is not None and said not in fits:
                raise ValueError(
                    f"models.{name}.worker.fallback: {said!r} is no light model of the task {model.effective_task} in "
                    f"this stream; there are: {', '.join(fits) or 'none'}"
                )
            if not fits:
                raise ValueError(
                    f"models.{name}: a model in the worker needs a light one of the task {model.effective_task} beside "
                    "it, which answers when the worker does not"
                )
        for name, contest in self.contests.items():
            if len(heavy := [model for model in contest.models if model in self.heavy]) > 1:
                raise ValueError(f"contests.{name}: of models in the worker at most one can compete: {heavy}")
        return self

    @property
    def heavy(self) -> dict[str, ModelConfig]:
        """The models that live in the side worker."""
        return {name: model for name, model in self.models.items() if model.heavy}

    @property
    def light(self) -> StreamConfig:
        """The stream as a lane sees it: the models that live there, and the contests among them alone."""
        heavy = self.heavy
        return self.only([name for name in self.models if name not in heavy]) if heavy else self

    def fallback(self, name: str) -> str:
        """Return the light model that answers in the place of this heavy one."""
        model = self.models[name]
        fits = (light for light, of in self.light.models.items() if of.effective_task == model.effective_task)
        return model.worker.fallback or next(fits)

    def only(self, models: Collection[str], contests: Collection[str] | None = None) -> StreamConfig:
        """Return the stream with some of its models, and with those contests (or of those) all of whose models stay."""
        kept = {
            name: contest
            for name, contest in self.contests.items()
            if set(contest.models) <= set(models) and (contests is None or name in contests)
        }
        return self.model_copy(
            update={"models": {name: of for name, of in self.models.items() if name in models}, "contests": kept}
        )

    @property
    def label_topic(self) -> str:
        """The topic of the labels."""
        return self.labels or f"{self.topic}.labels"

    @property
    def prediction_topic(self) -> str:
        """The topic of the predictions: partition n is written by the lane n alone."""
        return self.predictions or f"{self.topic}.predictions"

    @property
    def request_topic(self) -> str:
        """The topic on which a lane hands events, with what its models answered, to the side worker."""
        return f"{self.topic}.requests"

    @property
    def joined_topic(self) -> str:
        """The topic on which a lane hands events with their labels to the side worker, each once."""
        return f"{self.topic}.joined"

    @property
    def question_topic(self) -> str:
        """The topic on which forecasters ask other voices; these answer on the label topic."""
        return f"{self.topic}.questions"

    @property
    def asking(self) -> dict[str, ModelConfig]:
        """The forecasters that hear voices from outside."""
        return {name: model for name, model in self.models.items() if model.voices}

    @property
    def worked(self) -> tuple[str, ...]:
        """The models for which the side worker has a process: heavy ones, and those whose voices live there."""
        voiced = (name for name, of in self.asking.items() if any(one.kind == "fracast" for one in of.voices.values()))
        return (*self.heavy, *voiced)

    def heavy_topic(self, model: str) -> str:
        """The topic of a heavy model's predictions."""
        return f"{self.prediction_topic}.{model}"

    @property
    def dead_topic(self) -> str:
        """The topic of the dead letters."""
        return f"{self.topic}.dead"


ALARM_TOPIC = "driftline.alarms"
"""The one topic of all alarms."""

"""What a user declares of a stream: its kind, its topics, the models that read it, bounds and rhythms.

These are values handed down; where they are read from (`driftline.toml`, the environment) is the business of
`services/settings.py`. Every mistake is a pydantic error that names the field and what is allowed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field, model_validator

from driftline.streams.losses import LOSSES
from driftline.streams.model_config import ModelConfig, Named
from driftline.streams.part import Part
from driftline.streams.tasks import LABELLED

TOPIC = r"^[a-zA-Z0-9._-]{1,200}$"


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

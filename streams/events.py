"""What is on the wire: the one source of every message's fields, bounds and units.

JSON Schema, the AsyncAPI document (`asyncapi.py`) and the fast decoders of the hot path (`wire.py`) are all derived
from the classes below. Time is event time in seconds since 1970, UTC. Numbers are finite. Unknown fields are refused,
so that a misspelt name is answered instead of ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

MAX_NAME = 256
"""The longest id, key, feature or label name, in characters."""
MAX_FEATURES = 10_000
"""The most features or labels that one message may carry."""
MAX_TEXT = 4_096
"""The longest categorical value or message text, in characters."""
MAX_STEPS = 10_000
"""The most steps of a series that one message may carry."""
MAX_SECONDS = 1e11
"""Event times from here on are refused: they are milliseconds, not seconds."""
MAX_LETTER = 65_536
"""The most of a rejected message that its dead letter repeats, in bytes; the rest stays at the origin."""


Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
Seconds = Annotated[float, Field(ge=0, lt=MAX_SECONDS), msgspec.Meta(ge=0, lt=MAX_SECONDS)]
Share = Annotated[float, Field(ge=0, le=1), msgspec.Meta(ge=0, le=1)]
Distance = Annotated[float, Field(ge=0), msgspec.Meta(ge=0)]
Count = Annotated[int, Field(ge=0, lt=2**63), msgspec.Meta(ge=0, le=2**63 - 1)]
Few = msgspec.Meta(max_length=MAX_FEATURES)
"""msgspec's form of the bound on features; pydantic's stands beside it."""
Numbers = Annotated[
    dict[Name, float],
    Field(min_length=1, max_length=MAX_FEATURES),
    msgspec.Meta(min_length=1, max_length=MAX_FEATURES),
]
Mixed = Annotated[dict[Name, float | Text], Field(max_length=MAX_FEATURES), Few]
Labels = Annotated[dict[Name, bool], Field(max_length=MAX_FEATURES), Few]
Shares = Annotated[dict[Name, float], Field(max_length=MAX_FEATURES), Few]
Values = Annotated[
    list[float], Field(min_length=1, max_length=MAX_STEPS), msgspec.Meta(min_length=1, max_length=MAX_STEPS)
]
History = Annotated[list[float | None], Field(max_length=MAX_STEPS), msgspec.Meta(max_length=MAX_STEPS)]
Y = bool | float | Text | Labels
"""A label: yes or no, a number, a class, or a set of labels (those not named count as no)."""
Answer = bool | float | Text | Labels | list[float] | None
"""What a model says: as a label, or the next values."""


class Message(BaseModel):
    """What all messages share: frozen, strict, no unknown fields, finite numbers."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class TrafficEvent(Message):
    """Counters or flow features of one network cell, link or interface.

    >>> event = TrafficEvent(id="c7-1", at=1700000000.0, cell="c7", x={"bytes": 5120.0})
    >>> event.key
    'c7'
    """

    id: Name
    """Unique among the events of its stream that wait for a label."""
    at: Seconds
    """Event time, in seconds since 1970 (UTC)."""
    cell: Name
    """The cell, link or interface; also the Kafka key."""
    x: Numbers
    """Features by name; say the unit in the name (`latency_seconds`)."""

    @property
    def key(self) -> str:
        """The Kafka key that the event must carry."""
        return str(self.cell)


class SensorEvent(Message):
    """Readings of one sensor or machine at one moment."""

    id: Name
    at: Seconds
    sensor: Name
    """The sensor or machine; also the Kafka key."""
    x: Numbers

    @property
    def key(self) -> str:
        """The Kafka key that the event must carry."""
        return str(self.sensor)


class ClickEvent(Message):
    """An impression: an item shown to a user, whose label says whether it was clicked."""

    id: Name
    at: Seconds
    user: Name
    """The user; also the Kafka key."""
    item: Name
    x: Mixed = Field(default_factory=dict)
    """Context: numbers, or categories as text."""

    @property
    def key(self) -> str:
        """The Kafka key that the event must carry."""
        return str(self.user)


class LabelEvent(Message):
    """The truth about an earlier event; keyed like that event, so that both meet in the same partition."""

    of: Name
    """The id of the event that it labels."""
    at: Seconds
    """When the truth became known, in seconds since 1970 (UTC)."""
    y: Y


class Voice(Message):
    """Another's forecast, as one voice among a forecaster's own: on the label topic, keyed like the event."""

    voice: Name
    """Whose forecast it is, by its name in the configuration."""
    model: Name
    """The forecaster that asked for it."""
    origin: Count
    """`origin` of the question that it answers."""
    at: Seconds
    """When it was made, in seconds since 1970 (UTC)."""
    y: Values
    """The values of the steps after the origin, the nearest first."""


class Prediction(Message):
    """What one model said of one event, before it learnt that event's label."""

    id: Name
    """`model/topic/partition/offset` of the event: the same for ever, whoever makes it again."""
    model: Name
    of: Name
    """The id of the event."""
    key: Name
    at: Seconds
    """Event time of the event."""
    y: Answer
    """The answer: yes or no, a number or score, a class, a cluster's id (`unknown` where the event belongs to none),
    labels, or the next values (forecast); null where the model failed on the event, of which a dead letter tells why.
    """
    seen: dict[str, Count]
    """The lane's next offset in each topic that feeds it, just before this event was handled."""
    gen: Count
    """The take-over under which it was made; a reader ignores it after a fence with a higher one."""
    version: Name
    """Which model made it: a digest of its class and parameters."""
    p: float | Shares | None = None
    """Probability of yes, or of each class or label; null where the model gives none."""
    champion_of: Name | None = None
    """The contest in which the model led when it said so: whoever reads one answer for each event takes these."""
    confidence: Share | None = None
    """Of a cluster: how sure the model is that the event is of this one and no other; this and the next two are left
    out by models that do not say it."""
    distance: Distance | None = None
    """How far the event is from the nearest cluster, in that one's own standard deviations (root of the mean square
    over the features): 1 is usual. Null where there is no cluster yet."""
    novelty: Share | None = None
    """How strange the event is to the model, 1 the strangest."""
    fallback: Literal["late", "failed", "cold"] | None = None
    """Of a heavy model: why this is a light model's answer, given in its place. `late`: the event had waited too long;
    `failed`: the model could not answer; `cold`: no version of it serves yet."""
    history: Count | None = None
    """Of a model that looks at what the key did before: how much that was, by a running number."""
    first: Values | None = None
    """Of a forecast that was refined by feedback: the answer before that; this and what follows are left out by
    forecasters that do not say it."""
    low: Values | None = None
    """Lower bounds of the 90 % interval of each step, once there are errors to judge by."""
    high: Values | None = None
    """Upper bounds of the same."""
    weights: Shares | None = None
    """What each expert counts in the refined forecast of the last step of the horizon, by name."""
    feedback: Text | None = None
    """What is said of the forecast whose last truth came with this event; null where none was judged."""


class Request(Message):
    """An event that heavy models are to answer, with what the light ones said of it."""

    of: Name
    """The id of the event."""
    offset: Count
    """The event's offset in its topic."""
    at: Seconds
    """Event time of the event."""
    key: Name
    x: Mixed
    """Its features, as the light models saw them."""
    y: dict[Name, Answer]
    """What each light model answered; those that failed are left out."""
    p: dict[Name, float | Shares]
    """The probabilities that went with it, where there were any."""
    gen: Count
    """As in a prediction: it counts unless a fence before it has a higher one."""


class Question(Message):
    """What a forecaster asks other voices: to continue a key's series. The answer is a `Voice`."""

    id: Name
    """`question/model/topic/partition/offset` of the event: the same whenever it is asked again."""
    model: Name
    """Who asks."""
    of: Name
    """The id of the event."""
    key: Name
    at: Seconds
    """Event time of the event."""
    origin: Count
    """How many steps of the series the model had seen; the answer names it."""
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS), msgspec.Meta(ge=1, le=MAX_STEPS)]
    """How many values are wanted."""
    season: Count
    """Steps of a season; 0 where there is none."""
    history: History
    """The last values, the oldest first; null for a step of which none came."""
    first: Values
    """What the model's own first answer is."""
    feedback: dict[Name, Text]
    """What is said of earlier forecasts of each voice, whose truth has come."""


class Joined(Message):
    """An event and its label, as a lane has put them together: what heavy models learn from."""

    n: Count
    """The running number in its partition; one that came before is a repeat."""
    of: Name
    """The id of the event."""
    at: Seconds
    """Event time of the event."""
    known: Seconds
    """When the truth became known."""
    key: Name
    x: Mixed
    y: Y
    """The label."""
    ys: dict[Name, Answer]
    """What each light model had answered."""
    ps: dict[Name, float | Shares]
    """The probabilities that went with it, where there were any."""
    corrects: bool = False
    """Whether the event came before, as labelled no because no label had come in its window: learnt, and not judged."""


class Fence(Message):
    """Written to a predictions partition by each new owner: records with a lower `gen` after it are void.

    An owner writes it again at each checkpoint, with `seen`.
    """

    fence: Count
    seen: dict[Name, Count] | None = None
    """At a checkpoint, the lane's next offset of each topic: what came before was handled before all that comes after.
    So labels behind the last prediction have their place too, and alarms that were told stay true."""


class Alarm(Message):
    """Something that people should know: a drift or a promotion with its evidence, or an event in a model's life."""

    id: Name
    """`kind/model/topic/partition/offset` of the message that raised it (of a promotion, the contest in the model's
    place); a second one's ends with `/1`, and so on."""
    kind: Literal["drift", "model", "promotion"]
    stream: Name
    partition: Count
    model: Name
    at: Seconds
    """Event time of the message that raised it."""
    detector: Name
    """What found it; for a promotion the contest, for an event in a model's life the model's class."""
    before: float
    """Mean of the signal before the change; of a promotion, the loss of the old champion while the evidence grew; for
    an event in a model's life, what its text says."""
    after: float
    """The same since the change, or of the new champion."""
    count: Count
    """Values that were watched, of the loss: labels that the model had been scored on; or labels that the champions
    were compared on."""
    action: Name
    """What the drift policy did: `alarm`, `recluster`, `reset`, `challenger`; `promoted`; for an event in a model's
    life, what happened: `born`, `split`, `merged`."""
    text: Annotated[str, Field(max_length=MAX_TEXT), msgspec.Meta(max_length=MAX_TEXT)] = ""
    """The same for people, where there is more to say."""
    who: Name | None = None
    """To what it happened, such as the id of a cluster (of a drift in mass: whose share changed); left out where it
    is the model as a whole."""
    others: list[Name] | None = None
    """The ids that it came from or that came of it: of a split the new ones, of a merger those that are no more."""
    key: Name | None = None
    """Of a model that is kept for each key: whose it was."""
    signal: Literal["loss", "score", "distance", "mass"] | None = None
    """Of a drift: what changed."""
    size: float | None = None
    """Of a drift: `after` less `before`, in standard deviations within the two sides; null where neither varies."""
    confidence: Annotated[float, Field(ge=0, le=1), msgspec.Meta(ge=0, le=1)] | None = None
    """Of a drift: 1 less the p-value of the difference, corrected for the places that were tried."""
    count_before: Count | None = None
    """Of a drift: values before the change, since the last one."""
    count_after: Count | None = None
    """Of a drift: values since the change."""


REASONS = (
    "size",
    "json",
    "schema",
    "key",
    "duplicate",
    "future",
    "label_type",
    "label_late",
    "label_unknown",
    "label_conflicting",
    "model",
    "voice",
)
"""Why a message can become a dead letter: the closed set that metrics use."""


class DeadLetter(Message):
    """A message that could not be used, with the reason and where it came from."""

    id: Name
    """`topic/partition/offset` of the message."""
    reason: Literal[REASONS]  # type: ignore[valid-type]
    error: Name
    """The class of the error."""
    message: Text
    """What is wrong, where, and what to do."""
    topic: Name
    partition: Count
    offset: Count
    key: Annotated[str, Field(max_length=MAX_TEXT)] | None
    value: Annotated[str, Field(max_length=2 * MAX_LETTER)]
    """The message itself, or its beginning."""
    encoding: Literal["utf-8", "base64"]
    size: Count
    """Size of the message, in bytes."""
    truncated: bool
    """Whether `value` is only its beginning; the whole is at the origin."""


KINDS: dict[str, type[Message]] = {"traffic": TrafficEvent, "sensor": SensorEvent, "click": ClickEvent}
"""The kinds of stream, and the event that each carries."""
ENTITY = {"traffic": "cell", "sensor": "sensor", "click": "user"}
"""The field that names whom an event is about, and that is its Kafka key."""

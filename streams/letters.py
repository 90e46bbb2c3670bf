"""What a lane sends besides predictions: dead letters and alarms, with words that say what to do."""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from driftline.models.base import News
from driftline.streams.config import ALARM_TOPIC, StreamConfig, Waiting
from driftline.streams.contest import Contest, Promotion
from driftline.streams.events import MAX_LETTER, MAX_NAME, MAX_TEXT
from driftline.streams.registry import class_of
from driftline.streams.slots import Failure, Raised, Slot
from driftline.streams.watcher import Drifted
from driftline.streams.wire import Alarm, DeadLetter, Rejected, clip, encode

if TYPE_CHECKING:
    from driftline.streams.message import Message

Origin = tuple[str, int, float, str]
"""Topic, offset, event time and key of the message that raised something."""


class Out(msgspec.Struct, gc=False):
    """One message to send: `partition` None leaves the choice to the key."""

    topic: str
    partition: int | None
    key: str
    value: bytes
    id: str


def dead(why: Rejected, topic: str, message: Message, partition: int) -> Out:
    """The dead letter of one message: the same bytes whenever it is made again."""
    value = message.value or b""
    kept = value[:MAX_LETTER]
    try:
        said, encoding = kept.decode(), "utf-8"
    except UnicodeDecodeError:
        said, encoding = base64.b64encode(kept).decode(), "base64"
    key = None if message.key is None else message.key.decode("utf-8", "replace")[:MAX_TEXT]
    id_ = f"{message.topic}/{partition}/{message.offset}"
    letter = DeadLetter(
        id_,
        why.reason,
        why.error,
        clip(str(why)) or why.error,
        message.topic,
        partition,
        message.offset,
        key,
        said,
        encoding,
        len(value),
        len(value) > len(kept),
    )
    return Out(topic, None, key or "", encode(letter), id_)


def failed(what: Failure, model: str, config: StreamConfig, topic: str, partition: int, offset: int, key: str) -> Out:
    """The dead letter of a message that one model could not take; the message itself stays at its origin."""
    id_ = f"{model}/{topic}/{partition}/{offset}"
    said = f"{model}: {clip(what.message, 800)}: the other models took it; the message is at its origin"
    letter = DeadLetter(id_, "model", what.error, said, topic, partition, offset, key, "", "utf-8", 0, True)
    return Out(config.dead_topic, None, key, encode(letter), id_)


def alarm(slot: Slot, stream: str, origin: Origin, partition: int, what: Drifted, again: int) -> Out:
    """The alarm of a drift that a message revealed; `again` counts those that the same message brought before."""
    topic, offset, at, key = origin
    id_ = f"drift/{slot.name}/{topic}/{partition}/{offset}" + (f"/{again}" if again else "")
    change = what.change
    said = Alarm(
        id_, "drift", stream, partition, slot.name, at, slot.config.drift.detector, change.before, change.after,
        what.count, what.action, signal=what.signal, who=clip(what.who, MAX_NAME) or None, size=change.size,
        confidence=change.confidence, count_before=change.count_before, count_after=change.count_after,
    )  # fmt: skip
    return Out(ALARM_TOPIC, None, key, encode(said), id_)


def life(slot: Slot, stream: str, origin: Origin, partition: int, news: News, again: int) -> Out:
    """The alarm of an event in a model's life; `again` counts those that the same message brought before."""
    topic, offset, at, key = origin
    id_ = f"model/{slot.name}/{topic}/{partition}/{offset}" + (f"/{again}" if again else "")
    others = [clip(other, MAX_NAME) for other in news.others] or None
    said = Alarm(
        id_, "model", stream, partition, slot.name, at, class_of(slot.config.class_).__name__, news.before, news.after,
        news.learnt, news.kind, clip(news.text, MAX_TEXT), clip(news.who, MAX_NAME) or None, others,
        key if slot.keyed is not None else None,
    )  # fmt: skip
    return Out(ALARM_TOPIC, None, key, encode(said), id_)


def promotion(contest: Contest, stream: str, origin: Origin, partition: int, what: Promotion) -> Out:
    """The alarm of a promotion."""
    topic, offset, at, key = origin
    id_ = f"promotion/{contest.name}/{topic}/{partition}/{offset}"
    text = (
        f"{what.new} leads {contest.name} in place of {what.old}{what.reason}: mean loss ({contest.loss}) "
        f"{what.after:.4g} against {what.before:.4g} over {what.count} labels; "
        f"evidence {what.evidence:.4g}, wanted {what.wanted:.4g}"
    )
    said = Alarm(
        id_, "promotion", stream, partition, what.new, at, contest.name, what.before, what.after, what.count,
        "promoted", clip(text, MAX_TEXT),
    )  # fmt: skip
    return Out(ALARM_TOPIC, None, key, encode(said), id_)


def told(
    raised: list[Raised], origins: dict[int, Origin], config: StreamConfig, stream: str, partition: int
) -> list[tuple[int, int, Out]]:
    """What is told of drifts, promotions, news and failures of models: place of the message, place of the model, words.

    `origins` has topic, offset, event time and key of the messages by their place in the run.
    """
    outs: list[tuple[int, int, Out]] = []
    heard: Counter[tuple[int, int, type]] = Counter()
    for place, slot, what in raised:
        origin, again = origins[place], heard[place, slot.index, type(what)]
        heard[place, slot.index, type(what)] += 1
        if isinstance(slot, Contest):
            assert isinstance(what, Promotion)
            out = promotion(slot, stream, origin, partition, what)
        elif isinstance(what, Failure):
            topic, offset, _, key = origin
            out = failed(what, slot.name, config, topic, partition, offset, key)
        elif isinstance(what, News):
            out = life(slot, stream, origin, partition, what, again)
        else:
            assert isinstance(what, Drifted)
            out = alarm(slot, stream, origin, partition, what, again)
        outs.append((place, slot.index, out))
    return outs


def other_key(key: bytes | None, field: str, wanted: str) -> Rejected:
    """Say how a Kafka key must be."""
    found = "no key" if not key else f"the key {clip(key.decode('utf-8', 'replace'), 80)!r}"
    why = f"key: {found}: the Kafka key must be that of the event ({field}: {clip(wanted, 80)!r})"
    return Rejected("key", "KeyMismatch", why)


def late(of: str, bounds: Waiting) -> str:
    """Say why a label came too late."""
    return (
        f"of: the event {of!r} waited no longer: more than {bounds.max_age_seconds:g} s of event time "
        f"or {bounds.max_count} events went by; raise waiting.max_age_seconds or waiting.max_count"
    )


def unknown(of: str, config: StreamConfig) -> str:
    """Say why a label found no event."""
    return (
        f"of: no event {of!r} came on {config.topic} within {config.waiting.early_max_age_seconds:g} s of event time: "
        f"is the id right, and the label keyed like its event?"
    )


def type_of(y: Any) -> str:
    """Name a label's type as a user would."""
    if isinstance(y, bool):
        return "true or false"
    if isinstance(y, dict):
        return "a set of labels"
    return "a number" if isinstance(y, float) else "text"

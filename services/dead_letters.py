"""Dead letters: read them, mend the message, and send it back to where it came from."""

from __future__ import annotations

import base64
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, Producer

from driftline.services.partitioner import partition_of
from driftline.services.settings import Settings
from driftline.services.tape import Tape, options_of
from driftline.services.topics import ROOMY, end_offsets, partition_counts
from driftline.streams import events
from driftline.streams.config import StreamConfig
from driftline.streams.events import ENTITY, KINDS, LabelEvent
from driftline.streams.kafka_log import KafkaLog
from driftline.streams.store import Unavailable
from driftline.streams.tasks import TASKS
from driftline.streams.wire import EVENTS, DeadLetter, Decoder, Label, Rejected

LETTER = Decoder(events.DeadLetter, DeadLetter)
WAIT_SECONDS = 30.0


class LetterError(ValueError):
    """There is no such letter, or it cannot be mended that way; the text says what to do."""


@dataclass(frozen=True)
class Mended:
    """A message to be sent back."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    at: float
    """Kafka's time of it, in seconds since 1970."""


def letters(settings: Settings, stream: str | None = None, reason: str | None = None) -> Iterator[tuple[str, Any]]:
    """Yield the dead letters with their stream, in the order of their topics, each once.

    (One that was sent again after a crash has the same id.) Raises `TopicError` or `Unavailable`.
    """
    kafka = settings.kafka
    counts = partition_counts(kafka.brokers, client=kafka.client)
    places = [
        (name, config.dead_topic, partition)
        for name, config in settings.streams.items()
        if stream in (None, name)
        for partition in range(counts.get(config.dead_topic, 0))
    ]
    ends = end_offsets(kafka.brokers, [(topic, n) for _, topic, n in places], client=kafka.client)
    for name, topic, partition in places:
        seen: set[str] = set()
        with Tape(options_of(settings), topic, partition, 0, ends[topic, partition]) as tape:
            while run := tape.run():
                for message in run:
                    try:
                        letter = LETTER.decode(message.value)
                    except Rejected:
                        continue  # not a letter of ours
                    if letter.id not in seen and reason in (None, letter.reason):
                        seen.add(letter.id)
                        yield name, letter


def newest(settings: Settings, stream: str | None, reason: str | None, limit: int) -> list[tuple[str, Any]]:
    """Return the last letters, at most `limit`."""
    return list(deque(letters(settings, stream, reason), maxlen=limit))


def find(settings: Settings, id_: str) -> tuple[str, Any]:
    """Return a letter and its stream, by its id or by `topic/partition/offset` of the message. Raises `LetterError`."""
    for name, letter in letters(settings):
        if id_ in (letter.id, f"{letter.topic}/{letter.partition}/{letter.offset}"):
            return name, letter
    raise LetterError(f"no dead letter {id_!r}: `driftline dead-letters list` shows their ids")


def original(settings: Settings, letter: Any) -> tuple[bytes | None, bytes]:
    """Return key and value of the message; read from its origin where the letter holds only its beginning.

    Raises `LetterError` if the origin no longer has it.
    """
    if not letter.truncated:
        value = letter.value.encode() if letter.encoding == "utf-8" else base64.b64decode(letter.value)
        return None if letter.key is None else letter.key.encode(), value
    log = KafkaLog(options_of(settings), idempotence=False)
    try:
        for message in log.messages(letter.topic, letter.partition, letter.offset, letter.offset + 1):
            return message.key(), message.value() or b""
    except Unavailable as error:
        raise LetterError(f"the message cannot be read from its origin: {error}") from error
    finally:
        log.close()
    raise LetterError(f"{letter.topic} no longer has the message at {letter.partition}/{letter.offset}")


def mend(value: bytes, sets: Sequence[str], unsets: Sequence[str]) -> bytes:
    """Return the message with fields set (`x.flow=1.5`: JSON, or else text) and fields taken away.

    >>> mend(b'{"id": "e1", "at": "noon", "colour": "red"}', ["at=12", "sensor=s1"], ["colour"])
    b'{"id": "e1", "at": 12, "sensor": "s1"}'
    >>> mend(b'{"id"', ["at=12"], [])
    Traceback (most recent call last):
    driftline.services.dead_letters.LetterError: the message is no JSON object, so no field of it can be set: ...
    """
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise LetterError("the message is no JSON object, so no field of it can be set: give all of it with --value")
    for change in sets:
        path, equals, new = change.partition("=")
        if not equals or not path:
            raise LetterError(f"--set {change!r}: write field=value")
        inner, name = _inside(said, path)
        try:
            inner[name] = json.loads(new)
        except ValueError:
            inner[name] = new
    for path in unsets:
        inner, name = _inside(said, path)
        if name not in inner:
            raise LetterError(f"--unset {path}: there is no such field")
        del inner[name]
    try:
        return json.dumps(said, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")
    except ValueError:
        raise LetterError("the message still holds NaN or an infinite number: numbers must be finite") from None


def _inside(said: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """Follow dots into objects; a name that has dots itself is taken as it is where it exists."""
    if path in said:
        return said, path
    head, dot, rest = path.partition(".")
    if not dot:
        return said, path
    inner = said.setdefault(head, {})
    if not isinstance(inner, dict):
        raise LetterError(f"{path}: {head} is no object")
    return _inside(inner, rest)


def prepare(
    settings: Settings, stream: str, letter: Any, value: bytes, key: bytes | None, now: Callable[[], float] = time.time
) -> tuple[Mended, str | None]:
    """Return the message as it goes back, and why it would be rejected again (None if nothing speaks against it).

    An event gets the key that it must have. A message whose key stays as it was goes to the partition that it came
    from; one that had another key or none goes to the partition of the right one.
    """
    config = settings.streams[stream]
    why: str | None = None
    at = 0.0
    try:
        message = _decode(config, letter.topic, value)
        at = message.at
        if letter.topic == config.topic:
            key = getattr(message, ENTITY[config.kind]).encode()
        elif not key:
            why = "key: a label needs the key of its event: say it with --key"
        elif not _fits(config, message.y):
            why = "y: no model of this stream takes a label of this type"
        if at > now() + config.max_ahead_seconds:
            why = f"at: {at - now():,.0f} s in the future"
    except Rejected as fault:
        why = str(fault)
    partition = letter.partition
    if key and (letter.key is None or letter.key.encode() != key):
        counts = partition_counts(settings.kafka.brokers, client=settings.kafka.client)
        partition = partition_of(key, counts[letter.topic])
    # As published anew: under its event time, but never ahead of the clock, which the broker would refuse.
    return Mended(letter.topic, partition, key, value, min(at, now()) if at > 0 else now()), why


def _decode(config: StreamConfig, topic: str, value: bytes) -> Any:
    if topic == config.topic:
        return Decoder(KINDS[config.kind], EVENTS[config.kind]).decode(value)
    return Decoder(LabelEvent, Label).decode(value)


def _fits(config: StreamConfig, y: Any) -> bool:
    return any(TASKS[model.effective_task].accepts(y) for model in config.models.values())


def send(settings: Settings, mended: Mended) -> int:
    """Send a mended message; return its new offset. Raises `Unavailable` if the broker does not take it."""
    said: list[Any] = []

    def told(error: Any, message: Any) -> None:
        said.append(error or message.offset())

    with _producer(settings) as producer:
        try:
            producer.produce(
                mended.topic,
                mended.value,
                mended.key,
                mended.partition,
                on_delivery=told,
                timestamp=int(mended.at * 1_000),
            )
        except KafkaException as error:
            raise Unavailable(f"{mended.topic} does not take the message: {error}") from error
        producer.flush(WAIT_SECONDS)
    if not said or not isinstance(said[0], int):
        raise Unavailable(f"{mended.topic} did not take the message: {said[0] if said else 'no answer'}")
    return said[0]


@contextmanager
def _producer(settings: Settings) -> Iterator[Producer]:
    options = {"acks": "all", "message.max.bytes": ROOMY, "message.timeout.ms": int(WAIT_SECONDS * 1_000)}
    yield Producer({**options_of(settings), **options, "log_level": 0})

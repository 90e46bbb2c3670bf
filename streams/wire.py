"""Bytes to messages and back, fast: msgspec structs derived from the pydantic classes of `events.py`.

A message is decoded by msgspec first; only one that msgspec refuses is shown to pydantic, whose error is then the
reason of its dead letter. Property tests prove that both accept the same messages with the same values.
"""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import msgspec
from pydantic import ValidationError

from driftline.streams import events

LARGEST = 1_048_576
"""The largest message that is decoded, in bytes; a larger one is a dead letter."""


class Rejected(ValueError):
    """A message that cannot be used: `reason` is one of `events.REASONS`, `error` the class of its cause."""

    def __init__(self, reason: str, error: str, message: str):
        super().__init__(message)
        self.reason = reason
        self.error = error


def struct(model: type[events.Message], omit_defaults: bool = False) -> type[msgspec.Struct]:
    """Derive the msgspec struct with the fields, order and bounds of a pydantic message.

    With `omit_defaults`, what has its default is left out when it is encoded.

    >>> struct(events.Fence).__struct_fields__
    ('fence', 'seen')
    """
    hints = get_type_hints(model, include_extras=True)
    fields: list[Any] = []
    for name, info in model.model_fields.items():
        if info.is_required():
            fields.append((name, hints[name]))
        elif info.default_factory is not None:
            fields.append((name, hints[name], msgspec.field(default_factory=info.default_factory)))  # type: ignore[arg-type]
        else:
            fields.append((name, hints[name], info.default))
    return msgspec.defstruct(
        model.__name__, fields, frozen=True, forbid_unknown_fields=True, gc=False, omit_defaults=omit_defaults
    )


Prediction: Any = struct(events.Prediction, omit_defaults=True)
Alarm: Any = struct(events.Alarm, omit_defaults=True)
DeadLetter: Any = struct(events.DeadLetter)
Fence: Any = struct(events.Fence)
Label: Any = struct(events.LabelEvent)
Voice: Any = struct(events.Voice)
Request: Any = struct(events.Request)
Question: Any = struct(events.Question)
Joined: Any = struct(events.Joined, omit_defaults=True)
EVENTS: dict[str, Any] = {kind: struct(model) for kind, model in events.KINDS.items()}

encode = msgspec.json.Encoder().encode


def answer(prediction: Any) -> tuple[Any, ...]:
    """Return all that a prediction says of its event, and which model said it: equal for ever, whoever makes it again.

    Besides the contest that its model led.
    """
    one = prediction
    said = one.y, one.p, one.confidence, one.distance, one.novelty, one.version
    return (*said, one.first, one.low, one.high, one.weights, one.feedback)


class Decoder:
    """Decode one kind of message.

    >>> label = Decoder(events.LabelEvent).decode(b'{"of": "e1", "at": 1, "y": true}')
    >>> label.of, label.at, label.y
    ('e1', 1.0, True)
    >>> Decoder(events.LabelEvent).decode(b'{"of": "e1", "at": 1, "yes": true}')
    Traceback (most recent call last):
    driftline.streams.wire.Rejected: y: Field required; yes: Extra inputs are not permitted
    """

    def __init__(self, model: type[events.Message], shape: type[msgspec.Struct] | None = None):
        self.model = model
        self.shape = shape or struct(model)
        self.fast = msgspec.json.Decoder(self.shape).decode
        """The hot path alone: for what it refuses, and for sizes, `decode` has the last word."""

    def decode(self, value: bytes | None) -> Any:
        """Return the message as a frozen struct.

        Raises `Rejected` with reason `size`, `json` or `schema`.
        """
        if value is None:
            raise Rejected("json", "EmptyMessage", "the message has no value: send a JSON object")
        if len(value) > LARGEST:
            raise Rejected("size", "MessageTooLarge", f"{len(value)} bytes: at most {LARGEST} are taken")
        try:
            return self.fast(value)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._slow(value)

    def _slow(self, value: bytes) -> Any:
        """Ask pydantic, which explains every fault; what it accepts after all is accepted."""
        try:
            message = self.model.model_validate_json(value)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            reason = "json" if details[0]["type"] == "json_invalid" else "schema"
            said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['msg']}" for e in details[:5])
            raise Rejected(reason, "ValidationError", clip(said)) from None
        fields = type(message).model_fields
        return self.shape(**{name: getattr(message, name) for name in fields})


def clip(said: str, longest: int = 1_000) -> str:
    """Keep the beginning of a text, as clean UTF-8."""
    said = said.encode("utf-8", "replace").decode()
    return said if len(said) <= longest else said[: longest - 1] + "…"


def check(message: msgspec.Struct, model: type[events.Message]) -> events.Message:
    """Return the pydantic form of a struct, validated."""
    return model.model_validate_json(json.dumps(msgspec.to_builtins(message)))

"""The AsyncAPI 3.0 document of the configured streams, from the classes of `events.py`.

It speaks of the user's application: it *sends* events and labels, and *receives* predictions, alarms and dead letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import driftline
from driftline.streams import events
from driftline.streams.config import ALARM_TOPIC, StreamConfig

BINDING = "0.5.0"
"""Version of the Kafka bindings."""

EXAMPLES: tuple[events.Message, ...] = (
    events.TrafficEvent(id="c7-1", at=1700000000.0, cell="c7", x={"bytes": 5120.0, "latency_seconds": 0.02}),
    events.SensorEvent(id="s1-1", at=1700000000.0, sensor="s1", x={"temperature_celsius": 21.5}),
    events.ClickEvent(id="v1", at=1700000000.0, user="u1", item="i9", x={"page": "home", "position": 3.0}),
    events.LabelEvent(of="c7-1", at=1700000060.0, y=True),
    events.LabelEvent(of="c7-1", at=1700000060.0, y={"video": True, "voice": False}),
    events.Prediction(
        id="tree/traffic/0/41",
        model="tree",
        of="c7-1",
        key="c7",
        at=1700000000.0,
        y=True,
        seen={"traffic": 41, "traffic.labels": 37},
        gen=1700000000000000,
        version="2f1d0c9b8a76",
        p=0.93,
    ),
    events.Fence(fence=1700000000000000),
    events.Question(
        id="question/volume/traffic/0/41",
        model="volume",
        of="c7-1",
        key="c7",
        at=1700000000.0,
        origin=41,
        steps=3,
        season=24,
        history=[5120.0, None, 4980.0],
        first=[5010.0, 5020.0, 5030.0],
        feedback={"llm": "It was 4 % too high on average."},
    ),
    events.Voice(voice="llm", model="volume", origin=41, at=1700000002.0, y=[5000.0, 5050.0, 5060.0]),
    events.Request(
        of="v1",
        offset=41,
        at=1700000000.0,
        key="u1",
        x={"user": "u1", "item": "i9", "position": 3.0},
        y={"clock": False},
        p={"clock": 0.21},
        gen=1700000000000000,
    ),
    events.Joined(
        n=37,
        of="v1",
        at=1700000000.0,
        known=1700000060.0,
        key="u1",
        x={"user": "u1", "item": "i9", "position": 3.0},
        y=True,
        ys={"clock": False},
        ps={"clock": 0.21},
    ),
    events.Alarm(
        id="drift/tree/traffic.labels/0/37",
        kind="drift",
        stream="traffic",
        partition=0,
        model="tree",
        at=1700000060.0,
        detector="adwin",
        before=0.08,
        after=0.41,
        count=38,
        action="alarm",
        signal="loss",
        size=1.1,
        confidence=0.9995,
        count_before=25,
        count_after=13,
    ),
    events.DeadLetter(
        id="traffic/0/42",
        reason="schema",
        error="ValidationError",
        message="at: Input should be a valid number",
        topic="traffic",
        partition=0,
        offset=42,
        key="c7",
        value='{"id": "c7-2", "at": "noon", "cell": "c7", "x": {"bytes": 1}}',
        encoding="utf-8",
        size=61,
        truncated=False,
    ),
)
"""Messages as they may be, shown in the document."""

KEYS: dict[type[events.Message], str] = {
    events.TrafficEvent: "The `cell` of the event.",
    events.SensorEvent: "The `sensor` of the event.",
    events.ClickEvent: "The `user` of the event.",
    events.LabelEvent: "The key of the event that it labels, so that both meet in the same partition.",
    events.Prediction: "The key of the event.",
    events.Request: "The key of the event.",
    events.Joined: "The key of the event.",
    events.Question: "The key of the event.",
    events.Voice: "The key of the question, so that the answer comes to the lane that asked.",
    events.Fence: "None: a fence is written to every partition by number.",
    events.Alarm: "The stream and partition that it is about.",
    events.DeadLetter: "The key of the message, if it had one.",
}
"""All messages there are, and what the Kafka key of each is."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema (draft 2020-12) of every message, by the name of its class.

    JSON Schema knows no difference between 1 and 1.0; whole numbers (offsets, `gen`) must be written without a point.

    >>> sorted(json_schemas())[:3]
    ['Alarm', 'ClickEvent', 'DeadLetter']
    >>> json_schemas()["LabelEvent"]["required"]
    ['of', 'at', 'y']
    """
    return {message.__name__: message.model_json_schema() for message in KEYS}


def document(streams: Mapping[str, StreamConfig], brokers: str = "") -> dict[str, Any]:
    """Return the AsyncAPI document of these streams, ready to be written as JSON or YAML.

    Parameters
    ----------
    streams
        The configured streams by name.
    brokers
        `host:port`, several with commas; they become the servers of the document.

    Examples
    --------
    >>> naive = {"class": "naive", "target": "bytes", "per": "key"}
    >>> said = document({"net": StreamConfig(kind="traffic", topic="traffic", models={"last": naive})})
    >>> said["channels"]["net-labels"]["address"], said["operations"]["send-net-labels"]["action"]
    ('traffic.labels', 'send')

    """
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, stream in streams.items():
        event = events.KINDS[stream.kind]
        n = stream.partitions
        about = f"of the stream {name}"
        channels[f"{name}-events"] = _channel(stream.topic, n, f"Events {about}.", event)
        channels[f"{name}-labels"] = _channel(
            stream.label_topic, n, f"What became known of earlier events {about}.", events.LabelEvent
        )
        channels[f"{name}-predictions"] = _channel(
            stream.prediction_topic,
            n,
            f"Predictions {about}, in the partition of their event. Leave out a prediction whose `gen` is lower than "
            f"a fence before it in its partition, and one whose `id` you have seen.",
            events.Prediction,
            events.Fence,
        )
        channels[f"{name}-dead-letters"] = _channel(
            stream.dead_topic, n, f"Messages {about} that could not be used, and why.", events.DeadLetter
        )
        roles = [("events", "send"), ("labels", "send"), ("predictions", "receive"), ("dead-letters", "receive")]
        for model in stream.heavy:
            roles.append((f"predictions-{model}", "receive"))
            channels[f"{name}-predictions-{model}"] = _channel(
                stream.heavy_topic(model),
                n,
                f"Predictions of the heavy model {model} {about}, with the same rules. One that says `fallback` is a "
                f"light model's answer in its place.",
                events.Prediction,
                events.Fence,
            )
        if stream.heavy:
            roles += [("requests", "receive"), ("joined", "receive")]
            channels[f"{name}-requests"] = _channel(
                stream.request_topic, n, f"Events {about} for heavy models to answer.", events.Request, events.Fence
            )
            channels[f"{name}-joined"] = _channel(
                stream.joined_topic, n, f"Events {about} with their labels, each once by `n`.", events.Joined
            )
        if stream.asking:
            roles += [("questions", "receive"), ("voices", "send")]
            channels[f"{name}-questions"] = _channel(
                stream.question_topic, n, f"Series {about} for other voices to continue.", events.Question
            )
            channels[f"{name}-voices"] = _channel(
                stream.label_topic, n, f"Forecasts of other voices {about}, on the topic of the labels.", events.Voice
            )
        for role, action in roles:
            operations |= _operation(action, f"{name}-{role}", channels)
    channels["alarms"] = _channel(ALARM_TOPIC, 1, "Drifts, with their evidence, and what was done.", events.Alarm)
    operations |= _operation("receive", "alarms", channels)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Driftline",
            "version": driftline.__version__,
            "description": driftline.__doc__,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            f"kafka-{n}": {"host": host.strip(), "protocol": "kafka"}
            for n, host in enumerate(filter(None, brokers.split(",")))
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {message.__name__: _message(message, key) for message, key in KEYS.items()},
            "schemas": json_schemas(),
        },
    }


def _channel(topic: str, partitions: int, about: str, *messages: type[events.Message]) -> dict[str, Any]:
    return {
        "address": topic,
        "description": about,
        "messages": {m.__name__: {"$ref": f"#/components/messages/{m.__name__}"} for m in messages},
        "bindings": {"kafka": {"topic": topic, "partitions": partitions, "bindingVersion": BINDING}},
    }


def _operation(action: str, channel: str, channels: Mapping[str, Any]) -> dict[str, Any]:
    return {
        f"{action}-{channel}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": channels[channel]["description"],
            "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in channels[channel]["messages"]],
        }
    }


def _message(message: type[events.Message], key: str) -> dict[str, Any]:
    return {
        "name": message.__name__,
        "summary": (message.__doc__ or "").strip().partition("\n")[0],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}},
        "examples": [{"payload": example.model_dump()} for example in EXAMPLES if type(example) is message],
    }

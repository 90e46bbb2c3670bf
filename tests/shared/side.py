"""A stream with a light and a heavy model, and the messages that pass between lane and worker."""

from __future__ import annotations

import numpy as np

from driftline.streams.config import StreamConfig
from driftline.streams.lane import Lane
from driftline.streams.message import Message
from driftline.streams.vault import Vault
from driftline.streams.wire import Joined, Prediction, Request, encode

VAULT = Vault(b"0123456789abcdef")
CONFIG = StreamConfig.model_validate(
    {
        "kind": "click",
        "topic": "s",
        "models": {
            "clock": {"class": "river.linear_model:LogisticRegression", "parameters": {"l2": 0.0}},
            "wide": {
                "class": "heavies:Wide",
                "where": "worker",
                "task": "binary",
                "worker": {"step": 8, "step_seconds": 5.0, "canary": 64},
            },
        },
        "contests": {"best": {"models": ["clock", "wide"], "loss": "brier", "run_length": 1_000}},
    }
)


def truth(i: int, seed: int = 0) -> bool:
    """The label of the i-th event."""
    return bool(np.random.default_rng((seed, i)).random() < 0.4)


def joined(first, last, first_offset=None, user=None, y=None, wrong_every=0, seed=0):
    """Joined events of partition 0 as (partition, offset, value), of which the number is also the event's."""
    found = []
    for place, i in enumerate(range(first, last)):
        label = truth(i, seed) if y is None else y
        p = 0.9 if label else 0.1
        if wrong_every and i % wrong_every == 0:
            p = 1 - p
        name = user or f"u{i % 5}"
        x = {"user": name, "item": f"i{i}"}
        value = encode(Joined(i, f"e{i}", 1e9 + i, 1e9 + i + 1, name, x, label, {"clock": p > 0.5}, {"clock": p}))
        found.append((0, (first if first_offset is None else first_offset) + place, value))
    return found


def request(i, gen=1, user=None, p=0.5):
    """The request of the i-th event."""
    name = user or f"u{i % 5}"
    x = {"user": name, "item": f"i{i}"}
    return encode(Request(f"e{i}", i, 1e9 + i, name, x, {"clock": p > 0.5}, {"clock": p}, gen))


def answered(numbers, history=None, right=False, fallback=None, gen=1):
    """What the heavy model's topic says of these events."""
    for i in numbers:
        p = (0.95 if truth(i) else 0.05) if right else 0.5
        yield encode(
            Prediction(
                f"wide/s/0/{i}", "wide", f"e{i}", f"u{i % 5}", 1e9 + i, p > 0.5, {}, gen, "v", p,
                fallback=fallback, history=history,
            )
        )  # fmt: skip


def lanes_events(count=60):
    """What a real lane hands over: events, requests, joined events as (partition, offset, value), and the lane."""
    lane = Lane("s", 0, CONFIG, VAULT)
    events, labels = [], []
    for i in range(count):
        user = f"u{i % 5}"
        event = {"id": f"e{i}", "at": 1e9 + i, "user": user, "item": f"i{i}", "x": {"a": float(i % 3)}}
        events.append(Message("s", i, user.encode(), encode(event)))
        labels.append(Message("s.labels", i, user.encode(), encode({"of": f"e{i}", "at": 1e9 + i + 1, "y": truth(i)})))
    outs = lane.handle([*events[:20], *labels[:10], *events[20:], *labels[10:50]])
    requests = [(0, offset, out.value) for offset, out in enumerate(o for o in outs if o.topic == "s.requests")]
    lessons = [(0, offset, out.value) for offset, out in enumerate(o for o in lane.outbox if o.topic == "s.joined")]
    return events, requests, lessons, lane

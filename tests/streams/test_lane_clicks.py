"""A lane of clicks: user and item stand among the features, and the event clock learns from labels that come late."""

import msgspec
from lanes import START, VAULT, read

from driftline.models.clicks import EventClock
from driftline.models.clicks.interests import DriftingInterests
from driftline.models.digest import digest
from driftline.streams.config import StreamConfig
from driftline.streams.lane import Lane
from driftline.streams.message import Message

COUNT, BEHIND = 400, 20


def lane():
    config = StreamConfig.model_validate({"kind": "click", "topic": "c", "models": {"clock": {"class": "event-clock"}}})
    return Lane("c", 0, config, VAULT)


def messages():
    """Events, and the label of each 20 events later."""
    xs, ys, _ = DriftingInterests(users=10, items=50, seed=1).take(COUNT)
    said = []
    for i in range(COUNT + BEHIND):
        if i < COUNT:
            x = {name: value for name, value in xs[i].items() if name not in ("user", "item")}
            body = {"id": f"e{i}", "at": START + i, "user": xs[i]["user"], "item": xs[i]["item"], "x": x}
            said.append(Message("c", i, xs[i]["user"].encode(), msgspec.json.encode(body)))
        if i >= BEHIND:
            of = i - BEHIND
            body = {"of": f"e{of}", "at": START + i, "y": bool(ys[of])}
            said.append(Message("c.labels", of, xs[of]["user"].encode(), msgspec.json.encode(body)))
    return said, xs, ys


def test_it_says_what_a_loop_by_hand_says_however_messages_are_cut():
    said, xs, ys = messages()
    model, by_hand = EventClock(), []
    for i in range(COUNT + BEHIND):
        if i < COUNT:
            by_hand.append(model.predict_proba_one(xs[i])[True])
        if i >= BEHIND:
            model.learn_one(xs[i - BEHIND], bool(ys[i - BEHIND]))
    for size in (1, 7, len(said)):
        desk = lane()
        outs = [out for i in range(0, len(said), size) for out in desk.handle(said[i : i + size])]
        found = [read(out.value) for out in outs]
        assert [one["of"] for one in found] == [f"e{i}" for i in range(COUNT)]
        assert [one["p"] for one in found] == by_hand
        assert digest(desk.slots[0].model) == digest(model)
        assert desk.counts["labels/joined"] == COUNT

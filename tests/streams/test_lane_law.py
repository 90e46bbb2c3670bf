"""The law of the lane: however the same messages are cut into batches, the outputs and the state are the same."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lanes import CONTESTS, MODELS, START, event, label, lane, outcomes, read, voice

from driftline.streams import drift, masses, past, slots, twin
from driftline.streams.message import Message
from driftline.streams.state import digests, freeze, restore


@pytest.fixture(autouse=True)
def short_steps(monkeypatch):
    """Steps and blocks that lives of a few dozen messages go through."""
    monkeypatch.setattr(slots, "STEP", 4)
    monkeypatch.setattr(masses, "MOST", 3)
    monkeypatch.setattr(masses, "_SWEEP", 5)
    monkeypatch.setattr(masses, "FORGOTTEN", 6)
    for name, value in {"RECENT": 6, "BLOCK": 2, "FULL": 8, "BLOCKS": 3}.items():
        monkeypatch.setattr(past, name, value)
    monkeypatch.setattr(twin, "SHUFFLED", 5)
    monkeypatch.setattr(twin, "CYCLE", 12)
    for name, value in {"FULL": 8, "SHUFFLED": 5, "CYCLE": 12}.items():
        monkeypatch.setattr(drift, name, value)


TIGHT = {"max_count": 6, "max_age_seconds": 20, "early_max_count": 3, "early_max_age_seconds": 8}
"""Bounds that a few dozen messages run into."""

TAUGHT_NO = {"logistic", "each", "again", "stubborn", "murmur", "bulk", "lead", "heir", "groups", "grid", "places"}
"""Models that may stand in a stream in which silence means no."""
STREAMS = {
    "no window": {"models": MODELS, "waiting": TIGHT, "contests": CONTESTS},
    "learn": {
        "models": {name: model for name, model in MODELS.items() if name in TAUGHT_NO},
        "waiting": {**TIGHT, "max_count": 12, "negative_after_seconds": 7},
        "contests": CONTESTS,
    },
    "count": {
        "models": {name: model for name, model in MODELS.items() if name in TAUGHT_NO},
        "waiting": {**TIGHT, "max_count": 8, "negative_after_seconds": 10, "correction": "count"},
        "contests": CONTESTS,
    },
}
streams = pytest.mark.parametrize("stream", list(STREAMS))

KEYS = st.sampled_from(["k", "l", "m"])
KEY_OF = {f"e{i}": "kl"[i % 2] for i in range(20)}
VALUES = st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.0, 3.0])
TIMES = st.integers(0, 60).map(lambda second: START + second)
IDS = st.integers(0, 24).map("e{}".format)
TRUTHS = st.one_of(
    st.booleans(), st.sampled_from([0.0, 1.5, -7.25]), st.sampled_from(["red", "blue"]),
    st.dictionaries(st.sampled_from(["p", "q"]), st.booleans(), min_size=1),
)  # fmt: skip
FEATURES = st.fixed_dictionaries({"b": VALUES}, optional={"a": VALUES, "fail": st.sampled_from([1.0, 2.0, 3.0])})
BAD = st.sampled_from([b"{poison", b'{"id": "e1"}', None, b"[[1]]", b"\xff"])


@st.composite
def lives(draw, stream="no window"):
    """Messages of one lane: good and bad ones, in any order of the two topics, some of them repeated.

    Where silence means no, time goes on, labels are yes or no, and most are of one of the last events.
    """
    messages = []
    flows = stream != "no window"
    places = {"s": 0, "s.labels": 0}
    for _ in range(draw(st.integers(1, 45))):
        topic = draw(st.sampled_from(["s", "s.labels"]))
        place = places[topic]
        key, at = draw(KEYS), draw(TIMES)
        if flows:
            at = START + 2 * places["s"] + draw(st.sampled_from([-9, -1, 0, 0, 0, 1, 6]))
        if draw(st.integers(0, 9)) == 0:
            message = Message(topic, place, draw(st.sampled_from([b"k", None, b"\xff"])), draw(BAD))
        elif topic == "s":
            name = f"e{place}" if flows and draw(st.integers(0, 5)) else draw(IDS)
            message = event(place, name, KEY_OF.get(name, "m") if flows else key, at, **draw(FEATURES))
        elif flows and draw(st.integers(0, 5)):
            name = f"e{max(0, places['s'] - draw(st.sampled_from([0, 1, 1, 2, 4, 5, 6, 7, 9, 12])))}"
            message = label(place, name, draw(st.sampled_from([True, True, False])), KEY_OF.get(name, "m"), at)
        elif not flows and draw(st.integers(0, 2)) == 0:
            ys = draw(st.lists(st.sampled_from([0.0, 1.5, 1e9]), min_size=1, max_size=3))
            who, asked = draw(st.sampled_from("vvwx")), draw(st.sampled_from(["sage", "sage", "found", "none"]))
            message = voice(place, draw(st.integers(0, 6)), ys, key, who, asked)
        else:
            message = label(place, draw(IDS), draw(TRUTHS), key, at)
        messages.append(message)
        # Kafka may repeat, and offsets may be missing.
        places[topic] = draw(st.sampled_from([place, place + 1, place + 1, place + 1, place + 3]))
    return messages


def cut(messages, places):
    """The messages in batches that end at these places."""
    edges = sorted({0, len(messages), *(place for place in places if place < len(messages))})
    return [messages[start:end] for start, end in pairwise(edges)]


def made(stream="no window"):
    return lane(**STREAMS[stream])


def live(batches, stream="no window"):
    desk = made(stream)
    outs = [out for batch in batches for out in desk.handle(batch)]
    return desk, outs


@streams
@given(st.data(), st.lists(st.integers(1, 44)))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_way_of_cutting_the_messages_gives_the_same(stream, data, places):
    messages = data.draw(lives(stream))
    one, outs = live([messages], stream)
    other, others = live(cut(messages, places), stream)
    assert others == outs
    assert other.outbox == one.outbox
    assert digests(other) == digests(one)
    single, singles = live([[message] for message in messages], stream)
    assert (singles, single.outbox) == (outs, one.outbox)
    assert digests(single) == digests(one)


@streams
@given(st.data(), st.lists(st.integers(1, 44), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_state_that_was_stored_and_taken_back_goes_on_as_if_nothing_had_been(stream, data, places):
    messages = data.draw(lives(stream))
    straight, outs = live([messages], stream)
    desk, found, outbox = made(stream), [], []
    keyed: dict = {}
    for batch in cut(messages, places):
        found += desk.handle(batch)
        outbox += desk.outbox
        desk.outbox = []
        parts, touched = freeze(desk)
        for name, keys in touched.items():
            kept = {**keyed.get(name, {}), **keys}
            keyed[name] = {key: value for key, value in kept.items() if value is not None}
        before = digests(desk)
        desk = made(stream)
        restore(desk, parts, keyed)
        assert digests(desk) == before
    assert found == outs
    assert outbox == straight.outbox
    assert digests(desk) == digests(straight)


@streams
@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_label_has_one_outcome_and_every_unusable_message_one_letter(stream, data):
    messages = data.draw(lives(stream))
    desk, outs = live([messages], stream)
    told = [read(out.value) for out in [*outs, *desk.outbox] if out.topic == "s.dead"]
    whole = [letter["id"] for letter in told if letter["reason"] != "model"]
    assert len(whole) == len(set(whole))
    refused = sum(
        letter["topic"] == "s.labels"
        and letter["reason"] not in ("label_late", "label_conflicting", "label_unknown", "model", "voice")
        for letter in told
    )
    found = outcomes(desk)
    silent = found.pop("timed_out", 0) + found.pop("evicted", 0)  # of events, and not of labels
    assert silent <= desk.counts["events"]
    voices = {name: n for name, n in desk.counts.items() if name.startswith("voices/")}
    assert desk.counts["labels"] == sum(found.values()) + sum(voices.values()) + len(desk.waiting.early) + refused
    unheard = [letter for letter in told if letter["reason"] == "voice"]
    assert len(unheard) == voices.get("voices/unknown", 0) + voices.get("voices/unfit", 0)
    for outcome in ("late", "conflicting", "unknown"):
        letters = [letter for letter in told if letter["reason"] == f"label_{outcome}"]
        assert len(letters) == outcomes(desk).get(outcome, 0)
    for reason in {letter["reason"] for letter in told}:
        assert desk.counts[f"rejected/{reason}"] == sum(letter["reason"] == reason for letter in told)


@given(lives())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_all_that_a_lane_sends_can_be_read(messages):
    from driftline.streams.events import Alarm, DeadLetter, Question
    from driftline.streams.fence import FenceFilter

    desk, outs = live([messages])
    believe = FenceFilter()
    shapes = {"s.dead": DeadLetter, "driftline.alarms": Alarm, "s.questions": Question}
    for offset, out in enumerate([*outs, *desk.outbox]):
        if out.topic == "s.predictions":
            assert believe.feed(0, offset, out.value).id == out.id
        else:
            assert shapes[out.topic].model_validate_json(out.value).id == out.id


def busy():
    """A life in which every policy acts."""
    messages = []
    for i in range(90):
        messages.append(event(i, key="kl"[i % 2], a=float(i % 2) if i < 40 else 5.4, b=float(i > 40)))
        messages.append(label(i, f"e{i}", (i % 2 == 0) if i < 60 else i % 5 > 0, key="kl"[i % 2]))
        if i % 10 == 9:  # runs of ten of each topic
            messages[-20:] = sorted(messages[-20:], key=lambda message: message.topic)
    return messages


def test_the_law_is_tried_on_lanes_in_which_every_policy_acts():
    desk, _ = live([busy()])
    said = [read(out.value) for out in desk.outbox if out.topic == "driftline.alarms"]
    done = {(one["model"], one.get("signal"), one["action"]) for one in said}
    assert {
        ("bulk", "loss", "reset"), ("logistic", "loss", "reset"), ("strange", "loss", "reset"),
        ("odd", "score", "reset"), ("groups", "mass", "reset"), ("grid", "mass", "recluster"),
        ("grid", "distance", "recluster"), ("grids", "distance", "recluster"), ("lead", "loss", "challenger"),
        ("heir", None, "promoted"), ("grid", None, "found"),
    } - done == set()  # fmt: skip
    assert desk.slots[list(MODELS).index("grid")].model.found > 1
    assert desk.slots[list(MODELS).index("grids")].keyed.due > 0


@streams
@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_what_policies_do_is_the_same_for_every_cut_and_after_every_rest(size, stream):
    messages = busy() if stream == "no window" else silent()
    straight, outs = live([messages], stream)
    desk, found, outbox, keyed = made(stream), [], [], {}
    for batch in cut(messages, range(size, len(messages), size)):
        found += desk.handle(batch)
        outbox += desk.outbox
        desk.outbox = []
        parts, touched = freeze(desk)
        for name, keys in touched.items():
            kept = {**keyed.get(name, {}), **keys}
            keyed[name] = {key: value for key, value in kept.items() if value is not None}
        desk = made(stream)
        restore(desk, parts, keyed)
    assert found == outs
    assert outbox == straight.outbox
    assert digests(desk) == digests(straight)


def silent():
    """A busy life in which most labels that are no do not come, and some that are yes come late."""
    events = [message for message in busy() if message.topic == "s"]
    messages, offset = [], 0
    for i, one in enumerate(events):
        messages.append(one)
        for of in (i - 2, i - 11, i - 25):
            if of >= 0 and (of % 3 == (i - of) % 3 or of % 11 == 0):
                messages.append(label(offset, f"e{of}", of % 4 > 0 or i - of == 2, key="kl"[of % 2], at=START + i))
                offset += 1
        if i % 10 == 9:
            messages[-15:] = sorted(messages[-15:], key=lambda message: message.topic)
    return messages


def test_the_law_is_tried_on_lanes_in_which_silence_is_taken_as_no_and_policies_act_on_it():
    desk, _ = live([silent()], "learn")
    assert min(outcomes(desk)[name] for name in ("timed_out", "corrected", "joined")) > 5
    assert set(outcomes(desk)) >= {"duplicate", "conflicting", "late"}
    said = [read(out.value) for out in desk.outbox if out.topic == "driftline.alarms"]
    of_time_outs = {(one["kind"], one["action"]) for one in said if "/s/0/" in one["id"] and one["model"] in TAUGHT_NO}
    assert of_time_outs >= {("drift", "reset"), ("drift", "alarm"), ("promotion", "promoted")}
    desk, _ = live([silent()], "count")
    assert set(outcomes(desk)) >= {"joined", "evicted"}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_law_is_tried_on_lanes_in_which_this_model_answers(name):
    desk = lane(MODELS, waiting=TIGHT, contests=CONTESTS)
    outs = desk.handle([event(0, a=1.0, b=2.0), event(1, a=2.0, b=0.0)])
    assert [out.id for out in outs if out.id.startswith(f"{name}/")] == [f"{name}/s/0/0", f"{name}/s/0/1"]

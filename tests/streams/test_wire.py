"""The fast decoder is pydantic's equal: what one accepts the other accepts, with the same values."""

import json
import math

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from messages import FIELDS, RAW, messages, texts, valid
from pydantic import ValidationError

from driftline.streams import events, wire


def exact(value: object) -> object:
    """Return a value that is equal only to the same value: floats by their bits, types told apart, order kept."""
    if isinstance(value, float):
        assert math.isfinite(value)
        return "float", value.hex()
    if isinstance(value, dict):
        return "dict", [(key, exact(inner)) for key, inner in value.items()]
    if isinstance(value, list | tuple):
        return "list", [exact(inner) for inner in value]
    return type(value).__name__, value


MODELS = list(FIELDS)
THOROUGH = settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
REFUSED = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


@pytest.fixture(params=MODELS, ids=lambda model: model.__name__, scope="module")
def model(request):
    return request.param


def by_msgspec(model: type[events.Message], said: bytes):
    """The message as the hot path decodes it, or None."""
    try:
        return msgspec.json.Decoder(wire.struct(model)).decode(said)
    except REFUSED:
        return None


def by_pydantic(model: type[events.Message], said: bytes):
    try:
        return model.model_validate_json(said)
    except ValidationError:
        return None


def by_decoder(model: type[events.Message], said: bytes):
    try:
        return wire.Decoder(model).decode(said)
    except wire.Rejected:
        return None


def values(model: type[events.Message], message) -> object:
    return exact({field: getattr(message, field) for field in model.model_fields})


def agree(model: type[events.Message], said: bytes) -> bool:
    """Hold the law for one text; return whether it was accepted."""
    fast, slow, decoded = by_msgspec(model, said), by_pydantic(model, said), by_decoder(model, said)
    if fast is not None:
        assert slow is not None, "msgspec takes what pydantic refuses"
    assert (slow is None) == (decoded is None)
    if slow is not None:
        assert values(model, decoded) == values(model, slow)
    return slow is not None


@THOROUGH
@given(st.data())
def test_both_accept_the_same_with_the_same_values(model, data):
    agree(model, data.draw(texts(model)))


@settings(THOROUGH, max_examples=80)
@given(st.data())
def test_what_is_valid_is_accepted_by_msgspec_alone(model, data):
    said = data.draw(valid(model))
    assert agree(model, said)
    assert by_msgspec(model, said) is not None, "a good message must not need the slow way"


@settings(THOROUGH, max_examples=80)
@given(st.data())
def test_a_message_survives_being_written_and_read(model, data):
    message = by_msgspec(model, json.dumps(data.draw(messages(model))).encode())
    again = by_msgspec(model, wire.encode(message))
    assert values(model, again) == values(model, message)
    assert values(model, wire.check(message, model)) == values(model, message)


@pytest.mark.parametrize("literal", RAW, ids=range(len(RAW)))
def test_every_awkward_value_in_every_field(model, literal):
    for tampered in model.model_fields:
        parts = []
        for field in model.model_fields:
            value = literal if field == tampered else json.dumps(GOOD[model][field]).encode()
            parts.append(json.dumps(field).encode() + b":" + value)
        said = b"{" + b",".join(parts) + b"}"
        agree(model, said)


GOOD = {
    model: {
        field: {
            "at": 1.0,
            "x": {"a": 1.0},
            "y": True,
            "seen": {"t": 1},
            "gen": 1,
            "fence": 1,
            "p": 0.5,
            "confidence": 0.5,
            "distance": 1.5,
            "novelty": 0.5,
            "kind": "drift",
            "partition": 1,
            "before": 0.5,
            "after": 1.5,
            "count": 1,
            "others": ["a"],
            "signal": "mass",
            "size": 0.5,
            "count_before": 1,
            "count_after": 1,
            "fallback": "late",
            "history": [1.0, None] if model is events.Question else 1,
            "origin": 1,
            "steps": 1,
            "season": 1,
            **{key: [1.0, 2.0] for key in ("first", "low", "high")},
            "weights": {"a": 0.5},
            "feedback": {"a": "b"} if model is events.Question else "a",
            "n": 1,
            "offset": 1,
            "known": 1.0,
            "corrects": True,
            "ys": {"a": True},
            "ps": {"a": 0.5},
            **({"y": {"a": True}, "p": {"a": 0.5}} if model is events.Request else {}),
            **({"y": [1.0]} if model is events.Voice else {}),
        }.get(field, "a")
        for field in model.model_fields
    }
    for model in MODELS
}


def test_the_good_ones_are_good(model):
    assert agree(model, json.dumps(GOOD[model]).encode())


def test_an_alarm_of_before_there_was_more_evidence_is_as_good_as_ever():
    old = b"""{"id":"drift/tree/s.labels/0/37","kind":"drift","stream":"s","partition":0,"model":"tree","at":1e9,
        "detector":"adwin","before":0.08,"after":0.41,"count":38,"action":"alarm","text":""}"""
    assert agree(events.Alarm, old)
    alarm = by_msgspec(events.Alarm, old)
    assert (alarm.signal, alarm.size, alarm.confidence, alarm.count_before) == (None, None, None, None)
    for name in ("signal", "who", "size", "confidence", "count_before", "count_after", "text"):
        assert name not in json.loads(wire.encode(wire.Alarm(*msgspec.structs.astuple(alarm))))


@pytest.mark.parametrize("fence", [2**63, 2**64 - 1, 2**64])
def test_a_count_beyond_63_bits_is_refused_by_both(fence):
    assert by_msgspec(events.Fence, b'{"fence":%d}' % fence) is None


@pytest.mark.parametrize("size", [1, 255, 256, 257])
@pytest.mark.parametrize("letter", ["a", "é", "😀", "e\u0301", "\\u0061", "\\ud83d\\ude00"])
def test_names_are_measured_in_characters_not_in_bytes(letter, size):
    said = json.dumps(GOOD[events.LabelEvent]).replace('"of": "a"', f'"of": "{letter * size}"').encode()
    characters = len(json.loads(f'"{letter * size}"'))
    assert agree(events.LabelEvent, said) == (characters <= events.MAX_NAME)


@pytest.mark.parametrize("size", [4_095, 4_096, 4_097])
@pytest.mark.parametrize("model", [events.LabelEvent, events.ClickEvent])
def test_text_is_bounded(model, size):
    good = dict(GOOD[model])
    if model is events.LabelEvent:
        good["y"] = "😀" * size
    else:
        good["x"] = {"a": "😀" * size}
    assert agree(model, json.dumps(good).encode()) == (size <= events.MAX_TEXT)


@pytest.mark.parametrize("size", [0, 1, 10_000, 10_001])
@pytest.mark.parametrize("model", [events.TrafficEvent, events.ClickEvent])
def test_features_are_bounded_in_number(model, size):
    good = GOOD[model] | {"x": {f"f{n}": 1.0 for n in range(size)}}
    smallest = 0 if model is events.ClickEvent else 1
    assert agree(model, json.dumps(good).encode()) == (smallest <= size <= events.MAX_FEATURES)


@pytest.mark.parametrize("size", [10_000, 10_001])
def test_labels_are_bounded_in_number(size):
    good = GOOD[events.LabelEvent] | {"y": {f"l{n}": True for n in range(size)}}
    assert agree(events.LabelEvent, json.dumps(good).encode()) == (size <= events.MAX_FEATURES)


def test_the_last_of_a_doubled_member_counts_even_if_the_first_is_wrong():
    said = b'{"of":"a","at":"x","at":2,"y":{"a":true,"b":true,"a":false}}'
    assert agree(events.LabelEvent, said)
    label = wire.Decoder(events.LabelEvent).decode(said)
    assert (label.at, label.y) == (2.0, {"a": False, "b": True})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (None, "json"),
        (b"", "json"),
        (b'{"of":', "json"),
        (b"\xef\xbb\xbf{}", "json"),
        (b"[" * 100_000, "json"),
        (b'{"of":"\xff","at":1,"y":true}', "json"),
        (b"{}", "schema"),
        (b"null", "schema"),
        (b'{"of":"a","at":NaN,"y":true}', "schema"),
        (b'{"of":"a","at":1,"y":true,"z":1}', "schema"),
        (b" " * (wire.LARGEST + 1), "size"),
    ],
)
def test_a_refusal_says_its_reason(said, reason):
    with pytest.raises(wire.Rejected) as rejected:
        wire.Decoder(events.LabelEvent).decode(said)
    assert rejected.value.reason == reason
    assert 0 < len(str(rejected.value)) <= 1_000


def test_the_largest_message_is_still_decoded():
    said = json.dumps(GOOD[events.LabelEvent]).encode()
    assert wire.Decoder(events.LabelEvent).decode(said.ljust(wire.LARGEST)).of == "a"


def test_a_good_message_never_asks_pydantic(model, monkeypatch):
    monkeypatch.setattr(model, "model_validate_json", None)
    assert wire.Decoder(model).decode(json.dumps(GOOD[model]).encode()) is not None


def test_what_is_decoded_is_frozen(model):
    message = wire.Decoder(model).decode(json.dumps(GOOD[model]).encode())
    with pytest.raises(AttributeError, match="immutable"):
        setattr(message, next(iter(model.model_fields)), "b")


@pytest.mark.parametrize("field", ["y", "p", "confidence", "distance", "novelty", "version"])
def test_predictions_that_say_another_thing_are_not_equal(field):
    good = {**GOOD[events.Prediction], "gen": 1, "seen": {"t": 1}}
    other = good | {field: "b" if field == "version" else 0.25}
    again = good | {"gen": 2}  # whoever made it
    one, same, another = (wire.answer(wire.Prediction(**said)) for said in (good, again, other))
    assert one == same != another

"""What a message may be: fields, bounds, strictness."""

import json

import msgspec
import pytest
from pydantic import ValidationError

from driftline.streams import events, wire

TRAFFIC = {"id": "e", "at": 1.0, "cell": "c", "x": {"a": 1.0}}
SENSOR = {"id": "e", "at": 1.0, "sensor": "s", "x": {"a": 1.0}}
CLICK = {"id": "e", "at": 1.0, "user": "u", "item": "i", "x": {"a": 1.0, "b": "home"}}
LABEL = {"of": "e", "at": 1.0, "y": True}
GOOD = {
    events.TrafficEvent: TRAFFIC,
    events.SensorEvent: SENSOR,
    events.ClickEvent: CLICK,
    events.LabelEvent: LABEL,
}


@pytest.fixture(params=GOOD, ids=lambda model: model.__name__)
def model(request):
    return request.param


def read(model: type[events.Message], message: dict) -> events.Message:
    return model.model_validate_json(json.dumps(message))


def refused(model: type[events.Message], message: dict) -> bool:
    """Whether a message is refused, by pydantic and by the fast decoder alike."""
    said = json.dumps(message).encode()
    try:
        model.model_validate_json(said)
    except ValidationError:
        with pytest.raises(wire.Rejected):
            wire.Decoder(model).decode(said)
        return True
    assert wire.Decoder(model).decode(said) is not None
    return False


def test_a_good_message_is_taken(model):
    assert not refused(model, GOOD[model])


def test_a_message_survives_its_own_json(model):
    message = read(model, GOOD[model])
    assert model.model_validate_json(message.model_dump_json()) == message


def test_a_message_cannot_be_changed(model):
    message = read(model, GOOD[model])
    with pytest.raises(ValidationError, match="frozen"):
        message.at = 2.0


def test_a_misspelt_field_is_refused(model):
    assert refused(model, GOOD[model] | {"extra": 1})


def test_every_field_without_a_default_is_needed(model):
    for field, info in model.model_fields.items():
        left = {name: value for name, value in GOOD[model].items() if name != field}
        assert refused(model, left) == info.is_required(), field


@pytest.mark.parametrize("at", ["1", True, None, -1, -1e-9, 1e11, [1]])
def test_a_time_is_a_number_of_seconds(model, at):
    assert refused(model, GOOD[model] | {"at": at})


@pytest.mark.parametrize("at", [0, 0.5, 1_700_000_000, 99_999_999_999.99])
def test_whole_seconds_are_seconds(model, at):
    assert read(model, GOOD[model] | {"at": at}).at == float(at)


def test_milliseconds_are_refused(model):
    assert refused(model, GOOD[model] | {"at": 1_700_000_000_000})


@pytest.mark.parametrize("said", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_are_finite(model, said):
    text = json.dumps(GOOD[model] | {"at": "AT"}).replace('"AT"', said)
    with pytest.raises(ValidationError):
        model.model_validate_json(text)
    with pytest.raises(wire.Rejected):
        wire.Decoder(model).decode(text.encode())


@pytest.mark.parametrize("name", ["", "x" * 257, 1, None, True])
def test_names_are_of_1_to_256_characters(model, name):
    for field in {"id", "of", "cell", "sensor", "user", "item"} & model.model_fields.keys():
        assert refused(model, GOOD[model] | {field: name}), field
        assert not refused(model, GOOD[model] | {field: "😀" * 256}), field


@pytest.mark.parametrize("value", ["1", True, None, [1.0], {"b": 1.0}])
@pytest.mark.parametrize("model", [events.TrafficEvent, events.SensorEvent])
def test_features_are_numbers(model, value):
    assert refused(model, GOOD[model] | {"x": {"a": value}})
    assert refused(model, GOOD[model] | {"x": [value]})


@pytest.mark.parametrize("value", [True, None, [1.0], {"b": 1.0}, "", "x" * 4_097])
def test_a_clicks_context_is_numbers_and_short_text(value):
    assert refused(events.ClickEvent, CLICK | {"x": {"a": value}})
    assert not refused(events.ClickEvent, CLICK | {"x": {"a": "x" * 4_096, "b": -0.0}})


def test_events_of_numbers_need_one_and_clicks_need_none():
    assert refused(events.TrafficEvent, TRAFFIC | {"x": {}})
    assert refused(events.SensorEvent, SENSOR | {"x": {}})
    assert not refused(events.ClickEvent, CLICK | {"x": {}})
    assert read(events.ClickEvent, {k: v for k, v in CLICK.items() if k != "x"}).x == {}


@pytest.mark.parametrize(
    ("y", "kind"), [(True, bool), (False, bool), (1, float), (0.0, float), ("a", str), ({}, dict), ({"a": True}, dict)]
)
def test_a_label_is_yes_or_no_a_number_a_class_or_a_set(y, kind):
    label = read(events.LabelEvent, LABEL | {"y": y})
    assert label.y == y
    assert type(label.y) is kind


@pytest.mark.parametrize("y", [None, [], [True], "", {"a": 1}, {"a": None}, {"": True}, "x" * 4_097])
def test_a_label_is_nothing_else(y):
    assert refused(events.LabelEvent, LABEL | {"y": y})


def test_each_kind_has_an_event_whose_key_is_its_entity():
    assert events.KINDS.keys() == events.ENTITY.keys()
    for kind, model in events.KINDS.items():
        message = read(model, GOOD[model] | {events.ENTITY[kind]: "somebody"})
        assert message.key == "somebody"


def test_the_fast_form_has_the_same_fields_in_the_same_order():
    there = [c for c in vars(events).values() if isinstance(c, type) and issubclass(c, events.Message)]
    for model in there:
        assert wire.struct(model).__struct_fields__ == tuple(model.model_fields)
        assert issubclass(wire.struct(model), msgspec.Struct)


@pytest.mark.parametrize("reason", ["", "unknown", "Schema"])
def test_a_dead_letters_reason_is_of_the_closed_set(reason):
    letter = {
        "id": "t/0/1",
        "reason": "schema",
        "error": "E",
        "message": "m",
        "topic": "t",
        "partition": 0,
        "offset": 1,
        "key": None,
        "value": "",
        "encoding": "utf-8",
        "size": 0,
        "truncated": False,
    }
    assert not refused(events.DeadLetter, letter)
    assert refused(events.DeadLetter, letter | {"reason": reason})
    assert not any(refused(events.DeadLetter, letter | {"reason": known}) for known in events.REASONS)

"""The AsyncAPI document: its structure, and that its schemas say what the classes say."""

import json
import re

import jsonschema
import pytest
from pydantic import ValidationError

from driftline.streams import events
from driftline.streams.asyncapi import EXAMPLES, KEYS, document, json_schemas
from driftline.streams.config import ALARM_TOPIC, StreamConfig

TREE = {"tree": {"class": "hoeffding-adaptive-tree"}}
STREAMS = {
    "net": StreamConfig(kind="traffic", topic="traffic", partitions=6, models=TREE),
    "a.b-c": StreamConfig(kind="click", topic="clicks", labels="bought", predictions="clicks.found", models=TREE),
}


@pytest.fixture
def said() -> dict:
    return document(STREAMS, "one:9092, two:9092")


def follow(said: dict, reference: str):
    assert reference.startswith("#/")
    for part in reference[2:].split("/"):
        said = said[part]
    return said


def references(node) -> list[str]:
    if isinstance(node, dict):
        found = [node["$ref"]] if "$ref" in node else []
        return found + [r for value in node.values() for r in references(value)]
    return [r for value in node for r in references(value)] if isinstance(node, list) else []


def test_the_top_has_what_asyncapi_asks_for_and_nothing_else(said):
    assert said["asyncapi"] == "3.0.0"
    assert said.keys() == {
        "asyncapi",
        "info",
        "defaultContentType",
        "servers",
        "channels",
        "operations",
        "components",
    }
    assert {"title", "version"} <= said["info"].keys()
    assert [server["host"] for server in said["servers"].values()] == ["one:9092", "two:9092"]
    assert json.loads(json.dumps(said, allow_nan=False)) == said


def test_every_reference_leads_somewhere(said):
    found = references(said)
    assert len(found) > 30
    for reference in found:
        follow(said, reference)


def test_every_topic_is_a_channel_with_its_partitions(said):
    topics = {c["address"]: c["bindings"]["kafka"]["partitions"] for c in said["channels"].values()}
    assert topics == {
        "traffic": 6,
        "traffic.labels": 6,
        "traffic.predictions": 6,
        "traffic.dead": 6,
        "clicks": 2,
        "bought": 2,
        "clicks.found": 2,
        "clicks.dead": 2,
        ALARM_TOPIC: 1,
    }


def test_names_are_of_the_characters_that_asyncapi_allows(said):
    names = [*said["channels"], *said["operations"], *said["components"]["messages"], *said["components"]["schemas"]]
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)


def test_the_user_sends_events_and_labels_and_receives_the_rest(said):
    for name, operation in said["operations"].items():
        role = name.rpartition("-")[2]
        assert operation["action"] == ("send" if role in ("events", "labels") else "receive")
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:  # an operation's messages are those of its channel
            assert message["$ref"].startswith(f"{channel}/messages/")
    assert len(said["operations"]) == len(said["channels"]) == 9


def test_each_kind_has_its_event(said):
    assert said["channels"]["net-events"]["messages"].keys() == {"TrafficEvent"}
    assert said["channels"]["a.b-c-events"]["messages"].keys() == {"ClickEvent"}
    assert said["channels"]["net-predictions"]["messages"].keys() == {"Prediction", "Fence"}


def test_every_message_of_events_is_in_the_document():
    there = {c for c in vars(events).values() if isinstance(c, type) and issubclass(c, events.Message)}
    assert there - {events.Message} == set(KEYS)
    assert {type(example) for example in EXAMPLES} == set(KEYS)


def test_each_message_names_its_key_and_its_schema(said):
    for name, message in said["components"]["messages"].items():
        assert message["payload"] == {"$ref": f"#/components/schemas/{name}"}
        assert message["bindings"]["kafka"]["key"]["type"] == "string"
        assert message["examples"]


@pytest.mark.parametrize("name", json_schemas())
def test_the_schemas_are_schemas(name):
    schema = json_schemas()[name]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft7Validator.check_schema(schema)  # AsyncAPI's own dialect
    assert schema["additionalProperties"] is False
    assert not references(schema), "each schema stands alone"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("dialect", [jsonschema.Draft202012Validator, jsonschema.Draft7Validator])
def test_the_examples_are_valid_and_without_a_needed_field_they_are_not(example, dialect):
    schema = json_schemas()[type(example).__name__]
    payload = json.loads(example.model_dump_json())
    dialect(schema).validate(payload)
    for field in schema["required"]:
        with pytest.raises(jsonschema.ValidationError):
            dialect(schema).validate({k: v for k, v in payload.items() if k != field})


@pytest.mark.parametrize(
    ("model", "payload"),
    [
        (events.LabelEvent, {"of": "", "at": 1.0, "y": True}),
        (events.LabelEvent, {"of": "e" * 257, "at": 1.0, "y": True}),
        (events.LabelEvent, {"of": "e", "at": 1e11, "y": True}),
        (events.LabelEvent, {"of": "e", "at": -1.0, "y": True}),
        (events.LabelEvent, {"of": "e", "at": 1.0, "y": None}),
        (events.LabelEvent, {"of": "e", "at": 1.0, "y": {"a": 1}}),
        (events.LabelEvent, {"of": "e", "at": 1.0, "y": {"": True}}),
        (events.LabelEvent, {"of": "e", "at": 1.0, "y": True, "z": 1}),
        (events.TrafficEvent, {"id": "e", "at": 1.0, "cell": "c", "x": {}}),
        (events.TrafficEvent, {"id": "e", "at": 1.0, "cell": "c", "x": {"a": "b"}}),
        (events.Fence, {"fence": 2**63}),
        (events.Fence, {"fence": -1}),
    ],
)
def test_schema_and_class_refuse_the_same(model, payload):
    with pytest.raises(ValidationError):
        model.model_validate_json(json.dumps(payload))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(payload, json_schemas()[model.__name__])


def test_without_brokers_there_are_no_servers():
    assert document(STREAMS)["servers"] == {}

import gzip
import io
import json
import sys

import pytest

from driftline.services.sources import JsonLines, SourceError
from driftline.streams.config import StreamConfig
from driftline.streams.events import ClickEvent, LabelEvent, SensorEvent

TREE = {"tree": {"class": "hoeffding-adaptive-tree"}}
SENSORS = {"sensors": StreamConfig(kind="sensor", topic="s.events", models=TREE)}
BOTH = SENSORS | {"clicks": StreamConfig(kind="click", topic="clicks", labels="bought", models=TREE)}

EVENT = {"id": "e1", "at": 5.0, "sensor": "s1", "x": {"a": 1.5}}
LABEL = {"of": "e1", "at": 6.0, "y": True}


@pytest.fixture
def write(tmp_path):
    def written(*lines: object, pack: bool = False) -> str:
        data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        path = tmp_path / "events.jsonl"
        path.write_bytes(gzip.compress(data) if pack else data)
        return str(path)

    return written


@pytest.mark.parametrize("pack", [False, True])
def test_bare_messages_are_of_the_one_stream_and_a_label_gets_its_events_key(write, pack):
    event, label = JsonLines(write(EVENT, LABEL, pack=pack), SENSORS)
    assert (event.stream, event.role, event.key, event.at) == ("sensors", "event", "s1", 5.0)
    assert (label.stream, label.role, label.key, label.at) == ("sensors", "label", "s1", 6.0)
    assert event.value == SensorEvent(**EVENT)
    assert label.value == LabelEvent(**LABEL)


def test_topics_say_stream_and_role(write):
    click = {"id": "c", "at": 1.0, "user": "u", "item": "i", "x": {"page": "home"}}
    path = write(
        {"topic": "clicks", "key": "u", "value": click},
        {"topic": "bought", "key": "u", "value": {"of": "c", "at": 2.0, "y": False}},
        {"topic": "s.events", "value": EVENT},
    )
    records = list(JsonLines(path, BOTH))
    assert [(r.stream, r.role, r.key) for r in records] == [
        ("clicks", "event", "u"),
        ("clicks", "label", "u"),
        ("sensors", "event", "s1"),
    ]
    assert records[0].value == ClickEvent(**click)


def test_the_order_of_the_file_is_kept(write):
    late = EVENT | {"id": "e2", "at": 1.0}
    assert [r.at for r in JsonLines(write(EVENT, late), SENSORS)] == [5.0, 1.0]


def test_empty_lines_are_passed_over_and_counted(write):
    with pytest.raises(SourceError, match="line 4"):
        list(JsonLines(write(b"", EVENT, b"  \r", b"{"), SENSORS))


def test_standard_input_is_read(monkeypatch, write):
    for data in (json.dumps(EVENT).encode(), gzip.compress(json.dumps(EVENT).encode())):
        stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(data)))
        monkeypatch.setattr(sys, "stdin", stdin)
        assert [r.key for r in JsonLines("-", SENSORS)] == ["s1"]


BAD = [
    (b"{", "Expecting"),
    (b"[1]", "must be a JSON object"),
    (b"\xff", "utf-8"),
    (json.dumps(EVENT | {"at": "x"}).encode(), "at: Input should be a valid number"),
    (json.dumps(EVENT | {"z": 1}).encode(), "z: Extra inputs"),
    (json.dumps(EVENT)[:-2].encode() + b',"b":NaN}}', "finite"),
    (json.dumps(LABEL).encode(), "the label of 'e1' has no key"),
    (b'{"topic": "nope", "value": {}}', "no stream has the topic 'nope'"),
    (b'{"topic": "s.events", "value": 3}', "`value` must be an object"),
    (b'{"topic": "s.events", "value": {}, "offset": 3}', r"\['offset'\] beside"),
    (b'{"topic": "s.events.labels", "key": 7, "value": {"of":"e","at":1,"y":1}}', "`key` must be text"),
    (json.dumps({"topic": "s.events", "key": "other", "value": EVENT}).encode(), "'other' differs from the sensor"),
    (b"[" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("line", "said"), BAD, ids=range(len(BAD)))
def test_a_bad_line_is_an_error_that_names_it(write, line, said):
    path = write(EVENT | {"id": "good"}, line)
    with pytest.raises(SourceError, match=said) as error:
        list(JsonLines(path, SENSORS))
    assert f"{path}, line 2: " in str(error.value)


@pytest.mark.parametrize("line", [line for line, _ in BAD if not line.startswith(b'{"topic": "')])
def test_raw_publishes_bad_lines_as_they_are_at_the_time_before_them(write, line):
    before, bad = JsonLines(write(EVENT | {"id": "good"}, line), SENSORS, raw=True)
    assert (bad.at, bad.stream) == (before.at, "sensors")
    assert bad.payload == line


def test_raw_keeps_topic_key_and_text_that_is_no_json(write):
    path = write(
        {"topic": "bought", "key": "u", "value": {"of": 1}},
        {"topic": "clicks", "key": "u", "value": "no json {"},
        EVENT | {"at": "x"},
    )
    labels, clicks, sensors = JsonLines(path, BOTH, stream="sensors", raw=True)
    assert (labels.role, labels.key, labels.payload) == ("label", "u", b'{"of": 1}')
    assert (clicks.role, clicks.key, clicks.payload) == ("event", "u", b"no json {")
    assert (sensors.key, sensors.at) == ("s1", 0.0)


def test_raw_leaves_good_lines_alone(write):
    path = write(EVENT, LABEL)
    assert list(JsonLines(path, SENSORS, raw=True)) == list(JsonLines(path, SENSORS))


def test_a_bare_line_of_several_streams_asks_which(write):
    path = write(EVENT)
    with pytest.raises(SourceError, match=r"which stream is this of\? name one of clicks, sensors"):
        list(JsonLines(path, BOTH))
    assert [r.stream for r in JsonLines(path, BOTH, stream="sensors")] == ["sensors"]


def test_an_unknown_stream_is_refused_at_once():
    with pytest.raises(SourceError, match="no stream 'x' is configured: name one of sensors"):
        JsonLines("unread", SENSORS, stream="x")


def test_a_file_that_is_not_there_is_the_systems_own_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(JsonLines(tmp_path / "none", SENSORS))


@pytest.mark.parametrize("line", [b'{"topic": "nope", "value": {}}', b"{"])
def test_even_raw_needs_to_know_where_a_line_goes(write, line):
    with pytest.raises(SourceError, match=r"line 2: (no stream has the topic|which stream)") as error:
        list(JsonLines(write({"topic": "s.events", "value": EVENT}, line), BOTH, raw=True))
    assert "--raw" not in str(error.value)

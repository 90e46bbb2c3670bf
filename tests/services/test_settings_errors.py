import re
from pathlib import Path

import pytest
from configuration import PIPELINE, STREAM, mistakes, settings

from driftline.services.settings import read
from driftline.services.settings_errors import MASK, ConfigError, Mistake, masked
from driftline.streams.config import StreamConfig

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_all_mistakes_are_told_each_with_its_line() -> None:
    text = """\
ap = "x"
[web]
port = "x"
[streams.s]
kind = "sensr"
topic = "a b"
modles = 1
"""
    assert mistakes(text) == [
        "driftline.toml:1: ap: unknown field; did you mean app? "
        "allowed: app, data, kafka, redis, secrets, web, worker, recovery, streams",
        "driftline.toml:3: web.port: must be a valid integer, unable to parse string as an integer, not 'x'",
        "driftline.toml:5: streams.s.kind: must be 'traffic', 'sensor' or 'click', not 'sensr'; did you mean 'sensor'?",
        "driftline.toml:6: streams.s.topic: must be 1 to 200 letters, digits, dots, dashes or underscores, not 'a b'",
        "driftline.toml:7: streams.s.modles: unknown field; did you mean models? allowed: "
        + ", ".join(StreamConfig.model_fields),
    ]


def test_a_mistake_is_a_value_too() -> None:
    with pytest.raises(ConfigError) as caught:
        settings(STREAM + "[web]\nport = 70000\n")
    message = "must be less than or equal to 65535, not 70000"
    assert caught.value.mistakes == (Mistake("driftline.toml", 7, "web.port", message),)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a = [1,\nb = 2\n", 2, "not TOML"),
        ("a = 1\n\nb = \n", 3, "not TOML"),
        ("a = 1\na = 2\n", 2, "not TOML"),
        ('a = 1\nb = """\n', 2, "not TOML"),
    ],
)
def test_a_mistake_of_syntax_has_its_line(text: str, line: int, said: str) -> None:
    [told] = mistakes(text)
    assert told.startswith(f"driftline.toml:{line}: {said}")


def test_a_file_that_is_no_text_is_told_with_the_line() -> None:
    Path("driftline.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(ConfigError, match=r"^driftline.toml:2: is not UTF-8$"):
        read(None, {}, {})


def test_a_byte_order_mark_is_no_mistake() -> None:
    Path("driftline.toml").write_bytes(b"\xef\xbb\xbf" + STREAM.encode())
    assert list(read(None, {}, {}).settings.streams) == ["s"]


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^nowhere.toml: cannot be read: No such file"):
        read(Path("nowhere.toml"), {}, {})
    with pytest.raises(ConfigError, match=r"^DRIFTLINE_CONFIG: no file nowhere.toml$"):
        read(None, {"DRIFTLINE_CONFIG": "nowhere.toml"}, {})


def test_a_required_field_is_told_at_its_table() -> None:
    assert mistakes(STREAM.replace('kind = "sensor"\n', "")) == [
        "driftline.toml:1: streams.s.kind: missing: this field is required"
    ]


def test_a_file_without_a_stream_is_told_how_to_say_one() -> None:
    assert mistakes("[web]\nport = 1\n") == [
        "driftline.toml:1: streams: no stream: say at least one, [streams.NAME] with kind, topic and models"
    ]


def test_names_of_streams_and_models_are_told_where_they_stand() -> None:
    text = STREAM.replace("streams.s", 'streams."S s"') + STREAM.replace("models.tree", "models.Tree")
    assert [line.split(":")[1] for line in mistakes(text.replace('topic = "s"', 'topic = "t"', 1))] == ["1", "9"]


def test_arguments_of_a_class_in_the_wrong_table_are_shown_the_right_one() -> None:
    [said] = mistakes(STREAM + "grace_period = 3\n")
    assert said.startswith(
        "driftline.toml:6: streams.s.models.tree.grace_period: unknown field; allowed: where, class,"
    )
    assert said.endswith("; arguments of the class go into parameters")


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        ("binary-relevence", "name one of binary-relevance, .*; did you mean binary-relevance\\?$"),
        ("river.tree:HoeffdingTreClassifier", "did you mean river.tree:HoeffdingTreeClassifier\\?$"),
        ("river.tre:HoeffdingTreeClassifier", "No module named 'river.tre'"),
        ("river.tree:Oak", "; river.tree has ExtremelyFastDecisionTreeClassifier, "),
        ("river.stats:Mean", "no River estimator: say its `task`, one of binary"),
    ],
)
def test_a_class_that_cannot_be_had_is_told_with_what_can(cls: str, said: str) -> None:
    [told] = mistakes(STREAM.replace("river.tree:HoeffdingTreeClassifier", cls))
    assert re.match(r"driftline.toml:[45]: streams.s.models.tree(.class)?: ", told)
    assert re.search(said, told)


def test_a_model_that_cannot_be_made_is_told_at_its_parameters() -> None:
    [said] = mistakes(STREAM + "[streams.s.models.tree.parameters]\n\ngrace_perod = 3\n")
    assert said.startswith(
        "driftline.toml:8: streams.s.models.tree.parameters.grace_perod: unknown parameter of "
        "river.tree:HoeffdingTreeClassifier; did you mean grace_period? allowed: grace_period, "
    )


def test_a_value_that_the_class_refuses_is_told_at_its_parameters() -> None:
    text = STREAM.replace("river.tree:HoeffdingTreeClassifier", "hoeffding-adaptive-tree")
    [said] = mistakes(text + "[streams.s.models.tree.parameters]\ngrace_period = 0\n")
    assert said.startswith("driftline.toml:6: streams.s.models.tree.parameters: cannot make the model: ")
    assert "grace_period" in said


def test_a_nested_estimator_at_fault_is_told_at_its_own_line() -> None:
    text = PIPELINE + 'optimizer = { class = "river.optim:SGDD" }\nl3 = 0.1\n'
    told = mistakes(text)
    assert len(told) == 1
    assert told[0].startswith("driftline.toml:11: streams.s.models.m.parameters.args[1].optimizer.class: cannot import")
    assert told[0].endswith("did you mean river.optim:SGD?")
    [said] = mistakes(text.replace("SGDD", "SGD"))
    assert said.startswith("driftline.toml:12: streams.s.models.m.parameters.args[1].l3: unknown parameter of")


def test_a_class_that_raises_what_it_likes_is_a_mistake_of_the_file() -> None:
    text = STREAM.replace("river.tree:HoeffdingTreeClassifier", "fractions:Fraction")
    [said] = mistakes(text + 'task = "binary"\nparameters = {args = [1, 0]}\n')  # a ZeroDivisionError
    assert said.startswith("driftline.toml:7: streams.s.models.tree.parameters: cannot make the model: fractions:")


def test_a_detector_that_cannot_be_made_is_told() -> None:
    [said] = mistakes(STREAM + "[streams.s.models.tree.drift.parameters]\ndelt = 1\n")
    assert said.startswith("driftline.toml:6: streams.s.models.tree.drift.parameters: cannot make the detector: adwin")


def test_a_forecast_without_a_target_is_told_at_its_table() -> None:
    [said] = mistakes(STREAM.replace("river.tree:HoeffdingTreeClassifier", "naive"))
    assert said.startswith("driftline.toml:4: streams.s.models.tree: a forecast needs `target`")


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ('topic = "s"', "topic 's' is already the event topic of the stream s"),
        ('topic = "s.labels"', "topic 's.labels' is already the label topic of the stream s"),
        ('topic = "s.predictions"', "topic 's.predictions' is already the prediction topic of the stream s"),
        ('topic = "s.dead"', "topic 's.dead' is already the dead-letter topic of the stream s"),
        ('topic = "driftline.alarms"', "topic 'driftline.alarms' is already the topic of all alarms"),
        ('topic = "t"\nlabels = "s.dead"', "topic 's.dead' is already the dead-letter topic of the stream s"),
        ('topic = "t"\nlabels = "t"', "topic 't' is already the event topic of the stream t"),
        ('topic = "t"\nlabels = "t.dead"', "topic 't.dead' is already the label topic of the stream t"),
        ('topic = "t"\npredictions = "s"', "topic 's' is already the event topic of the stream s"),
        (
            'topic = "t"\npredictions = "s.predictions"',
            "topic 's.predictions' is already the prediction topic of the st",
        ),
        ('topic = "t"\npredictions = "t.labels"', "topic 't.labels' is already the label topic of the stream t"),
        ('topic = "t"\npredictions = "t.dead"', "topic 't.dead' is already the prediction topic of the stream t"),
    ],
)
def test_two_cannot_write_one_topic(topic: str, said: str) -> None:
    [told] = mistakes(STREAM + STREAM.replace("streams.s", "streams.t").replace('topic = "s"', topic))
    assert re.match(r"driftline.toml:[89]: streams.t.(topic|labels|predictions): ", told)
    assert said in told


def test_a_mistake_in_a_variable_names_the_variable() -> None:
    assert mistakes(environ={"DRIFTLINE_STREAMS__S__CHECKPOINT__SECONDS": "-1"}) == [
        "DRIFTLINE_STREAMS__S__CHECKPOINT__SECONDS: streams.s.checkpoint.seconds: must be greater than 0, not '-1'"
    ]
    [said] = mistakes(environ={"DRIFTLINE_STREAMS__S__MODELS__TREE__CLASS": "oak"})
    assert said.startswith("DRIFTLINE_STREAMS__S__MODELS__TREE__CLASS: streams.s.models.tree.class: no model 'oak'")
    [said] = mistakes(environ={"DRIFTLINE_WEB__PROT": "1"})
    assert said == "DRIFTLINE_WEB__PROT: web.prot: unknown field; did you mean port? allowed: host, port"
    [said] = mistakes(environ={"DRIFTLINE_WEBB__PORT": "1"})
    assert said.startswith("DRIFTLINE_WEBB__PORT: webb: unknown field; did you mean web?")


def test_a_mistake_of_a_table_is_told_in_the_file_and_names_the_variables_that_reach_into_it() -> None:
    variable = {"DRIFTLINE_STREAMS__S__MODELS__TREE__TARGET": "bytes"}
    [said] = mistakes(environ=variable)
    assert said.startswith("driftline.toml:4: streams.s.models.tree: `target` is for the task forecast")
    assert said.endswith(" (with DRIFTLINE_STREAMS__S__MODELS__TREE__TARGET)")
    [said] = mistakes(STREAM.replace('kind = "sensor"\n', ""), {"DRIFTLINE_STREAMS__S__PARTITIONS": "3"})
    assert said == "driftline.toml:1: streams.s.kind: missing: this field is required"


def test_a_mistake_in_an_argument_says_so() -> None:
    [said] = mistakes(web={"port": -1})
    assert said == "argument: web.port: must be greater than or equal to 0, not -1"


def test_a_variable_that_lacks_an_underscore_is_not_ignored() -> None:
    assert mistakes(environ={"DRIFTLINE_KAFKA_BROKERS": "k:9092"}) == [
        "DRIFTLINE_KAFKA_BROKERS: unknown variable; did you mean DRIFTLINE_KAFKA__BROKERS?"
    ]


def test_variables_of_others_are_ignored() -> None:
    others = {
        "DRIFTLINE_WEB_PORT": "tcp://10.0.0.1:80",
        "DRIFTLINE_SERVICE_HOST": "10.0.0.1",
        "DRIFTLINE_FAILPOINT": "x",
    }
    assert settings(environ=others) == settings()


def test_a_table_set_to_a_text_is_told_once() -> None:
    [said] = mistakes(environ={"DRIFTLINE_WEB": "x", "DRIFTLINE_WEB__PORT": "1"})
    assert said.startswith("DRIFTLINE_WEB: web: must be a valid dictionary")


@pytest.mark.parametrize("name", ["_env_file", "_secrets_dir", "self"])
def test_arguments_of_the_base_class_are_no_settings(name: str) -> None:
    [said] = mistakes(f'{name} = "x"\n' + STREAM)
    assert said.startswith(f"driftline.toml:1: {name}: unknown field")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[kafka]\nbrokers = "localhost"', "7: kafka.brokers: must be host:port, several with commas"),
        ('[redis]\nurl = "localhost"', "7: redis.url: must begin with redis://, rediss:// or unix://"),
        ('[kafka.client]\n"group.id" = "g"', '7: kafka.client."group.id": is set by the field kafka.group'),
        ('[kafka.client]\n"acks" = 0', "7: kafka.client.acks: cannot be set: that nothing is lost rests on it"),
        ('[kafka.client]\nsasl.username = "x"', "7: kafka.client.sasl: a name with dots needs quotes"),
        ('[recovery]\non_truncated = "skp"', "did you mean 'skip'?"),
    ],
)
def test_each_section_says_what_is_allowed(text: str, said: str) -> None:
    [told] = mistakes(STREAM + text)
    assert said in told


def test_app_is_fit_for_a_key() -> None:
    [said] = mistakes('app = "A b"\n' + STREAM)
    assert said == "driftline.toml:1: app: must be lower-case letters, digits or dashes, not 'A b'"


@pytest.mark.parametrize("name", ["api_key", "auth_tokens", "access_token", "tokens", "sasl.password"])
def test_what_may_be_a_secret_is_masked(name):
    assert masked(("streams", "s", "voices", "v", name), "hunter2") == MASK


@pytest.mark.parametrize("name", ["tokens_per_minute", "prompt_tokens", "tokenizer"])
def test_what_only_sounds_like_one_is_shown(name):
    assert masked(("streams", "s", "voices", "v", name), 5) == 5

import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from configuration import STREAM, mistakes, settings
from pydantic import ValidationError

from driftline.services import settings as module
from driftline.services.settings import (
    DEFAULT,
    SNAPSHOT_KEY,
    Kafka,
    Recovery,
    Redis,
    Secrets,
    Settings,
    Web,
    Worker,
    load,
    read,
    snapshot_key,
)
from driftline.services.settings_errors import ConfigError
from driftline.streams.config import ContestConfig, Rhythm, StreamConfig, Waiting
from driftline.streams.model_config import Drift, ModelConfig, WorkerConfig

pytestmark = pytest.mark.usefixtures("elsewhere")
KEY = "correct horse battery staple"


# Sources and their order


def test_an_argument_beats_the_environment_beats_the_file_beats_the_default() -> None:
    text = STREAM + "[web]\nport = 3\n"
    variable = {"DRIFTLINE_WEB__PORT": "2"}
    assert settings(text, variable, web={"port": 1}).web.port == 1
    assert settings(text, variable).web.port == 2
    assert settings(text).web.port == 3
    assert settings().web.port == 6066


def test_an_argument_of_none_was_not_given() -> None:
    assert settings(environ={"DRIFTLINE_WEB__PORT": "2"}, web={"port": None}, app=None).web.port == 2


def test_the_environment_reaches_into_a_stream_and_leaves_the_rest_of_it() -> None:
    stream = settings(environ={"DRIFTLINE_STREAMS__S__CHECKPOINT__SECONDS": "1"}).streams["s"]
    assert stream.checkpoint.seconds == 1
    assert stream.topic == "s"
    assert list(stream.models) == ["tree"]


def test_the_environment_reaches_into_the_parameters_of_a_model() -> None:
    text = STREAM + "parameters = {grace_period = 50, max_depth = 9}\n"
    variables = {"DRIFTLINE_STREAMS__S__MODELS__TREE__PARAMETERS__GRACE_PERIOD": "77"}
    assert settings(text, variables).streams["s"].models["tree"].parameters == {"grace_period": 77, "max_depth": 9}


def test_the_environment_reaches_names_that_a_shell_cannot_write() -> None:
    text = STREAM.replace("streams.s", "streams.my-stream").replace("models.tree", 'models."v1.tree"')
    variables = {
        "DRIFTLINE_STREAMS__MY_STREAM__PARTITIONS": "5",
        "DRIFTLINE_STREAMS__MY_STREAM__MODELS__V1_TREE__MAX_KEYS": "9",
    }
    stream = settings(text, variables).streams["my-stream"]
    assert (stream.partitions, stream.models["v1.tree"].max_keys) == (5, 9)


def test_a_name_that_fits_two_streams_is_refused() -> None:
    other = STREAM.replace("streams.s", "streams.a-b").replace('"s"', '"t"')
    text = STREAM.replace("streams.s", 'streams."a.b"') + other
    [said] = mistakes(text, {"DRIFTLINE_STREAMS__A_B__PARTITIONS": "5"})
    assert said == (
        "DRIFTLINE_STREAMS__A_B__PARTITIONS: may mean a.b or a-b: rename one of them, or set it in the file"
    )


def test_a_whole_stream_may_come_from_the_environment() -> None:
    variables = {
        "DRIFTLINE_STREAMS__T": '{"kind": "click", "topic": "t", "models": {"m": {"class": "x:Y"}}}',
        "DRIFTLINE_STREAMS__T__MODELS__M__CLASS": "river.linear_model:LogisticRegression",
        "DRIFTLINE_STREAMS__T__PARTITIONS": "7",
    }
    streams = settings(environ=variables).streams
    assert list(streams) == ["s", "t"]
    assert (streams["t"].kind, streams["t"].partitions) == ("click", 7)


def test_json_is_decoded_only_where_a_text_cannot_be_meant() -> None:
    found = settings(environ={"DRIFTLINE_KAFKA__BROKERS": "[::1]:9092", "DRIFTLINE_APP": "123"})
    assert (found.kafka.brokers, found.app) == ("[::1]:9092", "123")


def test_the_environment_cannot_reach_into_an_array() -> None:
    text = STREAM + "parameters = {nominal_attributes = []}\n"
    [said] = mistakes(text, {"DRIFTLINE_STREAMS__S__MODELS__TREE__PARAMETERS__NOMINAL_ATTRIBUTES__0": "a"})
    assert said.endswith("nominal_attributes is an array: set it as a whole, in JSON")


def test_options_of_the_kafka_client_are_strings_with_dots() -> None:
    found = settings(
        STREAM + '[kafka.client]\n"socket.keepalive.enable" = true\n"linger.ms" = 5\n',
        {"DRIFTLINE_KAFKA__CLIENT__SASL_PASSWORD": "x"},
    )
    assert found.kafka.client == {"socket.keepalive.enable": "true", "linger.ms": "5", "sasl.password": "x"}


def test_the_file_is_the_one_named_then_the_variables_then_the_one_here_then_the_shipped() -> None:
    for name in ("argument", "variable", "driftline"):
        Path(f"{name}.toml").write_text(f'app = "{name}"\n' + STREAM)
    variable = {"DRIFTLINE_CONFIG": "variable.toml"}
    assert read(Path("argument.toml"), variable, {}).settings.app == "argument"
    assert read(None, variable, {}).settings.app == "variable"
    assert read(None, {}, {}).settings.app == "driftline"
    assert read(None, {}, {}).path == Path("driftline.toml")
    Path("driftline.toml").unlink()
    assert read(None, {}, {}).path == DEFAULT


def test_load_reads_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTLINE_WEB__PORT", "1234")
    assert load().web.port == 1234
    assert load(web={"port": 1}).web.port == 1


def test_settings_made_by_hand_read_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTLINE_WEB__PORT", "1234")
    monkeypatch.setenv("WEB", '{"port": 1234}')
    monkeypatch.setenv("APP", "other")
    Path(".env").write_text("APP=other\n")
    assert (Settings().web.port, Settings().app) == (6066, "driftline")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().app = "other"  # type: ignore[misc]


def test_importing_reads_no_environment() -> None:
    code = """
import os, pathlib

class Watched(dict):
    def __getitem__(self, name): seen.append(name); return super().__getitem__(name)
    def get(self, name, default=None): seen.append(name); return super().get(name, default)
    def __contains__(self, name): seen.append(name); return super().__contains__(name)
    def __iter__(self): seen.append("all"); return super().__iter__()
    def items(self): seen.append("all"); return super().items()
    def copy(self): seen.append("all"); return super().copy()

import pydantic_settings, driftline.streams.drift  # what others read while they are imported is theirs
seen = []
os.environ = Watched(os.environ)
os.getenv = os.environ.get
import driftline.services.config_show, driftline.services.settings
print([name for name in seen if not name.startswith("PYDANTIC_")])  # read as each class is made
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_data_lies_where_the_desktop_says() -> None:
    assert settings(environ={"XDG_DATA_HOME": "/xdg"}).data == Path("/xdg/driftline")
    assert settings('data = "~/d"\n' + STREAM, {"XDG_DATA_HOME": "/xdg"}).data == Path.home() / "d"
    assert settings().data == Path.home() / ".local/share/driftline"


# The shipped file


def test_the_shipped_file_is_sound() -> None:
    streams = read(DEFAULT, {}, {}).settings.streams
    assert list(streams) == ["traffic", "sensors", "flow", "yeast", "clicks"]
    assert {stream.partitions for stream in streams.values()} == {2}
    tasks = {name: {model.effective_task for model in stream.models.values()} for name, stream in streams.items()}
    assert tasks == {
        "traffic": {"forecast", "multilabel"},
        "sensors": {"binary"},
        "flow": {"forecast"},
        "yeast": {"multilabel"},
        "clicks": {"binary"},
    }


def test_what_the_shipped_file_shows_as_a_default_is_the_default() -> None:
    shown = re.sub(r"(?m)^#(?=[a-z_]+ = )", "", DEFAULT.read_text())
    left = {
        ("kafka", "instance"),
        ("secrets", "snapshot_key_file"),
        ("streams", "traffic", "labels"),
        ("streams", "traffic", "models", "received", "drift", "on"),
        ("streams", "traffic", "models", "received", "step_seconds"),
        ("streams", "traffic", "predictions"),
        ("streams", "sensors", "contests", "anomalous", "loss"),
        ("streams", "clicks", "waiting", "negative_after_seconds"),
    }
    uncommented = tomllib.loads(shown)
    for *tables, last in left:  # examples of values whose default is none
        inner = uncommented
        for table in tables:
            inner = inner[table]
        del inner[last]
    assert shown != DEFAULT.read_text()
    assert Settings(**uncommented) == read(DEFAULT, {}, {}).settings


def test_the_example_in_the_shipped_file_works_when_uncommented() -> None:
    streams = Settings(**tomllib.loads(re.sub(r"(?m)^#(?=  )", "", DEFAULT.read_text()))).streams
    model = streams["plant"].models["states"]
    assert (streams["plant"].prediction_topic, model.effective_task) == ("plant.clusters", "cluster")
    assert (model.drift.policy, model.watched) == ("recluster", ("distance",))


def test_the_shipped_file_names_every_field() -> None:
    text = DEFAULT.read_text()
    sections = (Kafka, Redis, Secrets, Web, Worker, Recovery, WorkerConfig)
    for part in (Settings, *sections, StreamConfig, Waiting, Rhythm, ModelConfig, ContestConfig, Drift):
        for name, field in part.model_fields.items():
            assert re.search(rf"\b{field.alias or name}\b", text), name


# Secrets


def test_the_snapshot_key_is_refused_in_the_file_and_not_repeated() -> None:
    [said] = mistakes(f'{STREAM}[secrets]\nsnapshot_key = "{KEY}"\n')
    assert said.startswith("driftline.toml:7: secrets.snapshot_key: a secret does not belong in this file: set ")
    assert KEY not in said
    [said] = mistakes(f'{STREAM}[secrets]\nsnapshot_key = "x"\n', {SNAPSHOT_KEY: KEY})
    assert said.startswith("driftline.toml:7: ")


def test_a_short_key_is_refused_and_not_repeated() -> None:
    assert mistakes(environ={SNAPSHOT_KEY: "hunter2"}) == [
        f"{SNAPSHOT_KEY}: secrets.snapshot_key: must have at least 16 characters"
    ]


def test_a_password_in_an_address_is_not_repeated() -> None:
    [said] = mistakes(environ={"DRIFTLINE_WEB__PORT": "redis://me:hunter2@host"})
    assert "hunter2" not in said


def test_settings_do_not_print_the_key() -> None:
    found = settings(environ={SNAPSHOT_KEY: KEY})
    assert KEY not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"
    with pytest.raises(ValidationError) as caught:
        Settings(secrets={"snapshot_key": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_the_key_of_the_environment_is_taken() -> None:
    assert snapshot_key(settings(environ={SNAPSHOT_KEY: KEY})) == KEY.encode()


def test_a_secret_file_holds_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    found = settings(f'{STREAM}[secrets]\nsnapshot_key_file = "{file}"\n')
    assert snapshot_key(found) == KEY.encode()
    file.write_text("short\n")
    with pytest.raises(ConfigError, match="at least 16 characters"):
        snapshot_key(found)
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        snapshot_key(found)


def test_with_a_redis_of_ones_own_the_key_must_be_set() -> None:
    found = settings(environ={"DRIFTLINE_REDIS__URL": "redis://h", "DRIFTLINE_DATA": "d"})
    with pytest.raises(ConfigError, match=rf"^{SNAPSHOT_KEY}: .*openssl rand -hex 32"):
        snapshot_key(found)
    assert not Path("d").exists()


def test_with_an_embedded_redis_a_key_is_made_once_for_the_user_alone() -> None:
    found = settings(environ={"DRIFTLINE_DATA": "d"})
    key = snapshot_key(found)
    assert len(key) == 64
    assert snapshot_key(found) == key
    assert stat.S_IMODE(Path("d/snapshot.key").stat().st_mode) == 0o600
    assert [path.name for path in Path("d").iterdir()] == ["snapshot.key"]
    other = settings(environ={"DRIFTLINE_DATA": "e"})
    assert snapshot_key(other) != key


def test_of_two_that_make_a_key_at_once_one_wins() -> None:
    found = settings(environ={"DRIFTLINE_DATA": "d"})
    key = snapshot_key(found)
    module._make_key(Path("d/snapshot.key"))  # the slower one, which saw no file a moment ago
    assert snapshot_key(found) == key
    assert [path.name for path in Path("d").iterdir()] == ["snapshot.key"]

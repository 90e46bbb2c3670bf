"""The command line: help, wrong use, and what needs no server."""

import json
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from driftline import __version__
from driftline.services.cli import app
from driftline.streams.events import REASONS

COMMANDS = [
    ["up"],
    ["publish"],
    ["replay"],
    ["streams"],
    ["topics"],
    ["topics", "create"],
    ["models"],
    ["models", "show"],
    ["models", "contests"],
    ["models", "versions"],
    ["models", "rollback"],
    ["answers"],
    ["worker"],
    ["checkpoint", "list"],
    ["checkpoint", "verify"],
    ["dead-letters", "list"],
    ["dead-letters", "replay"],
    ["config", "show"],
    ["config", "check"],
    ["doctor"],
]
NOWHERE = {"DRIFTLINE_KAFKA__BROKERS": "127.0.0.1:9", "DRIFTLINE_REDIS__URL": "redis://127.0.0.1:9/0"}
KEY = {"DRIFTLINE_SECRETS__SNAPSHOT_KEY": "a key for tests, and for nothing else"}


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No settings from outside, and no `driftline up` beside us."""
    monkeypatch.setenv("DRIFTLINE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("DRIFTLINE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments, env=None, stdin=None):
    return CliRunner().invoke(app, list(arguments), env=env, input=stdin)


def event(n: int, **more) -> str:
    return json.dumps({"id": f"e{n}", "at": 1_700_000_000.0 + n, "sensor": "s1", "x": {"a": n % 2}, **more})


def label(n: int, y: bool) -> str:
    return json.dumps({"of": f"e{n}", "at": 1_700_000_000.5 + n, "y": y})


LINES = "\n".join(line for n in range(60) for line in (event(n), label(n, n % 2 == 0))) + "\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_examples(command):
    said = run(*command, "--help")
    assert said.exit_code == 0
    # The examples are runnable lines of this very command.
    assert re.search(rf"driftline {' '.join(command[:1])}\b", said.output.partition("For example")[2]), said.output


def test_every_command_is_listed_and_tested_here():
    listed = {command.name or command.callback.__name__ for command in app.registered_commands}
    listed |= {group.name for group in app.registered_groups}
    assert listed - {"demo"} == {command[0] for command in COMMANDS}


def test_the_version():
    assert run("--version").output == f"driftline {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["publish"],
        ["publish", "--from", "yeast", "--file", "x.jsonl"],
        ["publish", "--from", "weather"],
        ["publish", "--from", "host", "--delay", "3", "--print"],
        ["publish", "--from", "shuttle", "--drift-at", "3", "--print"],
        ["publish", "--from", "shuttle", "--stream", "nowhere", "--print"],
        ["replay"],
        ["replay", "x.jsonl", "--verify", "sensors"],
        ["topics", "--schema", "Nonsense"],
        ["dead-letters", "list", "--reason", "nonsense"],
        ["dead-letters", "replay", "--id", "t/0/1", "--value", "{}", "--edit"],
        ["up", "--broker", "rabbit"],
        ["answers"],
        ["answers", "clicks", "--deadline", "-1"],
        ["models", "rollback", "clicks"],
        ["config", "check", "--config", "missing.toml"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_code_2(arguments):
    said = run(*arguments)
    assert said.exit_code == 2, said.output
    assert "Traceback" not in said.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["streams"],
        ["worker"],
        ["answers", "clicks"],
        ["models", "versions", "clicks", "deep"],
        ["models", "rollback", "clicks", "deep"],
        ["publish", "--from", "yeast"],
        ["replay", "--from-topic", "sensors"],
        ["replay", "--verify", "sensors"],
        ["topics"],
        ["models", "show", "sensors", "tree"],
        ["checkpoint", "list"],
        ["dead-letters", "list"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_without_servers_it_is_exit_code_3_and_a_sentence(arguments):
    said = run(*arguments)
    assert said.exit_code == 3
    assert isinstance(said.exception, SystemExit)
    assert "configured" in said.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--from-topic", "nowhere"],
        ["replay", "--verify", "nowhere"],
        ["checkpoint", "list", "--stream", "nowhere"],
        ["dead-letters", "list", "--stream", "nowhere"],
        ["answers", "nowhere"],
        ["worker", "--stream", "nowhere"],
        ["models", "versions", "nowhere", "deep"],
        ["models", "rollback", "nowhere", "deep"],
    ],
    ids=" ".join,
)
def test_a_stream_that_is_not_configured_is_told_with_those_that_are(arguments):
    said = run(*arguments, env=NOWHERE | KEY)
    assert said.exit_code == 2, said.output
    assert "no stream 'nowhere' is configured: name one of clicks, flow, " in " ".join(said.output.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["answers", "clicks"],
        ["worker"],
        ["models", "versions", "clicks", "deep"],
        ["models", "rollback", "clicks", "deep"],
    ],
    ids=" ".join,
)
def test_where_no_heavy_model_is_configured_that_is_told(arguments):
    said = run(*arguments, env=NOWHERE | KEY)
    assert said.exit_code == 2, said.output
    assert re.search("(has|are:) none|it has none", " ".join(said.output.split())), said.output


@pytest.mark.parametrize("arguments", [["checkpoint", "verify"], ["models", "show", "sensors", "tree"]], ids=" ".join)
def test_a_redis_that_is_down_is_exit_code_3(arguments):
    said = run(*arguments, env=NOWHERE | KEY)
    assert said.exit_code == 3
    assert "Redis cannot be re" in said.output


@pytest.mark.parametrize("arguments", [["topics"], ["publish", "--from", "yeast"]], ids=" ".join)
def test_a_broker_that_is_down_is_exit_code_3(arguments):
    said = run(*arguments, env=NOWHERE | KEY)
    assert said.exit_code == 3, said.output
    assert "no broker answers" in said.output


def test_a_redis_without_a_snapshot_key_is_a_mistake_of_the_settings():
    said = run("streams", env=NOWHERE)
    assert said.exit_code == 2
    assert "DRIFTLINE_SECRETS__SNAPSHOT_KEY" in said.output


def test_the_shipped_configuration_has_no_mistake():
    said = run("config", "check")
    assert said.exit_code == 0
    assert "no mistake" in " ".join(said.output.split())


def test_config_show_names_where_a_value_came_from():
    said = run("config", "show", "--json", env={"DRIFTLINE_WEB__PORT": "8081"})
    [row] = [row for row in json.loads(said.output) if row["name"] == "web.port"]
    assert row == {
        "name": "web.port",
        "value": 8081,
        "origin": {"kind": "environment", "name": "DRIFTLINE_WEB__PORT", "line": None},
    }


def test_the_schema_of_a_message_and_the_document_are_json():
    assert set(json.loads(run("topics", "--schema", "LabelEvent").output)["required"]) == {"of", "at", "y"}
    assert json.loads(run("topics", "--asyncapi").output)["asyncapi"].startswith("3.")


def test_models_lists_registry_and_configuration():
    said = json.loads(run("models", "--json").output)
    assert said["registry"]["naive"]["task"] == "forecast"
    assert {(row["stream"], row["model"]) for row in said["configured"]} >= {
        ("sensors", "tree"),
        ("yeast", "relevance"),
    }


def test_a_replay_shows_scores_beside_baselines(tmp_path):
    (tmp_path / "lines.jsonl").write_text(LINES)
    said = run("replay", "lines.jsonl", "--stream", "sensors", "--json")
    assert said.exit_code == 0, said.output
    answer = json.loads(said.output)
    assert answer["messages"] == 120
    assert answer["labels"]["sensors"]["joined"] == 60
    for row in answer["models"]:
        assert row["n"] == 60
        assert {"no_change", "majority"} <= row["baselines"].keys()
        for scores in row["baselines"].values():
            assert "accuracy" in scores
        assert row["scores"]["accuracy"] > row["baselines"]["no_change"]["accuracy"]
    for_people = run("replay", "lines.jsonl", "--stream", "sensors")
    assert "no_change" in for_people.output


def test_a_replay_writes_the_predictions_that_would_be_sent(tmp_path):
    (tmp_path / "lines.jsonl").write_text(LINES)
    run("replay", "lines.jsonl", "--stream", "sensors", "--predictions", "out.jsonl")
    made = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(made) == 120  # two models
    assert made[0]["seen"] == {"sensors": 0, "sensors.labels": 0}
    assert {one["of"] for one in made} == {f"e{n}" for n in range(60)}


def test_bad_lines_of_a_replay_become_dead_letters_and_their_neighbours_are_handled(tmp_path):
    (tmp_path / "lines.jsonl").write_text(event(0) + "\nnot json\n" + event(1, colour="red") + "\n" + event(2) + "\n")
    answer = json.loads(run("replay", "lines.jsonl", "--stream", "sensors", "--json").output)
    assert answer["dead_letters"] == {"sensors": {"json": 1, "schema": 1}}
    assert answer["predictions"] == 2 * 2
    assert set(answer["dead_letters"]["sensors"]) < set(REASONS)


def test_a_replay_over_several_lanes_spreads_the_keys(tmp_path):
    keys = [event(n, sensor=f"s{n}") for n in range(40)]
    (tmp_path / "lines.jsonl").write_text("\n".join(keys))
    answer = json.loads(run("replay", "lines.jsonl", "--stream", "sensors", "--lanes", "3", "--json").output)
    assert {row["partition"] for row in answer["models"]} == {0, 1, 2}
    assert answer["predictions"] == 80


def test_a_file_that_is_not_there_is_exit_code_1():
    for arguments in (["replay", "none.jsonl"], ["publish", "--file", "none.jsonl", "--print"]):
        said = run(*arguments)
        assert said.exit_code == 1
        assert "none.jsonl" in said.output


def test_what_publish_prints_can_be_replayed():
    printed = run("publish", "--from", "shuttle", "--limit", "30", "--print")
    assert len(printed.output.splitlines()) == 60
    command = [sys.executable, "-m", "driftline", "replay", "-", "--json"]  # a real standard input
    done = subprocess.run(command, input=printed.output, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["labels"]["sensors"]["joined"] == 30


def test_limits_count_events_and_the_drift_is_where_it_was_asked_for():
    plain = run("publish", "--from", "synthetic", "--limit", "20", "--print").output.splitlines()
    turned = run("publish", "--from", "synthetic", "--limit", "20", "--drift-at", "10", "--print").output.splitlines()

    def labels(lines):
        said = [json.loads(line)["value"] for line in lines]
        return {one["of"]: one["y"] for one in said if "of" in one}

    before, after = labels(plain), labels(turned)
    assert [before[name] == after[name] for name in before] == [True] * 10 + [False] * 10

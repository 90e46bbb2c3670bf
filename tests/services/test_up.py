"""A whole Driftline by one command: embedded servers, one streams process, watched."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request

import pytest
from live import TREE, Bench, eventually
from typer.testing import CliRunner

from driftline.services import up
from driftline.services.cli import app
from driftline.services.servers import ServerDied, ServerUnavailable
from driftline.services.settings import load

pytestmark = [pytest.mark.servers, pytest.mark.slow]

TOML = f"""
[streams.s]
kind = "sensor"
topic = "s"
[streams.s.checkpoint]
seconds = 0.5
[streams.s.models]
tree = {TREE}
"""


@pytest.fixture
def config(tmp_path, monkeypatch, elsewhere):
    path = tmp_path / "driftline.toml"
    path.write_text(TOML)
    monkeypatch.setenv("DRIFTLINE_DATA", str(tmp_path / "data"))
    return path


def stack(config, **more):
    settings = load(config, data=config.parent / "data", web={"port": 0}, kafka={"brokers": ""}, redis={"url": ""})
    return up.Stack(settings, config, broker="mesh", **more)


def test_the_command_starts_everything_and_sigterm_stops_it(config):
    at = ["--config", str(config)]
    env = {**os.environ, "DRIFTLINE_WEB__PORT": "0", "COLUMNS": "200"}
    command = [sys.executable, "-m", "driftline", "up", "--broker", "mesh", *at]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "Running" in line:
                break
        assert "in memory): it was asked for" in said
        url = re.search(r"http://\S+/metrics", said)[0]
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert b"driftline_lane_held" in answer.read()
        # A command beside it finds it without being told addresses.
        beside = CliRunner().invoke(app, ["publish", "--from", "shuttle", "--stream", "s", "--limit", "50", *at])
        assert beside.exit_code == 0, beside.output
        assert "50 events and 50 labels" in beside.output

        def judged():
            answer = CliRunner().invoke(app, ["models", "show", "s", "tree", "--json", *at])
            return answer.exit_code == 0 and sum(lane["n"] for lane in json.loads(answer.output)["lanes"]) == 50

        eventually(judged, "the labels learnt")
        listed = CliRunner().invoke(app, ["topics", "--json", *at])
        [events] = [topic for topic in json.loads(listed.output)["topics"] if topic["carries"] == "events"]
        assert events["records"] == 50
        healthy = CliRunner().invoke(app, ["doctor", *at])
        assert healthy.exit_code == 0, healthy.output
        # Two that share a folder would spoil each other's files.
        second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert second.returncode == 3
        assert "another `driftline up`" in second.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    alone = CliRunner().invoke(app, ["topics", *at])
    assert alone.exit_code == 3


def test_a_streams_process_that_dies_is_started_again(config):
    with stack(config) as running:
        stopping, told = threading.Event(), []
        watch = threading.Thread(target=running.supervise, args=(stopping, told.append))
        watch.start()
        first = running.streams_pid
        os.kill(first, signal.SIGKILL)
        eventually(lambda: running.restarts == 1 and running.running and running.is_ready(), "ready again")
        assert running.streams_pid != first
        assert len(told) == 1
        stopping.set()
        watch.join(60)
        assert not watch.is_alive()
    assert not running.running
    assert not running.broker.running
    assert not running.redis.running


def test_one_that_dies_again_and_again_is_given_up(config, monkeypatch):
    monkeypatch.setattr(up, "RESTARTS", 1)
    with stack(config) as running:
        told = []

        def die(said):
            told.append(said)

        # From now on it cannot start: its failpoint lets it die at once.
        running._child.env |= {"DRIFTLINE_FAILPOINT": "acquire.before"}
        running.kill_streams()
        with pytest.raises(ServerDied, match="died 2 times in a row"):
            running.supervise(threading.Event(), die)
        assert len(told) == 1


def test_configured_servers_are_used_and_left_alone(tmp_path, broker, redis_url):
    bench = Bench(tmp_path, broker, redis_url)
    with bench.stack() as running:
        assert running.broker is None
        assert running.redis is None
        assert running.settings.kafka.brokers == broker.bootstrap
        assert bench.name in running.created
        said = json.loads(bench.run("doctor", "--json").output)
        assert {check["name"]: check["status"] for check in said if check["name"] in ("broker", "topics", "redis")} == {
            "broker": "ok",
            "topics": "ok",
            "redis": "ok",
        }
    assert broker.running


def test_a_taken_port_is_said_before_anything_hides_it(config):
    first = stack(config)
    with first:
        settings = first.settings
        second = load(
            config,
            data=config.parent / "other",
            web={"port": settings.web.port},
            kafka={"brokers": settings.kafka.brokers},
            redis={"url": settings.redis.url},
            secrets={"snapshot_key": "a key for tests, and for nothing else"},
        )
        with pytest.raises(ServerUnavailable, match=rf"port {settings.web.port} is taken"):
            up.Stack(second, config).start()

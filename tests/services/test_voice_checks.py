import asyncio
import threading

import pytest
from aiohttp import web
from live import KEY

from driftline.models.forecasting import fracast
from driftline.services.servers.process import free_port
from driftline.services.settings import load
from driftline.services.voice_checks import voices

CONFIG = """
[streams.s]
kind = "sensor"
topic = "s"
[streams.s.models.m]
class = "sages:Sage"
task = "forecast"
per = "key"
target = "a"
[streams.s.models.m.voices.v]
"""


def checks(tmp_path, voice):
    path = tmp_path / "driftline.toml"
    path.write_text(CONFIG + voice)
    settings = load(
        path, kafka={"brokers": "127.0.0.1:1"}, redis={"url": "redis://127.0.0.1:1"}, secrets={"snapshot_key": KEY}
    )
    return list(voices(settings))


@pytest.fixture
def answering():
    """A server that answers with the status at the end of its address."""
    port, up, loop = free_port(), threading.Event(), asyncio.new_event_loop()

    async def status(request):
        code = int(request.path.split("/")[1])
        return web.Response(status=code, headers={"Location": "http://127.0.0.1:1/"} if code == 302 else {})

    async def serve():
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", status)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        up.set()

    def run():
        loop.run_until_complete(serve())
        loop.run_forever()

    threading.Thread(target=run, daemon=True).start()
    assert up.wait(10)
    yield f"http://127.0.0.1:{port}"
    loop.call_soon_threadsafe(loop.stop)


@pytest.mark.parametrize(("code", "status"), [(200, "ok"), (404, "ok"), (302, "ok"), (401, "warn"), (403, "warn")])
def test_a_server_that_answers_is_there_and_one_that_refuses_wants_a_key(tmp_path, answering, code, status):
    (check,) = checks(tmp_path, f'kind = "chat"\nmodel = "m"\nbase_url = "{answering}/{code}"')
    assert (check.name, check.status) == ("voice s/m/v", status)
    assert str(code) in check.found
    assert ("api_key" in check.do) == (status == "warn")


def test_a_server_that_is_not_there_is_a_warning_for_a_voice_may_be_absent(tmp_path):
    (check,) = checks(tmp_path, f'kind = "chat"\nmodel = "m"\nbase_url = "http://127.0.0.1:{free_port()}"')
    assert check.status == "warn"
    assert "base_url" in check.do


def test_fracast_is_where_it_is_installed(tmp_path, monkeypatch):
    for there, status in ((True, "ok"), (False, "warn")):
        monkeypatch.setattr(fracast, "available", lambda there=there: there)
        (check,) = checks(tmp_path, 'kind = "fracast"')
        assert check.status == status


def test_a_program_of_the_users_own_is_not_looked_for(tmp_path):
    assert [check.status for check in checks(tmp_path, 'kind = "other"')] == ["ok"]

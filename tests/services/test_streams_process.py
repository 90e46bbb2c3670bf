"""What stands around the runner."""

import asyncio
import threading

import pytest

from driftline.services import streams_process
from driftline.services.streams_process import Watch
from driftline.streams.store import Unavailable


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(streams_process, "PING_SECONDS", 0.01)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


@pytest.mark.usefixtures("often")
def test_a_watch_says_why_a_server_is_away_and_that_it_is_back():
    away = threading.Event()

    def ping():
        if away.is_set():
            raise Unavailable("nobody there")

    async def life():
        watch = Watch(ping)
        said = [watch.trouble]
        async with watch:
            await until(lambda: watch.trouble is None)
            away.set()
            await until(lambda: watch.trouble is not None)
            said.append(watch.trouble)
            away.clear()
            await until(lambda: watch.trouble is None)
        return said

    assert asyncio.run(asyncio.wait_for(life(), 60)) == ["not asked yet", "nobody there"]

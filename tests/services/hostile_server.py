"""An OpenAI-compatible server in this process that misbehaves as it is told."""

import asyncio
import json
from contextlib import asynccontextmanager

from aiohttp import web

from driftline.services.servers import free_port


class HostileServer:
    """Serves `/v1/chat/completions`; `behaviour` is called with each request's body and makes the response."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.bodies = []
        self.headers = []
        self.other_paths = []
        self.at_once = self.most_at_once = 0
        self.port = free_port()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, request):
        if request.path != "/v1/chat/completions":
            self.other_paths.append(request.path)
            return web.json_response(completion("1 2 3 4"))
        body = await request.json()
        self.bodies.append(body)
        self.headers.append(request.headers)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.behaviour(body, request)
        finally:
            self.at_once -= 1


def completion(text, **more):
    return {"choices": [{"message": {"role": "assistant", "content": text}}], **more}


@asynccontextmanager
async def served(behaviour):
    server = HostileServer(behaviour)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", server.port).start()
    try:
        yield server
    finally:
        await runner.cleanup()


def says(*texts, **more):
    """Answer with these texts in turn, the last one for ever."""
    left = list(texts)

    async def behaviour(body, request):
        text = left.pop(0) if len(left) > 1 else left[0]
        return web.json_response(completion(text, **more))

    return behaviour


def status(*codes, headers=None, then="1 2 3 4"):
    """Answer with these statuses in turn, and then well."""
    left = list(codes)

    async def behaviour(body, request):
        if left:
            return web.Response(status=left.pop(0), text="no", headers=headers)
        return web.json_response(completion(then))

    return behaviour


def raw(body, **more):
    async def behaviour(_, request):
        return web.Response(body=body, content_type="application/json", **more)

    return behaviour


def slow(seconds, then="1 2 3 4"):
    async def behaviour(body, request):
        await asyncio.sleep(seconds)
        return web.json_response(completion(then))

    return behaviour


def endless(part, pause=0.0):
    """Begin a completion and never end it."""

    async def behaviour(body, request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"choices": [{"message": {"content": "')
        while True:
            await response.write(part)
            await asyncio.sleep(pause)

    return behaviour


async def hangs_up(body, request):
    request.transport.abort()
    return web.Response()


def as_json(value):
    return json.dumps(value).encode()

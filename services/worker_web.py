"""The side worker's port: `/metrics`, `/livez`, `/readyz`."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from driftline.services.side_process import Side

log = logging.getLogger("driftline.worker")


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no news."""


class Web:
    """A small server in a thread of its own."""

    def __init__(self, host: str, port: int, page: Callable[[str], tuple[int, str, bytes]]):
        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            status, kind, body = page(environ["PATH_INFO"])
            start(f"{status} {'OK' if status == 200 else 'Not OK'}", [("Content-Type", kind)])
            return [body]

        self._server = make_server(host, port, answer, handler_class=_Quiet)
        self.port = int(self._server.server_port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="web", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


def serve(worker: Side, collector: Collector) -> Web:
    """Answer for a process on the port of the settings, with these metrics beside those of the process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(collector)

    def page(path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(registry)
        if path == "/livez":
            return 200, "application/json", json.dumps({"alive": True, "turns": worker.turns}).encode()
        if path == "/readyz":
            trouble = worker.trouble
            said = {"ready": trouble is None, "troubles": {"worker": trouble} if trouble else {}}
            return 503 if trouble else 200, "application/json", json.dumps(said).encode()
        return 404, "text/plain", b"there are /metrics, /livez and /readyz\n"

    web = Web(worker.settings.worker.host, worker.settings.worker.port, page)
    log.info("web port %d on %s", web.port, worker.settings.worker.host)
    return web

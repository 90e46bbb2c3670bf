"""A language model on a loopback port from the command line, until Ctrl-C.

    python -m driftline.services.servers.language_model --port 8080 --model llama-3.2-1b.gguf

A voice asks it with `kind = "chat"`, `base_url = "http://127.0.0.1:8080/v1"` and `grammar = "gbnf"`.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from driftline.services.servers.language_model_server import bundled_model
from driftline.services.servers.process import HOST, ServerError, ServerUnavailable, port_is_free

CACHE_MIB = 256
"""Memory for what was computed of earlier prompts; the library's own bound is 8 GiB."""


def main(
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1.", min=1, max=65535)] = 8080,
    model: Annotated[
        Path | None, typer.Option(help="The weights (GGUF); those of SmolLM2-135M if none are given.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads that compute, no more than idle cores.", min=1)] = 1,
    context: Annotated[int, typer.Option(help="The most tokens of a prompt and its answer.", min=256)] = 4_096,
) -> None:
    """Serve a language model on this machine until Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        server = _serve(port, model or bundled_model(), threads, context)
        typer.echo(f"the language model listens on {server.listening_address}/v1; Ctrl-C ends it")
        signal.pause()
    except ServerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from None  # a dependency is unavailable


def _serve(port: int, model: Path, threads: int, context: int):  # type: ignore[no-untyped-def]
    """Load the weights and begin to serve; it ends with what is returned."""
    try:
        import xllamacpp
    except ImportError:
        raise ServerUnavailable("no language model server: `pip install 'driftline[llm]'` brings one") from None
    if not model.is_file():
        raise ServerUnavailable(f"no weights at {model}")
    if not port_is_free(port):
        raise ServerUnavailable(f"the language model cannot listen on {HOST}:{port}: the port is taken")
    options = xllamacpp.CommonParams()
    options.model.path = str(model)
    options.hostnames, options.port = [HOST], port
    options.offline, options.ui = True, False
    options.n_ctx, options.n_parallel = context, 1
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = threads
    options.n_threads_http = 2
    options.cache_ram_mib = CACHE_MIB
    return xllamacpp.Server(options)


if __name__ == "__main__":
    typer.run(main)

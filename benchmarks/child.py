"""Work in a process of its own, so that what it holds and whether it ends is its own matter."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class Failed(RuntimeError):
    """A cell that ended without a result."""


def in_child(what: str, work: Callable[..., Any], *given: Any) -> Any:
    """Return what `work(*given)` returns in a forked process. Raises `Failed` where it ends without that.

    >>> in_child("a sum", sum, [1, 2])
    3
    """
    context = multiprocessing.get_context("fork")  # what is imported and compiled is there already
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, work, given), daemon=True)
    process.start()
    theirs.close()
    try:
        found = (ours.recv(),)
    except EOFError:
        found = None
    process.join()
    if found is None:
        raise Failed(f"{what}: ended with status {process.exitcode}")
    return found[0]


def _send(out: Connection, work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    out.send(work(*given))
    out.close()

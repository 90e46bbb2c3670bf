"""How much memory a process has to itself."""

import ctypes
from pathlib import Path


def give_back() -> None:
    """Return freed memory to the system, where the C library can: a cell must not grow into what others left."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def anonymous() -> int:
    """Return this process's anonymous resident bytes: its own memory, without files and libraries."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    raise OSError("no RssAnon in /proc/self/status: memory can be read on Linux only")

"""Compiled code of exactly these sources; imported for that before numba.

Numba keeps what it has compiled by the file of each function, and does not see when a function that it calls, in
another file, has changed: a benchmark would then measure code that is no more. So each state of the models has a folder
of its own.
"""

import os
import tempfile
from hashlib import blake2b
from pathlib import Path

_MODELS = Path(__file__).resolve().parents[1] / "models"


def digest() -> str:
    """Return what changes with any source of the models."""
    found = blake2b(digest_size=8)
    for path in sorted(_MODELS.rglob("*.py")):
        found.update(str(path.relative_to(_MODELS)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"driftline-numba-{digest()}"))

"""Text hashes must not differ between processes: the state of some estimators follows the order of a set.

River's k-means and CluStream, among others, learn otherwise under another `PYTHONHASHSEED`. A lane that is taken over,
or replayed, must come out the same, so every process that runs lanes runs under one seed. That makes hashes
predictable; messages are bounded in size and in features, which bounds what crafted collisions could cost.
"""

from __future__ import annotations

import os
import sys

SEED = "0"


def fix_hash_seed() -> None:
    """Start this program again under the one seed, unless it runs under it already."""
    if os.environ.get("PYTHONHASHSEED") != SEED:
        os.environ["PYTHONHASHSEED"] = SEED
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves again, no shell

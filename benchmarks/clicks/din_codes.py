"""Events with histories as the whole numbers that DIN reads."""

from collections.abc import Sequence

import numpy as np

from driftline.models.clicks.click_rows import hashed
from driftline.models.heavy import Shown


def codes(rows: Sequence[Shown], names: Sequence[str], item: Sequence[str], length: int) -> tuple[dict, dict]:
    """Return features by name, (n,) each, and the item's features of the clicks before each event, (n, length) each.

    Numbers count from 1, in the order in which values are met; the clicks stand oldest first, then zeros.
    """
    known: dict[str, dict[object, int]] = {name: {} for name in names}
    found = {name: np.zeros(len(rows), np.int64) for name in names}
    for i, row in enumerate(rows):
        for name in names:
            found[name][i] = known[name].setdefault(row.x.get(name), len(known[name]) + 1)
    of_token = {hashed("item", str(row.x["item"])): [found[name][i] for name in item] for i, row in enumerate(rows)}
    past = {name: np.zeros((len(rows), length), np.int64) for name in item}
    for i, row in enumerate(rows):
        newest = row.history[:length].tolist()[::-1]
        for j, token in enumerate(newest):
            for name, code in zip(item, of_token[token], strict=True):
                past[name][i, j] = code
    return found, past

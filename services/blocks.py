"""Numbers as a chart of block characters, for terminals."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

BLOCKS = " ▁▂▃▄▅▆▇█"
MISSING = "·"


def chart(values: Iterable[float], low: float, high: float, height: int) -> list[str]:
    """Return lines of text, the uppermost first, with a column for each value; a dot stands for a missing one.

    Parameters
    ----------
    values
        What is drawn; nan is a missing one.
    low, high
        What stands at the lower and at the upper edge; values beyond are drawn at the edge.
    height
        Lines, at least 1.

    >>> chart((0.0, 4.0, 8.0, float("nan"), 16.0), 0.0, 16.0, 2)
    ['    █', ' ▄█·█']
    """
    steps = len(BLOCKS) - 1
    span = high - low if high > low else 1.0
    lines = [""] * height
    for value in values:
        if isfinite(value):
            share = min(max((value - low) / span, 0.0), 1.0)
            # What is at the lower edge is still seen, unless it is nothing.
            full = max(round(share * height * steps), int(value != 0.0))
            for place in range(height):
                lines[height - 1 - place] += BLOCKS[min(max(full - place * steps, 0), steps)]
        else:
            for place in range(height):
                lines[place] += MISSING if place == height - 1 else " "
    return lines


def bar(share: float, width: int) -> str:
    """Return a bar for a share in [0, 1], at most `width` characters long.

    >>> bar(0.5, 4), bar(0.03, 4), bar(0.0, 4)
    ('██', '▏', '')
    """
    eighths = max(round(share * width * 8), int(share > 0.0))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]

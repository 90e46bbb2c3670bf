"""What models say of a parameter that is out of its range: its name, the range, and what was given.

Each raises `ValueError` for the first parameter that does not fit; one that is not a number fits no range.
"""

import math


def at_least(least: int, **parameters: int) -> None:
    """Check counts.

    >>> at_least(1, lags=0)
    Traceback (most recent call last):
    ...
    ValueError: lags must be at least 1, got 0
    """
    for name, value in parameters.items():
        if not value >= least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def within(interval: str, **parameters: float) -> None:
    """Check numbers against an interval as it is written: with a square bracket its end belongs to it.

    >>> within("(0, 1]", alpha=1.0, damping=0.5)
    >>> within("(0, 1]", alpha=0.0)
    Traceback (most recent call last):
    ...
    ValueError: alpha must be in (0, 1], got 0.0
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    for name, value in parameters.items():
        above = low < value if interval[0] == "(" else low <= value
        below = value < high if interval[-1] == ")" else value <= high
        if not (above and below):
            raise ValueError(f"{name} must be in {interval}, got {value}")


def positive(**parameters: float) -> None:
    """Check numbers that must be above 0 and finite.

    >>> positive(tolerance=float("inf"))
    Traceback (most recent call last):
    ...
    ValueError: tolerance must be above 0 and finite, got inf
    """
    for name, value in parameters.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {value}")


def season_or_none(season: int) -> None:
    """Check how many values make a season, where 0 stands for none.

    >>> season_or_none(0)
    >>> season_or_none(1)
    Traceback (most recent call last):
    ...
    ValueError: season must be 0 (none) or at least 2, got 1
    """
    if season < 0 or season == 1:
        raise ValueError(f"season must be 0 (none) or at least 2, got {season}")

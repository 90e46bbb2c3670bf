"""Who forecasts: the rows of all tables."""

from enum import StrEnum


class Row(StrEnum):
    """The rows, in the order of all tables."""

    LAST = "last-value"
    DAY = "snday"
    WEEK = "snweek"
    WEEK_MEAN = "week-mean"
    HOLT_WINTERS = "river-hw"
    HOLT_WINTERS_SEASON = "river-hw-season"
    SNARIMAX = "river-snarimax"
    ETS = "auto-ets"
    THETA = "theta"
    MSTL = "mstl"
    FRACAST = "fracast"
    WITHOUT = "ours-without"
    WITHOUT_NOISE = "ours-without-noise"
    WITHOUT_COPY = "ours-without-copy"
    HEARD = "ours-heard"
    NOISE = "ours-noise"
    COPY = "ours-copy"
    OURS = "ours"

    @property
    def title(self) -> str:
        """How tables name it."""
        return TITLES[self]


TITLES = {
    Row.LAST: "last value",
    Row.DAY: "seasonal naive, day",
    Row.WEEK: "seasonal naive, week",
    Row.WEEK_MEAN: "mean of 7 days by hour",
    Row.HOLT_WINTERS: "River HoltWinters, no season",
    Row.HOLT_WINTERS_SEASON: "River HoltWinters, season",
    Row.SNARIMAX: "River SNARIMAX",
    Row.ETS: "AutoETS",
    Row.THETA: "DynamicOptimizedTheta",
    Row.MSTL: "MSTL",
    Row.FRACAST: "Fracast alone",
    Row.WITHOUT: "ours, no Fracast",
    Row.WITHOUT_NOISE: "ours, no Fracast, hostile voice: noise",
    Row.WITHOUT_COPY: "ours, no Fracast, hostile voice: copy",
    Row.HEARD: "ours, Fracast heard as a voice",
    Row.NOISE: "ours, Fracast and a hostile voice: noise",
    Row.COPY: "ours, Fracast and a hostile voice: copy",
    Row.OURS: "**ours, defaults**",
}
TRIVIAL = (Row.LAST, Row.DAY, Row.WEEK, Row.WEEK_MEAN)
RIVER = (Row.HOLT_WINTERS, Row.HOLT_WINTERS_SEASON, Row.SNARIMAX)
STATS = (Row.ETS, Row.THETA, Row.MSTL)
OURS = (Row.WITHOUT, Row.WITHOUT_NOISE, Row.WITHOUT_COPY, Row.HEARD, Row.NOISE, Row.COPY, Row.OURS)
HEARS = (Row.HEARD, Row.NOISE, Row.COPY)
"""Rows that hear Fracast as a voice from outside."""
HOSTILE = {
    Row.WITHOUT_NOISE: Row.WITHOUT,
    Row.WITHOUT_COPY: Row.WITHOUT,
    Row.NOISE: Row.HEARD,
    Row.COPY: Row.HEARD,
}
"""Rows with a hostile voice, and the same without it."""

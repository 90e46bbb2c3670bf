"""Mean absolute errors of a prototype's protocol: where they come out again, it is the same."""

from benchmarks.traffic.contestants import Row
from benchmarks.traffic.worlds import World

ANCHORS: dict[tuple[World, Row], float] = {
    (World.MILAN_STEP, Row.LAST): 24.42,
    (World.MILAN_STEP, Row.DAY): 42.27,
    (World.MILAN_STEP, Row.WEEK): 42.77,
    (World.MILAN_STEP, Row.HOLT_WINTERS): 22.66,
    (World.MILAN_STEP, Row.HOLT_WINTERS_SEASON): 27.15,
    (World.MILAN_STEP, Row.SNARIMAX): 24.80,
    (World.MILAN_DAY, Row.DAY): 206.3,
    (World.MILAN_DAY, Row.WEEK): 183.2,
    (World.MILAN_DAY, Row.WEEK_MEAN): 171.2,
    (World.MILAN_DAY, Row.ETS): 267.4,
    (World.MILAN_DAY, Row.THETA): 184.0,
    (World.MILAN_DAY, Row.MSTL): 170.4,
    (World.MILAN_DAY, Row.FRACAST): 151.2,
}
"""What a prototype's protocol gave; SNARIMAX with a regression that is not known."""
PROTOTYPE = {World.MILAN_DAY: 149.9, World.MILAN_STEP: 22.39}
"""The prototype's own, the bars of ours: a mix with Fracast, and an autoregression."""

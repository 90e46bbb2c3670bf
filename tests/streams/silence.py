"""Lanes in which silence means no, for the tests of it."""

from lanes import START, event, lane

WINDOW = {"max_count": 50, "max_age_seconds": 100, "negative_after_seconds": 20}
"""Cells of a second: the grid is as fine as the events here."""


def desk_of(models=None, **waiting):
    return lane(models, waiting={**WINDOW, **waiting})


def taught(desk):
    return desk.slots[0].model.taught


def sent(desk):
    outs, desk.outbox = desk.outbox, []
    return outs


def moved(desk, seconds, offset):
    """Move the watermark to so many seconds after the start, by an event."""
    return desk.handle([event(offset, f"clock{offset}", at=START + seconds)])


def timed_out(**waiting):
    desk = desk_of(**waiting)
    desk.handle([event(0, a=7.0)])
    moved(desk, 20, 1)
    return desk

"""Cells of traffic in arrays: what each has seen, said and been told, and the one step that all of them take."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.forecasting import conformal, experts, far_opinions, feedback_memory, more_rounds
from driftline.models.forecasting.conformal import Bands
from driftline.models.forecasting.experts import Learnt
from driftline.models.forecasting.feedback_memory import Memory
from driftline.models.forecasting.leads import Plan
from driftline.models.forecasting.winsor import mean_within
from driftline.models.held import hold

FIRST, REFINED, LOW, HIGH, MIXED = range(5)
"""The rows of an answer; the last is the mean of the experts, before further rounds."""
ROWS = 5
PACE_NEXT, PACE = 0.02, 0.15
"""How fast intervals follow their misses: judged at each step, and in each window."""
OUT = 0.05
"""A share of the experts that cannot pull the others along."""
_GREATEST = 1e38


class Cells(NamedTuple):
    """Of n cells, with G experts and V voices among them, W windows and J judged leads."""

    history: Array
    """(n, held) value t lies at t % held; a missing one is what was expected."""
    missing: Array
    """(n, held) bool."""
    seen: Array
    """(n,) int64 values that have come, missing ones too."""
    least: Array
    """(n,) the least of them, and 0."""
    learnt: Learnt
    memory: Memory
    bands: Bands
    next: Array
    """(n, G) what each expert says of the next value."""
    answer: Array
    """(n, ROWS) what was answered of it."""
    opened: Array
    """(n, W) int64 how many values had come when a window began; -1 for none."""
    base: Array
    """(n, W) the last value then."""
    said: Array
    """(n, W, G + ROWS, J) float32 experts' forecasts and answers, less the base; nan where none was."""
    spoken: Array
    """(n, V, horizon + rhythm) the newest forecast of each voice."""
    asked: Array
    """(n, V) int64 how many values had come before the first that it speaks of."""


def make(n: int, plan: Plan, voices: int) -> Cells:
    """Return cells that have seen nothing."""
    count, ranges = experts.COUNT + voices, len(plan.ends)
    windows = _apart(plan) * (1 if plan.rounds == 1 else more_rounds.PAST) + 1
    return Cells(
        history=np.zeros((n, plan.held)),
        missing=np.zeros((n, plan.held), bool),
        seen=np.zeros(n, np.int64),
        least=np.zeros(n),
        learnt=experts.make(n, plan.season),
        memory=feedback_memory.make(n, ranges, count),
        bands=conformal.make(n, ranges, plan.season),
        next=np.zeros((n, count)),
        answer=np.zeros((n, ROWS)) + np.array([0.0, 0.0, np.nan, np.nan, 0.0]),
        opened=np.full((n, windows), -1),
        base=np.zeros((n, windows)),
        said=np.full((n, windows, count + ROWS, len(plan.leads)), np.nan, np.float32),
        spoken=np.full((n, voices, plan.horizon + plan.rhythm), np.nan),
        asked=np.full((n, voices), -1),
    )


@njit(cache=True)
def _apart(plan):  # type: ignore[no-untyped-def]
    """Return after how many windows one begins that does not overlap."""
    return -(-plan.horizon // plan.rhythm)


@njit(cache=True)
def hold_cells(cells, plan):  # type: ignore[no-untyped-def]
    """Hold all arrays for the functions below."""
    return hold((cells, plan))


@njit(cache=True)
def learn(held, ys):  # type: ignore[no-untyped-def]
    """Judge what was said of the values (n,), and learn them; nan is a missing one."""
    cells, plan = held.value
    for c in range(len(ys)):
        n, y = cells.seen[c], ys[c]
        came = y == y
        if came:
            _judge_next(cells, plan, c, y)
        else:
            y = cells.answer[c, REFINED]
        past = _past(cells, c)
        if came:
            experts.learn(cells.learnt, c, past, plan.back, plan.season, y, n)
            cells.least[c] = min(cells.least[c], y)
        at = n % plan.held
        cells.history[c, at], cells.missing[c, at] = y, not came
        cells.seen[c] = n + 1
        _judge_windows(cells, plan, c)


@njit(cache=True)
def look_ahead(held):  # type: ignore[no-untyped-def]
    """Answer for the next value, and for a window where one begins."""
    cells, plan = held.value
    count = cells.next.shape[1]
    for c in range(len(cells.seen)):
        past = _past(cells, c)
        spoken = _shifted(cells, c, plan.horizon)
        if cells.seen[c] % plan.rhythm == 0:
            said, answer = _forecast(cells, plan, c, past, spoken)
            w = (cells.seen[c] // plan.rhythm) % cells.opened.shape[1]
            base = past[len(past) - 1]
            cells.opened[c, w], cells.base[c, w] = cells.seen[c], base
            for j in range(len(plan.leads)):
                lead = plan.leads[j] - 1
                for g in range(count):
                    cells.said[c, w, g, j] = _less(said[g, lead], base)
                for row in range(ROWS):
                    cells.said[c, w, count + row, j] = _less(answer[row, lead], base)
        else:
            said, answer = _forecast(cells, plan, c, past, spoken[:, :1])
        cells.next[c] = said[:, 0]
        cells.answer[c] = answer[:, 0]


@njit(cache=True)
def forecast(held, spoken, answers):  # type: ignore[no-untyped-def]
    """Write the answers (n, ROWS, leads), with what the voices say (n, V, leads)."""
    cells, plan = held.value
    for c in range(len(answers)):
        _, answers[c] = _forecast(cells, plan, c, _past(cells, c), spoken[c])


@njit(cache=True)
def weights_of(held, c, b, weights):  # type: ignore[no-untyped-def]
    """Write the weights (G,) of a cell's experts in range `b`."""
    cells, _ = held.value
    feedback_memory.weigh(cells.memory, c, b, experts.COUNT, weights)


@njit(cache=True)
def _less(value, base):  # type: ignore[no-untyped-def]
    return np.float32(min(max(value - base, -_GREATEST), _GREATEST)) if value == value else np.float32(np.nan)


@njit(cache=True)
def _past(cells, c):  # type: ignore[no-untyped-def]
    """Return the values that are remembered, the newest last."""
    held, n = cells.history.shape[1], cells.seen[c]
    if n <= held:
        return cells.history[c, :n]
    past, at = np.empty(held), n % held
    past[: held - at] = cells.history[c, at:]
    past[held - at :] = cells.history[c, :at]
    return past


@njit(cache=True)
def _shifted(cells, c, leads):  # type: ignore[no-untyped-def]
    """Return what the voices say of the values to come (V, leads): the newest forecast of each, as far as it goes."""
    voices, steps = cells.spoken.shape[1:]
    found = np.full((voices, leads), np.nan)
    for v in range(voices):
        if cells.asked[c, v] >= 0:
            gone = cells.seen[c] - cells.asked[c, v]
            for lead in range(min(leads, steps - gone)):
                found[v, lead] = cells.spoken[c, v, gone + lead]
    return found


@njit(cache=True)
def _forecast(cells, plan, c, past, spoken):  # type: ignore[no-untyped-def]
    """Return what the experts say (G, leads) and the answers (ROWS, leads)."""
    count, leads = cells.next.shape[1], spoken.shape[1]
    house = experts.COUNT
    said, answer = np.empty((count, leads)), np.empty((ROWS, leads))
    said[house:] = spoken
    n, positive = cells.seen[c], cells.least[c] >= 0.0
    experts.say(cells.learnt, c, past, plan.back, plan.season, n, positive, said)
    weights, counts, ranges, b = np.empty(count), np.empty(count), len(plan.ends), -1
    below, above = 0.0, 0.0
    shift, method = np.zeros(ranges), -1
    if plan.rounds > 1 and leads > 1:
        method = more_rounds.correct(_gaps(cells, plan, c), count, plan.starts, plan.rounds - 1, shift)
    for lead in range(leads):
        while b < 0 or (b + 1 < ranges and lead >= plan.ends[b]):
            b += 1
            feedback_memory.weigh(cells.memory, c, b, house, weights)
            below, above = conformal.sides(cells.bands, c, b, _enough(plan, b))
        first = said[experts.START, lead]
        if first != first:
            first = said[0, lead]  # at the ends of what floats hold
        for g in range(count - 1, house - 1, -1):
            if said[g, lead] == said[g, lead]:
                first = said[g, lead]
        _draw_in(cells, c, b, said[:, lead], counts)
        refined = mixed = mean_within(weights, counts, OUT)
        if b > 0 and method >= 0 and said[method, lead] == said[method, lead]:
            refined = said[method, lead]
        refined += shift[b]
        if positive and refined < 0.0:
            refined = 0.0
        unit = conformal.scale(cells.bands, c, (n + lead) % plan.season)
        low, high = refined - below * unit, refined + above * unit
        if lead >= plan.horizon:  # no forecast so far ahead is ever judged
            low = high = math.nan
        if positive and low < 0.0:
            low = 0.0
        answer[FIRST, lead], answer[REFINED, lead], answer[MIXED, lead] = first, refined, mixed
        answer[LOW, lead], answer[HIGH, lead] = low, high
    return said, answer


@njit(cache=True)
def _draw_in(cells, c, b, said, counts):  # type: ignore[no-untyped-def]
    """Write what counts (G,) of what the experts say (G,) of a lead in range `b`."""
    far_opinions.draw_in(said, said[experts.MEDIAN], cells.memory.usual[c, b], cells.memory.true[c, b], counts)


@njit(cache=True)
def _learn_far(cells, c, b, said, y, share):  # type: ignore[no-untyped-def]
    memory = cells.memory
    far_opinions.learn(said, said[experts.MEDIAN], memory.usual[c, b], memory.true[c, b], y, share * far_opinions.PACE)


@njit(cache=True)
def _gaps(cells, plan, c):  # type: ignore[no-untyped-def]
    """Return truth less forecast of the experts and of their mean on the newest judged windows, (K, G + 1, J).

    They do not overlap: what one was off by would tell of the next.
    """
    count, most = cells.next.shape[1], len(plan.leads)
    found, k = np.full((more_rounds.PAST, count + 1, most), np.nan), 0
    newest = (cells.seen[c] - plan.horizon) // plan.rhythm
    for back in range(more_rounds.PAST):
        number = newest - back * _apart(plan)
        origin, w = number * plan.rhythm, number % cells.opened.shape[1]
        if origin <= 0 or cells.opened[c, w] != origin:
            continue
        for j in range(most):
            at = (origin + plan.leads[j] - 1) % plan.held
            if not cells.missing[c, at]:
                y = float(_less(cells.history[c, at], cells.base[c, w]))
                for g in range(count):
                    found[k, g, j] = y - cells.said[c, w, g, j]
                found[k, count, j] = y - cells.said[c, w, count + MIXED, j]
        k += 1
    return found[:k]


@njit(cache=True)
def _enough(plan, b):  # type: ignore[no-untyped-def]
    """Return how many judgements an interval needs: the next value is judged at each step, so a season's."""
    return max(conformal.ENOUGH, 1.0 * plan.season) if b == 0 else conformal.ENOUGH


@njit(cache=True)
def _judge_next(cells, plan, c, y):  # type: ignore[no-untyped-def]
    n = cells.seen[c]
    if n == 0:
        return
    count, season = cells.next.shape[1], plan.season
    low, refined, high = cells.answer[c, LOW], cells.answer[c, REFINED], cells.answer[c, HIGH]
    losses, gains, counts = np.empty(count), np.empty(count), np.empty(count)
    _draw_in(cells, c, 0, cells.next[c], counts)
    for g in range(count):
        losses[g] = abs(counts[g] - y)
        gains[g] = np.sign(refined - y) * (refined - counts[g])
    _learn_far(cells, c, 0, cells.next[c], y, 1.0)
    feedback_memory.judge(cells.memory, c, 0, 1.0 / season, losses, gains)
    bands = cells.bands
    conformal.score(bands, c, 0, y - refined, conformal.scale(bands, c, n % season), 1.0)
    missed = 1.0 * (y < low or y > high) if low == low else math.nan
    conformal.settle(bands, c, 0, 1.0 / season, missed, PACE_NEXT)
    conformal.follow(bands, c, n % season, y - refined)


@njit(cache=True)
def _judge_windows(cells, plan, c):  # type: ignore[no-untyped-def]
    """Judge each window in the ranges whose last truth has come; the first range is judged at each step anyway."""
    for w in range(cells.opened.shape[1]):
        gone = cells.seen[c] - cells.opened[c, w]
        if cells.opened[c, w] >= 0:
            for b in range(1, len(plan.ends)):
                if plan.ends[b] == gone:
                    _judge_range(cells, plan, c, w, b)


@njit(cache=True)
def _judge_range(cells, plan, c, w, b):  # type: ignore[no-untyped-def]
    count = cells.next.shape[1]
    losses, gains, counts = np.zeros(count), np.zeros(count), np.empty(count)
    bands, origin, base = cells.bands, cells.opened[c, w], cells.base[c, w]
    came, given, missed = 0, 0, 0
    for j in range(plan.starts[b], plan.starts[b + 1]):
        t = origin + plan.leads[j] - 1
        if cells.missing[c, t % plan.held]:
            continue
        y = float(_less(cells.history[c, t % plan.held], base))  # rounded like what was said: equal stays equal
        said = cells.said[c, w, :, j]
        refined = float(said[count + REFINED])
        experts_said = said[:count].astype(np.float64)
        _draw_in(cells, c, b, experts_said, counts)
        for g in range(count):
            losses[g] += abs(counts[g] - y)
            gains[g] += np.sign(refined - y) * (refined - counts[g])
        _learn_far(cells, c, b, experts_said, y, 1.0 / (plan.starts[b + 1] - plan.starts[b]))
        unit = conformal.scale(bands, c, t % plan.season)
        conformal.score(bands, c, b, y - refined, unit, 1.0)
        low, high = float(said[count + LOW]), float(said[count + HIGH])
        came += 1
        if low == low:
            given += 1
            missed += y < low or y > high
    if came:
        for g in range(count):
            losses[g] /= came
            gains[g] /= came
        seasons = plan.rhythm / plan.season
        feedback_memory.judge(cells.memory, c, b, seasons, losses, gains)
        conformal.settle(bands, c, b, seasons, missed / given if given else math.nan, PACE)

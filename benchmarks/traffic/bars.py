"""How the forecaster stands beside the bars that were set for it; each line comes from what was measured."""

import numpy as np

from benchmarks.traffic import speed
from benchmarks.traffic.anchors import PROTOTYPE
from benchmarks.traffic.contestants import HOSTILE, RIVER, Row
from benchmarks.traffic.ours import ANSWERS, REFINED
from benchmarks.traffic.results import Results
from benchmarks.traffic.worlds import World

WORSE = 0.02
"""How much worse than the best single expert the refined answer may be, and than without a hostile voice."""
COVERED = 0.88, 0.92
"""Between which shares a 90 % interval is to cover."""
CORES, MINUTE = 2, 60.0


def lines(results: Results, paces: list[speed.Pace]) -> list[str]:
    """Return a line for each bar of which anything was measured."""
    told = [
        *(_prototype(results, world) for world in PROTOTYPE),
        _experts(results),
        _first(results),
        *_hostile(results),
        _covered(results),
        *_pace(paces),
    ]
    return [line for line in told if line]


def met(held: bool) -> str:
    """Return the word for it."""
    return "met" if held else "**missed**"


def _own(results: Results, world: World) -> tuple[Row, str] | None:
    """Return the row of ours that stands for a world, and how the world is named then: without Fracast at need."""
    for row, name in ((Row.OURS, world.title), (Row.WITHOUT, f"{world.title} (no Fracast)")):
        if results.of(world, row):
            return row, name
    return None


def _all(results: Results) -> list[tuple[World, Row, str]]:
    """Return all worlds with a row of ours, that row, and how they are named."""
    return [(world, *own) for world in results.worlds() if (own := _own(results, world)) is not None]


def _prototype(results: Results, world: World) -> str:
    own, bar = _own(results, world), PROTOTYPE[world]
    if own is None:
        return ""
    row, name = own
    ours = results.mean(world, row, "mae")
    told = f"1. {name}: MAE {ours:.2f}, bar {bar:g}: {met(round(ours, 2) <= bar)}"
    rivals = {rival: results.mean(world, rival, "mae") for rival in RIVER}
    known = {rival: mae for rival, mae in rivals.items() if not np.isnan(mae)}
    if known:
        best = min(known, key=known.__getitem__)
        told += f"; River's best {known[best]:.2f} ({best.title}), below it: {met(ours < known[best])}"
    alone = results.experts(world, row)
    if alone:
        best_expert, mae = best_of(alone)
        told += (
            f"; over its own windows {alone[REFINED]:.2f}, best single expert {mae:.2f} ({best_expert}), "
            f"below every one: {met(alone[REFINED] < mae)}"
        )
    return told + "."


def best_of(experts: dict[str, float]) -> tuple[str, float]:
    """Return the best single expert, in hindsight."""
    alone = {name: mae for name, mae in experts.items() if name not in ANSWERS}
    name = min(alone, key=alone.__getitem__)
    return name, alone[name]


def _experts(results: Results) -> str:
    found = {}
    for world in results.worlds():
        for row in (Row.OURS, Row.WITHOUT):
            experts = results.experts(world, row)
            if experts:
                found[f"{world.title}{'' if row is Row.OURS else ' (no Fracast)'}"] = (
                    experts[REFINED] / best_of(experts)[1] - 1.0
                )
    return _worst("2. Refined beside the best single expert in hindsight", found, WORSE)


def _first(results: Results) -> str:
    found = {}
    for world, row, name in _all(results):
        refined, first = (results.mean(world, row, measure) for measure in ("mae", "first_mae"))
        found[name] = refined / first - 1.0
    if not found:
        return ""
    mean = float(np.expm1(np.mean(np.log1p(list(found.values())))))
    worse = [f"{name} {signed(share)}" for name, share in found.items() if share > 0.0]
    told = (
        f"2. Refined beside the first answer: MAE {signed(mean)} on average over worlds, bar +0.0 %: {met(mean < 0.0)}"
    )
    return f"{told}; {signed(min(found.values()))} at best{'; worse: ' + ', '.join(worse) if worse else ''}."


def _hostile(results: Results) -> list[str]:
    told = []
    for row, without in HOSTILE.items():
        found = {}
        for world in results.worlds():
            bad, good = (results.mean(world, one, "mae") for one in (row, without))
            if not np.isnan(bad / good):
                found[world.title] = bad / good - 1.0
        told.append(_worst(f"3. {row.title[0].upper()}{row.title[1:]}, beside the same without", found, WORSE))
    return told


def _covered(results: Results) -> str:
    known = {name: results.mean(world, row, "coverage") for world, row, name in _all(results)}
    if not known:
        return ""
    outside = [f"{name} {100 * share:.1f} %" for name, share in known.items() if not COVERED[0] <= share <= COVERED[1]]
    low, high = min(known.values()), max(known.values())
    return (
        f"4. 90 % intervals cover {100 * low:.1f} to {100 * high:.1f} % by world, bar 88 to 92: "
        f"{met(not outside)}{': ' + ', '.join(outside) if outside else ''}."
    )


def _pace(paces: list[speed.Pace]) -> list[str]:
    each = sum(speed.of(paces, speed.OURS, what) for what in (speed.LEARN, speed.TELL))
    if np.isnan(each):
        return []
    rivals = sum(speed.of(paces, speed.RIVER, what) for what in (speed.LEARN, speed.TELL))
    used = speed.CELLS * each / 1e6
    told = [
        f"5. {speed.CELLS:,} cells, a value learnt and a refined forecast said each minute: {used:.1f} s of CPU of "
        f"{CORES * MINUTE:.0f} ({1e6 / each:,.0f} cells/s on a core, {each / rivals:.1f} times River HoltWinters): "
        f"{met(used <= CORES * MINUTE)}; {speed.of(paces, speed.OURS, speed.STATE) / 1e3:.1f} kB of state and "
        f"{speed.of(paces, speed.OURS, speed.BYTES) / 1e3:.1f} kB of memory per cell."
    ]
    for history in sorted({one.history for one in paces if one.who == speed.FRACAST}):
        row = min(one.value for one in paces if (one.who, one.history) == (speed.FRACAST, history))
        spare = CORES * MINUTE - used
        if spare > 0:
            told.append(
                f"5. With what is left of {CORES} cores Fracast ({row / 1e3:.1f} ms a row of {history:,} values) can "
                f"be asked anew for every cell each {speed.CELLS * row / 1e6 / spare:.1f} minutes."
            )
    return told


def _worst(what: str, found: dict[str, float], bar: float) -> str:
    """Return how far above another, relatively, at worst."""
    if not found:
        return ""
    worst = max(found, key=found.__getitem__)
    over = [f"{name} {signed(share)}" for name, share in found.items() if share > bar]
    told = f"{what}: MAE {signed(min(found.values()))} to {signed(found[worst])} ({worst}), bar {signed(bar)}"
    return f"{told}: {met(not over)}{': ' + ', '.join(over) if over else ''}."


def signed(share: float) -> str:
    """Return a share as percents with a sign.

    >>> signed(-0.0123), signed(0.02)
    ('−1.2 %', '+2.0 %')
    """
    return f"{100 * share:+.1f} %".replace("-", "−")

"""The page of the docs: every number on it comes from the CSV files."""

from collections.abc import Iterator
from statistics import mean, stdev

from benchmarks.diffusion.contestants import DRIFT, LR, Row
from benchmarks.diffusion.frechet import DIRECTIONS
from benchmarks.diffusion.speed import Speed
from benchmarks.diffusion.trial import AFTER, BATCH, BEFORE, SAMPLING_STEPS, STEPS, Cell

PREDICTS = {"noise": "noise", "x0": "clean rows (`x0`)"}
PROTOCOL = f"""\
A perceptron of about a hundred thousand parameters learns scikit-learn's digits (8 x 8 pixels in [-1, 1], half of 1,797
to learn, half held out) by `DiffusionTrainer`: 1,000 levels, linear schedule, five intervals, batches of {BATCH}, AdamW
with step {LR:g} for all, chosen beforehand and not tuned. What differs is the weighting. Within a seed, all start from
the same network, see the same batches, and sample from the same noise.

*Fréchet*: squared distance of Gaussians fitted to as many samples as there are held-out digits and to these, in the
first {DIRECTIONS} principal directions of the digits to learn from; lower is better. Samples take
{SAMPLING_STEPS} steps over all levels, from pure noise. The floor is the distance of the digits to learn from: no model
that knows only these should expect to be nearer. *ms*: CPU time of a step of learning, one thread, on a machine that
did other work besides: differences of a tenth mean nothing. ± is the standard deviation over seeds; *better* counts
seeds in which a row is nearer than `uniform`. The verdict says *better* only where it is in every seed, and the means
are further apart than both spreads together; three seeds are few all the same.

The networks are small and far from done after {STEPS:,} steps: this tells which weighting gets there faster, not which
is better in the end, and nothing about other data."""
DRIFTING = f"""\
{BEFORE:,} steps on digits 0 to 4, then 5 to 9 only: distance to held-out digits 5 to 9, so many steps after the change.
"""
INTERVALS = """\
The dynamic programme in numpy beside the same as loops in Python, five intervals, linear schedule; both find the same
cost. Raw SNR degenerates: nearly all levels fall into one interval."""


def write(cells: list[Cell], speeds: list[Speed], about: dict[str, str]) -> str:
    """Return the page."""
    parts = [
        "# Diffusion: balancing levels of noise (`make bench-diffusion`)",
        "<!-- Written by the benchmark from diffusion.csv and diffusion-intervals.csv. -->",
        f"Measured on {', '.join(f'{name} {version}' for name, version in about.items())}.",
        "## Verdict",
        "\n".join(f"- {line}" for line in verdict(cells, speeds)),
        "![Distance on the way, and after a change](diffusion.png)",
        "## Protocol",
        PROTOCOL,
    ]
    for predict, title in PREDICTS.items():
        here = [cell for cell in cells if cell.part == "samples" and cell.predict in (predict, "")]
        if any(cell.predict for cell in here):
            parts += [f"## Samples, network answers with the {title}", "\n".join(_samples(here))]
    if any(cell.part == "drift" for cell in cells):
        parts += ["## Drift", DRIFTING.strip()]
    for predict, title in PREDICTS.items():
        here = [cell for cell in cells if cell.part == "drift" and cell.predict in (predict, "")]
        if any(cell.predict for cell in here):
            parts += [f"Network answers with the {title}:", "\n".join(_drift(here))]
    if speeds:
        parts += ["## Intervals", INTERVALS, "\n".join(_speeds(speeds))]
    return "\n\n".join(parts) + "\n"


def plain(cells: list[Cell]) -> Iterator[str]:
    """Yield the cells as lines, for a quick look."""
    for cell in cells:
        yield (
            f"{cell.part} {cell.predict or '-'} {cell.row} {cell.seed} after {cell.steps:,}: "
            f"Fréchet {cell.frechet:.3f}, {cell.ms_per_step:.1f} ms a step"
        )


def verdict(cells: list[Cell], speeds: list[Speed]) -> list[str]:
    """Return what the figures say of each weighting against uniform, of the change, and of the speed."""
    lines = []
    for predict in PREDICTS:
        last = {row: _of(cells, "samples", predict, row, STEPS) for row in Row if row is not Row.FLOOR}
        base = last[Row.UNIFORM]
        if len(base) < 2:
            continue
        bar = mean(base.values()) + stdev(base.values())
        for row, found in last.items():
            if row is not Row.UNIFORM and len(found) == len(base):
                lines.append(
                    f"Answers {predict}: {row.title} {_spread(found)} against uniform {_spread(base)}, nearer in "
                    f"{_better(found, base)} of {len(base)} seeds: {_judged(found, base)}."
                )
        uw = last[Row.UW]
        if len(uw) == len(base):
            met = "met" if mean(uw.values()) <= bar else "not met"
            lines.append(
                f"Answers {predict}, bar for {Row.UW.title}: at most uniform and its spread, {bar:.3f}: {met}."
            )
    for predict in PREDICTS:
        found = {row: _of(cells, "drift", predict, row, AFTER[-1]) for row in DRIFT}
        if all(found.values()):
            told = ", ".join(f"{row.title} {_spread(values)}" for row, values in found.items())
            lines.append(f"Drift, answers {predict}, {AFTER[-1]} steps after the change: {told}.")
    ratios = [speed.loops_seconds / speed.seconds for speed in speeds if speed.loops_seconds > 0]
    if ratios:
        lines.append(
            f"Intervals of {speeds[0].levels} levels are found {min(ratios):,.0f} to {max(ratios):,.0f} times as fast "
            "as by loops in Python (bar: 20)."
        )
    return lines


def _judged(found: dict[int, float], base: dict[int, float]) -> str:
    """Return a win only where the mean is better by both spreads, and in every seed."""
    mine, theirs = mean(found.values()), mean(base.values())
    apart = stdev(found.values()) + stdev(base.values())
    if mine < theirs - apart and _better(found, base) == len(base):
        return "better"
    if mine > theirs + apart:
        return "worse"
    return "no difference beyond the spread"


def _of(cells: list[Cell], part: str, predict: str, row: Row, steps: int) -> dict[int, float]:
    return {
        cell.seed: cell.frechet
        for cell in cells
        if (cell.part, cell.predict, cell.row, cell.steps) == (part, predict, row, steps)
    }


def _better(found: dict[int, float], base: dict[int, float]) -> int:
    return sum(found[seed] < base[seed] for seed in base if seed in found)


def _samples(cells: list[Cell]) -> Iterator[str]:
    checks = sorted({cell.steps for cell in cells if cell.predict})
    yield f"|  | {' | '.join(f'after {check:,}' for check in checks)} | better | ms |"
    yield f"| --- |{' ---: |' * (len(checks) + 2)}"
    predict = next(cell.predict for cell in cells if cell.predict)
    base = _of(cells, "samples", predict, Row.UNIFORM, checks[-1])
    for row in Row:
        mine = [cell for cell in cells if cell.row == row]
        if not mine:
            continue
        if row is Row.FLOOR:
            yield f"| {row.title} | {' | '.join([''] * (len(checks) - 1) + [f'{mine[0].frechet:.3f}'])} |  |  |"
            continue
        found = [_of(mine, "samples", predict, row, check) for check in checks]
        better = "" if row is Row.UNIFORM else f"{_better(found[-1], base)} of {len(found[-1])}"
        cost = mean(cell.ms_per_step for cell in mine)
        yield f"| {row.title} | {' | '.join(map(_spread, found))} | {better} | {cost:.1f} |"


def _drift(cells: list[Cell]) -> Iterator[str]:
    predict = next(cell.predict for cell in cells if cell.predict)
    yield f"|  | {' | '.join(f'{check:,}' for check in AFTER)} |"
    yield f"| --- |{' ---: |' * len(AFTER)}"
    for row in DRIFT:
        yield f"| {row.title} | {' | '.join(_spread(_of(cells, 'drift', predict, row, check)) for check in AFTER)} |"
    for cell in cells:
        if cell.row == Row.FLOOR:
            yield f"| {Row.FLOOR.title} | {' | '.join([''] * (len(AFTER) - 1) + [f'{cell.frechet:.3f}'])} |"


def _speeds(speeds: list[Speed]) -> Iterator[str]:
    yield "| by | levels | loops, s | programme, s | times as fast | cost | intervals |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for one in speeds:
        looped = one.loops_seconds == one.loops_seconds
        told = (f"{one.loops_seconds:.2f}", f"{one.loops_seconds / one.seconds:,.0f}") if looped else ("", "")
        yield (
            f"| {one.by} | {one.levels:,} | {told[0]} | {one.seconds:.4f} | {told[1]} | {one.cost:,.3f} | "
            f"{one.intervals} |"
        )


def _spread(values: dict[int, float]) -> str:
    if not values:
        return "–"
    said = f"{mean(values.values()):.3f}"
    return f"{said} ± {stdev(values.values()):.3f}" if len(values) > 1 else said

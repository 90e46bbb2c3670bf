"""The page of the docs: every number on it comes from the cells."""

from benchmarks.drift import trial
from benchmarks.drift.trial import AFTER, BEFORE, STEADY, Cell

PROTOCOL = """\
Every detector has its default parameters. *Numbers* are normal with standard deviation 1; *bits* are 1 with a chance of
.3, as the errors of a classifier are. Either is independent from value to value. A *steady* stream has {steady:,}
values; a *shift* comes after {before:,} values, by so many standard deviations, and {after:,} values follow. {runs}
runs each ({few} of `kswin`, which costs a thousand times as much).

*False*: alarms in 10,000 values of steady streams. *Twin*: the same as Driftline measures it while it runs, on one
block of a thousand values in four, in shuffled order. *Sure*: the median confidence that the false alarms told. Then
for each shift: values from it to the first alarm, median (and 90 % quantile) of the runs in which there was one; runs
without one; the median confidence of that alarm.

The threshold of Page-Hinkley (50) is in the unit of what is watched: numbers with a standard deviation of 1 reach it by
chance, bits hardly ever do. HDDM finds a rise of the bits only, unless `two_sided_test = true`; the mass of clusters is
always watched on both sides. A false rate here is that of independent values: losses that hang together (days, bursts)
give more, which no measure on shuffled values can tell. The confidence knows nothing of how often the detector looked:
that of false alarms is high where the detector is good at finding places that look like a change."""


def write(cells: list[Cell], machine: dict[str, str]) -> str:
    """Return the page."""
    few = next(cell.runs for cell in cells if cell.detector in trial.SLOW)
    protocol = PROTOCOL.format(steady=STEADY, before=BEFORE, after=AFTER, runs=cells[0].runs, few=few)
    shifts = sorted({cell.shift for cell in cells if cell.shift})
    parts = [
        "# Drift detectors (`python -m benchmarks.drift`)",
        "<!-- Written by the benchmark; drift.csv holds the same numbers. -->",
        "Measured on " + ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        protocol,
    ]
    for values in dict.fromkeys(cell.values for cell in cells):
        told = [f"shift {shift:g}: after, missed, sure" for shift in shifts]
        head = ["detector", "false", "twin", "sure", *told]
        rows = []
        for detector in dict.fromkeys(cell.detector for cell in cells if cell.values == values):
            mine = {cell.shift: cell for cell in cells if (cell.detector, cell.values) == (detector, values)}
            steady = mine[0.0]
            first = [f"`{detector}`", f"{steady.false_rate:.1f}", _said(steady.twin_rate, ".1f")]
            rows.append([*first, _said(steady.confidence, ".3f"), *(_shift(mine[shift]) for shift in shifts)])
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
        parts += [f"## {values.capitalize()}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
    return "\n\n".join(parts) + "\n"


def _shift(cell: Cell) -> str:
    if cell.delay is None:
        return f"–, {cell.missed}, –"
    return f"{cell.delay:.0f} ({cell.delay_90:.0f}), {cell.missed}, {_said(cell.confidence, '.3f')}"


def _said(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)

"""The least disturbed of the rounds with the median beside it, and ratios: for the terminal, docs, CSV and JSON."""

import csv
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from rich.table import Table

TITLES = {
    "bare": "bare River model",
    "minimal": "minimal loop",
    "road": "Driftline",
    "faust": "Faust agents",
    "quix": "Quix Streams",
}
COLUMNS = ("", "CPU µs", "median", "× minimal", "events/s", "Driftline ×", "accuracy")
"""CPU time of an event: least and median; the least as a multiple of the minimal loop's; most events/s; Driftline's
events/s as a multiple of these."""


_LEGEND = (
    "An event is an event, its label and its prediction. *CPU µs* is the user and system time of the whole process in "
    "the least disturbed round (on shared cores, what others take is counted as ours, and only adds), *median* that of "
    "all rounds; *× minimal* is the least beside that of the minimal hand-written loop on confluent-kafka; "
    "*Driftline ×* is how many times the events/s Driftline handles. Quix Streams reads no labels and joins nothing: "
    "it is handed the truth."
)


@dataclass(frozen=True)
class Run:
    """One measurement of one contestant."""

    model: str
    contestant: str
    events: float
    """Events handled, each with its label: half the messages."""
    cpu_seconds: float
    wall_seconds: float
    accuracy: float | None = None
    """Of the predictions published: contestants that did the same work have nearly the same."""
    threads: dict[str, float] = field(default_factory=dict)

    @property
    def cpu_us(self) -> float:
        """CPU time of an event, in µs."""
        return 1e6 * self.cpu_seconds / self.events

    @property
    def rate(self) -> float:
        """Events in a second."""
        return self.events / self.wall_seconds


@dataclass(frozen=True)
class Line:
    """What one contestant did with one model: the least CPU and the most events/s of its runs, which others disturb."""

    model: str
    contestant: str
    runs: int
    events: int
    cpu_us_per_event: float
    median_cpu_us: float
    events_per_second: float
    cpu_to_minimal: float | None
    """CPU, as a multiple of the minimal loop's."""
    road_rate_ratio: float | None
    """The road's events per second, as a multiple of this contestant's."""
    accuracy: float | None

    def cells(self) -> tuple[str, ...]:
        """Return the line's cells in the order of `COLUMNS`."""
        return (
            TITLES[self.contestant],
            f"{self.cpu_us_per_event:.1f}",
            f"{self.median_cpu_us:.1f}",
            _number(self.cpu_to_minimal, "{:.2f}"),
            f"{self.events_per_second:,.0f}",
            _number(self.road_rate_ratio, "{:.2f}"),
            _number(self.accuracy, "{:.3f}"),
        )


def lines(runs: list[Run]) -> list[Line]:
    """Return a line for each, by model and in the order of `TITLES`."""
    made = []
    for model in dict.fromkeys(run.model for run in runs):
        by = {name: [run for run in runs if (run.model, run.contestant) == (model, name)] for name in TITLES}
        by = {name: some for name, some in by.items() if some}
        cpu = {name: min(run.cpu_us for run in some) for name, some in by.items()}
        rate = {name: max(run.rate for run in some) for name, some in by.items()}
        for name, some in by.items():
            made.append(
                Line(
                    model,
                    name,
                    len(some),
                    round(median(run.events for run in some)),
                    cpu[name],
                    median(run.cpu_us for run in some),
                    rate[name],
                    cpu[name] / cpu["minimal"] if "minimal" in cpu else None,
                    rate["road"] / rate[name] if "road" in rate else None,
                    some[-1].accuracy,
                )
            )
    return made


def findings(made: list[Line]) -> list[str]:
    """Say how the road stands, beside what it set out to reach."""
    found = []
    for model in dict.fromkeys(line.model for line in made):
        by = {line.contestant: line for line in made if line.model == model}
        if "road" not in by:
            continue
        road, name = by["road"], model.partition(":")[2]
        if road.cpu_to_minimal is not None:
            found.append(f"{name}: the road uses {road.cpu_to_minimal:.2f} × the CPU of the minimal loop")
        if "bare" in by:
            share = by["bare"].cpu_us_per_event / road.cpu_us_per_event
            found.append(f"{name}: the bare model is {share:.0%} of the road's CPU")
        for rival in ("faust", "quix"):
            if rival in by and (ratio := by[rival].road_rate_ratio) is not None:
                found.append(f"{name}: the road handles {ratio:.1f} × the events/s of {TITLES[rival]}")
    return found


def tables(made: list[Line]) -> list[Table]:
    """Return a table for each model."""
    shown = []
    for model in dict.fromkeys(line.model for line in made):
        table = Table(title=model.partition(":")[2], title_justify="left")
        for i, column in enumerate(COLUMNS):
            table.add_column(column, justify="right" if i else "left", no_wrap=True)
        for line in made:
            if line.model == model:
                table.add_row(*line.cells(), style="bold" if line.contestant == "road" else None)
        shown.append(table)
    return shown


def markdown(made: list[Line], machine: dict[str, str]) -> str:
    """Return the tables and findings for the docs."""
    text = ["<!-- Written by `make bench`. -->", ""]
    for model in dict.fromkeys(line.model for line in made):
        text += [f"### {model.partition(':')[2]}", ""]
        text += [f"| {' | '.join(COLUMNS)} |", "| --- |" + " ---: |" * (len(COLUMNS) - 1)]
        text += [f"| {' | '.join(line.cells())} |" for line in made if line.model == model]
        text.append("")
    text += [f"- {finding}" for finding in findings(made)]
    text += [
        "",
        _LEGEND,
        "",
        "Measured on " + ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        "",
    ]
    return "\n".join(text)


def write(folder: Path, runs: list[Run], machine: dict[str, str]) -> None:
    """Write `road.csv` (a line for each contestant), `road.json` (every run) and `road.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = lines(runs)
    with (folder / "road.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(Line.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        for line in made:
            row = asdict(line)
            writer.writerow({key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})
    everything = {"machine": machine, "runs": [asdict(run) for run in runs]}
    (folder / "road.json").write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    (folder / "road.md").write_text(markdown(made, machine), encoding="utf-8")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)

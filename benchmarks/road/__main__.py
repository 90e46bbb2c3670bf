"""Run the contestants side by side and report; `make bench`."""

import json
import re
import subprocess
import sys
import tempfile
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import machine
from benchmarks.road import report, sampling
from benchmarks.road.job import Job
from benchmarks.road.report import Run
from benchmarks.road.road import watch
from benchmarks.road.topics import Topics, outcome
from benchmarks.road.workload import rows, truths
from benchmarks.streams_process import COMMAND
from driftline.services.servers.kafka import KafkaServer
from driftline.services.servers.kafka_jars import kafka_version
from driftline.services.servers.process import ServerError
from driftline.streams.config import ALARM_TOPIC

ROOT = Path(__file__).resolve().parents[2]
RIVALS = ROOT / ".venv-rivals"
RESULTS = ROOT / "benchmarks" / "results"
PIP = (
    "pip install 'quixstreams==3.28.*' 'faust-streaming>=0.15.3,<0.16' 'aiokafka>=0.14,<0.15' 'click<8.4' "
    "'river>=0.26.1,<0.27' 'py-spy>=0.4,<0.5'"
)
"""What the rivals' environment holds; Quix Streams needs an older pydantic than ours."""
DELAY = 100
console = Console()


class Contestant(StrEnum):
    """Who is measured, in the order of a round."""

    BARE = "bare"
    MINIMAL = "minimal"
    ROAD = "road"
    FAUST = "faust"
    QUIX = "quix"


RIVAL_MODULES = {Contestant.FAUST: "faust_agent", Contestant.QUIX: "quix"}


class Model(StrEnum):
    """The models that can be measured."""

    LOGISTIC = "river.linear_model:LogisticRegression"
    TREE = "river.tree:HoeffdingTreeClassifier"


class Failed(RuntimeError):
    """A contestant that ended without a result."""


@dataclass
class Bench:
    """One broker, and the workloads on it."""

    topics: Topics
    partitions: int
    seed: int
    seconds: int
    folder: Path
    """Takes logs and configurations."""
    command: str
    """What runs as the road."""
    sampler: sampling.Sampler | None = None

    def job(self, model: Model, events: int) -> Job:
        """Return the job, and fill its topics if no earlier job has."""
        job = Job(str(model), events, self.partitions, DELAY, self.seed, self.topics.brokers)
        job = replace(job, events_topic=f"bench-{events}", labels_topic=f"bench-{events}.labels", seconds=self.seconds)
        if not sum(self.topics.count(job.events_topic, self.partitions)):
            with console.status(f"writing {events:,} events and their labels"):
                self.topics.create([job.events_topic, job.labels_topic], self.partitions)
                self.topics.fill(rows(events, self.seed), job.events_topic, job.labels_topic, self.partitions, DELAY)
        return job

    def run(self, who: Contestant, job: Job) -> Run:
        """Measure one contestant once, on a new predictions topic, and look at what it published."""
        if who is Contestant.BARE:
            return Run(job.model, who, **_fields(self._subprocess(who, job)))
        job = replace(job, predictions_topic=f"{job.events_topic}.predictions", group=f"{who}-{uuid.uuid4()}")
        self.topics.create([job.predictions_topic], self.partitions)
        if who is Contestant.ROAD:
            self.topics.create([f"{job.events_topic}.dead", ALARM_TOPIC], self.partitions)
            watched = watch(job, self.topics, self.folder / job.group, self.sampler, self.command)
            told = {name: getattr(watched, name) for name in ("messages", "cpu_seconds", "wall_seconds", "threads")}
        else:
            told = self._subprocess(who, job)
        truth = truths(job.events, self.seed)
        found = outcome(self.topics.read(job.predictions_topic, self.partitions), truth)
        if (found.predictions, found.repeated) != (job.events, 0):
            raise Failed(
                f"{who} left {found.predictions} predictions of {job.events} events, and {found.repeated} twice"
            )
        return Run(job.model, who, accuracy=found.accuracy, **_fields(told))

    def _subprocess(self, who: Contestant, job: Job) -> dict[str, float]:
        python = RIVALS / "bin" / "python" if who in RIVAL_MODULES else sys.executable
        command = [str(python), "-m", f"benchmarks.road.{RIVAL_MODULES.get(who, who)}", job.to_argument()]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=job.seconds + 60)
        found = re.search(r"\{.*\}\s*$", done.stdout)  # Faust's spinner may stand before it
        if done.returncode != 0 or found is None:
            raise Failed(f"{who} ended with status {done.returncode}:\n{(done.stdout + done.stderr)[-2_000:]}")
        return dict(json.loads(found[0]))


def _fields(told: dict) -> dict:
    """Turn messages into events."""
    return {"events": told.pop("messages") / 2, **told}


def main(
    logistic_events: Annotated[int, typer.Option(min=1_000, help="Events for the logistic regression.")] = 200_000,
    tree_events: Annotated[
        int, typer.Option(min=1_000, help="Events for the tree, whose cost grows with it.")
    ] = 100_000,
    faust_events: Annotated[int, typer.Option(min=1_000, help="The most events for Faust, which is slow.")] = 20_000,
    quix_events: Annotated[int, typer.Option(min=1_000, help="The most events for Quix Streams.")] = 60_000,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds; the least disturbed and the median are reported.")] = 3,
    only: Annotated[list[Contestant] | None, typer.Option(help="Contestants; all if not given.")] = None,
    model: Annotated[list[Model] | None, typer.Option(help="Models; both if not given.")] = None,
    partitions: Annotated[int, typer.Option(min=1, max=64)] = 2,
    seed: int = 7,
    seconds: Annotated[int, typer.Option(min=10, help="The most that one contestant may take.")] = 300,
    profile: Annotated[bool, typer.Option(help="Also sample, by py-spy, where the road's CPU goes.")] = False,
    results: Annotated[Path, typer.Option(help="Takes road.csv, road.json and road.md.")] = RESULTS,
    command: Annotated[str, typer.Option(help="What to measure as the road.", hidden=True)] = COMMAND,
) -> None:
    """Measure CPU per event and events per second of the road and its peers, side by side."""
    contestants = only or list(Contestant)
    if any(who in RIVAL_MODULES for who in contestants) and not RIVALS.is_dir():
        console.print(
            "[bold red]Faust and Quix Streams are not measured: there is no .venv-rivals.[/] Make it by\n"
            f"  python3 -m venv .venv-rivals && .venv-rivals/bin/{PIP}",
            soft_wrap=True,
        )
        contestants = [who for who in contestants if who not in RIVAL_MODULES]
    program = sampling.py_spy(RIVALS / "bin") if profile else None
    if profile and program is None:
        console.print("[bold red]--profile needs py-spy:[/] pip install py-spy")
        raise typer.Exit(3)

    most = {Contestant.FAUST: faust_events, Contestant.QUIX: quix_events}
    runs: list[Run] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="driftline-bench-") as temporary:
        try:
            kafka = KafkaServer().start()
        except ServerError as error:
            console.print(f"[bold red]No Kafka:[/] {error}")
            raise typer.Exit(3) from None
        with kafka:
            topics = Topics(kafka.bootstrap)
            bench = Bench(topics, partitions, seed, seconds, Path(temporary), command)
            # Rounds outside, contestants inside: what else the machine does then meets all of them alike.
            for repeat in range(repeats):
                for each in model or list(Model):
                    for who in contestants:
                        events = tree_events if each is Model.TREE else logistic_events
                        job = bench.job(each, min(events, most.get(who, events)))
                        name = f"{each.partition(':')[2]}, {who}, round {repeat + 1}"
                        try:
                            with console.status(name):
                                run = bench.run(who, job)
                        except (Failed, RuntimeError, TimeoutError) as error:
                            failed.append(f"{name}: {error}")
                            console.print(f"[red]{name}: failed[/]")
                        else:
                            runs.append(run)
                            console.print(f"{name}: {run.cpu_us:.1f} µs CPU, {run.rate:,.0f} events/s")
            if program is not None:
                for each in model or list(Model):
                    events = tree_events if each is Model.TREE else logistic_events
                    try:
                        _profile(bench, each, events, program)
                    except (RuntimeError, TimeoutError) as error:
                        failed.append(f"profile: {error}")
            topics.close()

    about = {**machine.machine(), "kafka": kafka_version(), **machine.versions()}
    if any(who in RIVAL_MODULES for who in contestants):
        rivals = machine.versions(RIVALS / "bin" / "python")
        about |= {f"{name} (rivals)" if name in about else name: version for name, version in rivals.items()}
    made = report.lines(runs)
    for table in report.tables(made):
        console.print(table)
    for finding in report.findings(made):
        console.print(f"• {finding}")
    console.print("Measured on " + ", ".join(f"{name} {value}" for name, value in about.items()), soft_wrap=True)
    report.write(results, runs, about)
    for told in failed:
        console.print(f"[red]{told}[/]", markup=True, highlight=False)
    if failed:
        raise typer.Exit(1)


def _profile(bench: Bench, model: Model, events: int, program: str) -> None:
    """Run the road once more, sampled; its times are not reported, for py-spy pauses it now and then."""
    name = model.partition(":")[2]
    raw = bench.folder / f"{name}.samples"
    bench.sampler = sampling.Sampler(raw, program)
    try:
        run = bench.run(Contestant.ROAD, bench.job(model, events))
    finally:
        bench.sampler = None
    samples = raw.read_text(encoding="utf-8")
    console.print(f"{name}: CPU seconds by thread: {run.threads}")
    console.print(sampling.table(f"{name}: samples by file", sampling.by_file(samples)))
    console.print(sampling.table(f"{name}: samples by line", sampling.by_line(samples)))


if __name__ == "__main__":
    typer.run(main)

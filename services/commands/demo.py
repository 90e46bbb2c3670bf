"""`driftline demo`: see the whole thing work, a crash included."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from driftline.services.console import CHECK_FAILED, UNAVAILABLE, fail, out, settings_of
from driftline.services.servers import ServerError, ServerUnavailable
from driftline.services.topics import TopicError
from driftline.services.up import Stack
from driftline.services.verdict_shown import show_verdict

if TYPE_CHECKING:
    from driftline.services.demo import View
    from driftline.services.replay import Verdict


def demo(
    broker: Annotated[
        Literal["auto", "kafka", "mesh"], typer.Option(help="The broker to start: the real Kafka, or the light one.")
    ] = "auto",
    seconds: Annotated[float, typer.Option(min=5, max=240, help="How long the publishers take.")] = 45.0,
    stay: Annotated[
        bool | None, typer.Option("--stay/--end", help="Stay up afterwards; default: on a terminal.")
    ] = None,
) -> None:
    """Run real streams through a whole Driftline, kill it half-way with SIGKILL, and prove that nothing was lost.

    Starts its own Kafka, Redis and streams process, all on loopback ports, with data in a temporary folder. Exit 4 if
    a lane's state is not what a sequential replay of the log gives.

    For example:

        driftline demo
        driftline demo --broker mesh --seconds 20
    """
    from driftline.services.demo import CONFIG, Demo

    with ExitStack() as closing:
        data = Path(tempfile.mkdtemp(prefix="driftline-demo-"))
        kept = f"; logs and data are kept in {data}"
        removing = closing.enter_context(ExitStack())
        removing.callback(shutil.rmtree, data, ignore_errors=True)
        settings = settings_of(CONFIG, data=data, kafka={"brokers": ""}, redis={"url": ""}, web={"port": 0}, app="demo")
        stack = Stack(settings, CONFIG, broker=broker)
        try:
            out.print("starting Kafka and Redis …")
            stack.start_servers()
            closing.callback(stack.stop)
            out.print(f"broker: {stack.broker_said}", markup=False, highlight=False)
            verdicts = _watch(lambda say, show: Demo(stack, seconds, say, show).run())
        except (ServerUnavailable, TopicError) as error:
            fail(str(error), UNAVAILABLE)
        except (ServerError, TimeoutError) as error:
            removing.pop_all()
            fail(f"{error}{kept}")
        except KeyboardInterrupt:
            fail("stopped before the end: nothing was proven")
        out.print(_proof(verdicts))
        if not all(verdict.equal for verdict in verdicts):
            for verdict in verdicts:
                if not verdict.equal:
                    show_verdict(verdict)
            removing.pop_all()
            fail(f"a lane's state is not what its log says: this is a bug, please report it{kept}", CHECK_FAILED)
        out.print("every lane equals the sequential replay of its log, prediction for prediction", style="green")
        if out.is_terminal if stay is None else stay:
            _stay(stack)


def _watch(run: Callable[[Callable[[str], None], Callable[[Any], None]], list[Verdict]]) -> list[Verdict]:
    """Run with a live table on a terminal, and with a line now and then elsewhere."""
    if not out.is_terminal:
        lines = 0

        def line(view: View) -> None:
            nonlocal lines
            lines += 1
            if lines % 5 == 1:
                out.print(_line(view), highlight=False, markup=False, soft_wrap=True)

        return run(lambda said: out.print(said, highlight=False, markup=False), line)
    with Live(Text("…"), console=out, refresh_per_second=4) as live:
        return run(lambda said: live.console.print(said, highlight=False), lambda view: live.update(_table(view)))


def _line(view: View) -> str:
    scores = "; ".join(
        f"{one.stream} {one.model} {one.metric} {one.score:.3f}"
        + (f" ({one.baseline[0]} {one.baseline[1]:.3f})" if one.baseline else "")
        for one in view.standings
        if one.score is not None
    )
    joined = view.outcomes.get("joined", 0) + view.outcomes.get("early", 0)
    drifts = ", ".join(f"{model} {count}" for model, count in view.drifts.items()) or "none"
    state = "" if view.alive else " [streams process down]"
    return (
        f"{view.seconds:4.0f} s{state} published {view.published}/{view.total}, handled {view.handled} "
        f"({view.rate:.0f}/s), labels joined {joined}, drifts: {drifts}; {scores}"
    )


def _table(view: View) -> Group:
    table = Table("stream", "model", "score", "model's", "best without a model", box=None, padding=(0, 2, 0, 0))
    for one in view.standings:
        score = "–" if one.score is None else f"{one.score:.3f}"
        style = {True: "green", False: "yellow", None: ""}[one.ahead]
        baseline = "–" if one.baseline is None else f"{one.baseline[1]:.3f}  ({one.baseline[0]})"
        table.add_row(one.stream, one.model, one.metric, Text(score, style=style), baseline)
    head = f"{view.seconds:3.0f} s   published {view.published} of {view.total}   handled {view.handled}"
    state = f"{view.rate:6.0f} a second" if view.alive else "the streams process is down"
    labels = "   ".join(f"{name} {count}" for name, count in view.outcomes.items() if count) or "none yet"
    drifts = "   ".join(f"{model} {count}" for model, count in view.drifts.items()) or "none yet"
    return Group(
        Text(f"{head}   {state}", style="" if view.alive else "red"),
        table,
        Text(f"labels: {labels}"),
        Text(f"drift alarms: {drifts}"),
    )


def _proof(verdicts: list[Verdict]) -> Table:
    table = Table("lane", "messages", "predictions", "parts equal", "", box=None, padding=(0, 2, 0, 0))
    for one in verdicts:
        equal = sum(live == rebuilt for live, rebuilt in one.parts.values())
        said = Text("equal", style="green") if one.equal else Text("differs", style="red")
        table.add_row(one.lane, str(one.messages), str(one.predictions), f"{equal} of {len(one.parts)}", said)
    return table


def _stay(stack: Stack) -> None:
    stack.start_streams()
    out.print(f"still running: Kafka {stack.settings.kafka.brokers}, metrics {stack.metrics_url}; Ctrl-C stops all")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        out.print("stopping")

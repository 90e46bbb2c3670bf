"""A verdict on a lane as commands show it: which parts are what the log says, and which predictions are not."""

from __future__ import annotations

from rich.table import Table

from driftline.services.console import out
from driftline.services.verify import Verdict


def show_verdict(verdict: Verdict) -> None:
    """Print a verdict, part by part."""
    answer = "[green]equal[/green]" if verdict.equal else "[red]NOT equal[/red]"
    out.print(
        f"{verdict.lane}: {answer}: {verdict.messages:,} messages handled again, {verdict.predictions:,} predictions "
        f"compared, generation {verdict.serial}",
        highlight=False,
    )
    table = Table("part", "live", "rebuilt", "", box=None, padding=(0, 2, 0, 2))
    for name, (live, rebuilt) in verdict.parts.items():
        same = live == rebuilt
        table.add_row(name, live[:16], rebuilt[:16], "equal" if same else "DIFFERS", style="" if same else "red")
    out.print(table)
    for name, offsets in verdict.joined.items():
        at = ", ".join(f"{topic} {offset}" for topic, offset in offsets.items())
        out.print(f"  {name} joined later, at {at}: rebuilt from there", highlight=False)
    if verdict.earlier:
        out.print(f"  {verdict.earlier:,} predictions of earlier models were not compared", highlight=False)
    for said in verdict.values:
        out.print(f"  {said}", style="red", markup=False, highlight=False)
    if verdict.wrong_values > len(verdict.values):
        out.print(f"  … and {verdict.wrong_values - len(verdict.values):,} more", style="red", highlight=False)

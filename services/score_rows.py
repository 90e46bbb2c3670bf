"""Scores as commands show them: a row for each model, with its baselines beside it, never one without the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table

from driftline.services.refined_rows import refined_row, told
from driftline.streams.lane import Lane


def score_rows(lane: Lane) -> Iterator[dict[str, Any]]:
    """Yield a row for each model and contest of a lane: its scores, and those of the baselines beside them.

    And under `refined`, of a forecaster that refines its answers by feedback, whether that pays; else None.
    """
    slots = {slot.name: slot for slot in lane.slots}
    champions = {contest.champion: name for name, contest in lane.contests.items()}
    for model, (scores, baselines) in lane.scores().items():
        yield {
            "stream": lane.stream,
            "partition": lane.partition,
            "model": model,
            "champion_of": champions.get(model),
            "led_by": lane.contests[model].champion if model in lane.contests else None,
            "n": scores.n,
            "scores": scores.values(),
            "baselines": {name: board.values() for name, board in baselines.items()},
            "refined": refined_row(slots.get(model)),
        }


def scores_table(rows: Iterable[dict[str, Any]]) -> Table:
    """Make a table of such rows; what else they hold is not shown.

    >>> row = {"stream": "s", "partition": 0, "model": "tree", "n": 9, "scores": {"accuracy": 0.5}, "baselines": {}}
    >>> scores_table([row]).row_count
    1
    """
    table = Table("stream", "lane", "model", "judged", "score", "model's", "baselines", title_justify="left")
    for row in rows:
        led_by = row.get("led_by")
        name = f"{row['model']}: {led_by} leads" if led_by else row["model"]
        head = [row["stream"], str(row["partition"]), name, f"{row['n']:,}"]
        if not row["scores"]:
            table.add_row(*head, "-", "-", "-")
        for metric, value in row["scores"].items():
            beside = "  ".join(
                f"{name} {said[metric]:.4g}" for name, said in row["baselines"].items() if metric in said
            )
            table.add_row(*head, metric, f"{value:.4g}", beside or "-")
            head = ["", "", "", ""]
        for metric, value, beside in told(row.get("refined")):
            table.add_row(*head, metric, value, beside)
            head = ["", "", "", ""]
    return table

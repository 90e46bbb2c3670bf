"""Contests as commands show them: a row for each model of each contest, the champion first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.table import Table

from driftline.streams.lane import Lane


def contest_rows(lane: Lane) -> Iterator[dict[str, Any]]:
    """Yield a row for each model that takes part in a contest of a lane."""
    scores = lane.scores()
    for name, contest in lane.contests.items():
        progress = contest.progress()
        for model in sorted(contest.config.models, key=lambda model: model != contest.champion):
            board, _ = scores[model]
            yield {
                "stream": lane.stream,
                "partition": lane.partition,
                "contest": name,
                "model": model,
                "role": "champion" if model == contest.champion else "challenger",
                "evidence": progress.get(model),
                "promotions": contest.promotions,
                "loss": contest.loss,
                "n": board.n,
                "scores": board.values(),
            }


def contests_table(rows: Iterable[dict[str, Any]]) -> Table:
    """Make a table of such rows.

    >>> row = {"stream": "s", "partition": 0, "contest": "best", "model": "tree", "role": "champion", "evidence": None,
    ...        "promotions": 1, "loss": "error", "n": 9, "scores": {"accuracy": 0.5}}
    >>> contests_table([row]).row_count
    1
    """
    table = Table("stream", "lane", "contest", "promotions", "model", "role", "evidence", "judged", "scores")
    before = None
    for row in rows:
        head = [row["stream"], str(row["partition"]), f"{row['contest']} ({row['loss']})", str(row["promotions"])]
        evidence = "-" if row["evidence"] is None else f"{row['evidence']:.0%}"
        scores = "  ".join(f"{metric} {value:.4g}" for metric, value in row["scores"].items())
        shown = ["", "", "", ""] if head == before else head
        table.add_row(*shown, row["model"], row["role"], evidence, f"{row['n']:,}", scores or "-")
        before = head
    return table

"""The page of the docs: every number on it comes from the CSV file."""

from collections.abc import Iterator
from statistics import mean, stdev

from benchmarks.clicks.cell import Cell
from benchmarks.clicks.contestants import Row
from benchmarks.clicks.streams import EVENTS, SHIFT, Set

BAR, REACH = (0.760, 0.577), (0.768, 0.569)
"""AUC and logloss of the event clock on MovieLens in the order of time: at least, and hoped for."""
PROTOCOL = f"""\
Every event is answered before it is learnt, from the first to the last; the scores are of all answers, so they count
the cold start. One default of `EventClock` for all streams; River's and Vowpal Wabbit's are theirs, but for River's
step (.05, better here than its default of .01).

*MovieLens-100k*: a click is a rating of 4 or 5 (55.4 %). Features: user, item, age in decades, gender, occupation, an
indicator for each genre. In the order of time, users come in sessions, and most are new; shuffled, by three seeds, they
are not. The data may not be redistributed (GroupLens). *Drifting interests*: {EVENTS:,} events of `DriftingInterests`
(400 users, 2,000 items, 20 topics, 4 interests for each user at a time, one replaced every 150 of the user's events on
average, all drawn anew at event {SHIFT:,}); three seeds, each another world. Both were at hand while `EventClock` was
made, so they are no proof for others.

Vowpal Wabbit's default learns no combinations; `-q` makes it learn those of `EventClock` (it had .7540 / .5820 without
them in an earlier measurement on MovieLens in the order of time, with other features).

*AUC*, *logloss* (nats). *ECE*: mean distance of probability and share of clicks in 20 bins of equally many events.
*Slope*: of a logistic regression of the labels on the log odds; below 1, answers are too sure. *Events/s*: answered and
learnt in a second of CPU, one thread, from the dictionary; `EventClock` gets 250 at a time, and gives exactly the
answers of one at a time. Vowpal Wabbit reads text: in brackets, without the time in which Python makes that text. The
machine did other work besides, so speeds count as ratios on the same stream only. *MB*: the highest growth of anonymous
resident memory. ± is the standard deviation over seeds.

A learner that needs more than its CPU limit for a stream is stopped, and its row says how many events it answered: its
scores are of those only, and `EventClock` on the same events stands below it."""
HEAD = "|  | AUC | logloss | ECE | slope | events/s | MB |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"


def write(cells: list[Cell], about: dict[str, str]) -> str:
    """Return the page."""
    measured = ", ".join(f"{name} {version}" for name, version in about.items())
    parts = [
        "# Clicks: the event clock beside others (`make bench-clicks`)",
        "<!-- Written by the benchmark from clicks.csv. -->",
        f"Measured on {measured}.",
        "## Verdict",
        "\n".join(f"- {line}" for line in verdict(cells)),
        "![AUC and logloss](clicks.png)",
        "## Protocol",
        PROTOCOL,
    ]
    for which in Set:
        here = [cell for cell in cells if cell.set == which]
        if here:
            parts += [f"## {which.title[0].upper()}{which.title[1:]}", "\n".join(_table(here, late=False))]
            if any(Row(cell.row).late for cell in here):
                parts += [
                    "With labels that come 1,000 to 1,249 events late (answers and lessons are separate calls then):",
                    "\n".join(_table(here, late=True)),
                ]
    return "\n\n".join(parts) + "\n"


def plain(cells: list[Cell]) -> Iterator[str]:
    """Yield the cells as lines, for a quick look."""
    for cell in cells:
        speed = f"{cell.per_second:,.0f} events/s"
        only = f" [first {cell.rows:,}]" if cell.partial or cell.beside else ""
        yield f"{cell.set} {cell.seed} {cell.row}{only}: AUC {cell.auc:.4f} logloss {cell.logloss:.4f} {speed}"


def verdict(cells: list[Cell]) -> list[str]:
    """Return what the figures say of the bars, and each loss against another row."""
    lines = []
    by = {(cell.set, cell.seed, cell.row): cell for cell in cells if not cell.beside}
    ours, vowpal = by.get((Set.MOVIELENS, 0, Row.CLOCK)), by.get((Set.MOVIELENS, 0, Row.VW))
    if ours:
        met = {
            name: "met" if ours.auc >= auc and ours.logloss <= logloss else "not met"
            for name, (auc, logloss) in (("bar", BAR), ("reach", REACH))
        }
        lines.append(
            f"MovieLens in the order of time: AUC {_point(ours.auc)}, logloss {_point(ours.logloss)} "
            f"(bar {_point(BAR[0], 3)} / {_point(BAR[1], 3)}: {met['bar']}; "
            f"reach {_point(REACH[0], 3)} / {_point(REACH[1], 3)}: {met['reach']})."
        )
    if ours and vowpal:
        lines.append(
            f"Vowpal Wabbit there: AUC {_point(vowpal.auc)}, logloss {_point(vowpal.logloss)}; `EventClock` does "
            f"{ours.per_second / vowpal.per_second:.2f} times as many events in a second of CPU, "
            f"{ours.per_second / vowpal.bare_per_second:.2f} times as many as without the time to make its text."
        )
    alone, logistic = by.get((Set.MOVIELENS, 0, Row.ONE)), by.get((Set.MOVIELENS, 0, Row.LR))
    if alone and vowpal and logistic:
        lines.append(
            f"Event by event, `EventClock` does {alone.per_second / vowpal.per_second:.2f} times as many as Vowpal "
            f"Wabbit and {alone.per_second / logistic.per_second:.2f} times as many as River's logistic regression: "
            "a call costs more than an event, and lanes call for many at once."
        )
    for late, name in ((False, "at once"), (True, "late")):
        losses, compared = _losses(cells, late)
        if compared:
            told = f"worse than another row in {'; '.join(losses)}" if losses else "worse than no other row"
            lines.append(f"Labels {name}: of {compared} comparisons of AUC and logloss, `EventClock` is {told}.")
    return lines


def _losses(cells: list[Cell], late: bool) -> tuple[list[str], int]:
    """Return where another row beats ours on the same events, and how often they were compared."""
    lost, compared = [], 0
    own = Row.CLOCK_LATE if late else Row.CLOCK
    whole = {(cell.set, cell.seed): cell for cell in cells if cell.row == own and not cell.beside}
    beside = {(cell.set, cell.seed, cell.beside): cell for cell in cells if cell.beside}
    for cell in cells:
        if cell.beside or Row(cell.row) in (Row.BEST, Row.ONE, own) or Row(cell.row).late != late:
            continue
        ours = beside.get((cell.set, cell.seed, cell.row)) if cell.partial else whole.get((cell.set, cell.seed))
        if ours is None:
            continue
        compared += 2
        where = f"{cell.set} {cell.seed} against {Row(cell.row).title}"
        if cell.auc > ours.auc:
            lost.append(f"AUC, {where}: {_point(ours.auc)} to {_point(cell.auc)}")
        if cell.logloss < ours.logloss:
            lost.append(f"logloss, {where}: {_point(ours.logloss)} to {_point(cell.logloss)}")
    return lost, compared


def _table(cells: list[Cell], late: bool) -> Iterator[str]:
    yield HEAD
    for row in Row:
        if row.late != late:
            continue
        whole = [cell for cell in cells if cell.row == row and not cell.beside]
        if not whole:
            continue
        title = row.title
        if any(cell.partial for cell in whole):
            least = min(cell.rows for cell in whole)
            title += f" [first {least:,}{' or more' if len(whole) > 1 else ''}]"
        yield _line(title, whole)
        same = [cell for cell in cells if cell.row == Row.CLOCK and cell.beside == row]
        if same:
            yield _line(f"&emsp;{Row.CLOCK.title} on the same events", same, costs=False)


def _line(title: str, cells: list[Cell], costs: bool = True) -> str:
    scores = [_spread([getattr(cell, name) for cell in cells], 4) for name in ("auc", "logloss", "ece")]
    scores.append(_spread([cell.slope for cell in cells], 2))
    speed, memory = "", ""
    if costs and cells[0].per_second == cells[0].per_second:
        speed = f"{mean(cell.per_second for cell in cells):,.0f}"
        if cells[0].row in (Row.VW, Row.VW_CROSSES):
            speed += f" ({mean(cell.bare_per_second for cell in cells):,.0f})"
        memory = f"{mean(cell.memory_mb for cell in cells):.1f}"
    return "| " + " | ".join([title, *scores, speed, memory]) + " |"


def _spread(values: list[float], digits: int) -> str:
    if any(value != value for value in values):
        return "–"
    said = _point(mean(values), digits)
    return f"{said} ± {_point(stdev(values), digits)}" if len(values) > 1 else said


def _point(value: float, digits: int = 4) -> str:
    """Return a number as the page writes it, without a leading zero."""
    said = f"{value:.{digits}f}"
    return said[1:] if said.startswith("0.") else said

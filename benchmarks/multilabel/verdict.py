"""How IHomer stands beside the bars that were set for it."""

from dataclasses import dataclass

from benchmarks.multilabel.anchors import MLHAT, SCORES, better
from benchmarks.multilabel.cell import Cell
from benchmarks.multilabel.contestants import RIVER, Row
from benchmarks.multilabel.cost import Cost
from benchmarks.multilabel.results import Results
from benchmarks.multilabel.streams import Set

POINT = 0.01


@dataclass(frozen=True)
class Loss:
    """A row that beats ours on the same rows of a stream."""

    cell: Cell
    score: str
    theirs: float
    ours: float

    @property
    def by(self) -> float:
        """How far, as a positive number."""
        return abs(self.theirs - self.ours)


def lost_to_mlhat(results: Results, which: Set, row: Row = Row.IHOMER) -> list[str] | None:
    """Return the scores in which ours does not beat MLHAT in file order, None where it was not measured in full."""
    cell, anchor = results.of(which, "file", row), MLHAT[which]
    if cell is None or cell.partial:
        return None
    return [score for score in SCORES if not better(score, getattr(cell, score), getattr(anchor, score))]


def losses(results: Results, which: Set, order: str, rivals: tuple[Row, ...], scores: tuple[str, ...]) -> list[Loss]:
    """Return where rivals beat ours, each compared on the rows that it answered."""
    found = []
    for row in rivals:
        cell = results.of(which, order, row)
        ours = cell and results.beside(cell)
        if cell is None or ours is None:
            continue
        pairs = ((score, getattr(cell, score), getattr(ours, score)) for score in scores)
        found += [Loss(cell, *pair) for pair in pairs if better(*pair)]
    return found


def partition_points(results: Results, which: Set, order: str) -> float | None:
    """Return by how many points of micro-F1 the partition is better than none."""
    on, off = results.of(which, order, Row.IHOMER), results.of(which, order, Row.GLOBAL)
    if on is None or off is None or on.rows != off.rows:
        return None
    return (on.micro - off.micro) / POINT


def signed(points: float) -> str:
    """Return two decimals, and a sign.

    >>> signed(-0.5), signed(0.0)
    ('−0.50', '+0.00')
    """
    return f"{points:+.2f}".replace("-", "−")


def lines(results: Results, costs: list[Cost]) -> list[str]:
    """Return the verdict, a line for each bar on which anything was measured."""
    told = [_beside_mlhat(results), _beside_no_change(results), _beside_river(results), *_cost(costs)]
    return [line for line in (*told, *_partition(results)) if line]


def _beside_mlhat(results: Results) -> str:
    lost = {which: lost_to_mlhat(results, which) for which in MLHAT}
    measured = {which: scores for which, scores in lost.items() if scores is not None}
    if not measured:
        return ""
    won = sum(not scores for scores in measured.values())
    misses = "; ".join(f"{which.title} not in {', '.join(scores)}" for which, scores in measured.items() if scores)
    return (
        f"Beats MLHAT in subset, Hamming, micro and macro at once on {won} of {len(measured)} sets in file order "
        f"(bar 5, reach 7: {_met(won >= 5, won >= 7)}){': ' + misses if misses else ''}."
    )


def _beside_no_change(results: Results) -> str:
    streams = [(which, order) for which in results.sets() for order in results.orders(which)]
    asked = [stream for stream in streams if _compared(results, *stream, Row.NO_CHANGE)]
    found = {stream: losses(results, *stream, (Row.NO_CHANGE,), ("micro",)) for stream in asked}
    under = [
        f"{which.title} ({order}) by {some[0].by / POINT:.1f} points" for (which, order), some in found.items() if some
    ]
    met = f"{_met(not under)}{': ' + ', '.join(under) if under else ''}"
    return f"Micro-F1 below no-change on {len(under)} of {len(asked)} streams ({met})." if asked else ""


def _beside_river(results: Results) -> str:
    ahead, asked, behind, missing = 0, 0, [], 0
    for which in MLHAT:
        compared = sum(_compared(results, which, "file", row) for row in RIVER)
        if not compared:
            continue
        asked, missing = asked + 1, missing + len(RIVER) - compared
        beaten = losses(results, which, "file", RIVER, ("micro",))
        ahead += not beaten
        behind += [f"{one.cell.row} on {which.title} by {one.by / POINT:.1f} points" for one in beaten]
    cells = [results.of(which, "file", row) for which in MLHAT for row in RIVER]
    partial = sum(cell is not None and cell.partial for cell in cells)
    short = f", {partial} of {len(cells) - missing} options on their first rows only" if partial else ""
    short += f", {missing} options not measured" if missing else ""
    told = (
        f"Better micro-F1 than every River option on {ahead} of {asked} sets in file order, on the same rows (bar 6: "
        f"{_met(ahead >= 6)}){short}{': not ' + ', '.join(behind) if behind else ''}."
    )
    return told if asked else ""


def _compared(results: Results, which: Set, order: str, row: Row) -> bool:
    """Return whether ours was measured on the rows that a contestant answered."""
    cell = results.of(which, order, row)
    return cell is not None and results.beside(cell) is not None


def _cost(costs: list[Cost]) -> list[str]:
    told = []
    for name, take in (
        ("in batches", lambda cost: cost.fraction),
        ("event by event", lambda cost: cost.events_fraction),
    ):
        known = [(cost, share) for cost in costs if (share := take(cost)) is not None]
        if not known:
            continue
        over = [f"{cost.set.title} 1/{1 / share:.0f}" for cost, share in known if share > cost.bar]
        dearest = max(known, key=lambda pair: pair[1])
        cheapest = min(known, key=lambda pair: pair[1])
        told.append(
            f"Costs {name} from 1/{1 / cheapest[1]:,.0f} ({cheapest[0].set.title}) to 1/{1 / dearest[1]:,.0f} "
            f"({dearest[0].set.title}) of MLHAT; within the bar (1/100; 1/50 on Flags and WaterQuality) on "
            f"{len(known) - len(over)} of {len(known)} sets{': not on ' + ', '.join(over) if over else ''}."
        )
    for name, take in (("in batches", lambda cost: cost.ihomer_ms), ("event by event", lambda cost: cost.events_ms)):
        times = [(cost.logistic_ms / take(cost), cost.set.title) for cost in costs]
        if times:
            low, high = min(times), max(times)
            told.append(
                f"River's logistic regression per label costs {low[0]:.1f} ({low[1]}) to {high[0]:,.0f} ({high[1]}) "
                f"times as much as IHomer {name}."
            )
    return told


def _partition(results: Results) -> list[str]:
    told = []
    real = [which for which in results.sets() if not which.planted]
    for kind in ("file", "shuffled"):
        points = {
            (which, order): difference
            for which in real
            for order in results.orders(which)
            if order.startswith(kind) and (difference := partition_points(results, which, order)) is not None
        }
        if points:
            worst = min(points, key=points.__getitem__)
            best = max(points, key=points.__getitem__)
            told.append(
                f"Partition on against off, {kind} order: micro-F1 from {signed(points[worst])} points "
                f"({worst[0].title}) to {signed(points[best])} ({best[0].title}) (bar −0.5 on every set: "
                f"{_met(points[worst] >= -0.5)})."
            )
    for which in (Set.PLANTED_40, Set.PLANTED_200):
        found = [partition_points(results, which, order) for order in results.orders(which)]
        known = [difference for difference in found if difference is not None]
        if known:
            reach = f" (reach +3: {_met(min(known) >= 3)})" if which is Set.PLANTED_200 else ""
            each = ", ".join(map(signed, known))
            told.append(f"{which.title}, regrouped half-way: on − off {each} points of micro-F1{reach}.")
    return told


def _met(bar: bool, reach: bool | None = None) -> str:
    if reach is not None and reach:
        return "both met"
    return "not met" if not bar else "met" if reach is None else "bar met, reach not"

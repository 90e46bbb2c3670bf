"""The tables of the page: each takes what was measured, and returns Markdown."""

from statistics import mean, median

from benchmarks.multilabel import verdict
from benchmarks.multilabel.anchors import MLHAT, SCORES, Anchor, better
from benchmarks.multilabel.cell import Cell
from benchmarks.multilabel.contestants import BASELINES, RIVER, Row
from benchmarks.multilabel.cost import Cost, Round, pace
from benchmarks.multilabel.curves import Point
from benchmarks.multilabel.results import Results
from benchmarks.multilabel.streams import Set

RIVALS = (*BASELINES, *RIVER, Row.BINARY_RELEVANCE, Row.GLOBAL)
NAMES = {"subset": "subset", "hamming": "Hamming", "micro": "micro-F1", "macro": "macro-F1", "example": "ex-F1"}


def mlhat(results: Results) -> str:
    """Return MLHAT and ours in file order."""
    rows = []
    for which, anchor in MLHAT.items():
        rows.append(
            [which.title, "MLHAT, measured" if anchor.measured else "MLHAT, published"]
            + [_score(getattr(anchor, score)) for score in SCORES]
            + [""]
        )
        for row in (Row.IHOMER, Row.GLOBAL):
            cell = results.of(which, "file", row)
            if cell is None:
                continue
            lost = verdict.lost_to_mlhat(results, which, row)
            told = (
                "not whole" if lost is None else "all four" if not lost else f"not {', '.join(NAMES[s] for s in lost)}"
            )
            won = [score for score in SCORES if lost is not None and score not in lost]
            close = [NAMES[score] for score in won if _equal(getattr(cell, score), getattr(anchor, score))]
            told += f" ({', '.join(close)} by less than MLHAT's last digit)" if close else ""
            rows.append(["", row.title + _mark(cell), *_marked(cell, anchor), told])
    return _table(["", "", *(NAMES[score] for score in SCORES), "beats MLHAT in"], rows, left=(0, 1, 6))


def _equal(ours: float, theirs: float) -> bool:
    """Return whether nothing differs in the digits that MLHAT's figures have."""
    return abs(ours - theirs) < 0.0005


def _marked(cell: Cell, anchor: Anchor) -> list[str]:
    told = []
    for score in SCORES:
        value = getattr(cell, score)
        text = _score(value)
        told.append(f"**{text}**" if better(score, value, getattr(anchor, score)) else text)
    return told


def matrix(results: Results, kind: str, score: str) -> str:
    """Return one score of all rows on all sets; a mean over the seeds where there are several."""
    sets = [which for which in results.sets() if any(order.startswith(kind) for order in results.orders(which))]
    if not sets:
        return ""
    rows = []
    if kind == "file":
        rows.append(["MLHAT", *(_score(getattr(MLHAT[w], score)) if w in MLHAT else "" for w in sets)])
    for row in Row:
        told = []
        for which in sets:
            cells = [results.of(which, o, row) for o in results.orders(which) if o.startswith(kind)]
            some = [cell for cell in cells if cell is not None]
            seeds = f" ({len(some)} of {len(cells)} seeds)" if len(some) < len(cells) else ""
            told.append(_score(mean(getattr(c, score) for c in some)) + _mark(*some) + seeds if some else "not run")
        rows.append([row.title, *told])
    all_seeds = sorted(
        {o.rpartition("-")[2] for w in sets for o in results.orders(w) if o.startswith(kind) and "-" in o}
    )
    title = {"file": "file order", "shuffled": "shuffled", "seed": "planted blocks"}[kind]
    title += f", mean of seeds {', '.join(all_seeds)}" if all_seeds else ""
    return f"### {NAMES[score]}, {title}\n\n" + _table(["", *(which.title for which in sets)], rows)


def losing(results: Results) -> str:
    """Return who is better than ours, in what and by how far; rows compared are the same."""
    rows = []
    for which in results.sets():
        for kind in ("file", "shuffled", "seed"):
            orders = [order for order in results.orders(which) if order.startswith(kind)]
            for score in ("subset", "hamming", "micro", "macro"):
                told = []
                for rival in RIVALS:
                    lost = [x for order in orders for x in verdict.losses(results, which, order, (rival,), (score,))]
                    if lost:
                        worst = max(lost, key=lambda one: one.by)
                        asked = sum(results.of(which, order, rival) is not None for order in orders)
                        times = f", {len(lost)} of {asked} seeds" if kind != "file" else ""
                        told.append(f"{rival.title} by {_by(worst.by)}{_mark(worst.cell)}{times}")
                if told:
                    rows.append([which.title, {"seed": "made"}.get(kind, kind), NAMES[score], "; ".join(told)])
    for which, anchor in MLHAT.items():
        cell = results.of(which, "file", Row.IHOMER)
        for score in verdict.lost_to_mlhat(results, which) or []:
            assert cell is not None
            by = abs(getattr(cell, score) - getattr(anchor, score))
            source = "measured" if anchor.measured else "published"
            rows.append([which.title, "file", NAMES[score], f"MLHAT ({source}) by {_by(by)}"])
    if not rows:
        return "Nowhere in what was measured."
    return "The most that is lost over the seeds; compared on the same rows.\n\n" + _table(
        ["", "order", "score", "to"], rows, left=(0, 1, 2, 3)
    )


def partition(results: Results) -> str:
    """Return what the partition changes."""
    rows = []
    for which in results.sets():
        told = {kind: [] for kind in ("file", "shuffled", "seed")}
        for order in results.orders(which):
            points = verdict.partition_points(results, which, order)
            if points is not None:
                told[order.partition("-")[0]].append(verdict.signed(points))
        rows.append([which.title, *(", ".join(some) for some in told.values())])
    head = ["", "file", "shuffled, by seed", "made, by seed"]
    return "Points of micro-F1, `IHomer()` − `IHomer(partition=False)`.\n\n" + _table(head, rows)


def cost(found: list[Cost], measured: list[Round]) -> str:
    """Return what a row costs, ours and theirs."""
    if not found:
        return ""
    rows = []
    for cost in found:
        anchor = MLHAT[cost.set]
        extent = f"[first {cost.logistic_rows:,}]" if cost.logistic_rows < anchor.rows else ""
        mlhat = "" if cost.mlhat_ms is None else f"{cost.mlhat_ms:.1f}{'' if anchor.ms else ' (published)'}"
        rows.append(
            [
                cost.set.title,
                f"{cost.logistic_ms:.2f} {extent}".strip(),
                mlhat,
                f"{cost.ihomer_ms:.3f}",
                f"{cost.off_ms:.3f}",
                f"{cost.events_ms:.3f}",
                _share(cost.fraction),
                _share(cost.events_fraction),
                _share(cost.bar),
                "" if cost.fraction is None else "yes" if cost.fraction <= cost.bar else "no",
            ]
        )
    head = [
        "CPU ms of a row",
        "River: BR logistic",
        "MLHAT, as here",
        "`IHomer()`",
        "partition off",
        "event by event",
        "of MLHAT",
        "event by event, of MLHAT",
        "bar",
        "met",
    ]
    return _cost_told(measured) + "\n\n" + _table(head, rows)


def _cost_told(measured: list[Round]) -> str:
    known = [anchor.published_ms / anchor.ms for anchor in MLHAT.values() if anchor.ms]
    speed, count = pace(measured), max(one.round for one in measured) + 1
    told = (
        f"Medians of {count} rounds, side by side in one process. *MLHAT, as here*: its measured ms as a multiple of "
        "those of River's logistic regression on the same set and machine, times what that takes here. *Event by "
        "event*: `predict_one` and `learn_one` with dictionaries of the non-zero features."
    )
    if speed is not None:
        told += (
            " For Slashdot and Enron only the published seconds are known, and River was not timed beside them: they "
            f"are taken as if from the machine of the other measurements, times {speed:.2f}, which is what River takes "
            "here to what it took there (median of the sets). Where both are known, the published time is "
            f"{min(known):.2f} to {max(known):.2f} of the measured one, median {median(known):.2f}."
        )
    return told


def curves(points: list[Point]) -> str:
    """Return how cost grows."""
    if not points:
        return ""
    rows = []
    for varied in dict.fromkeys(point.varied for point in points):
        some = [point for point in points if point.varied == varied]
        rows.append([varied, "; ".join(f"{point.at:,}: {point.us:,.0f}" for point in some)])
    told = (
        "`IHomer()` with a full window, on made events (1,000 features, 20 labels, 30 non-zeros and about 3 labels on, "
        "where not varied): CPU of an event in µs."
    )
    return told + "\n\n" + _table(["varied", "µs"], rows, left=(0, 1))


def one_set(results: Results, which: Set) -> str:
    """Return what was measured on a set in file order and by the first seed."""
    parts = [f"### {which.title}"]
    orders = results.orders(which)
    seeded = [order for order in orders if order != "file"]
    for order in [*(order for order in orders if order == "file"), *seeded[:1]]:
        rows = []
        for row in Row:
            cell = results.of(which, order, row)
            if cell is None:
                continue
            ours = results.beside(cell)
            same = f"{_score(ours.micro)} / {_score(ours.macro)}" if cell.partial and ours else ""
            scores = [_score(getattr(cell, score)) for score in NAMES]
            extent = f"**{cell.extent}**" if cell.partial else cell.extent
            memory = f"{cell.memory_mb:.1f}"
            rows.append([row.title, extent, *scores, f"{cell.ms:.3g}", memory, f"{cell.limit:g}", same])
        head = ["", "rows", *NAMES.values(), "ms", "MB", "limit, s", "IHomer there, micro / macro"]
        parts.append(f"{_order(order)}:\n\n" + _table(head, rows))
    return "\n\n".join(parts)


def _order(order: str) -> str:
    kind, _, seed = order.partition("-")
    return {"file": "File order", "shuffled": f"Shuffled, seed {seed}", "seed": f"Stream of seed {seed}"}[kind]


def _mark(*cells: Cell) -> str:
    """Say how many rows were answered, where not all were by all."""
    if not any(cell.partial for cell in cells):
        return ""
    counts = sorted({cell.rows for cell in cells})
    return f" [first {counts[0]:,}{f'–{counts[-1]:,}' if len(counts) > 1 else ''}]"


def _score(value: float) -> str:
    """Return three decimals without the leading zero.

    >>> _score(0.5), _score(1.0)
    ('.500', '1.000')
    """
    return f"{value:.3f}".removeprefix("0")


def _by(value: float) -> str:
    return _score(value) if value >= 0.0005 else "less than .001"


def _share(value: float | None) -> str:
    return "" if value is None else f"1/{1 / value:,.0f}"


def _table(head: list[str], rows: list[list[str]], left: tuple[int, ...] = (0,)) -> str:
    ruler = ["---" if i in left else "---:" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruler, *rows))

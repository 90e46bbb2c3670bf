"""What was measured, as tables of the page."""

from collections.abc import Iterable

import numpy as np

from benchmarks.clustering import ours, speed
from benchmarks.clustering.cell import Cell
from benchmarks.clustering.lives import SOON, Life
from benchmarks.clustering.results import Results
from benchmarks.clustering.rivals import BASELINE, DEFAULT, GIVEN, RIVALS, TUNED, Rival

Picked = list[Cell]
"""The cells of one method on one kind of stream: its seeds, or its shuffles."""


def kinds(results: Results, shuffled: bool = False) -> list[str]:
    """Return the kinds of streams, in the order of the tables: made ones without their seeds."""
    held = (cell for cell in results.cells.values() if (cell.order != "file") == shuffled)
    return list(dict.fromkeys(kind_of(cell.stream) for cell in held))


def kind_of(stream: str) -> str:
    """Return a stream's name without its seed.

    >>> kind_of("rbf_events 3"), kind_of("digits")
    ('rbf_events', 'digits')
    """
    return stream.partition(" ")[0]


def picked(results: Results, method: str, kind: str, shuffled: bool = False) -> Picked:
    """Return the cells of a method on a kind of stream."""
    return [
        cell
        for cell in results.cells.values()
        if cell.method == method and kind_of(cell.stream) == kind and (cell.order != "file") == shuffled
    ]


def mean(cells: Picked, measure: str) -> float:
    """Return the mean of a measure, nan where nothing was measured."""
    values = [getattr(cell, measure) for cell in cells]
    held = [value for value in values if value == value]
    return float(np.mean(held)) if held else float("nan")


def best(results: Results, kind: str, measure: str, among: Iterable[str], shuffled: bool = False) -> tuple[str, float]:
    """Return the kind of rival that has most of a measure on a stream, of those that got through it."""
    found = ("", float("nan"))
    for rival in RIVALS:
        cells = picked(results, rival.name, kind, shuffled)
        if rival.kind not in among or not cells or any(cell.partial for cell in cells):
            continue
        value = mean(cells, measure)
        if not found[0] or value > found[1]:
            found = rival.name, value
    return found


def verdict(results: Results) -> str:
    """Say of each stream how ours stands to those that need no labels and to the best setting of all, by labels."""
    head = ["", ours.NAME, "best with defaults", "best with the true k", "best setting chosen with labels", "ours"]
    rows = []
    for measure, told in (("ari", "ARI"), ("ari_all", "ARI, whole stream")):
        for shuffled in (False, True):
            for kind in kinds(results, shuffled):
                cells = picked(results, ours.NAME, kind, shuffled)
                if not cells:
                    continue
                own = mean(cells, measure)
                columns = [
                    best(results, kind, measure, among, shuffled) for among in ((DEFAULT,), (GIVEN,), (DEFAULT, TUNED))
                ]
                better = [name for name, value in columns if value > own + 0.0005]
                said = "best" if not better else "better: " + ", ".join(dict.fromkeys(better))
                name = f"{told}: {kind}{', shuffled' if shuffled else ''}"
                rows.append([name, _score(own), *(f"{name} {_score(value)}" for name, value in columns), said])
    return table(head, rows, left=(0, 2, 3, 4, 5))


def matrix(results: Results, shuffled: bool = False) -> str:
    """Return ARI and ARI of the whole stream, of all methods on all streams, by what they are given."""
    streams = kinds(results, shuffled)
    parts = []
    groups: list[tuple[str, list[str]]] = [("Ours", [ours.NAME, ours.APART])]
    for kind in (BASELINE, DEFAULT, GIVEN, TUNED):
        names = [rival.name for rival in sorted(RIVALS, key=_family) if rival.kind == kind]
        groups.append((kind[0].upper() + kind[1:], names))
    for title, names in groups:
        rows = []
        for name in names:
            held = [picked(results, name, kind, shuffled) for kind in streams]
            if any(held):
                rows.append([name, *map(_both, held)])
        if rows:
            parts.append(f"{title}:\n\n" + table(["ARI / whole stream", *streams], rows))
    return "\n\n".join(parts)


def one_kind(results: Results, kind: str) -> str:
    """Return all measures of all methods on one kind of stream, in file order."""
    head = ["", "ARI", "whole", "NMI", "purity", "clusters", "unknown", "delay", "missed", "extra", "events/s", "kB"]
    rows = []
    for name in [ours.NAME, ours.APART, *(rival.name for rival in sorted(RIVALS, key=_family))]:
        cells = picked(results, name, kind)
        if not cells:
            continue
        scores = [_score(mean(cells, measure)) for measure in ("ari", "ari_all", "nmi", "purity")]
        numbers = [
            f"{mean(cells, 'clusters'):.1f}",
            f"{100 * mean(cells, 'unknown'):.1f} %",
            _number(mean(cells, "delay")),
            f"{sum(cell.missed for cell in cells)}",
            f"{sum(cell.extra for cell in cells)}",
            f"{mean(cells, 'rate'):,.0f}",
            _number(mean(cells, "memory_kb")),
        ]
        mark = f" [first {min(cell.events for cell in cells):,}]" if any(cell.partial for cell in cells) else ""
        rows.append([name + mark, *scores, *numbers])
    return f"### {kind}\n\n" + table(head, rows)


def paces(measured: list[speed.Round]) -> str:
    """Return events per second beside River's KMeans."""
    if not measured:
        return ""
    rows = [
        [f"{one.round + 1}", f"{one.ours:,.0f}", f"{one.river:,.0f}", f"{one.ours / one.river:.2f}"] for one in measured
    ]
    told = f"Blobs with {measured[0].d} features, micro-batches of {speed.BATCH}: ours over River's, median"
    return f"{told} **{speed.ratio(measured):.2f}**.\n\n" + table(
        ["round", ours.NAME, "River KMeans", "ratio"], rows, left=(0,)
    )


def lives(held: list[Life]) -> str:
    """Return how planted events were told."""
    if not held:
        return "Not measured: what stands in for `DriftClusterer` tells no news."
    head = [
        "",
        "planted",
        "told",
        f"within {SOON}",
        "of the right ones",
        "once",
        "id lasts",
        "mean delay",
        "extra news",
    ]
    rows = []
    for name in dict.fromkeys(life.stream for life in held):
        here = [life for life in held if life.stream == name]
        for kind in dict.fromkeys(life.kind for life in here):
            some = [life for life in here if life.kind == kind]
            extra = f"{sum(life.extra for life in here)}" if kind == here[0].kind else ""
            if not kind:
                rows.append([f"{name}, {len(some)} streams", "0", *[""] * 6, extra])
                continue
            told = [life for life in some if life.times]
            delays = [life.delay for life in told]
            rows.append(
                [
                    f"{name}: {kind}",
                    f"{len(some)}",
                    f"{len(told)}",
                    f"{sum(life.delay <= SOON for life in told)}",
                    f"{sum(life.who for life in some)}",
                    f"{sum(life.times == 1 for life in some)}",
                    f"{sum(life.lasting for life in some)}",
                    f"{np.mean(delays):,.0f}" if delays else "",
                    extra,
                ]
            )
    return table(head, rows)


def table(head: list[str], rows: list[list[str]], left: tuple[int, ...] = (0,)) -> str:
    """Return a table; `left` are the columns of text."""
    ruler = ["---" if i in left else "---:" for i in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ruler, *rows))


def _family(rival: Rival) -> str:
    return rival.family


def _both(cells: Picked) -> str:
    if not cells:
        return ""
    mark = "*" if any(cell.partial for cell in cells) else ""
    return f"{_score(mean(cells, 'ari'))}/{_score(mean(cells, 'ari_all'))}{mark}"


def _number(value: float) -> str:
    return "" if value != value else f"{value:,.0f}"


def _score(value: float) -> str:
    """Return three decimals without the leading zero.

    >>> _score(0.5), _score(-0.03), _score(float("nan"))
    ('.500', '-.030', '')
    """
    return "" if value != value else f"{value:.3f}".replace("0.", ".", 1)

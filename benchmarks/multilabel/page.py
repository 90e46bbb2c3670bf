"""The page of the docs: every number on it comes from the CSV files."""

from benchmarks.multilabel import tables, verdict
from benchmarks.multilabel.cost import Round, costs
from benchmarks.multilabel.curves import Point
from benchmarks.multilabel.results import Results
from benchmarks.multilabel.streams import EVENTS, PLANTED

PROTOCOL = """\
Every row is answered before it is learnt, from the first row to the last, in file order and in shuffled orders. Each
learner has one setting for all sets: River's have River's defaults, ours have ours. (The sets are public and were there
while IHomer was made: its scores on them are no proof for others.)

*Subset*: all labels of a row right. *Hamming*: share of wrong labels. *micro-F1*: of all decisions pooled. *macro-F1*:
mean of the labels' F1, 0 where undefined. *ex-F1*: mean of the rows' F1, 0 where there is no label and none is
answered. *ms*: CPU of a row, answered and learnt, by `process_time`, one thread, everything compiled before. *MB*: the
highest growth of the anonymous resident memory (RssAnon), read after each chunk of rows, each cell in a process of its
own. BR: a learner for each label. Window kNN: the 4 nearest of the last 170 rows, an exact match alone decides.
River's learners get dictionaries of all features, zeros included, since its scaler takes an absent feature for unknown;
`IHomer` gets arrays, 256 rows at a time, and gives exactly the answers of one at a time.

A learner that needs more than its CPU limit for a stream is stopped, and **its cell is marked with how many rows it
answered**: `[first 312]`. Its scores are of those rows only. Wherever it is compared with `IHomer`, that is scored on
the same rows; over a few dozen rows that says little of either.

MLHAT is not run here. Its figures are constants with a source: the released code (CC0) measured on whole streams in
file order, predict then learn; for Slashdot and Enron those published (Esteban et al., Knowledge-Based Systems 304,
2024). Both have three decimals. There are none for shuffled orders. (River's logistic regression was
timed beside it with a step of .1; its default of .01, which competes here, scores better on Emotions
and Flags, worse on WaterQuality.)"""


def write(results: Results, measured: list[Round], points: list[Point], machine: dict[str, str]) -> str:
    """Return the page."""
    found = costs(measured)
    kinds = [(kind, score) for kind in ("file", "shuffled", "seed") for score in ("micro", "macro")]
    parts = [
        "# Sets of labels: IHomer beside others (`make bench-multilabel`)",
        "<!-- Written by the benchmark from multilabel.csv, multilabel-cost.csv and multilabel-curves.csv. -->",
        "Measured on " + ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        "## Verdict",
        "\n".join(f"- {line}" for line in verdict.lines(results, found)),
        "## Protocol",
        PROTOCOL,
        _planted(results),
        "## Beside MLHAT, in file order",
        tables.mlhat(results),
        "## All sets",
        "![micro-F1 and macro-F1 by set and row](multilabel-scores.png)",
        *(tables.matrix(results, kind, score) for kind, score in kinds),
        "## Where IHomer loses",
        tables.losing(results),
        "## The partition, on and off",
        tables.partition(results),
        "## Cost",
        tables.cost(found, measured),
        "![what an event costs](multilabel-cost.png)" if points else "",
        tables.curves(points),
        "## Set by set",
        "File order and the first seed; the CSV holds all.",
        *(tables.one_set(results, which) for which in results.sets()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _planted(results: Results) -> str:
    planted = [which for which in results.sets() if which.planted]
    if not planted:
        return ""
    told = "; ".join(", ".join(f"{name} {value:g}" for name, value in PLANTED[which].items()) for which in planted)
    return (
        f"The planted streams are {EVENTS:,} events of `PlantedBlocks` ({told}); labels are dealt to the blocks anew "
        "after half of them. There a seed makes another stream."
    )

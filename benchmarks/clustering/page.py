"""The page of the docs: every number on it comes from the files beside it."""

from pathlib import Path

from benchmarks.clustering import made_metrics, metric, speed, strangeness, tables
from benchmarks.clustering.lives import DIMENSIONS, EARLY, SEEDS, SETTLED, Life
from benchmarks.clustering.measures import FOUND, LEAST_EVENTS
from benchmarks.clustering.results import Results

PROTOCOL = f"""\
Micro-batches of 250 events, of 125 on streams of fewer than 2,500: each is predicted, and then learnt. *ARI*: adjusted
Rand index, mean over micro-batches after 2 to warm up. *Whole stream*: one ARI over all predictions after those, which
falls where an id does not keep its meaning. *NMI* and *purity*: means over micro-batches. *Clusters*: ids in a
micro-batch. *Delay*: events from a planted birth or jump to the end of the first micro-batch in which one id agrees
with the cluster to an F1 of {FOUND}; *missed*: where none ever does. *Extra*: ids that come up (with
{LEAST_EVENTS} events in a micro-batch) after the warm-up, beyond planted births; refits are not made to keep ids.
Noise of `rbf_events` is one label.

Each event is put into a cluster, also one that is far from all: as River's and scikit-learn's `predict` do, so does
`predict_many` of ours, and HDBSCAN's noise goes where the nearest cluster is. Of ours, *unknown apart* is what
`assign_many` and the service say: an event that is too far away belongs to no cluster. All of those then count as one
cluster of their own, as do the events that River's DenStream gives to none.

All rivals get events in the same units: standardised by mean and deviation of all that was learnt. Ours gets them raw.
`*`, or `[first …]`: stopped after its CPU limit, the figures are of what it got through; such cells are no one's best.
*Events/s*: predicted and learnt, CPU, one thread; standardising and dictionaries are not counted for the rivals, all is
counted for ours. *kB*: the pickled model at its largest. Made streams: means over three seeds. Methods that need it get
the true number of labels of the whole stream. Rivals with chance in them have the seed 0.

Ours has one setting, its defaults. River's with defaults have River's (STREAMKMeans with chunks of 50). **Settings
chosen with labels** are a small grid of which the best is picked by looking at the answer, which no user can. The
public sets were there while ours was made: its scores on them are no proof for others."""
LIVES = f"""\
One thing is planted at half of 8,000 events (4 clusters, {len(DIMENSIONS)} dimensionalities, {len(SEEDS)} seeds), and
what the news say is judged: whether they tell it at all, of the right clusters, and once; whether the id stays where it
should; and what else they tell after event {SETTLED:,}. A split or merger counts from when the two are 4 standard
deviations apart, and may be told up to {EARLY} events earlier: delays may be below 0. For a jump, `moved` is expected,
under the same id. `rbf_events` and `blobs_abrupt` are those of the tables above."""
NAB = f"""\
Eight real metrics of the Numenta Anomaly Benchmark with its labelled windows. Each event is the value, its change, the
{metric.LAGS} values before, and the hour of day as sine and cosine; the same for all. Each is scored, then learnt.
*Windows caught*: with a threshold for each series that lets through {strangeness.FALSE_ALARMS:g} false alarms per
1,000 events outside of windows; *per window*: how many it must let through until the window is found, the mean over
the windows. *NAB*: the published score, standard profile, in percent; 0 is no alarm at all, which many detectors do not
reach; one threshold for all series, the best, chosen with labels as NAB itself does. *Blind*: alarms are what is above
all but {100 * strangeness.SHARE:g} % of the scores so far; no label is used; false alarms are per 1,000 events. *AUC*:
of all events in windows, by score. A window is a tenth of all events, around what happened, and most of it is as usual;
what ours has learnt is no longer strange to it either. It tells when something begins, not that it lasts: its AUC is
that of chance. Methods with chance in them: means over {len(strangeness.SEEDS)} seeds. River's half-space trees are
behind its MinMaxScaler, as its docs say, LODA behind its StandardScaler. Ours has its defaults. The running z-score
shows how far the bare value gets: most of these windows hold an extreme one.
`python -m benchmarks.clustering.strangeness`"""
MADE = f"""\
{len(made_metrics.KINDS)} kinds of {made_metrics.EVENTS:,} events ({", ".join(made_metrics.KINDS)}); in each two things
happen ({", ".join(made_metrics.ANOMALIES)}, of 3 to 99 events). They are judged as the real ones. How ours measures
strangeness was chosen on seeds {made_metrics.CHOSEN[0]} to {made_metrics.CHOSEN[-1]}; others were made afterwards.
`python -m benchmarks.clustering.strangeness --made`"""
PARTS = {
    "imbalance": "Soft labels for unequal classes: transport beside k-means and balanced Sinkhorn",
    "arbiter": "Semidefinite programs and the arbiter's proposals",
    "ppp": "PPP on micro-clusters beside window methods",
    "shapes": "Clusters of many shapes, on which nothing was chosen: what is found, and what is not",
}
"""Benchmarks of parts, whose output is kept as `clustering-NAME.txt`."""


def write(
    results: Results,
    paces: list[speed.Round],
    lives: list[Life],
    strange: list[strangeness.Row],
    made: list[strangeness.Row],
    out: Path,
    machine: dict[str, str],
) -> str:
    """Return the page."""
    parts = [
        "# Clusters: `DriftClusterer` beside others (`make bench-clustering`)",
        "<!-- Written by the benchmark from the clustering*.csv and clustering-*.txt files. -->",
        "Measured on " + ", ".join(f"{name} {value}" for name, value in machine.items()) + ".",
        "## Where ours stands",
        tables.verdict(results),
        "## Protocol",
        PROTOCOL,
        "## All streams, in their own order",
        "![adjusted Rand index by stream and method](clustering.png)",
        tables.matrix(results),
        "## Real sets, shuffled (three seeds)",
        "What order there was, and drift with it, is gone.",
        tables.matrix(results, shuffled=True),
        "## Speed",
        tables.paces(paces),
        "## Lives of clusters",
        LIVES,
        tables.lives(lives),
        "## Strangeness",
        NAB,
        strangeness.tables(strange) if strange else "",
        "### Made metrics",
        MADE,
        strangeness.made_tables(made) if made else "",
        "## Stream by stream",
        *(tables.one_kind(results, kind) for kind in tables.kinds(results)),
        "## Parts",
        *(_part(out / f"clustering-{name}.txt", title) for name, title in PARTS.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _part(path: Path, title: str) -> str:
    if not path.exists():
        return ""
    text = path.read_text(encoding="utf-8").strip()
    told = f"`python -m benchmarks.clustering.{path.stem.removeprefix('clustering-')}`"
    return f"### {title}\n\n{told}:\n\n```text\n{text}\n```"

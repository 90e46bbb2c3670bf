"""Whether our news tell what happens to clusters: once, soon, of the right ones, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from benchmarks.clustering.ours import Ours
from driftline.models.base import Array, News
from driftline.models.clustering import event_streams
from driftline.models.clustering.life_streams import KINDS, LifeEvent, life_stream

TOLD = ("born", "died", "split", "merged", "moved")
"""Kinds of news that are judged."""
BATCH = 250
SETTLED = 1_000
"""Events after which a clusterer should know the clusters that there are; news before are not judged."""
EARLY = 400
"""Two that part or come together may be told of so many events before they are 4 standard deviations apart."""
SOON = 500
"""Events within which something should be told."""
LOOKED_AT = 500
"""Events of a label by which its id is known, before and after."""
DIMENSIONS, SEEDS = (2, 4, 8), (0, 1, 2)


@dataclass(frozen=True)
class Life:
    """How one planted event was told."""

    stream: str
    d: int
    seed: int
    kind: str
    """Of what was planted, empty for a quiet stream."""
    at: int
    times: int
    """How often news of this kind told it, of whomever."""
    delay: float
    """Events until the first; nan where there was none."""
    who: bool
    """Whether it was said of the right cluster, and of the right others."""
    lasting: bool
    """Whether the id of whom it happened to was the same after, where it should be."""
    extra: int
    """Other news after the clusters were known, on the whole stream; on its first planted event's row."""
    n: int


class Story(NamedTuple):
    """What a clusterer answered and told."""

    found: Array
    """(n,) ids before each micro-batch was learnt."""
    news: list[News]


def followed(X: Array) -> Story:
    """Let ours predict and learn a stream."""
    model, found = Ours(), []
    for at in range(0, len(X), BATCH):
        found.append(model.predict(X[at : at + BATCH]))
        model.learn(X[at : at + BATCH])
    return Story(np.concatenate(found), model.news)


def judge(name: str, d: int, seed: int, labels: Array, events: Sequence[LifeEvent], story: Story) -> list[Life]:
    """Judge a story against what was planted.

    >>> labels = np.where(np.arange(4000) < 2000, 0, 1)
    >>> born = News(2100, 2101, "born", "", 1, 2, "11")
    >>> life = judge("birth", 2, 0, labels, [LifeEvent("born", 2000, 1)], Story(labels + 10, [born, born]))[0]
    >>> life.times, life.delay, life.who, life.extra
    (2, 100.0, True, 0)
    """
    judged = [news for news in story.news if news.kind in TOLD and news.row >= SETTLED]
    used: set[int] = set()
    lives = []
    for event in events:
        lead = EARLY if event.kind in ("split", "merged") else 0
        ends = [other.at for other in events if other.at > event.at and other.kind == event.kind]
        until = min(ends, default=len(labels))
        fits = [
            i
            for i, news in enumerate(judged)
            if news.kind == event.kind and event.at - lead <= news.row < until and i not in used
        ]
        of_right = [i for i in fits if _right(judged[i], event, labels, story.found)]
        taken = of_right or fits[:1]
        used |= set(taken)
        delay = float(judged[taken[0]].row - event.at) if taken else float("nan")
        lasting = event.kind in ("born", "died") or _lasts(event, labels, story.found)
        lives.append(
            Life(name, d, seed, event.kind, event.at, len(taken), delay, bool(of_right), lasting, 0, len(labels))
        )
    extra = len(judged) - len(used)
    if not lives:
        return [Life(name, d, seed, "", 0, 0, float("nan"), True, True, extra, len(labels))]
    return [replace(lives[0], extra=extra), *lives[1:]]


def _lasts(event: LifeEvent, labels: Array, found: Array) -> bool:
    """Tell whether an id before is one after; of two that part, or are one, either may keep it."""
    before, after = (
        {_id(labels, found, label, event.at, later) for label in (event.who, *event.others)} - {-2}
        for later in (False, True)
    )
    return bool(before & after)


def _id(labels: Array, found: Array, label: int, at: int, later: bool) -> int:
    """Return the id that most of a label's events got, of the nearest before or the last after; -2 for none."""
    where = np.flatnonzero(labels == label)
    where = where[where >= at][-LOOKED_AT:] if later else where[where < at][-LOOKED_AT:]
    told = found[where]
    told = told[told >= 0]
    return int(np.bincount(told).argmax()) if len(told) else -2


def _right(news: News, event: LifeEvent, labels: Array, found: Array) -> bool:
    """Tell whether news are of the cluster, and the others, to which it happened.

    Of two that part either may go on: what counts is that the old id gave one to the other.
    """
    before, after = (_id(labels, found, event.who, event.at, later) for later in (False, True))
    if event.kind == "born":
        return news.who == str(after)
    if event.kind in ("died", "moved"):
        return news.who == str(before)
    other = _id(labels, found, event.others[0], event.at, event.kind == "split")
    if event.kind == "split":
        return news.who == str(before) and bool({str(after), str(other)} & set(news.others))
    return {news.who, *news.others} >= {str(before), str(other)}


def planted() -> list[Life]:
    """Judge ours on all made streams, and on those of the tables with births and deaths."""
    lives = []
    for kind in KINDS:
        for d in DIMENSIONS:
            for seed in SEEDS:
                X, labels, events = life_stream(kind, d=d, seed=seed)
                lives += judge(kind, d, seed, labels, events, followed(X))
    for make in (event_streams.rbf_events, event_streams.blobs_abrupt):
        for seed in (3, 7, 11):
            X, labels, changes = make(seed=seed)
            kinds = {"jumped": "moved"}
            made = [LifeEvent(kinds.get(change.kind, change.kind), change.at, change.label) for change in changes]
            lives += judge(make.__name__, X.shape[1], seed, labels, made, followed(X))
    return lives

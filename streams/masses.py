"""Drift in the mass of clusters: for each cluster, whether the share of events that go to it has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from driftline.models.base import News
from driftline.streams.detectors import BITS
from driftline.streams.drift import Watch
from driftline.streams.past import Change
from driftline.streams.twin import Twin

MOST = 32
"""Clusters watched at the same time; for a new one, the one longest without an event goes."""
FORGOTTEN = 10_000
"""Events after which a cluster without a single one is watched no longer."""
_SWEEP = 1_000
"""How often those are looked for, in events."""
_TRIED = 4
"""Clusters of which the twin tries each shuffled block: the largest."""


def dead(news: News) -> tuple[str, ...]:
    """Return the ids of the clusters that are no more after this.

    >>> dead(News(0, 9, "merged", "2 went up in 1", 0.2, 0.4, "1", ("2",))), dead(News(0, 9, "died", "", 0, 0, "3"))
    (('2',), ('3',))
    """
    return news.others if news.kind == "merged" else (news.who,) if news.kind == "died" else ()


class Masses:
    """One watch for each cluster, on the bit "this event went to it", from the event after its first one on.

    >>> masses = Masses("adwin", {})
    >>> found = masses.update_run(["a", "b"] * 500 + ["a"] * 200)
    >>> sorted({who for _, who, _ in found})
    ['a', 'b']
    >>> place, who, change = found[0]
    >>> place > 1000, 0.45 < change.before < 0.55
    (True, True)
    """

    def __init__(self, detector: str, parameters: Mapping[str, Any]):
        self.name = detector
        # A share that falls is as much of a change as one that rises.
        self.parameters = {"two_sided_test": True, **parameters} if detector in BITS else dict(parameters)
        self._watch()  # its parameters are checked now, not with the first event
        self.watches: dict[str, Watch] = {}
        self.last: dict[str, int] = {}
        """When each cluster had its last event."""
        self.seen = 0
        """Events so far."""
        self.twin = Twin()

    def _watch(self) -> Watch:
        return Watch(self.name, self.parameters, twin=False)

    def update_run(self, ids: Sequence[str]) -> list[tuple[int, str, Change]]:
        """Take the clusters of a run of events; return each change, at which event, and of which cluster."""
        found: list[tuple[int, str, Change]] = []
        start, count = 0, len(ids)
        while start < count:
            # Columns, up to where the clusters watched change: at a new one, or at the next sweep.
            end = min(count, start + _SWEEP - self.seen % _SWEEP)
            new = next((place for place in range(start, end) if ids[place] not in self.watches), None)
            self._update(ids[start : end if new is None else new + 1], start, found)
            start = end if new is None else new + 1
            if new is not None:
                self._add(ids[new])
            if self.seen % _SWEEP == 0:
                self.forget([who for who, last in self.last.items() if self.seen - last > FORGOTTEN])
        self.twin.extend(ids, self.trial)
        return found

    def _update(self, ids: Sequence[str], start: int, found: list[tuple[int, str, Change]]) -> None:
        changes = []
        for who, watch in self.watches.items():
            bits = [1.0 if one == who else 0.0 for one in ids]
            changes += [(start + place, who, change) for place, change in watch.update_run(bits)]
        found += sorted(changes, key=lambda change: change[0])
        for place, who in enumerate(ids, self.seen + 1):
            self.last[who] = place
        self.seen += len(ids)

    def _add(self, who: str) -> None:
        if len(self.watches) >= MOST:
            self.forget([min(self.watches, key=self.last.__getitem__)])
        self.watches[who] = self._watch()

    def forget(self, dead: Iterable[str]) -> None:
        """Watch these clusters no longer."""
        for who in dead:
            self.watches.pop(who, None)
            self.last.pop(who, None)

    def trial(self, ids: Sequence[str]) -> tuple[int, int]:
        """Feed new detectors with shuffled ids; return how many bits and how many alarms these were."""
        tested = alarms = 0
        for who in sorted(counts := Counter(ids), key=lambda who: (-counts[who], who))[:_TRIED]:
            bits, false = self._watch().trial([1.0 if one == who else 0.0 for one in ids])
            tested += bits
            alarms += false
        return tested, alarms

    def restart(self) -> None:
        """Begin anew, with other clusters."""
        self.watches, self.last = {}, {}

"""All that is watched of one model: its signals, each with its detector, and what is told of a drift in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from driftline.streams.drift import Watch
from driftline.streams.masses import Masses
from driftline.streams.model_config import Drift
from driftline.streams.past import Change
from driftline.streams.signals import Signal
from driftline.streams.tasks import NO_CLUSTER
from driftline.streams.twin import Twin


class Drifted(msgspec.Struct, gc=False):
    """A drift in one signal, and what was done about it."""

    signal: Signal
    who: str
    """The cluster whose mass changed; else empty."""
    change: Change
    count: int
    """Values that were watched until then; of the loss, labels judged."""
    action: str = "alarm"

    @property
    def better(self) -> bool:
        """Whether it is no harm: the loss or the distance fell, or fewer events belong to no cluster.

        >>> change = Change(2.0, 1.0, 1.1, 0.99, 300, 100)
        >>> Drifted("distance", "", change, 400).better, Drifted("mass", "7", change, 400).better
        (True, False)
        """
        wanted_low = self.signal in ("loss", "distance") or (self.signal == "mass" and self.who == NO_CLUSTER)
        return wanted_low and not self.change.rose


class Watcher:
    """Watch these signals of a model, as configured.

    A signal of the model's own answers (all but the loss) is let alone for the first `config.rest` answers of a new
    model, while it finds its feet.

    Raises `TypeError` or `ValueError` where the detector does not take the parameters.

    >>> watcher = Watcher(Drift(rest=0), ("distance", "mass"))
    >>> near = {"distance": [1.0, 1.25] * 600, "mass": ["0", "1"] * 600}
    >>> far = {"distance": [2.0, 2.25] * 50, "mass": ["0", "1"] * 50}
    >>> watcher.answered(near)
    []
    >>> place, drifted = watcher.answered(far)[0]
    >>> drifted.signal, drifted.change.before, drifted.change.after
    ('distance', 1.125, 2.125)
    """

    def __init__(self, config: Drift, on: Sequence[Signal]):
        self.config = config
        self.on = tuple(on)
        self.watches = {signal: Watch(config.detector, config.parameters) for signal in on if signal != "mass"}
        self.masses = Masses(config.detector, config.parameters) if "mass" in on else None
        self.resting = config.rest
        """Answers that are not watched yet."""
        self.due = False
        """Whether a drift was found in the answers, and the model is to be changed at the next step."""

    @property
    def form(self) -> tuple[Any, ...]:
        """What must be the same for a watch to go on under another configuration."""
        return self.config.detector, self.config.parameters, self.on

    @property
    def answers(self) -> bool:
        """Whether anything of the answers is watched."""
        return self.masses is not None or len(self.watches) > ("loss" in self.watches)

    def judged(self, losses: Sequence[float]) -> list[tuple[int, Change]]:
        """Take the losses of a run of answers; return each drift, and at which loss."""
        watch = self.watches.get("loss")
        if watch is None:
            return []
        if len(losses) == 1:
            change = watch.update(losses[0])
            return [(0, change)] if change is not None else []
        return watch.update_run(losses)

    def answered(self, run: Mapping[str, Sequence[Any]]) -> list[tuple[int, Drifted]]:
        """Take the signals of a run of answers, each of the same length; return each drift, and at which answer."""
        count = len(next(iter(run.values())))
        rested = min(self.resting, count)
        self.resting -= rested
        found: list[tuple[int, Drifted]] = []
        for signal, values in run.items():
            if rested:
                values = values[rested:]
            if signal == "mass":
                assert self.masses is not None
                seen = self.masses.seen + 1
                found += [
                    (rested + place, Drifted("mass", who, change, seen + place))
                    for place, who, change in self.masses.update_run(values)
                ]
            else:
                watch = self.watches[signal]  # type: ignore[index]
                seen = watch.seen + 1
                found += [
                    (rested + place, Drifted(signal, "", change, seen + place))  # type: ignore[arg-type]
                    for place, change in watch.update_run(values)
                ]
        found.sort(key=lambda one: one[0])
        return found

    def forget(self, clusters: Iterable[str]) -> None:
        """These clusters are no more."""
        if self.masses is not None:
            self.masses.forget(clusters)

    def begin_anew(self) -> None:
        """The model was made anew: what it answers now has nothing to do with what it answered before."""
        self.due, self.resting = False, self.config.rest
        for signal, watch in self.watches.items():
            if signal != "loss":
                watch.restart()
        if self.masses is not None:
            self.masses.restart()

    def go_on(self, config: Drift) -> None:
        """Go on under a configuration of the same form."""
        if config.policy != self.config.policy:
            self.due = False
        self.config = config

    def twins(self) -> Iterator[tuple[Signal, Twin]]:
        """The twins by signal."""
        for signal, watch in self.watches.items():
            if watch.twin is not None:
                yield signal, watch.twin
        if self.masses is not None:
            yield "mass", self.masses.twin

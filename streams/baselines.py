"""What one would answer without any model: shown beside every score.

A baseline is asked at the moment of the event, with what was known then, and judged by the same label as the models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from driftline.streams.scores import Guess, Scores


class Baseline:
    """Answer without looking at the features."""

    name: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ()

    def guess(self) -> Guess:
        """Answer now."""
        raise NotImplementedError

    def learn(self, y: Any) -> None:
        """Take one label."""

    def learn_run(self, ys: Sequence[Any]) -> None:
        """Take a run of labels."""
        for y in ys:
            self.learn(y)

    def state(self) -> dict[str, Any]:
        """Return all that was learnt."""
        return {name: getattr(self, name) for name in self.fields}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what another has learnt."""
        for name in self.fields:
            setattr(self, name, state[name])


class NoChange(Baseline):
    """The last label again.

    >>> last = NoChange(False)
    >>> last.guess(), last.learn(True), last.guess()
    ((False, None), None, (True, None))
    """

    name = "no_change"
    fields = ("last",)

    def __init__(self, first: Any):
        self.last = first

    def guess(self) -> Guess:
        """Repeat the last label."""
        return self.last, None

    def learn(self, y: Any) -> None:
        """Remember it."""
        self.last = y

    def learn_run(self, ys: Sequence[Any]) -> None:
        """Remember the last of them."""
        if ys:
            self.last = ys[-1]


class BinaryMajority(Baseline):
    """The more frequent answer so far, with its smoothed rate as probability."""

    name = "majority"
    fields = ("yes", "n")

    def __init__(self) -> None:
        self.yes = self.n = 0

    def guess(self) -> Guess:
        """Answer with the majority."""
        p = (self.yes + 1) / (self.n + 2)
        return p > 0.5, p

    def learn(self, y: bool) -> None:
        """Count it."""
        self.n += 1
        if y:
            self.yes += 1

    def learn_run(self, ys: Sequence[bool]) -> None:
        """Count them."""
        self.n += len(ys)
        self.yes += sum(ys)


class MulticlassMajority(Baseline):
    """The most frequent class so far; ties go to the one seen first."""

    name = "majority"
    fields = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[Any, int] = {}

    def guess(self) -> Guess:
        """Answer with the most frequent class, or none before the first label."""
        return (max(self.counts, key=self.counts.__getitem__) if self.counts else ""), None

    def learn(self, y: Any) -> None:
        """Count it."""
        self.counts[y] = self.counts.get(y, 0) + 1

    def state(self) -> dict[str, Any]:
        """Return the counts as pairs: a class may be text, a number or yes and no."""
        return {"counts": [[y, n] for y, n in self.counts.items()]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the counts of another."""
        self.counts = dict(state["counts"])


class MajoritySet(Baseline):
    """Each label that was on more often than not."""

    name = "majority"
    fields = ("counts", "n", "on")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.n = 0
        self.on: dict[str, bool] = {}

    def guess(self) -> Guess:
        """Answer with the majority of each label."""
        return self.on, None

    def learn(self, y: dict[str, bool]) -> None:
        """Count its labels; a label not named counts as off."""
        self.n += 1
        counts = self.counts
        for name, on in y.items():
            if on:
                counts[name] = counts.get(name, 0) + 1
        # A new dict each time: answers already given are kept by events that still wait.
        self.on = {name: True for name, count in counts.items() if 2 * count > self.n}


class Mean(Baseline):
    """The mean so far."""

    name = "mean"
    fields = ("n", "mean")

    def __init__(self) -> None:
        self.n = 0
        self.mean = 0.0

    def guess(self) -> Guess:
        """Answer with the mean."""
        return self.mean, None

    def learn(self, y: float) -> None:
        """Move the mean."""
        self.n += 1
        self.mean += (y - self.mean) / self.n


class Constant(Baseline):
    """The same anomaly score for all: an area of .5 under the curve."""

    name = "constant"

    def guess(self) -> Guess:
        """Answer 0."""
        return 0.0, None


class Panel:
    """The baselines of one task in one lane, each with its scores."""

    def __init__(self, accepts: Callable[[Any], bool], baselines: Iterable[Baseline], scores: Callable[[], Scores]):
        self.accepts = accepts
        self.baselines = tuple(baselines)
        self.scores = {baseline.name: scores() for baseline in self.baselines}
        self._pairs = [(baseline, self.scores[baseline.name]) for baseline in self.baselines]

    def guesses(self) -> list[Guess]:
        """What each baseline answers now."""
        return [baseline.guess() for baseline in self.baselines]

    def teach(self, ys: Sequence[Any], guessed: Sequence[list[Guess] | None]) -> None:
        """Judge and teach each baseline by a run of labels, each with what was guessed at its event (None: nothing)."""
        if None in guessed:
            known = [(y, guesses) for y, guesses in zip(ys, guessed, strict=True) if guesses is not None]
            ys, guessed = [y for y, _ in known], [guesses for _, guesses in known]
        for place, (baseline, scores) in enumerate(self._pairs):
            scores.update_run(ys, [guesses[place] for guesses in guessed])  # type: ignore[index]
            baseline.learn_run(ys)

    def learn(self, ys: Sequence[Any]) -> None:
        """Teach each baseline a run of labels, and judge none."""
        for baseline in self.baselines:
            baseline.learn_run(ys)

    def state(self) -> dict[str, Any]:
        """Return everything."""
        return {b.name: {"state": b.state(), "scores": self.scores[b.name].state()} for b in self.baselines}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what another has kept."""
        for baseline in self.baselines:
            baseline.restore(state[baseline.name]["state"])
            self.scores[baseline.name].restore(state[baseline.name]["scores"])

"""Champion and challengers: models of one task that answer the same events, of which the best one leads.

All of them predict, are scored and learn. Which one leads is a function of the labels handled before, like a drift:
the same whoever handles them again, in batches of any size. So a promotion holds from the next event on; it is told
with the checkpoint that holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

from driftline.streams.config import ContestConfig, StreamConfig
from driftline.streams.evidence import Evidence
from driftline.streams.losses import LOSSES
from driftline.streams.scores import Guess
from driftline.streams.watcher import Drifted

if TYPE_CHECKING:
    from driftline.streams.slots import Lesson, Raised, Slot


def contests_of(config: StreamConfig, slots: list[Slot]) -> dict[str, Contest]:
    """Make the contests of a stream, which answer behind its models."""
    return {
        name: Contest(name, len(slots) + place, said, slots)
        for place, (name, said) in enumerate(config.contests.items())
    }


@dataclass(frozen=True)
class Promotion:
    """A challenger took the champion's place."""

    old: str
    new: str
    before: float
    """Mean loss of the old champion since the evidence began to grow."""
    after: float
    """The same of the new one."""
    count: int
    """Labels since then."""
    evidence: float
    wanted: float
    reason: str = ""
    """Why it came before the evidence was as much as is wanted, for people; with a space in front."""


class Contest:
    """One contest of a lane; `index` is its place among those who answer, behind the models."""

    def __init__(self, name: str, index: int, config: ContestConfig, slots: list[Slot]):
        self.name = name
        self.index = index
        self.config = config
        self._places = {slot.name: slot.index for slot in slots if slot.name in config.models}
        self.task = next(slot.task for slot in slots if slot.name in config.models)
        losses = LOSSES[self.task.name]
        self.loss = config.loss or next(iter(losses))
        self._measure = losses[self.loss]
        self._challenged = {
            slot.name for slot in slots if slot.name in config.models and slot.config.drift.policy == "challenger"
        }
        self.versions = {slot.name: slot.version for slot in slots if slot.name in config.models}
        self.form = {
            "models": self.versions,
            "loss": self.loss,
            "run_length": config.run_length,
            "margin": config.margin,
        }
        """What must be the same for a contest to go on."""
        self.wanted = config.run_length * (len(config.models) - 1)
        """The evidence that promotes: with several challengers, each must bring as much as all together may."""
        self.since: dict[str, int] = {}
        """The lane's offsets when it began, if that was later than the lane."""
        self.promotions = 0
        self.scores = self.task.scores()
        """Of what was served: the answers of whoever led at the time."""
        self.begin(config.models[0])

    def begin(self, champion: str) -> None:
        """Begin anew, with this champion."""
        self.first = self.champion = champion
        self._face()

    def _face(self) -> None:
        self.evidence = {name: Evidence() for name in self.config.models if name != self.champion}

    @property
    def lead(self) -> int:
        """The champion's place among the models of the lane."""
        return self._places[self.champion]

    def judge(self, run: list[Lesson], raised: list[Raised]) -> list[Raised]:
        """Compare the answers to a run of labels, of this task's type, in order; return promotions and their places.

        `raised` is what the models told of that run: a drift of the one that leads may cost it the lead.
        """
        promoted: list[Raised] = []
        falls = {
            (place, slot.name): what
            for place, slot, what in raised
            if isinstance(what, Drifted) and slot.name in self._challenged and what.change.rose
        }
        compare, margin, places = self._measure.compare, self.config.margin, self._places
        for lesson in run:
            guesses: list[Guess | None] = lesson.entry.guesses
            y, served = lesson.y, guesses[self.index]
            if served is not None:
                self.scores.update(y, served)
            lead = guesses[places[self.champion]]
            best, value = None, self.wanted
            for name, evidence in self.evidence.items():
                better, old, new = compare(y, lead, guesses[places[name]])
                said = evidence.update(better - margin, old, new)
                if said >= value:
                    best, value = name, said
            if best is not None:
                promoted.append((lesson.place, self, self._promote(best, value)))
            elif falls and (fall := falls.get((lesson.place, self.champion))) is not None:
                best, value = self._successor()
                if best is not None:
                    fall.action = "challenger"
                    reason = f", whose loss drifted from {fall.change.before:.4g} to {fall.change.after:.4g}"
                    promoted.append((lesson.place, self, self._promote(best, value, reason)))
        return promoted

    def _successor(self) -> tuple[str | None, float]:
        """The challenger with the most evidence, if any has been better than the champion lately, and its evidence."""
        best, most = None, 1.0
        for name, evidence in self.evidence.items():
            if evidence.value > most:
                best, most = name, evidence.value
        return best, most

    def _promote(self, name: str, value: float, reason: str = "") -> Promotion:
        promotion = Promotion(self.champion, name, *self.evidence[name].window(), value, self.wanted, reason)
        self.champion = name
        self.promotions += 1
        self._face()
        return promotion

    def progress(self) -> dict[str, float]:
        """Return how far each challenger is on its way: 0 at the beginning, 1 promotes, in logarithms."""
        return {
            name: max(0.0, log(max(evidence.value, 1e-300)) / log(self.wanted))
            for name, evidence in list(self.evidence.items())
        }

    def state(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "form": self.form,
            "since": self.since,
            "first": self.first,
            "champion": self.champion,
            "promotions": self.promotions,
            "scores": self.scores.state(),
            "evidence": {name: evidence.state() for name, evidence in self.evidence.items()},
        }

    def restore(self, state: dict[str, Any] | None, offsets: dict[str, int]) -> bool:
        """Take what another has kept, or, where that had another form, begin anew at these offsets.

        Whoever led goes on leading, if it is still the same model.
        """
        if state is None or state["form"] != self.form:
            self.since = dict(offsets)
            models = state["form"]["models"] if state else {}
            led = state["champion"] if state else None
            if led is not None and self.versions.get(led) == models.get(led):
                self.begin(led)
            return False
        self.begin(state["champion"])
        self.since, self.first, self.promotions = state["since"], state["first"], state["promotions"]
        self.scores.restore(state["scores"])
        for name, kept in state["evidence"].items():
            self.evidence[name].restore(kept)
        return True

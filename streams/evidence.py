"""Evidence that one model has become better than another: a sequential test that may be looked at after every label."""

from __future__ import annotations

from typing import Any

BETS = (1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128)
"""Shares of the wealth that are bet on the next difference: large ones find large advantages soon, small ones small."""


class Evidence:
    """An e-detector: wealth from bets that a challenger does better, begun again whenever it is lost.

    Under the hypothesis that the next difference is never positive in expectation, the wealth of each bet is a
    supermartingale from wherever it began, so the mean number of labels until `value` reaches a bound is at least that
    bound, however often one looks and however the stream drifts. A challenger that was worse for long and becomes
    better is found as fast as one that is new, for lost wealth begins again at 1.

    Source: Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2022), its
    CUSUM-like detector, with a mixture of bets; for forecasts compared by their losses: Choe, Ramdas, "Comparing
    sequential forecasters" (2023).

    >>> evidence = Evidence()
    >>> for _ in range(40):
    ...     value = evidence.update(0.5, 0.75, 0.25)
    >>> round(value), evidence.window()
    (1093, (0.75, 0.25, 40))
    """

    fields = ("wealth", "counts", "old", "new")

    def __init__(self) -> None:
        self.wealth = [1.0] * len(BETS)
        self.counts = [0] * len(BETS)
        """Labels since each bet began again."""
        self.old = [0.0] * len(BETS)
        """Loss of the champion over these labels."""
        self.new = [0.0] * len(BETS)
        """Loss of the challenger over these labels."""

    @property
    def value(self) -> float:
        """The mean wealth."""
        return sum(self.wealth) / len(BETS)

    def update(self, advantage: float, old: float, new: float) -> float:
        """Take how much better the challenger was on a label (at most 1, at least -2), and both losses."""
        wealth, counts, olds, news = self.wealth, self.counts, self.old, self.new
        for place, bet in enumerate(BETS):
            had = wealth[place]
            if had <= 1.0:
                had, counts[place], olds[place], news[place] = 1.0, 0, 0.0, 0.0
            wealth[place] = had * (1.0 + bet * advantage)
            counts[place] += 1
            olds[place] += old
            news[place] += new
        return sum(wealth) / len(BETS)

    def window(self) -> tuple[float, float, int]:
        """Return mean losses of champion and challenger since the best bet began, and how many labels that was."""
        best = max(range(len(BETS)), key=self.wealth.__getitem__)
        count = self.counts[best]
        return (self.old[best] / count, self.new[best] / count, count) if count else (0.0, 0.0, 0)

    def state(self) -> dict[str, Any]:
        """Return everything."""
        return {name: list(getattr(self, name)) for name in self.fields}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what another has kept."""
        for name in self.fields:
            setattr(self, name, list(state[name]))

"""How much of the worker's time learning may take while events wait."""

from __future__ import annotations

LONGEST_DEBT_SECONDS = 5.0
LARGEST_CREDIT_SECONDS = 1.0


class TimeShare:
    """Let learning have a bounded share of the time, and all of it where nothing else is to be done.

    Answering earns time, learning spends it. One step may be longer than what was earned, and is paid off later.

    Parameters
    ----------
    share
        The share of learning, in (0, 1).

    Examples
    --------
    >>> share = TimeShare(0.25)
    >>> share.may_learn
    False
    >>> share.answered(0.3)
    >>> share.may_learn
    True
    >>> share.learnt(0.4)
    >>> share.may_learn, round(share.credit, 2)
    (False, -0.3)

    """

    def __init__(self, share: float):
        if not 0.0 < share < 1.0:
            raise ValueError(f"share must be in (0, 1), got {share}")
        self.rate = share / (1.0 - share)
        self.credit = 0.0
        """Seconds that learning may take at once; below 0 they are owed."""

    @property
    def may_learn(self) -> bool:
        """Whether learning has time left."""
        return self.credit > 0.0

    def answered(self, seconds: float) -> None:
        """Answering took so long."""
        self.credit = min(self.credit + seconds * self.rate, LARGEST_CREDIT_SECONDS)

    def learnt(self, seconds: float) -> None:
        """Learning took so long, while events waited."""
        self.credit = max(self.credit - seconds, -LONGEST_DEBT_SECONDS)

    def idle(self) -> None:
        """Nothing waits: what was owed is forgotten."""
        self.credit = 0.0

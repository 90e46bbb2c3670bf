"""What MLHAT scored and cost elsewhere: constants with their sources, none of them measured here.

Measured: aestebant/mlhat (CC0) on the whole stream in file order, predict then learn from the first row, one run, one
thread, river 0.21.0; River's logistic regression per label was timed beside it. The reference reproduces its own
tutorial on Emotions. Published: Esteban, Cano, Zafra and Ventura, Knowledge-Based Systems 304 (2024), whole stream, and
the seconds given there. Both to the digits that are shown: scores to three decimals.
"""

from dataclasses import dataclass

from benchmarks.multilabel.streams import Set


@dataclass(frozen=True)
class Anchor:
    """MLHAT on one set."""

    subset: float
    hamming: float
    micro: float
    macro: float
    measured: bool
    """Measured, or as published."""
    rows: int
    seconds: float
    """Of the whole stream, as published."""
    ms: float | None = None
    """CPU of a row, where measured."""
    logistic_ms: float | None = None
    """That of River's logistic regression per label on the same machine, where measured."""

    @property
    def published_ms(self) -> float:
        """A row's share of the published time."""
        return 1e3 * self.seconds / self.rows


MLHAT = {
    Set.FLAGS: Anchor(0.057, 0.350, 0.637, 0.514, True, 194, 0.7, 2.6, 0.33),
    Set.WATERQUALITY: Anchor(0.019, 0.311, 0.558, 0.513, True, 1060, 4.6, 4.5, 0.64),
    Set.EMOTIONS: Anchor(0.169, 0.295, 0.486, 0.465, True, 593, 4.1, 12.1, 0.72),
    Set.VIRUSGO: Anchor(0.585, 0.111, 0.733, 0.659, True, 207, 8.9, 54.3, 7.6),
    Set.YEAST: Anchor(0.139, 0.215, 0.614, 0.358, True, 2417, 26.0, 13.9, 2.5),
    Set.SCENE: Anchor(0.894, 0.021, 0.941, 0.944, True, 2407, 39.0, 17.8, 2.8),
    Set.SLASHDOT: Anchor(0.311, 0.048, 0.458, 0.351, False, 3782, 706.0),
    Set.ENRON: Anchor(0.091, 0.064, 0.436, 0.177, False, 1702, 1218.0),
}
SCORES = ("subset", "hamming", "micro", "macro")
"""What the anchors hold."""


def better(score: str, ours: float, theirs: float) -> bool:
    """Return whether a score beats another; of Hamming loss, less is more.

    >>> better("micro", 0.6, 0.5), better("hamming", 0.6, 0.5), better("micro", 0.5, 0.5)
    (True, False, False)
    """
    return ours < theirs if score == "hamming" else ours > theirs

"""How well scores of strangeness find the labelled windows of a series.

The scoring of the Numenta Anomaly Benchmark is written from its description: Lavin and Ahmad, "Evaluating real-time
anomaly detection algorithms: the Numenta Anomaly Benchmark", ICMLA 2015. Standard profile; the first 15 % of a series,
at most 750 events, are for learning and count for nothing.
"""

from bisect import bisect_left, insort

import numpy as np

from driftline.models.base import Array

Windows = list[tuple[int, int]]
"""First and last event of each window, by number."""
FALSE_ALARM, MISSED = 0.11, 1.0
"""What a false alarm and a missed window cost, at most; a window that is found at its very beginning earns 1."""
PROBATION, MOST_PROBATION = 0.15, 750


def probation(n: int) -> int:
    """Return how many first events of n count for nothing.

    >>> probation(1000), probation(10000)
    (150, 750)
    """
    return min(int(PROBATION * n), MOST_PROBATION)


def inside(windows: Windows, n: int) -> Array:
    """Return (n,) bool: whether each event is in a window."""
    marked = np.zeros(n, bool)
    for first, last in windows:
        marked[first : last + 1] = True
    return marked


def auc(scores: Array, positive: Array) -> float:
    """Return the area under the ROC curve; ties count half, nan where there is one class only.

    >>> auc(np.array([0.1, 0.2, 0.2, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    ones = int(positive.sum())
    zeros = len(positive) - ones
    if not ones or not zeros:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = counts.cumsum() - (counts - 1) / 2.0
    return float((rank[inverse][positive].sum() - ones * (ones + 1) / 2.0) / (ones * zeros))


def nab(alarms: Array, windows: Windows) -> float:
    """Return NAB's raw score of alarms (n,) bool: 1 for each window at best, -1 for each at worst but for false alarms.

    >>> alarms = np.zeros(100, bool)
    >>> nab(alarms, [(50, 69)])
    -1.0
    >>> alarms[50] = True
    >>> nab(alarms, [(50, 69)])
    1.0
    """
    n = len(alarms)
    begin = probation(n)
    score = 0.0
    held = [(first, last) for first, last in windows if last >= begin]
    for first, last in held:
        found = np.flatnonzero(alarms[max(first, begin) : last + 1])
        if len(found):
            at = max(first, begin) + int(found[0])
            score += _sigmoid(-(last - at + 1) / (last - first + 1)) / _sigmoid(-1.0)
        else:
            score -= MISSED
    ends, outside = [last for _, last in held], ~inside(windows, n)
    for at in np.flatnonzero(alarms & outside & (np.arange(n) >= begin)).tolist():
        before = bisect_left(ends, at) - 1
        if before < 0:
            score -= FALSE_ALARM
        else:
            first, last = held[before]
            score += FALSE_ALARM * _sigmoid((at - last) / max(last - first, 1))
    return score


def normalised(raw: float, windows: int) -> float:
    """Return a raw score as percent: 0 for no alarms at all, 100 for all windows found at once and no false alarms."""
    return 100.0 * (raw + MISSED * windows) / (2.0 * windows) if windows else float("nan")


def counted(windows: Windows, n: int) -> int:
    """Return how many windows end after the probation."""
    return sum(last >= probation(n) for _, last in windows)


def needed(scores: Array, windows: Windows) -> Array:
    """Return for each window (k,) how many false alarms per 1,000 events a threshold lets through that finds it.

    >>> needed(np.array([0.0] * 80 + [0.5, 3.0, 1.0, 0.0, 2.0] + [0.0] * 15), [(82, 83)]).round(1).tolist()
    [24.1]
    """
    n = len(scores)
    begin = probation(n)
    usual = scores[begin:][~inside(windows, n)[begin:]]
    highest = [scores[max(first, begin) : last + 1].max() for first, last in windows if last >= begin]
    return np.array([1e3 * float((usual >= most).mean()) for most in highest])


def caught(scores: Array, windows: Windows, per_thousand: float) -> int:
    """Return how many windows hold a score above all but so many per thousand of the scores outside of windows."""
    n = len(scores)
    begin = probation(n)
    usual = np.sort(scores[begin:][~inside(windows, n)[begin:]])[::-1]
    allowed = int(per_thousand * len(usual) / 1000.0)
    threshold = usual[allowed] if allowed < len(usual) else -np.inf
    return sum(bool((scores[max(first, begin) : last + 1] > threshold).any()) for first, last in windows)


def blind_alarms(scores: Array, share: float) -> Array:
    """Return (n,) bool: whether each score is above all but a share of the scores before it; needs no label.

    >>> blind_alarms(np.array([1.0, 2.0, 3.0, 0.0, 9.0]), 0.5).tolist()
    [False, True, True, False, True]
    """
    held: list[float] = []
    alarms = np.zeros(len(scores), bool)
    for i, score in enumerate(scores.tolist()):
        if held:
            alarms[i] = score > held[min(len(held) - 1, int((1.0 - share) * len(held)))]
        insort(held, score)
    return alarms


def _sigmoid(y: float) -> float:
    """Return from 1, far before the end of a window, through 0 at its end to -1 from 3 widths after it on."""
    return -1.0 if y > 3.0 else 2.0 / (1.0 + float(np.exp(5.0 * y))) - 1.0

"""Feedback on a forecast whose truth has come, as numbers and as sentences: plain code that checks the arithmetic.

References
----------
Hu et al., "Self-Refined Generative Foundation Models for Wireless Traffic Prediction", arXiv 2408.10390: feedback on
the overall error, on periodicity, on completeness and on the method. There the language model judges itself; here
nothing is judged by a model.
"""

import math
from collections.abc import Mapping

import numpy as np

from driftline.models.base import Array

FACETS = ("overall", "periodical", "completeness", "method")


def facets(
    said: Array, truth: Array, at: Array, season: int, beside: Mapping[str, float], name: str = "forecast"
) -> dict[str, float]:
    """Return what can be measured of a forecast.

    Parameters
    ----------
    said, truth
        (j,) what was said, nan where nothing was, and what came, nan where it is missing.
    at
        (j,) the time of each, in steps.
    season
        How many steps make a season.
    beside
        Mean absolute errors of the experts on the same truths.
    name
        Whose forecast it is.

    Returns
    -------
    `mae`; `bias`, the mean error (forecast less truth) in shares of the mean truth; `total`, the ratio of the sums;
    `amplitude`, the ratio of the daily waves' heights, and `delay`, how many steps the forecast's wave comes later;
    `answered`, the share of values that were said; `below_zero`, how many were below 0; `relative`, the error by that
    of the median expert, and `rank`, how many experts were better. What cannot be told is left out.

    >>> t = np.arange(24)
    >>> found = facets(np.full(24, 9.0), 10.0 + np.sin(t * math.tau / 24), t, 24, {"last_value": 2.0, "day": 0.5})
    >>> round(found["bias"], 2), round(found["amplitude"], 2), found["rank"]
    (-0.1, 0.0, 1.0)
    """
    found: dict[str, float] = {"answered": float(np.isfinite(said).mean()), "below_zero": float((said < 0).sum())}
    known = np.isfinite(said) & np.isfinite(truth)
    if not known.any():
        return found
    f, y, t = said[known], truth[known], at[known]
    found["mae"] = float(np.abs(f - y).mean())
    mean = float(np.abs(y).mean())
    if mean > 0:
        found["bias"] = float((f - y).mean()) / mean
    if abs(y.sum()) > 0:
        found["total"] = float(f.sum() / y.sum())
    if len(t) >= 4 and np.ptp(t) >= season // 2:
        (high, phase), (true_high, true_phase) = _wave(f, t, season), _wave(y, t, season)
        if true_high > 1e-9 * mean:
            found["amplitude"] = high / true_high
            turn = (phase - true_phase + math.pi) % math.tau - math.pi
            found["delay"] = turn / math.tau * season if high > 1e-9 * mean else 0.0
    if beside:
        usual = float(np.median(list(beside.values())))
        if usual > 0:
            found["relative"] = found["mae"] / usual
        found["rank"] = float(sum(loss < found["mae"] for loss in beside.values()))
    return {key: value for key, value in found.items() if math.isfinite(value)}


def sentences(found: Mapping[str, float], beside: Mapping[str, float], name: str = "forecast") -> dict[str, str]:
    """Return one sentence for each facet, from the numbers of `facets`.

    >>> said = sentences({"answered": 1.0, "below_zero": 0.0, "mae": 3.0, "bias": 0.2}, {"day": 2.0})
    >>> print(said["overall"])
    The last forecast was off by 3 on average and too high by 20 % of the mean.
    >>> print(said["method"])
    Best of all methods was day, off by 2.
    """
    told = {}
    if "mae" in found:
        told["overall"] = f"The last {name} was off by {found['mae']:.4g} on average"
        percent = round(100.0 * found.get("bias", 0.0))
        if percent:
            told["overall"] += f" and too {'high' if percent > 0 else 'low'} by {abs(percent)} % of the mean"
        elif "bias" in found:
            told["overall"] += ", neither too high nor too low"
        told["overall"] += "."
    else:
        told["overall"] = f"No truth has come for the last {name}."
    told["periodical"] = _periodical(found)
    answered = found.get("answered", 0.0)
    told["completeness"] = "All values were answered" if answered == 1.0 else f"{100 * answered:.0f} % were answered"
    below = int(found.get("below_zero", 0))
    told["completeness"] += f", {below} of them below 0." if below else "."
    if beside:
        best = min(beside, key=lambda one: beside[one])
        told["method"] = f"Best of all methods was {best}, off by {beside[best]:.4g}."
    else:
        told["method"] = "No method could be compared."
    return told


def _periodical(found: Mapping[str, float]) -> str:
    if "amplitude" not in found:
        return "Nothing can be said of the daily pattern."
    swing, delay = found["amplitude"], found["delay"]
    size = "as high as" if 0.9 <= swing <= 1.1 else f"{swing:.2f} times as high as"
    when = "at the right time" if abs(delay) < 0.5 else f"{abs(delay):.1f} steps too {'late' if delay > 0 else 'early'}"
    return f"Its daily wave was {size} the true one and came {when}."


def _wave(values: Array, at: Array, season: int) -> tuple[float, float]:
    """Return height and phase of the wave of one season that fits the values best."""
    angle = at * (math.tau / season)
    waves = np.stack([np.ones(len(at)), np.cos(angle), np.sin(angle)], axis=1)
    size = float(np.abs(values).max()) or 1.0
    _, a, b = np.linalg.lstsq(waves, values / size, rcond=None)[0]
    return size * math.hypot(a, b), math.atan2(b, a)

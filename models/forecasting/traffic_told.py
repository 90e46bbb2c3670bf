"""What a forecaster of traffic tells: answers, questions to outside voices, verdicts."""

from typing import NamedTuple

from driftline.models.base import Array


class Told(NamedTuple):
    """An answer in full; arrays are (h,), the nearest value first."""

    first: Array
    """What the first voice, or else the first expert, said: the forecast before feedback."""
    refined: Array
    """The forecast."""
    low: Array
    high: Array
    """The 90 % interval; nan before enough forecasts of that lead were judged, and beyond the horizon."""
    weights: dict[str, float]
    """The experts' weights for the farthest lead that was asked for, without those that have no forecast."""


class Question(NamedTuple):
    """What outside voices are asked."""

    origin: int
    """How many values had come."""
    steps: int
    """How many values are to be forecast."""
    season: int
    """How many values make a season."""
    history: Array
    """The values remembered, the oldest first; nan is a missing one."""
    first: Array
    """(steps,) the first answer."""
    feedback: dict[str, str]
    """Sentences on the newest judged window by facet; on a voice's own by `voice: facet`."""


class Verdict(NamedTuple):
    """How a window was, of whose truth all has come that will."""

    origin: int
    """How many values had come when it began."""
    truths: int
    """How many values it is judged by: of long windows, some of each range of leads; without missing ones."""
    first: float
    refined: float
    """Sums of absolute errors."""
    given: int
    """How many truths had an interval."""
    covered: int
    """How many of these lay within."""
    experts: dict[str, float]
    """Sums of absolute errors of the experts that answered for all truths."""
    facets: dict[str, float]
    """The refined forecast in numbers; see `validator.facets`."""
    text: dict[str, str]
    """The same in sentences, by facet."""

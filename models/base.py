"""The verbs, which are River's, and how a model hands over what it has learnt.

A model implements the verbs that its task needs; nothing has to be subclassed. `predict_*`, `score_one` and
`forecast` never change the model and never raise before the first `learn_one`. No verb changes what it is given.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

Features: TypeAlias = Mapping[Any, Any]
"""What a model sees of one event, by name. Names may appear and vanish at any time."""

Array: TypeAlias = npt.NDArray[Any]

Plain: TypeAlias = bool | int | float | str | bytes | list[Any] | dict[str, Any] | Array | None
"""What a state is made of. Lists and dictionaries hold plain values again; `snapshot.pack` refuses others."""


@runtime_checkable
class Predictor(Protocol):
    """Answers for one event.

    >>> class Majority:
    ...     def predict_one(self, x):
    ...         return True
    >>> isinstance(Majority(), Predictor)
    True
    """

    def predict_one(self, x: Features) -> Any:
        """Return the answer for `x`: a class, a number, or a dictionary of labels."""
        ...


@runtime_checkable
class ProbabilisticPredictor(Protocol):
    """Answers with probabilities: `{class: p}`, or `{label: {False: p, True: q}}` for several labels."""

    def predict_proba_one(self, x: Features) -> dict[Any, Any]:
        """Return the probability of each answer."""
        ...


@runtime_checkable
class Learner(Protocol):
    """Learns from one event and its label."""

    def learn_one(self, x: Features, y: Any) -> None:
        """Learn that `y` was right for `x`."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Says how unusual an event is."""

    def score_one(self, x: Features) -> float:
        """Return a number that is higher for what is less usual."""
        ...


@runtime_checkable
class Forecaster(Protocol):
    """Continues a series of numbers at even spacing.

    >>> class Last:
    ...     y = 0.0
    ...     def learn_one(self, y, x=None):
    ...         self.y = y
    ...     def forecast(self, horizon, xs=None):
    ...         return [self.y] * horizon
    >>> isinstance(Last(), Forecaster)
    True
    """

    def learn_one(self, y: float, x: dict[Any, Any] | None = None) -> None:
        """Learn the next value of the series, and what else was known at that time."""
        ...

    def forecast(self, horizon: int, xs: list[dict[Any, Any]] | None = None) -> list[float]:
        """Return the next `horizon` values, the nearest first."""
        ...


class Told(NamedTuple):
    """All that a forecaster says that refines its answers by feedback; arrays are (h,), the nearest value first."""

    first: Array
    """What it said before feedback."""
    refined: Array
    """The forecast."""
    low: Array
    high: Array
    """The 90 % interval; nan before enough forecasts of that lead were judged."""
    weights: dict[str, float]
    """The experts' weights for the farthest lead that was asked for, without those that have no forecast."""


class Question(NamedTuple):
    """What a forecaster asks voices from outside: to continue its series."""

    origin: int
    """How many values had come, missing ones too."""
    steps: int
    """How many values are to be forecast."""
    season: int
    """How many values make a season."""
    history: Array
    """The values remembered, the oldest first; nan is a missing one."""
    first: Array
    """(steps,) the first answer."""
    feedback: dict[str, str]
    """Sentences on the newest judged forecast by facet; on a voice's own by `voice: facet`."""


class Verdict(NamedTuple):
    """How a forecast was, of whose truth all has come that will."""

    origin: int
    """How many values had come when it was made."""
    truths: int
    """How many values it is judged by: of long ones, some of each range of leads; without missing ones."""
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
    """The refined forecast in numbers, by names that are always the same."""
    text: dict[str, str]
    """The same in sentences, by facet."""


class Recent(NamedTuple):
    """What a forecaster remembers, for people to look at."""

    seen: int
    """How many values have come, missing ones too."""
    history: Array
    """The values remembered, the oldest first; nan is a missing one."""
    verdict: Verdict | None
    """On the newest forecast whose truth has come."""
    voices: dict[str, int]
    """How many values had come when the newest forecast of each voice began; without those that never were heard."""


@runtime_checkable
class Advised(Protocol):
    """A forecaster that refines its answers by feedback, and hears voices from outside.

    A value of nan is a missing one to it. What it is asked changes nothing; `question` and `verdict` speak of the value
    that was learnt last.
    """

    def told(self, horizon: int | None = None) -> Told:
        """Return all that it says now."""
        ...

    def question(self) -> Question | None:
        """Return what voices are to be asked now, if anything."""
        ...

    def hear(self, voice: str, origin: int, ys: Sequence[float]) -> str:
        """Take a voice's forecast; return what became of it: `heard`, `late`, `again`, `unknown` or `unfit`."""
        ...

    def verdict(self) -> Verdict | None:
        """Return what is said of the forecast whose last truth came with the last value."""
        ...

    def recent(self) -> Recent:
        """Return what it remembers: the series, the newest verdict, the voices that were heard."""
        ...


@runtime_checkable
class RowPredictor(Protocol):
    """Answers for many events in bulk: exactly what `predict_proba_one` gives for each, only faster.

    Regressors and clusterers have `predict_rows` in its place, anomaly detectors `score_rows`. (`predict_many` is the
    name for arrays, and River's for data frames, where a batch may give something else than its rows.)
    """

    def predict_proba_rows(self, xs: Sequence[Features]) -> list[dict[Any, Any]]:
        """Return one answer for each event, in order."""
        ...


@runtime_checkable
class RowLearner(Protocol):
    """Learns from many events in bulk: exactly what `learn_one` on each in order gives, only faster."""

    def learn_rows(self, xs: Sequence[Features], ys: Sequence[Any]) -> None:
        """Learn the events in order; where this raises, nothing was learnt."""
        ...


class News(NamedTuple):
    """Something in a model's life that people should know."""

    row: int
    """Which of the events that were learnt by the last call, from 0."""
    learnt: int
    """Events that the model had learnt by then."""
    kind: str
    """What happened, in a word: `split`, `merged`, `drift`."""
    text: str
    """The same for people."""
    before: float
    after: float
    """Evidence, in the unit that the text names."""
    who: str = ""
    """To what it happened, by its id: a cluster; empty where it is the model as a whole."""
    others: tuple[str, ...] = ()
    """The ids that it came from or that came of it: of a split the new ones, of a merger those that are no more."""


class Assignment(NamedTuple):
    """Where a clusterer puts an event."""

    cluster: int
    """The id, which lasts as long as the cluster; -1 for an event that belongs to none."""
    confidence: float
    """In [0, 1]: how sure it is that the event is of this cluster and no other."""
    distance: float
    """Root of the mean squared distance to the nearest cluster, in that one's own standard deviations: 1 is usual."""
    novelty: float
    """In [0, 1]: how strange the event is: the share of the latest events that are less so."""


@runtime_checkable
class Assigner(Protocol):
    """Says more of an event's cluster than its id, and learns from the events themselves."""

    def assign_one(self, x: Features) -> Assignment:
        """Return where the event belongs; nothing is learnt."""
        ...

    def prequential_rows(self, xs: Sequence[Features]) -> list[Assignment]:
        """Assign each event as `assign_one` would before it is learnt, then learn it; where this raises, nothing was.

        The same as one by one, only faster.
        """
        ...


@runtime_checkable
class Reclusterable(Protocol):
    """Can look at its clusters anew without forgetting what it has learnt."""

    def recluster(self) -> None:
        """Find the clusters anew, as after a drift; ids last."""
        ...


@runtime_checkable
class Newsworthy(Protocol):
    """Tells what happened inside of it; the lane makes alarms of that."""

    def news(self) -> list[News]:
        """Return what happened during the last call that learnt, in order, and forget it."""
        ...


class Branch(NamedTuple):
    """A part of a hierarchy, for drawing."""

    text: str
    """What it is: the members, of a part that is not divided."""
    apart: float
    """How far apart its parts are, 0 for one that is not divided."""
    parts: tuple["Branch", ...] = ()


@runtime_checkable
class Pictured(Protocol):
    """Can be looked at: a hierarchy of what it knows, as text and as parts to draw."""

    def draw(self) -> str:
        """Return it as lines of text."""
        ...

    def outline(self) -> Branch:
        """Return its root."""
        ...


@runtime_checkable
class Gauged(Protocol):
    """Has numbers of its own that are worth a metric."""

    def gauges(self) -> dict[str, float]:
        """Return them by name: few names, always the same."""
        ...


@runtime_checkable
class Compiled(Protocol):
    """Has to be compiled before it can work, once on each machine; done before a process takes lanes over."""

    @classmethod
    def warm_up(cls) -> None:
        """Compile."""
        ...


@runtime_checkable
class Stateful(Protocol):
    """Hands over what it has learnt as plain values, and takes it back bit for bit.

    The state holds what was learnt, not the parameters: `restore` is called on a model built with the same ones.

    >>> class Mean:
    ...     def __init__(self):
    ...         self.n, self.total = 0, np.zeros(2)
    ...     def state(self):
    ...         return {"n": self.n, "total": self.total.copy()}
    ...     def restore(self, state):
    ...         self.n, self.total = scalar(state, "n", int), array(state, "total", like=self.total)
    >>> isinstance(Mean(), Stateful)
    True
    >>> Mean().restore({"n": 3, "total": np.zeros(5)})
    Traceback (most recent call last):
    ...
    ValueError: state 'total' is float64 of shape (5,), this model needs float64 of shape (2,)
    """

    def state(self) -> dict[str, Plain]:
        """Return what was learnt. Later learning does not change what was returned."""
        ...

    def restore(self, state: dict[str, Plain]) -> None:
        """Become the model that gave this state.

        Raises
        ------
        ValueError
            The state does not fit: a part is missing, or has another type or shape. The model is unchanged then.
        """
        ...


def array(state: Mapping[str, Plain], name: str, like: Array) -> Array:
    """Return a copy of the array `name` of a state, which must have the type and shape of `like`.

    >>> array({"w": np.array([1.0, 2.0])}, "w", like=np.zeros(2))
    array([1., 2.])
    """
    value = _part(state, name)
    if not isinstance(value, np.ndarray):
        raise ValueError(f"state {name!r} must be an array, got {type(value).__name__}")
    if value.dtype != like.dtype or value.shape != like.shape:
        raise ValueError(
            f"state {name!r} is {value.dtype} of shape {value.shape}, "
            f"this model needs {like.dtype} of shape {like.shape}"
        )
    return value.copy()


def scalar(state: Mapping[str, Plain], name: str, kind: type[Any]) -> Any:
    """Return the value `name` of a state, which must be of exactly this type.

    >>> scalar({"n": True}, "n", int)
    Traceback (most recent call last):
    ...
    ValueError: state 'n' must be int, got bool
    """
    value = _part(state, name)
    if type(value) is not kind:
        raise ValueError(f"state {name!r} must be {kind.__name__}, got {type(value).__name__}")
    return value


def _part(state: Mapping[str, Plain], name: Hashable) -> Plain:
    if name not in state:
        raise ValueError(f"state lacks {name!r}; it has {sorted(state)}")
    return state[str(name)]

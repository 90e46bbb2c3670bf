"""A stream of clicks by users with several interests that drift, to try click models on."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from driftline.models.base import Array
from driftline.models.parameters import at_least

CHUNK = 1_024  # events whose chance is drawn at once, from a seed of its own
LIKED, DISLIKED = 2.0, -0.5  # log odds that an interest brings, and that its absence costs
BASE, USERS, ITEMS, BRANDS, PLACE = -1.0, 0.5, 0.5, 0.3, -0.15  # level; deviations of biases; effect of a place
PLACES = 5  # an item is shown at one of so many places, the first is seen best
HEAD = 0.8  # how unequally items are shown: the k-th most usual as often as 1 / k ** HEAD


class Click(NamedTuple):
    """One event, its label, and what only the generator knows."""

    x: dict[str, Any]
    """`user`, `item`, `topic`, `brand` as text and `position` from 1 to 5."""
    y: bool
    """Whether it was clicked."""
    p: float
    """The probability with which the label was drawn: no model can know more."""
    interests: tuple[int, ...]
    """The topics that the user likes at this event."""


class DriftingInterests:
    """Make impressions of items for users who like a few topics each, not always the same.

    Each event shows a random user an item, popular ones more often. An item has a topic, a brand, and a quality; a
    user has a bias and `interests` topics, and clicks on those far more often than on others. From time to time, on
    average every `patience` of the user's events, one of these topics is replaced by another. At `shift_at`, all
    interests of all users are drawn anew at once. Histories are as long as events / users.

    The label is drawn, with a probability that hangs on the event and on what the user likes at that event; features
    tell neither the user's interests nor anything of later events. The events of one seed are the same however many
    are taken.

    Parameters
    ----------
    users, items, topics, brands
        How many there are, at least 1; topics at least 2 more than `interests`.
    interests
        How many topics a user likes at any time, at least 1.
    patience
        Mean number of a user's own events between two changes of interest, at least 1; 0 for never.
    shift_at
        The event at which all interests change, counted from 0; 0 for never.
    seed
        What all chance comes from.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    >>> stream = DriftingInterests(users=50, seed=1)
    >>> clicks = [stream.next() for _ in range(2_000)]
    >>> clicks[0].x
    {'user': 'u16', 'item': 'i1201', 'topic': 't4', 'brand': 'b2', 'position': 3.0}
    >>> liked = [click.y for click in clicks if int(click.x["topic"][1:]) in click.interests]
    >>> others = [click.y for click in clicks if int(click.x["topic"][1:]) not in click.interests]
    >>> round(sum(liked) / len(liked), 2), round(sum(others) / len(others), 2)
    (0.65, 0.15)
    """

    def __init__(
        self,
        users: int = 400,
        items: int = 2_000,
        topics: int = 20,
        brands: int = 50,
        interests: int = 4,
        patience: int = 150,
        shift_at: int = 0,
        seed: int = 0,
    ):
        at_least(1, users=users, items=items, brands=brands, interests=interests)
        at_least(interests + 2, topics=topics)
        at_least(0, patience=patience, shift_at=shift_at, seed=seed)
        self.users, self.items, self.topics, self.brands = users, items, topics, brands
        self.patience, self.shift_at, self.seed = patience, shift_at, seed
        self.at = 0
        """The number of the next event."""
        rng = np.random.default_rng((seed, 0))
        self._topic_of: Array = rng.integers(topics, size=items)
        self._brand_of: Array = rng.integers(brands, size=items)
        self._quality = rng.normal(0.0, ITEMS, items) + rng.normal(0.0, BRANDS, brands)[self._brand_of]
        self._bias = rng.normal(0.0, USERS, users)
        often = rng.permutation(np.arange(1, items + 1) ** -HEAD)
        self._until = np.cumsum(often / often.sum())
        self._likes = np.stack([rng.permutation(topics)[:interests] for _ in range(users)])  # (U, interests)
        self._drawn: Array = np.zeros((0, 7))

    def __iter__(self) -> Iterator[Click]:
        """Go on for ever."""
        while True:
            yield self.next()

    def next(self) -> Click:
        """Return the next event."""
        number, row = divmod(self.at, CHUNK)
        if row == 0:
            self._drawn = np.random.default_rng((self.seed, 1 + number)).random((CHUNK, 7))
        if self.shift_at and self.at == self.shift_at:
            rng = np.random.default_rng((self.seed, 0, 1))
            count = self._likes.shape[1]
            self._likes = np.stack([rng.permutation(self.topics)[:count] for _ in range(self.users)])
        who, what, where, coin, change, which, new = self._drawn[row].tolist()
        self.at += 1
        user, place = int(who * self.users), 1 + int(where * PLACES)
        item = min(int(np.searchsorted(self._until, what, side="right")), self.items - 1)
        if self.patience and change * self.patience < 1.0:
            self._change(user, which, new)
        likes = tuple(self._likes[user].tolist())
        topic = int(self._topic_of[item])
        logit = BASE + self._bias[user] + self._quality[item] + PLACE * place
        logit += LIKED if topic in likes else DISLIKED
        p = float(1.0 / (1.0 + np.exp(-logit)))
        brand = int(self._brand_of[item])
        x = {
            "user": f"u{user}",
            "item": f"i{item}",
            "topic": f"t{topic}",
            "brand": f"b{brand}",
            "position": float(place),
        }
        return Click(x, coin < p, p, likes)

    def take(self, n: int) -> tuple[list[dict[str, Any]], Array, Array]:
        """Return the next `n` events: features, labels (n,) uint8, and the probabilities they were drawn with (n,)."""
        at_least(0, n=n)
        clicks = [self.next() for _ in range(n)]
        labels = np.array([click.y for click in clicks], dtype=np.uint8)
        return [click.x for click in clicks], labels, np.array([click.p for click in clicks])

    def _change(self, user: int, which: float, new: float) -> None:
        """Let a user lose one interest and find another, which is none of the present ones."""
        likes = self._likes[user]
        others = np.setdiff1d(np.arange(self.topics), likes)
        likes[int(which * len(likes))] = others[int(new * len(others))]

"""The streams: MovieLens in the order of time and shuffled, and users with drifting interests."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from driftline.models.clicks.interests import DriftingInterests

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "clicks"
EVENTS = 100_000
SHIFT = EVENTS // 2
LIKED = 4.0
"""A rating from here on is a click."""


class Set(StrEnum):
    """A stream, or a family of streams by seed."""

    MOVIELENS = "movielens"
    SHUFFLED = "movielens-shuffled"
    INTERESTS = "interests"

    @property
    def title(self) -> str:
        """Its name on the page."""
        return {
            Set.MOVIELENS: "MovieLens-100k, time order",
            Set.SHUFFLED: "MovieLens-100k, shuffled",
            Set.INTERESTS: "drifting interests",
        }[self]

    @property
    def stored(self) -> bool:
        """Whether it is read from files."""
        return self is not Set.INTERESTS


@dataclass(frozen=True)
class Stream:
    """Events and labels in order."""

    set: Set
    seed: int
    xs: list[dict[str, Any]]
    ys: np.ndarray
    best: np.ndarray | None
    """The probabilities that the labels were drawn with, where they are known."""


def chosen(sets: list[Set], seeds: list[int]) -> Iterator[tuple[Set, int]]:
    """Yield the streams; the order of time is one only."""
    for which in sets:
        for seed in [0] if which is Set.MOVIELENS else seeds:
            yield which, seed


def load(which: Set, seed: int, data: Path, first: int = EVENTS) -> Stream:
    """Return the first events of a stream."""
    if which is Set.INTERESTS:
        xs, ys, best = DriftingInterests(shift_at=SHIFT, seed=seed).take(first)
        return Stream(which, seed, xs, ys, best)
    xs, ys = movielens(data)
    if which is Set.SHUFFLED:
        order = np.random.default_rng(seed).permutation(len(xs))
        xs, ys = [xs[i] for i in order], ys[order]
    return Stream(which, seed, xs[:first], ys[:first], None)


def movielens(data: Path) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Return the ratings in order of time: ids, what is known of the user, and an indicator for each genre.

    No time, title or zip code: features are those of the DiffuMIN design. Age is told in decades, as text.
    """
    users = {
        row["user_id:token"]: {
            "age": f"{int(row['age:token']) // 10}0s",
            "gender": row["gender:token"],
            "occupation": row["occupation:token"],
        }
        for row in _rows(data / "ml-100k.user")
    }
    items = {
        row["item_id:token"]: {f"genre {genre}": 1.0 for genre in row["class:token_seq"].split()}
        for row in _rows(data / "ml-100k.item")
    }
    ratings = sorted(_rows(data / "ml-100k.inter"), key=lambda row: float(row["timestamp:float"]))
    xs = [
        {
            **users[row["user_id:token"]],
            **items[row["item_id:token"]],
            "user": row["user_id:token"],
            "item": row["item_id:token"],
        }
        for row in ratings
    ]
    return xs, np.array([float(row["rating:float"]) >= LIKED for row in ratings], dtype=np.uint8)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))

"""What one click event is made of: a token for each feature, and one for each that meets the user or the item."""

from typing import NamedTuple

import numpy as np
from numba import njit

from driftline.models.base import Array
from driftline.models.clicks import number_fields, slot_table
from driftline.models.clicks.click_rows import ITEM, USER

ALONE, WITH_USER, WITH_ITEM, SLOPE, BIAS, PAIR = 0, 1, 2, 3, 4, 5
"""Kinds of tokens: a feature; one that meets the user, the item; a number's size; what all share; user and item."""
_SLOPE_KEY, _BUCKET_KEY = np.uint64(1), np.uint64(16)


class Tokens(NamedTuple):
    """Room for the tokens of one event; holds nothing from one to the next."""

    key: Array
    """(T,) uint64."""
    group: Array
    """(T,) int64: which tokens learn together how far they may go."""
    size: Array
    """(T,) float64: 1, or the standardised number."""
    slot: Array
    """(T,) int64: where it stands in the table, -1 for nowhere."""
    field: Array
    """(E,) int64: the field of each feature."""
    feature: Array
    """(E,) uint64: and its key."""
    number: Array
    """(E,) float64: and its number, 0 for text."""
    order: Array
    """(E,) int64: the features in the order in which they count."""
    token: Array
    """(E,) uint64: the key of each as a category."""
    at: Array
    """(4,) int64: how many tokens there are, the first that is the user's and the item's, -1 for none; features."""


def make(features: int) -> Tokens:
    """Return room for events of so many features."""
    room = 4 * features + 2  # the pair, and what all events share
    return Tokens(
        np.zeros(room, dtype=np.uint64),
        np.zeros(room, dtype=np.int64),
        np.zeros(room),
        np.zeros(room, dtype=np.int64),
        np.zeros(features, dtype=np.int64),
        np.zeros(features, dtype=np.uint64),
        np.zeros(features),
        np.zeros(features, dtype=np.int64),
        np.zeros(features, dtype=np.uint64),
        np.zeros(4, dtype=np.int64),
    )


def groups(fields: int) -> int:
    """Return how many groups there are with so many fields."""
    return 4 * fields + 2


@njit(cache=True)
def _add(w, key, group, size):  # type: ignore[no-untyped-def]
    n = w.at[0]
    w.key[n] = key
    w.group[n] = group
    w.size[n] = size
    w.at[0] = n + 1


@njit(cache=True)
def write(w, moments, rows, event):  # type: ignore[no-untyped-def]
    """Write the tokens of an event, all but that of user and item; those are the same whatever order it came in.

    `rows` are `click_rows.Rows`, as a tuple; `moments` are those of its numbers.
    """
    start, entry, first, numbers, vocabulary, keys = rows
    fields = len(moments.events)
    n = start[event + 1] - start[event]
    at = first[event]
    field, key, number = w.field, w.feature, w.number
    w.at[3] = n
    for i in range(n):
        e = entry[start[event] + i]
        f = np.int64(vocabulary[e])
        key[i], number[i] = keys[e], 0.0
        if f < 0:
            f = -1 - f
            number[i] = numbers[at]
            at += 1
        field[i] = f
        j = i
        while j > 0:
            o = w.order[j - 1]
            if field[o] < field[i] or (field[o] == field[i] and key[o] <= key[i]):
                break
            w.order[j] = o
            j -= 1
        w.order[j] = i
    w.at[0], w.at[USER + 1], w.at[ITEM + 1] = 0, -1, -1
    for i in range(n):
        o = w.order[i]
        f = field[o]
        w.token[i] = 0
        if i > 0 and field[w.order[i - 1]] == f and key[w.order[i - 1]] == key[o]:
            continue  # said twice
        token = key[o]
        if number[o] != 0.0:
            z = number_fields.standard(moments, f, number[o])
            token = slot_table.joined(token, _BUCKET_KEY + np.uint64(number_fields.bucket(z)))
            if z != 0.0:
                _add(w, slot_table.joined(key[o], _SLOPE_KEY), SLOPE * fields + f, z)
        w.token[i] = token
        if f <= ITEM and w.at[f + 1] < 0:
            w.at[f + 1] = w.at[0]
        _add(w, token, f, 1.0)
    for who in range(2):
        if w.at[who + 1] >= 0:
            own = w.key[w.at[who + 1]]
            for i in range(n):
                f = field[w.order[i]]
                if f > ITEM and w.token[i] != 0:
                    _add(w, slot_table.joined(own, w.token[i]), (WITH_USER + who) * fields + f, 1.0)


@njit(cache=True)
def pair(w):  # type: ignore[no-untyped-def]
    """Return the key of user and item together, 0 where one of them is lacking."""
    if w.at[USER + 1] < 0 or w.at[ITEM + 1] < 0:
        return np.uint64(0)
    return slot_table.joined(w.key[w.at[USER + 1]], w.key[w.at[ITEM + 1]])


@njit(cache=True)
def add_pair(w, fields, key):  # type: ignore[no-untyped-def]
    """Add the token of user and item."""
    _add(w, key, 4 * fields + 1, 1.0)

"""Embeddings of ids that come and go: admission, expiry, rows that are used again, and Adagrad for each of them.

An id that was met often enough gets a row; before, it shares one with all rare ids of its field. Gradients are those of
a sum over the events of a batch, not of their mean: an id that stands in one event of 256 moves as far as it would
alone. How ids get rows hangs only on the order in which they are met, and new values on the ids themselves, so that a
table made of another's rows goes on as that would have done, bit for bit.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from driftline.models.base import Array
from driftline.models.id_index import IdIndex, grown
from driftline.models.parameters import at_least, positive

RARE = "rare"
"""Before the number of a field: the key of its shared row."""
HEAD = np.dtype([("field", "<i4"), ("row", "<i4"), ("count", "<i8"), ("seen", "<i8")])
"""What stands before an id's numbers in `touched`; `row` is 1 where it has numbers of its own, else 0."""
_SHARE = 16
"""Where there is no more room, one id in so many gives way at once."""


class IdTable:
    """Keep a row of float32 for each id that is met often enough.

    Parameters
    ----------
    width
        Numbers of a row.
    fields
        How many fields ids come from; each has a shared row for its rare ids, which is its own number.
    admit
        How often an id has to be met until it gets a row of its own, at least 1.
    most
        The most ids with rows; as many wait for admission at most. Beyond, those not seen for longest give way.
    rate
        Step of Adagrad, one for all columns or one for each.
    spread
        Standard deviation of the numbers with which rows begin, likewise; they hang on the id, so they are repeatable.
    accumulator
        Where Adagrad's sums of squared gradients begin, above 0.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 2011. Admission and expiry: Liu et al., "Monolith:
    Real Time Recommendation System With Collisionless Embedding Table", 2022, section 2.2.

    >>> table = IdTable(width=2, fields=1, admit=2)
    >>> ids, field = np.array([5], np.uint64), np.zeros(1, np.int64)
    >>> table.rows(ids, field).tolist(), table.meet(ids, field, now=1), table.rows(ids, field).tolist()
    ([0], None, [0])
    >>> table.meet(ids, field, now=2)
    >>> table.rows(ids, field).tolist(), table.expire(before=3), table.rows(ids, field).tolist()
    ([1], 1, [0])

    """

    def __init__(
        self,
        width: int,
        fields: int,
        admit: int = 5,
        most: int = 1 << 20,
        rate: float | Sequence[float] = 0.05,
        spread: float | Sequence[float] = 0.0,
        accumulator: float = 0.1,
    ):
        at_least(1, width=width, fields=fields, admit=admit, most=most)
        positive(accumulator=accumulator)
        self.width, self.fields, self.admit, self.most, self.accumulator = width, fields, admit, most, accumulator
        self.rate = np.broadcast_to(np.asarray(rate, np.float32), (width,)).copy()
        self.spread = np.broadcast_to(np.asarray(spread, np.float32), (width,)).copy()
        self.dropped = 0
        """Ids that gave way or expired."""
        self._index = IdIndex(2 * most)
        self._count: Array = np.zeros(self._index.places, np.int64)
        self._field: Array = np.zeros(self._index.places, np.int32)
        self._row: Array = np.zeros(self._index.places, np.int64)
        """Of each place of the index; 0 where the id waits for admission."""
        room = fields + 64
        self._value: Array = np.zeros((room, width), np.float32)
        self._value[:fields] = self._begin(np.arange(1, fields + 1, dtype=np.uint64))
        self._sum: Array = np.full((room, width), accumulator, np.float32)
        self._owner: Array = np.full(room, -1, np.int64)
        """The place whose row it is."""
        self._free = list(range(room - 1, fields - 1, -1))
        self._met: Array = np.zeros(self._index.places, bool)
        self._rare_met: Array = np.ones(fields, bool)
        self._gone: set[int] = set()

    def __len__(self) -> int:
        """How many ids have rows."""
        return len(self._value) - self.fields - len(self._free)

    @property
    def waiting(self) -> int:
        """How many ids wait for admission."""
        return len(self._index) - len(self)

    @property
    def memory_bytes(self) -> int:
        """The size of all arrays."""
        return sum(value.nbytes for part in (self, self._index) for value in vars(part).values() if _is_array(value))

    # -- reading -----------------------------------------------------------------------------------------------------

    def rows(self, ids: Array, field: Array) -> Array:
        """Return the row of each id, its field's shared one where it has none; (n,) uint64 and int to (n,) int64."""
        place = self._index.find(ids)
        row = np.where(place >= 0, self._row[place], 0)
        return np.where(row > 0, row, field)

    def values(self, rows: Array) -> Array:
        """Return the numbers of rows, as an array of its own: (n, width) float32."""
        return self._value[rows]

    # -- learning ----------------------------------------------------------------------------------------------------

    def meet(self, ids: Array, field: Array, now: int) -> None:
        """Count ids that came, (n,), with their fields; those that were met often enough get rows.

        Where there is no room, older ones give way, but none that came `now`. Raises `ValueError` for the id 0.
        """
        distinct, first, times = np.unique(ids, return_index=True, return_counts=True)
        known = self._index.find(distinct)
        self._index.seen[known[known >= 0]] = now
        self._make_room(int((known < 0).sum()), now)
        place = self._index.claim(distinct, now)
        self._lengthen()
        fresh = place[known < 0]
        self._field[fresh[fresh >= 0]] = field[first][known < 0][fresh >= 0]
        times, place = times[place >= 0], place[place >= 0]
        self._count[place] += times
        self._met[place] = True
        ready = place[(self._count[place] >= self.admit) & (self._row[place] == 0)]
        if len(ready):
            self._admit(ready, now)

    def learn(self, rows: Array, gradient: Array) -> None:
        """Take a step of Adagrad: rows (n,), each once, and the gradients (n, width) of the sum over all events.

        Raises `ValueError`, and learns nothing, where a gradient is not finite or a row is given twice.
        """
        if not np.isfinite(gradient).all():
            raise ValueError("gradients must be finite: nothing was learnt")
        if len(np.unique(rows)) != len(rows):
            raise ValueError("each row may be given once only: sum its gradients first")
        gradient = gradient.astype(np.float32)
        total = self._sum[rows] + gradient * gradient
        self._sum[rows] = total
        self._value[rows] -= self.rate * gradient / np.sqrt(total)
        own = rows >= self.fields
        self._met[self._owner[rows[own]]] = True
        self._rare_met[rows[~own]] = True

    def expire(self, before: int) -> int:
        """Drop all ids that were last seen before this, and return how many; their rows begin anew when used again."""
        used = self._index.used
        old = used[self._index.seen[used] < before]
        self._drop(old)
        return len(old)

    def _begin(self, ids: Array) -> Array:
        """Return the numbers that rows of ids begin with: uniform, of zero mean, by the bits of the id alone."""
        column = np.arange(1, self.width + 1, dtype=np.uint64)
        x = ids[:, None] * np.uint64(0x9E3779B97F4A7C15) + column * np.uint64(0xD1B54A32D192ED03)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        unit = ((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2.0**53
        found: Array = (self.spread * np.sqrt(12.0) * (unit - 0.5)).astype(np.float32)
        return found

    def _admit(self, ready: Array, now: int) -> None:
        """Give rows to places, as many as there is room for."""
        lacking = len(self) + len(ready) - self.most
        if lacking > 0:
            used = self._index.used
            others = used[(self._row[used] > 0) & (self._index.seen[used] < now)]
            self._drop(self._index.oldest(max(lacking, self.most // _SHARE), others))
        ready = ready[: self.most - len(self)]
        while len(self._free) < len(ready):
            room = len(self._value)
            self._value = grown(self._value)
            self._sum = np.concatenate([self._sum, np.full_like(self._sum, self.accumulator)])
            self._owner = np.concatenate([self._owner, np.full(room, -1)])
            self._free = [*range(2 * room - 1, room - 1, -1), *self._free]
        rows = np.array([self._free.pop() for _ in ready], np.int64)
        self._row[ready], self._owner[rows] = rows, ready
        self._sum[rows] = self.accumulator
        # A new id begins where the rare ones of its field have got to, a little aside.
        self._value[rows] = self._value[self._field[ready]] + self._begin(self._index.id[ready])

    def _make_room(self, count: int, now: int) -> None:
        """Drop waiting ids, where more than `most` would wait."""
        lacking = self.waiting + count - self.most
        if lacking > 0:
            used = self._index.used
            others = used[(self._row[used] == 0) & (self._index.seen[used] < now)]
            self._drop(self._index.oldest(max(lacking, self.most // _SHARE), others))

    def _drop(self, places: Array) -> None:
        rows = self._row[places]
        rows = rows[rows > 0]
        self._value[rows], self._sum[rows], self._owner[rows] = 0.0, self.accumulator, -1
        self._free += rows.tolist()
        self._gone.update(self._index.id[places].tolist())
        self._count[places] = self._row[places] = self._field[places] = 0
        self._met[places] = False
        self._index.drop(places)
        self.dropped += len(places)

    def _lengthen(self) -> None:
        """Let what goes along with the index grow with it."""
        while len(self._count) < self._index.places:
            self._count, self._field, self._row = grown(self._count), grown(self._field), grown(self._row)
            self._met = grown(self._met)

    # -- state -------------------------------------------------------------------------------------------------------

    def touched(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, by id in hexadecimal and by field: None where it is gone.

        The first call returns all there is.
        """
        gone: dict[str, bytes | None] = {f"{one:016x}": None for one in sorted(self._gone)}
        out = gone | self._all_packed(np.flatnonzero(self._met), np.flatnonzero(self._rare_met))
        self._gone.clear()
        self._met[:] = False
        self._rare_met[:] = False
        return out

    def every(self) -> dict[str, bytes]:
        """Return all there is, in the form of `touched`."""
        return self._all_packed(np.sort(self._index.used), np.arange(self.fields))

    def _all_packed(self, places: Array, fields: Array) -> dict[str, bytes]:
        out = {f"{int(self._index.id[place]):016x}": self._packed(place) for place in places.tolist()}
        for field in fields.tolist():
            out[f"{RARE}{field}"] = self._value[field].tobytes() + self._sum[field].tobytes()
        return out

    def _packed(self, place: int) -> bytes:
        row = int(self._row[place])
        head = np.array(
            (self._field[place], row > 0, self._count[place], self._index.seen[place]), dtype=HEAD
        ).tobytes()
        return head + (self._value[row].tobytes() + self._sum[row].tobytes() if row else b"")

    def restore(self, rows: Mapping[str, bytes]) -> None:
        """Become the table of these rows; what is touched from now on is told.

        Raises `ValueError`, and is unchanged, where one does not fit.
        """
        made = IdTable(
            self.width, self.fields, self.admit, self.most, self.rate.tolist(), self.spread.tolist(), self.accumulator
        )
        one = 4 * self.width
        sizes = {HEAD.itemsize, HEAD.itemsize + 2 * one}
        ids, heads, numbers = [], [], []
        for key, packed in sorted(rows.items()):
            if key.startswith(RARE):
                field = int(key[len(RARE) :]) if key[len(RARE) :].isdigit() else -1
                if not 0 <= field < self.fields or len(packed) != 2 * one:
                    raise ValueError(f"row {key!r} does not fit {self.fields} fields of {self.width} numbers")
                made._value[field], made._sum[field] = np.frombuffer(packed, np.float32).reshape(2, -1)
                continue
            if len(packed) not in sizes:
                raise ValueError(f"row {key!r} has {len(packed)} bytes, this table needs one of {sorted(sizes)}")
            head = np.frombuffer(packed, HEAD, 1)[0]
            if head["row"] != (len(packed) > HEAD.itemsize) or not 0 <= head["field"] < self.fields:
                raise ValueError(f"row {key!r} is of field {head['field']}, this table has {self.fields}")
            ids.append(int(key, 16))
            heads.append(head)
            if head["row"]:
                numbers.append(np.frombuffer(packed, np.float32, offset=HEAD.itemsize).reshape(2, -1))
        if len(ids) > made._index.most or len(numbers) > self.most:
            raise ValueError(f"{len(ids)} ids do not fit a table of {self.most}: make it as large as the one saved")
        place = made._index.claim(np.array(ids, np.uint64), 0)
        made._lengthen()
        for at, head in zip(place.tolist(), heads, strict=True):
            made._field[at], made._count[at], made._index.seen[at] = head["field"], head["count"], head["seen"]
        own = place[np.array([head["row"] == 1 for head in heads], bool)]
        if len(own):
            made._admit(own, 0)
            made._value[made._row[own]] = [pair[0] for pair in numbers]
            made._sum[made._row[own]] = [pair[1] for pair in numbers]
        made._rare_met[:] = False
        made.dropped = self.dropped
        self.__dict__.update(made.__dict__)

    def copy(self) -> "IdTable":
        """Return a table of its own with the same rows."""
        made = object.__new__(IdTable)
        made.__dict__.update({name: _copied(value) for name, value in self.__dict__.items()})
        return made


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray)


def _copied(value: object) -> object:
    return value.copy() if isinstance(value, np.ndarray | list | set | IdIndex) else value

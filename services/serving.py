"""The version of a heavy model that serves in this process, and how it answers: never not at all."""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

from driftline.models.heavy import Heavy, Shown
from driftline.streams.config import StreamConfig
from driftline.streams.desk import Asked, Reply
from driftline.streams.heavy_answers import numbers, read_all
from driftline.streams.learner import NOTHING
from driftline.streams.versions import Version, Versions

log = logging.getLogger("driftline.worker")

PATIENCE = 3
"""Batches in a row that a model may fail on before it is let alone for a while."""
REST_SECONDS = 5.0
CACHED = 2
"""Versions that are kept in memory: the one that serves, and the one before."""
LOOK_SECONDS = 1.0
"""How often it is looked whether another version is to serve."""


class Serving:
    """Answer batches with the newest version, or in its place as the light model did.

    Parameters
    ----------
    name, config
        The model, and its stream.
    versions
        Where versions come from.
    build
        Makes a new model.
    wall, clock
        Seconds since 1970, as Kafka's times are; and seconds that never jump.

    """

    def __init__(
        self,
        name: str,
        config: StreamConfig,
        versions: Versions,
        build: Callable[[], Heavy],
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.name = name
        self.how = config.models[name].worker
        self.task = config.models[name].effective_task
        self.fallback = config.fallback(name)
        self._light_version = config.models[self.fallback].version
        self._versions, self._build = versions, build
        self._wall, self._clock = wall, clock
        self.model: Heavy | None = None
        self.version: Version | None = None
        self.swaps = self.rollbacks = 0
        self.fallbacks: Counter[str] = Counter()
        """Answers of the light model, by why."""
        self.answered = 0
        self.failures = 0
        """Batches that the model failed on."""
        self.seconds = 0.0
        """That the model took to answer."""
        self.batch_seconds = 0.0
        """What a batch takes at present, smoothed."""
        self._in_a_row = 0
        self._rests_until = 0.0
        self._looked = -LOOK_SECONDS
        self._cache: OrderedDict[str, tuple[Heavy, Version]] = OrderedDict()
        """The versions that served last, by the store's name for them: a rollback finds them here."""
        self._last: list[Shown] = []
        """The last batch, on which a version is tried before it serves."""

    # -- which version -----------------------------------------------------------------------------------------------

    def look(self, now: float) -> bool:
        """See now and then whether another version is to serve, and take it; return whether one was taken back.

        Raises `Unavailable` or `Foreign`.
        """
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        tag = self._versions.newest()
        if not tag or (self.version is not None and tag == self.version.tag):
            return False
        if tag in self._cache:
            fresh, version = self._cache[tag]
        else:
            fresh = self._build()
            loaded = self._versions.load(fresh)
            if loaded is None or (self.version is not None and loaded.tag == self.version.tag):
                return False
            version = loaded
        back = self.version is not None and version.told["learnt"] < self.version.told["learnt"]
        self.rollbacks += back
        self.take(fresh, version)
        return back

    def take(self, model: Heavy, version: Version) -> None:
        """Serve with this version from now on; first it answers the last batch, which warms it up."""
        if self._last:
            with suppress(Exception):  # what it fails on it will be answered for
                model.predict_many(self._last)
        log.info("%s: version %s serves", self.name, version.name)
        self.swaps += 1
        self._cache[version.tag] = model, version
        self._cache.move_to_end(version.tag)
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        self.model, self.version = model, version
        self._in_a_row, self._rests_until = 0, 0.0

    # -- answering ---------------------------------------------------------------------------------------------------

    def answer(
        self, asked: Sequence[Asked], history: Callable[[str], tuple[int | None, object]], leads: str | None
    ) -> list[Reply]:
        """Answer a batch, in its order; `leads` is the contest that the model leads, if it does.

        What has waited too long, or would have by the time that the model had answered, is answered as the light model
        did; so is all that the model fails on.
        """
        if not asked:
            return []
        stale = self._wall() + self.batch_seconds - self.how.deadline_seconds
        histories = [history(one.request.key) if self.how.history else (None, NOTHING) for one in asked]
        late = [one.at < stale for one in asked]
        why = "cold" if self.model is None else "failed" if self._clock() < self._rests_until else None
        places = [place for place, is_late in enumerate(late) if not is_late]
        replies: list[Reply | None] = [None] * len(asked)
        if why is None and places:
            guesses = self._ask([asked[place] for place in places], [histories[place][1] for place in places])
            if guesses is None:
                why = "failed"
            else:
                assert self.version is not None
                for place, guess in zip(places, guesses, strict=True):
                    replies[place] = Reply(asked[place], guess, self.version.name, None, leads, histories[place][0])
                self.answered += len(places)
        for place, one in enumerate(asked):
            if replies[place] is None:
                reason = "late" if late[place] else why
                replies[place] = self._fall_back(one, reason or "failed", histories[place][0])
        return replies  # type: ignore[return-value]

    def _ask(self, asked: list[Asked], histories: list[object]) -> list[tuple[object, object]] | None:
        assert self.model is not None
        started = self._clock()
        try:
            rows = [
                Shown(one.request.key, one.request.x, numbers(one.request.y, one.request.p), seen)  # type: ignore[arg-type]
                for one, seen in zip(asked, histories, strict=True)
            ]
            self._last = rows
            guesses = read_all(self.task, self.model.predict_many(rows), len(rows))
        except Exception as error:
            self.failures += 1
            self._in_a_row += 1
            log.warning("%s: %r on a batch of %d events", self.name, error, len(asked))
            if self._in_a_row >= PATIENCE:
                self._rests_until = self._clock() + REST_SECONDS
            return None
        self._in_a_row = 0
        took = self._clock() - started
        self.seconds += took
        self.batch_seconds += 0.2 * (took - self.batch_seconds)
        return guesses

    def _fall_back(self, one: Asked, why: str, version: int | None) -> Reply:
        self.fallbacks[why] += 1
        said, p = one.request.y.get(self.fallback), one.request.p.get(self.fallback)
        return Reply(one, (said, p), self._light_version, why, None, version)

"""The lane: one partition of one stream. Bytes in, bytes out; no I/O and no clock of its own.

`handle` takes messages in the order in which the lane's life is to have happened, and returns what they give rise to.
Any way of cutting the same messages into batches gives the same outputs and the same state. Runs of messages of one
topic are handled column by column: first all are checked, then each model takes the whole run.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections import Counter
from typing import Any

import msgspec

from driftline.streams import early_labels, letters, time_outs
from driftline.streams.baselines import Panel
from driftline.streams.config import StreamConfig
from driftline.streams.contest import contests_of
from driftline.streams.events import ENTITY, KINDS, LabelEvent
from driftline.streams.hand_over import HandOver
from driftline.streams.letters import Origin, Out
from driftline.streams.message import Message
from driftline.streams.scores import Guess, Scores
from driftline.streams.slot_kinds import slot_of
from driftline.streams.slots import Arrival, Clock, Failure, Lesson, Raised
from driftline.streams.tasks import never
from driftline.streams.vault import Vault
from driftline.streams.voices import Voices
from driftline.streams.waiting import Entry, TimedOut
from driftline.streams.wire import EVENTS, LARGEST, Decoder, Label, Prediction, Rejected, encode

DELAYS = (0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0, 86_400.0)
"""Bounds of the label delay's histogram, in seconds of event time."""


class Lane:
    """One partition of one stream: predict, wait, score, learn.

    `config` declares the stream; `clock` only measures how long models take (metrics), it decides nothing.
    """

    def __init__(
        self,
        stream: str,
        partition: int,
        config: StreamConfig,
        vault: Vault,
        clock: Clock = lambda: 0.0,
        app: str = "driftline",
    ):
        self.stream = stream
        self.partition = partition
        self.config = config
        self.vault = vault
        self.name = f"{app}:{stream}:{partition}"
        self.events, self.labels = config.topic, config.label_topic
        self.offsets = {self.events: 0, self.labels: 0}
        """The next offset of each topic that feeds the lane."""
        self.gen = 0
        """The take-over under which predictions are published."""
        light = config.light
        self.slots = [
            slot_of(name, index, model, self.name, vault, clock)
            for index, (name, model) in enumerate(light.models.items())
        ]
        self._hands = HandOver(config, partition, list(light.models)) if config.heavy else None
        self._voices = Voices(config, partition, self.slots) if light.asking else None
        self.lessons = 0
        """Labels that were taught so far; a label that is handed to the side worker bears this number."""
        tasks = {slot.task.name: slot.task for slot in self.slots}
        self.panels = {name: Panel(task.accepts, task.baselines(), task.scores) for name, task in tasks.items()}
        self._panels = list(self.panels.values())
        self._labelled = any(task.accepts is not never for task in tasks.values())
        self.waiting = time_outs.waiting_set(config.waiting)
        self.outbox: list[Out] = []
        """What hangs on the order of handling: sent only after the checkpoint that holds it."""
        self.counts: Counter[str] = Counter()
        """`events`, `labels`, `rejected/reason`, `labels/outcome`, `repeated`."""
        self.delays = [0] * (len(DELAYS) + 1)
        self.delay_seconds = 0.0
        events, labels = Decoder(KINDS[config.kind], EVENTS[config.kind]), Decoder(LabelEvent, Label)
        self._event, self._fast_event = events.decode, events.fast
        self._label, self._fast_label = labels.decode, labels.fast
        self._ahead = config.max_ahead_seconds
        self._accepts = list({panel.accepts: None for panel in self._panels if panel.accepts is not never})
        self._uniform = len(self._panels) == 1
        """Whether one check of a label's type is enough for all models."""
        self.contests = contests_of(light, self.slots)
        self._judged = [[one for one in self.contests.values() if one.task.name == task] for task in self.panels]
        self._taught = [[slot for slot in self.slots if slot.task.name == task] for task in self.panels]
        self._entity = operator.attrgetter(ENTITY[config.kind])
        self._click = config.kind == "click"
        self._due: list[tuple[int, int, Out]] = []
        """Additions to the outbox in the run at hand: (place of the message, place of the model or -1, message)."""

    def handle(self, messages: list[Message]) -> list[Out]:
        """Take messages in order; return predictions and dead letters, in order."""
        outs: list[Out] = []
        start, count = 0, len(messages)
        while start < count:
            topic = messages[start].topic
            end = start + 1
            while end < count and messages[end].topic == topic:
                end += 1
            outs += self.handle_run(messages if start == 0 and end == count else messages[start:end])
            start = end
        return outs

    def handle_run(self, run: list[Message]) -> list[Out]:
        """Take messages of one topic, at least one."""
        outs: list[Out] = []
        topic = run[0].topic
        if topic == self.events:
            self._handle_events(run, outs)
        elif topic == self.labels:
            self._handle_labels(run, outs)
        else:
            raise ValueError(f"lane {self.name} does not read the topic {topic!r}")
        return outs

    # -- events ------------------------------------------------------------------------------------------------------

    def _handle_events(self, run: list[Message], outs: list[Out]) -> None:
        batch: list[Arrival] = []
        early, due = self.waiting.early, self.waiting.due
        topic, next_, count = self.events, self.offsets[self.events], 0
        for message in run:
            if message.offset < next_:
                self.counts["repeated"] += 1
                continue
            next_ = self.offsets[topic] = message.offset + 1
            count += 1
            try:
                arrival = self._arrive(message, len(batch))
            except Rejected as why:
                self._answer(batch, outs)
                batch = []
                outs.append(self._letter(why, message))
                continue
            batch.append(arrival)
            if early:
                early_labels.give_up(self, self.waiting.overdue(), arrival.place)
                label = early.pop(arrival.id, None)
                if label is not None:
                    self._answer(batch, outs)
                    batch = []
                    early_labels.join(self, label, arrival)
            if due:
                self._answer(batch, outs)
                batch = []
                time_outs.teach_due(self)
        self._answer(batch, outs)
        if count:
            self.counts["events"] += count
        if self.waiting.evicted:
            self.counts["labels/evicted"] += self.waiting.evicted
            self.waiting.evicted = 0

    def _arrive(self, message: Message, place: int) -> Arrival:
        """Check one event and let it wait. Raises `Rejected`."""
        value, key, waiting = message.value, message.key, self.waiting
        event: Any
        try:
            event = self._fast_event(value) if value is not None and len(value) <= LARGEST else self._event(value)
        except msgspec.MsgspecError:
            event = self._event(value)
        at, name, entity = event.at, event.id, self._entity(event)
        if key is None or key != entity.encode():
            raise letters.other_key(key, ENTITY[self.config.kind], entity)
        if message.timestamp is not None and at > message.timestamp + self._ahead:
            self._check_time(at, message)
        if name in waiting.entries:
            raise Rejected("duplicate", "DuplicateEvent", f"id: an event {name!r} came before: ids must be unique")
        x = {**event.x, "user": event.user, "item": event.item} if self._click else event.x
        entry = Entry(at, entity, x, [], [])
        offset = message.offset
        waiting.add(name, entry, self._labelled, offset)
        seen = {self.events: offset, self.labels: self.offsets[self.labels]}
        return Arrival(place, offset, name, at, entity, x, entry, waiting.watermark, seen)

    def _check_time(self, at: float, message: Message) -> None:
        if message.timestamp is not None and at > message.timestamp + self.config.max_ahead_seconds:
            ahead = at - message.timestamp
            raise Rejected(
                "future", "FutureTime", f"at: {ahead:.0f} s ahead of the message's own time: check the clock"
            )

    def _answer(self, batch: list[Arrival], outs: list[Out]) -> None:
        """Let every model answer a run of events, and write the answers down in the order of the events."""
        if not batch:
            return
        columns: list[list[Guess | Failure]] = []
        raised: list[Raised] = []
        for slot in self.slots:
            answers, said = slot.answer(batch)
            columns.append(answers)
            raised += said
        bases = [panel.guesses() for panel in self._panels]  # labels come between runs: the same for all of a run
        topic, partition, gen = self.config.prediction_topic, self.partition, self.gen
        y: Any
        p: Any
        more: tuple[Any, ...]
        leads = {contest.lead: contest.name for contest in self.contests.values()}
        heads = [
            (slot.name, slot.version, f"{slot.name}/{self.events}/{partition}/", leads.get(slot.index))
            for slot in self.slots
        ]
        columns_of = list(zip(heads, columns, strict=True))
        asked = {} if self._voices is None else self._voices.questions()
        for row, one in enumerate(batch):
            guesses = one.entry.guesses
            one.entry.bases = bases
            key, offset = one.key, one.offset
            for (model, version, head, title), column in columns_of:
                guess, more = column[row], ()
                if guess.__class__ is Failure:
                    raised.append((one.place, self.slots[len(guesses)], guess))
                    guesses.append(None)
                    y, p = None, None  # published all the same: it tells where the event stood among the labels
                else:
                    y, p = guess  # type: ignore[misc]
                    if p.__class__ is tuple:  # of a cluster, which no label will judge: only the answer waits
                        p, more, guess = None, p, (y, None)
                    guesses.append(guess)
                name = f"{head}{offset}"
                made = Prediction(name, model, one.id, key, one.at, y, one.seen, gen, version, p, title, *more)
                outs.append(Out(topic, partition, key, encode(made), name))
            for lead in leads:
                guesses.append(guesses[lead])
            if asked:
                outs += asked.get(offset, ())
        if self._hands is not None:
            outs += self._hands.requests(batch, gen)
        if raised:
            self._tell(raised, {one.place: (self.events, one.offset, one.at, one.key) for one in batch})
        self._settle()

    # -- labels ------------------------------------------------------------------------------------------------------

    def _handle_labels(self, run: list[Message], outs: list[Out]) -> None:
        lessons: list[Lesson] = []
        known: dict[int, Origin] = {}
        entries, next_, handled = self.waiting.entries, self.offsets[self.labels], 0
        for place, message in enumerate(run):
            offset = message.offset
            if offset < next_:
                self.counts["repeated"] += 1
                continue
            next_ = offset + 1
            handled += 1
            if self._voices is not None and self._hear(message, place):
                continue
            try:
                label = self._check_label(message)
            except Rejected as why:
                said = self._voices.why(message.value) if self._voices is not None else None
                outs.append(self._letter(said or why, message))
                continue
            entry = entries.get(label.of)
            if entry.__class__ is not Entry:
                if entry is None:
                    early_labels.hold(self, label, message, place)
                elif isinstance(entry, TimedOut):
                    self._join(lessons, known)  # what came before it is learnt before it
                    lessons = []
                    time_outs.come_after(self, label, entry, message, place)
                else:
                    early_labels.repeat(self, label, entry[1], message, place)  # type: ignore[index]
            elif entry.key.encode() != message.key:
                self._defer(letters.other_key(message.key, "of", entry.key), message, place)
            else:
                known[place] = (self.labels, offset, label.at, entry.key)
                lessons.append(Lesson(place, entry, label.y, label.of))
                self._close(label.of, entry, label.y, label.at)
        self.offsets[self.labels] = next_
        if handled:
            self.counts["labels"] += handled
        self._join(lessons, known)
        self._settle()

    def _hear(self, message: Message, place: int) -> bool:
        """Take a message of the label topic if it is a voice's forecast."""
        assert self._voices is not None
        value, key = message.value, message.key
        if not value or not key or len(value) > LARGEST:
            return False
        try:
            voice = self._voices.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        outcome, why = self._voices.hear(voice, key.decode("utf-8", "replace"))
        self.counts[f"voices/{outcome}"] += 1
        if why is not None:
            self._defer(why, message, place)
        return True

    def _check_label(self, message: Message) -> Any:
        """Decode and check one label. Raises `Rejected`."""
        value = message.value
        label: Any
        try:
            label = self._fast_label(value) if value is not None and len(value) <= LARGEST else self._label(value)
        except msgspec.MsgspecError:
            label = self._label(value)
        if not message.key:
            raise letters.other_key(None, "of", "the key of its event")
        if message.timestamp is not None and label.at > message.timestamp + self._ahead:
            self._check_time(label.at, message)
        for accepts in self._accepts:
            if accepts(label.y):
                return label
        tasks = ", ".join(self.panels)
        raise Rejected(
            "label_type", "LabelType", f"y: {letters.type_of(label.y)} is no label for the models here ({tasks})"
        )

    def _close(self, name: str, entry: Entry | TimedOut, y: Any, at: float) -> None:
        self.waiting.close(name, entry, y)
        delay = at - entry.at
        self.delay_seconds += delay
        self.delays[bisect_left(DELAYS, delay)] += 1

    def _join(self, lessons: list[Lesson], known: dict[int, Origin]) -> None:
        if lessons:
            self.counts["labels/joined"] += len(lessons)
            self._teach(lessons, known)

    def _teach(self, lessons: list[Lesson], known: dict[int, Origin]) -> None:
        raised: list[Raised] = []
        if self._hands is not None:
            for number, one in enumerate(lessons, self.lessons):
                self._due.append((one.place, -1, self._hands.joined(one, number, known[one.place][2])))
        self.lessons += len(lessons)
        for place, panel in enumerate(self._panels):
            fitting = lessons if self._uniform else [one for one in lessons if panel.accepts(one.y)]
            if fitting:
                panel.teach([one.y for one in fitting], [one.entry.bases[place] for one in fitting])
                for slot in self._taught[place]:
                    raised += slot.teach(fitting)
                for contest in self._judged[place]:
                    raised += contest.judge(fitting, raised)
        if raised:
            self._tell(raised, known)

    # -- what is told ------------------------------------------------------------------------------------------------

    def _letter(self, why: Rejected, message: Message) -> Out:
        self.counts[f"rejected/{why.reason}"] += 1
        return letters.dead(why, self.config.dead_topic, message, self.partition)

    def _defer(self, why: Rejected, message: Message, place: int) -> None:
        """A dead letter that hangs on the order of handling rides in the outbox."""
        self._due.append((place, -1, self._letter(why, message)))

    def _tell(self, raised: list[Raised], origins: dict[int, Origin]) -> None:
        """Drifts, promotions, news and failures of models ride in the outbox too."""
        failures = sum(isinstance(what, Failure) for _, _, what in raised)
        if failures:
            self.counts["rejected/model"] += failures
        self._due += letters.told(raised, origins, self.config, self.stream, self.partition)

    def _settle(self) -> None:
        """Bring a run's additions to the outbox into the order of its messages, whatever the run's length."""
        if self._due:
            self._due.sort(key=lambda due: due[:2])
            self.outbox += [out for _, _, out in self._due]
            self._due = []

    def scores(self) -> dict[str, tuple[Scores, dict[str, Scores]]]:
        """Return each model's scores, and those of what each contest served, with the baselines to be shown beside."""
        said = {slot.name: (slot.scores, slot.baselines() or self.panels[slot.task.name].scores) for slot in self.slots}
        for name, contest in self.contests.items():
            said[name] = (contest.scores, self.panels[contest.task.name].scores)
        return said

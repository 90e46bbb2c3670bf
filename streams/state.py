"""A lane's state as sealed parts, and back; and its digests, by which two lanes are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

from driftline.models.base import Stateful
from driftline.models.digest import digest
from driftline.streams.lane import Lane
from driftline.streams.letters import Out
from driftline.streams.slots import Slot
from driftline.streams.vault import Foreign
from driftline.streams.watcher import Watcher

Parts = dict[str, bytes]
Touched = dict[str, dict[str, bytes | None]]
Keys = dict[str, dict[str, bytes]]


def freeze(lane: Lane) -> tuple[Parts, Touched]:
    """Return the state as sealed parts, and of per-key models the keys touched since the last call.

    The outbox so far goes with it and is empty afterwards.
    """
    vault, name = lane.vault, lane.name
    desk = {
        "offsets": lane.offsets,
        "lessons": lane.lessons,
        "counts": dict(lane.counts),
        "delays": lane.delays,
        "delay_seconds": lane.delay_seconds,
        "panels": {task: panel.state() for task, panel in lane.panels.items()},
        "slots": {slot.name: slot.desk() for slot in lane.slots},
        "contests": {name: contest.state() for name, contest in lane.contests.items()},
        "outbox": [[out.topic, out.partition, out.key, out.value, out.id] for out in lane.outbox],
    }
    parts = {
        "waiting": vault.seal(f"{name}/waiting", lane.waiting.state()),
        "desk": vault.freeze(f"{name}/desk", desk),
    }
    keyed: Touched = {}
    for slot in lane.slots:
        parts[f"watch:{slot.name}"] = vault.freeze(f"{name}/watch:{slot.name}", slot.watch)
        if slot.keyed is not None:
            keyed[family(slot)] = slot.keyed.touched()
        else:
            parts[f"slot:{slot.name}"] = vault.freeze(f"{name}/slot:{slot.name}", slot.model)
    lane.outbox = []
    return parts, keyed


def restore(lane: Lane, parts: Parts, keyed: Keys, born: Collection[str] = ()) -> bool:
    """Give a new lane a state that `freeze` returned; models named in `born` are not in it and begin here.

    Returns whether the contests are those of the state: then whoever led leads again.

    Raises `Unsound` or `Foreign`.
    """
    try:
        return _restore(lane, parts, keyed, born)
    except (AttributeError, KeyError, IndexError, TypeError) as error:
        raise Foreign(f"{lane.name}: sealed by us, but of another form than this program writes: {error!r}") from error


def _restore(lane: Lane, parts: Parts, keyed: Keys, born: Collection[str]) -> bool:
    vault, name = lane.vault, lane.name
    desk = vault.thaw(f"{name}/desk", parts["desk"])
    for slot in lane.slots:
        if slot.name in born:
            slot.since = dict(desk["offsets"])
            continue
        watch = vault.thaw(f"{name}/watch:{slot.name}", parts[f"watch:{slot.name}"])
        if isinstance(watch, Watcher) and watch.form == slot.watch.form:  # another detector begins anew
            watch.go_on(slot.config.drift)
            slot.watch = watch
        slot.restore_desk(desk["slots"][slot.name])
        if slot.keyed is not None:
            slot.keyed.restore(keyed.get(family(slot), {}))
        else:
            slot.take(vault.thaw(f"{name}/slot:{slot.name}", parts[f"slot:{slot.name}"], slot.make()))
    lane.offsets = dict(desk["offsets"])
    lane.counts = Counter(desk["counts"])
    lane.lessons = desk.get("lessons", lane.counts["labels/joined"] + lane.counts["labels/early"])
    lane.delays, lane.delay_seconds = desk["delays"], desk["delay_seconds"]
    for task, panel in lane.panels.items():
        if task in desk["panels"]:
            panel.restore(desk["panels"][task])
    lane.outbox = [Out(*out) for out in desk["outbox"]]
    lane.waiting.restore(vault.open(f"{name}/waiting", parts["waiting"]))
    # Those who answered each event: the models, and behind them the contests with the answers that they served.
    contests = desk.get("contests", {})
    before, panels = [*desk["slots"], *contests], list(desk["panels"])
    begun = [name for name, one in lane.contests.items() if not one.restore(contests.get(name), desk["offsets"])]
    new = {*born, *begun}
    voices = [*(slot.name for slot in lane.slots), *lane.contests]
    order = [before.index(name) if name in before and name not in new else None for name in voices]
    bases = [panels.index(task) if task in panels else None for task in lane.panels]
    if order != list(range(len(before))) or bases != list(range(len(panels))):
        lane.waiting.remap(order, bases)
    return not begun and lane.contests.keys() == contests.keys()


def family(slot: Slot) -> str:
    """The part that holds a per-key model: another version never meets the keys of this one."""
    return f"slot:{slot.name}@{slot.version}"


def _learnt(model: Any) -> Any:
    """What a model is compared by: the state that it hands over, if any, and not the room that it has for more."""
    return model.state() if isinstance(model, Stateful) else model


def digests(lane: Lane) -> dict[str, str]:
    """Name the state part by part: equal digests are equal states, to the last bit."""
    counts = {name: n for name, n in sorted(lane.counts.items()) if name != "repeated"}
    said = {
        "offsets": digest(lane.offsets),
        "waiting": digest(lane.waiting.state()),
        "panels": digest({task: panel.state() for task, panel in lane.panels.items()}),
        "counts": digest([counts, lane.lessons, lane.delays, lane.delay_seconds]),
    }
    for name, contest in lane.contests.items():
        said[f"contest:{name}"] = digest(contest.state())
    for slot in lane.slots:
        if slot.keyed is None:
            kept = _learnt(slot.model)
        else:
            kept = [(key, _learnt(slot.keyed.peek(key))) for key in slot.keyed]
        said[f"model:{slot.name}"] = digest(kept)
        said[f"watch:{slot.name}"] = digest(slot.watch)
        said[f"scores:{slot.name}"] = digest(
            [slot.desk()[part] for part in ("scores", "predicted", "drifts", "due", "told", "baselines")]
        )
    return said

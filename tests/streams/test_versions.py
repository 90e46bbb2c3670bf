"""Versions: whole or not there at all, in the order in which they were made, and the newest serves."""

import pytest
from heavies import Wide
from side import CONFIG, VAULT, joined

from driftline.models.heavy import Shown
from driftline.streams.failpoint import arm, disarm
from driftline.streams.learner import Learner
from driftline.streams.memory_store import MemoryStore
from driftline.streams.store import Refused
from driftline.streams.vault import Foreign, Vault
from driftline.streams.versions import Versions, place_of

PLACE = place_of("driftline", "s", "wide")


def taught(count, seed=0):
    """A model that has learnt so many labels."""
    model = Wide()
    teach(model, 0, count, seed)
    return model


def teach(model, first, last, seed=0):
    """Teach a model some labels."""
    import msgspec

    for _, _, value in joined(first, last, seed=seed):
        one = msgspec.json.decode(value)
        model.learn_many([Shown(one["key"], one["x"], one["ps"], [])], [one["y"]])


def publish(versions, model, name, learnt):
    """Write a version."""
    versions.touched(model.touched())
    return versions.publish(name, {"learnt": learnt, "offsets": {}, "at": 0.0}, model.dense(), model.rows())


def test_a_version_is_what_was_published_row_by_row():
    versions = Versions(MemoryStore(), VAULT, PLACE)
    assert versions.newest() == ""
    assert versions.load(Wide()) is None
    versions.take()
    model = taught(4)
    first = publish(versions, model, "a", 4)
    teach(model, 4, 9)
    second = publish(versions, model, "b", 9)
    assert first.tag != second.tag == versions.newest()
    found = Wide()
    assert versions.load(found).name == "b"
    assert (found.dense()["weights"] == model.dense()["weights"]).all()
    assert found.rows() == model.rows()


def test_only_rows_that_changed_are_written():
    store = MemoryStore()
    versions = Versions(store, VAULT, PLACE)
    versions.take()
    model = taught(5)
    publish(versions, model, "a", 5)
    written = []
    real = versions._session.checkpoint
    versions._session.checkpoint = lambda snapshot: (written.append(snapshot), real(snapshot))[1]
    teach(model, 5, 6)
    publish(versions, model, "b", 6)
    assert list(written[0].keyed["rows"]) == ["u0"]


def test_whoever_takes_over_writes_all_rows_and_takes_away_those_that_are_gone():
    store = MemoryStore()
    versions = Versions(store, VAULT, PLACE)
    versions.take()
    publish(versions, taught(5), "a", 5)
    heir = Versions(store, VAULT, PLACE)
    heir.take()
    publish(heir, taught(2), "b", 2)
    found = Wide()
    assert heir.load(found).name == "b"
    assert set(found.rows()) == {"u0", "u1"}
    with pytest.raises(Refused):
        publish(versions, taught(6), "c", 6)


def test_a_rollback_lets_the_one_before_serve_and_fences_off_whoever_published():
    store = MemoryStore()
    versions = Versions(store, VAULT, PLACE)
    with pytest.raises(ValueError, match="none to go back to"):
        versions.roll_back()
    versions.take()
    model = taught(5)
    first = publish(versions, model, "a", 5)
    teach(model, 5, 9)
    publish(versions, model, "b", 9)
    assert Versions(store, VAULT, PLACE).roll_back() == ("b", "a")
    assert versions.newest() == first.tag
    found = Wide()
    assert versions.load(found).name == "a"
    with pytest.raises(Refused):
        publish(versions, model, "c", 9)
    versions.take()
    publish(versions, model, "c", 9)
    assert versions.load(found).name == "c"
    assert found.rows() == model.rows()


@pytest.mark.parametrize("point", ["version.before", "state.ahead", "version.written"])
def test_a_death_in_publishing_leaves_a_whole_version(point):
    store = MemoryStore()
    versions = Versions(store, VAULT, PLACE)
    versions.take()
    model = taught(5)
    publish(versions, model, "a", 5)
    before = model.fork()
    teach(model, 5, 9)

    def die():
        raise SystemError

    arm(point, die)
    try:
        with pytest.raises(SystemError):
            publish(versions, model, "b", 9)
    finally:
        disarm()
    found = Wide()
    name = Versions(store, VAULT, PLACE).load(found).name
    assert name == ("b" if point == "version.written" else "a")
    assert found.rows() == (model if name == "b" else before).rows()


def test_a_damaged_version_is_passed_over():
    store = MemoryStore()
    versions = Versions(store, VAULT, PLACE)
    versions.take()
    publish(versions, taught(5), "a", 5)
    publish(versions, taught(6), "b", 6)
    kept = store.hash(PLACE).kept[-1]
    row = kept.keyed["rows"]["u0"]
    kept.keyed["rows"]["u0"] = row[:-1] + bytes([row[-1] ^ 1])
    assert versions.load(Wide()).name == "a"
    del store.hash(PLACE).kept[-1].keyed["rows"]["u0"]
    assert versions.load(Wide()).name == "a"


def test_another_key_or_class_is_foreign():
    store = MemoryStore()
    versions = Versions(store, VAULT, PLACE)
    versions.take()
    versions.publish("a", {"learnt": 0}, {"other": taught(1).dense()["weights"]}, {})
    with pytest.raises(Foreign, match="does not fit the model"):
        versions.load(Wide())
    with pytest.raises(Foreign, match="another key"):
        Versions(store, Vault(b"another key, as long"), PLACE).load(Wide())


def test_the_state_of_a_learner_and_its_version_are_the_same_model():
    learner = Learner("s", "wide", CONFIG, MemoryStore(), VAULT, Wide)
    learner.take()
    for partition, offset, value in joined(0, 16):
        learner.offer(partition, offset, value, 0.0)
    learner.step()
    fork = learner.model.fork()
    learner.step()
    assert fork.rows() != learner.model.rows()

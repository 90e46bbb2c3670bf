"""The head of a snapshot: what fits, what is damaged, and what another program has made."""

from dataclasses import replace

import msgspec
import pytest
from lanes import LOGISTIC, VAULT, event, lane

from driftline.streams import header
from driftline.streams.header import Header, changed, check_topics, read, write
from driftline.streams.state import freeze
from driftline.streams.vault import SEAL, Foreign, Unsound, Vault

MODELS = {"m": LOGISTIC, "each": {**LOGISTIC, "per": "key"}}


@pytest.fixture
def desk():
    desk = lane(MODELS)
    desk.gen = 12
    desk.handle([event(0), event(1, key="l")])
    return desk


@pytest.fixture
def snapshot(desk):
    return write(desk, 5, {"s": 0, "s.labels": 0}, 17, 11, *freeze(desk))


def resealed(snapshot, vault=VAULT, **changes):
    """The snapshot with a header that says something else, under a sound seal."""
    body = msgspec.json.decode(snapshot.header[SEAL:], type=Header)
    body = msgspec.structs.replace(body, **changes)
    return replace(snapshot, header=vault.seal("driftline:s:0/header", msgspec.json.encode(body)))


def test_a_header_says_where_the_lane_stood_and_what_made_it(desk, snapshot):
    said = read(snapshot, desk.name, VAULT)
    assert (said.lane, said.serial, said.gen, said.note, said.floor) == ("driftline:s:0", 5, 12, 17, 11)
    assert said.offsets == {"s": 2, "s.labels": 0}
    assert said.models["each"] == {
        "class": LOGISTIC["class"], "parameters": {}, "version": desk.slots[1].version, "per": "key",
    }  # fmt: skip
    assert set(said.libraries) == {"python", "driftline", "river", "numpy"}
    assert list(said.keys.values()) == [2]
    assert snapshot.size > sum(map(len, snapshot.parts.values()))


@pytest.mark.parametrize(
    "damage",
    {
        "empty": lambda s: replace(s, header=b""),
        "cut": lambda s: replace(s, header=s.header[:-5]),
        "no text": lambda s: replace(s, header=s.header[:SEAL] + b"\xff\xfe"),
        "seal": lambda s: replace(s, header=bytes(SEAL) + s.header[SEAL:]),
        "a field changed": lambda s: replace(s, header=s.header.replace(b'"note":17', b'"note":18')),
        "a part changed": lambda s: replace(s, parts={**s.parts, "desk": s.parts["desk"] + b"!"}),
        "a part lost": lambda s: replace(s, parts={n: p for n, p in s.parts.items() if n != "waiting"}),
        "a key lost": lambda s: replace(s, keyed={n: dict(list(k.items())[1:]) for n, k in s.keyed.items()}),
        "all keys lost": lambda s: replace(s, keyed={}),
    }.items(),
    ids=lambda damage: damage[0],
)
def test_damage_is_unsound_for_an_older_generation_may_do(snapshot, damage):
    with pytest.raises(Unsound, match=r"generation 5|seal does not fit"):
        read(damage[1](snapshot), "driftline:s:0", VAULT)


def test_another_snapshot_key_is_foreign_and_named_without_telling_it(snapshot):
    other = Vault(b"another key, long enough")
    with pytest.raises(Foreign, match=rf"sealed under another key \({VAULT.key_id}, not {other.key_id}\)"):
        read(snapshot, "driftline:s:0", other)


def test_who_only_claims_our_key_is_unsound(snapshot):
    other = Vault(b"another key, long enough")
    with pytest.raises(Unsound):
        read(resealed(snapshot, other, key=VAULT.key_id), "driftline:s:0", VAULT)


def test_another_lane_is_refused_even_under_a_sound_seal(snapshot):
    with pytest.raises(Unsound):
        read(snapshot, "driftline:s:1", VAULT)
    with pytest.raises(Foreign, match="belongs to the lane driftline:s:7"):
        read(resealed(snapshot, lane="driftline:s:7"), "driftline:s:0", VAULT)


def test_another_format_is_foreign(snapshot):
    with pytest.raises(Foreign, match="has format 3; this program reads 1 and 2"):
        read(resealed(snapshot, format=3), "driftline:s:0", VAULT)


def test_another_minor_version_of_a_library_is_foreign_and_another_patch_is_not(snapshot, monkeypatch):
    versions = {"river": "0.26.1", "numpy": "2.4.0"}
    monkeypatch.setattr(header, "version", versions.get)
    fine = resealed(snapshot, libraries={"river": "0.26.9", "numpy": "2.4.7"})
    assert read(fine, "driftline:s:0", VAULT).serial == 5
    for then in ({"river": "0.25.1", "numpy": "2.4.0"}, {"river": "0.26.1", "numpy": "3.4.0"}, {"river": "0.26.1"}):
        with pytest.raises(Foreign, match="was made with"):
            read(resealed(snapshot, libraries=then), "driftline:s:0", VAULT)


def test_new_models_and_changed_ones_are_told_apart(snapshot):
    said = read(snapshot, "driftline:s:0", VAULT)
    assert changed(said, lane(MODELS)) == (set(), set())
    assert changed(said, lane({"m": LOGISTIC})) == (set(), set())
    more = lane({**MODELS, "m": {**LOGISTIC, "parameters": {"l2": 0.5}}, "new": LOGISTIC})
    assert changed(said, more) == ({"new"}, {"m"})
    other_way = lane({**MODELS, "m": {**LOGISTIC, "per": "key"}})
    assert changed(said, other_way) == (set(), {"m"})


@pytest.mark.parametrize(
    ("outputs", "topics"),
    [
        ("", {}),  # before the topic could be named
        ("s.predictions", {}),
        ("groups", {"predictions": "groups"}),
    ],
)
def test_a_snapshot_stands_on_the_topics_on_which_it_was_made(snapshot, outputs, topics):
    head = read(resealed(snapshot, outputs=outputs), "driftline:s:0", VAULT)
    check_topics(head, lane(MODELS, **topics))


@pytest.mark.parametrize(
    "topics", [{"predictions": "elsewhere"}, {"labels": "elsewhere"}, {"topic": "t", "predictions": "s.predictions"}]
)
def test_topics_of_other_names_are_no_place_to_go_on(snapshot, topics):
    with pytest.raises(Foreign, match=r"stands on the topics s, s\.labels, s\.predictions; configured are "):
        check_topics(read(snapshot, "driftline:s:0", VAULT), lane(MODELS, **topics))

"""Sealed bytes: nothing is opened whose seal was not checked."""

import pickle
import sys

import numpy as np
import pytest
from river import linear_model

from driftline.models.digest import digest
from driftline.models.forecasting.naive import Naive
from driftline.streams import vault as vaults
from driftline.streams.vault import SEAL, Foreign, Unsound, Vault

KEY = b"0123456789abcdef"
OURS = Vault(KEY)


class Malice:
    """A pickle that acts when it is loaded."""

    def __reduce__(self):
        return exec, ("import sys; sys.driftline_was_fooled = True",)


def test_plain_values_and_estimators_come_back_bit_for_bit():
    model = linear_model.LogisticRegression()
    for i in range(20):
        model.learn_one({"a": i / 7}, i % 2 == 0)
    again = OURS.thaw("here", OURS.freeze("here", model))
    assert digest(again) == digest(model)
    said = OURS.thaw("here", OURS.freeze("here", {"w": np.array([0.1, -0.0]), "n": 3}))
    assert digest(said) == digest({"w": np.array([0.1, -0.0]), "n": 3})


def test_a_model_of_ours_is_stored_as_arrays_and_never_as_a_pickle():
    model = Naive()
    model.learn_one(5.0)
    payload = OURS.open("here", OURS.freeze("here", model))
    assert payload[:1] == b"A"
    assert OURS.thaw("here", OURS.freeze("here", model), Naive()).forecast(1) == [5.0]


@pytest.mark.parametrize(
    "change",
    {
        "one bit of the payload": lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "one bit of the seal": lambda sealed: bytes([sealed[0] ^ 1]) + sealed[1:],
        "cut": lambda sealed: sealed[:-1],
        "longer": lambda sealed: sealed + b"\0",
        "no payload": lambda sealed: sealed[:SEAL],
        "nothing": lambda sealed: b"",
    }.items(),
    ids=lambda change: change[0],
)
def test_damage_is_unsound(change):
    with pytest.raises(Unsound, match="here: the seal does not fit"):
        OURS.open("here", change[1](OURS.seal("here", b"Ptate")))


def test_a_sound_part_in_another_place_is_unsound():
    sealed = OURS.seal("driftline:s:0/slot:a", b"state")
    for place in ("driftline:s:1/slot:a", "driftline:s:0/slot:b", "driftline:s:0/slot:", ""):
        with pytest.raises(Unsound):
            OURS.open(place, sealed)


def test_a_place_cannot_run_on_into_the_payload():
    """A key from Kafka is part of the place: whoever chooses it must not choose what a seal speaks of."""
    sealed = OURS.seal("here", b"there\0state")
    with pytest.raises(Unsound):
        OURS.open("here\0there", sealed[:SEAL] + b"state")
    with pytest.raises(Unsound):
        OURS.open("here", OURS.seal("here\0P", b"ickle")[:SEAL] + b"P\0ickle")
    with pytest.raises(Unsound):
        OURS.open("here", OURS.seal("here/P", b"ickle")[:SEAL] + b"/Pickle")


def test_another_key_opens_nothing():
    with pytest.raises(Unsound):
        Vault(b"another key, long enough").open("here", OURS.seal("here", b"state"))


def test_a_pickle_is_never_loaded_before_its_seal_was_checked():
    payload = b"P" + pickle.dumps(Malice())
    for sealed in (payload, bytes(SEAL) + payload, Vault(b"another key, long enough").seal("here", payload)):
        with pytest.raises(Unsound):
            OURS.thaw("here", sealed)
    with pytest.raises(Unsound):
        OURS.thaw("here", OURS.seal("there", payload))
    assert not hasattr(sys, "driftline_was_fooled")
    OURS.thaw("here", OURS.seal("here", payload))  # under our own seal it would have acted
    assert sys.driftline_was_fooled
    del sys.driftline_was_fooled


def test_sound_bytes_that_do_not_fit_are_foreign():
    gone = OURS.seal("here", b"Pcno_such_module\nThing\n.")
    with pytest.raises(Foreign, match="cannot be loaded by these library versions"):
        OURS.thaw("here", gone)
    with pytest.raises(Foreign, match="the state does not fit the model"):
        OURS.thaw("here", OURS.freeze("here", {"last": "no number"}), Naive())
    with pytest.raises(Unsound):
        OURS.thaw("here", OURS.seal("here", b"Anot a packed state"))


def test_a_short_key_is_refused_and_the_key_id_tells_nothing_of_it():
    with pytest.raises(ValueError, match="15 bytes: at least 16"):
        Vault(KEY[:15])
    assert OURS.key_id == Vault(KEY).key_id != Vault(KEY + b"!").key_id
    assert KEY.hex() not in OURS.key_id
    assert len(OURS.key_id) == 12


def test_seals_are_compared_in_constant_time(monkeypatch):
    compared = []
    real = vaults.hmac.compare_digest
    monkeypatch.setattr(vaults.hmac, "compare_digest", lambda a, b: compared.append(1) or real(a, b))
    OURS.open("here", OURS.seal("here", b"state"))
    assert compared == [1]

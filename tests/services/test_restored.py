"""A snapshot becomes the lane that it was made of, or says why not."""

import pytest

from driftline.services.restored import OtherModels, restored
from driftline.streams import header
from driftline.streams.config import StreamConfig
from driftline.streams.lane import Lane
from driftline.streams.message import Message
from driftline.streams.state import digests, freeze
from driftline.streams.vault import Foreign, Vault
from driftline.streams.wire import encode

VAULT = Vault(b"0123456789abcdef")
LOGISTIC = {"class": "river.linear_model:LogisticRegression"}


def config(**models):
    return StreamConfig.model_validate({"kind": "sensor", "topic": "s", "models": models})


@pytest.fixture
def lane():
    lane = Lane("s", 3, config(one=LOGISTIC, each={**LOGISTIC, "per": "key"}), VAULT, app="shop")
    for n in range(4):
        event = {"id": f"e{n}", "at": 1e9 + n, "sensor": f"k{n % 2}", "x": {"a": float(n)}}
        label = {"of": f"e{n}", "at": 1e9 + n, "y": n % 2 == 0}
        lane.handle([Message("s", n, event["sensor"].encode(), encode(event))])
        lane.handle([Message("s.labels", n, event["sensor"].encode(), encode(label))])
    return lane


@pytest.fixture
def kept(lane):
    """The snapshot and its header."""
    snapshot = header.write(lane, 5, {"s": 0, "s.labels": 0}, 17, 11, *freeze(lane))
    return snapshot, header.read(snapshot, lane.name, VAULT)


def test_it_is_the_lane_that_was_frozen(lane, kept):
    again = restored("s", 3, lane.config, *kept, VAULT)
    assert (again.name, again.offsets) == ("shop:s:3", {"s": 4, "s.labels": 4})
    assert digests(again) == digests(lane)


def test_a_model_that_joined_later_is_left_out(lane, kept):
    again = restored("s", 3, config(**lane.config.models, later=LOGISTIC), *kept, VAULT)
    assert [slot.name for slot in again.slots] == ["one", "each"]
    assert digests(again) == digests(lane)


def test_a_model_of_other_parameters_is_named(lane, kept):
    other = config(**{**lane.config.models, "one": {**LOGISTIC, "parameters": {"l2": 0.5}}})
    with pytest.raises(OtherModels, match="shop:s:3: generation 5 has one with another class") as caught:
        restored("s", 3, other, *kept, VAULT)
    assert caught.value.names == "one"


def test_a_lane_whose_predictions_were_given_another_topic_is_told(lane, kept):
    elsewhere = lane.config.model_copy(update={"predictions": "elsewhere"})
    with pytest.raises(Foreign, match="stands on the topics"):
        restored("s", 3, elsewhere, *kept, VAULT)

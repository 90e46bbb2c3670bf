"""What can be said of heavy models, and what is answered to what cannot be."""

import re

import pytest
from pydantic import ValidationError
from side import CONFIG

from driftline.services.topics import check, plan
from driftline.streams.config import StreamConfig

LIGHT = {"class": "river.linear_model:LogisticRegression"}
HEAVY = {"class": "nowhere:Thing", "where": "worker", "task": "binary"}


def stream(models, **more):
    return StreamConfig.model_validate({"kind": "click", "topic": "t", "models": models, **more})


def test_a_heavy_model_is_no_part_of_the_lane_and_its_class_is_not_loaded():
    made = stream({"light": LIGHT, "deep": HEAVY}, contests={"best": {"models": ["light", "deep"]}})
    assert list(made.heavy) == ["deep"]
    assert list(made.light.models) == ["light"]
    assert made.light.contests == {}
    assert made.fallback("deep") == "light"
    assert made.light.heavy == {}


def test_a_class_of_the_registry_says_itself_where_it_lives():
    assert list(stream({"light": LIGHT, "deep": {"class": "diffumin"}}).heavy) == ["deep"]


@pytest.mark.parametrize(
    ("models", "more", "said"),
    [
        ({"deep": HEAVY}, {}, "models.deep: a model in the worker needs a light one of the task binary beside it"),
        ({"light": LIGHT, "deep": {**HEAVY, "task": None}}, {}, "nowhere:Thing lives in the worker, which alone can"),
        ({"light": LIGHT, "deep": {**HEAVY, "per": "key"}}, {}, 'serves all keys: leave out per = "key"'),
        ({"light": LIGHT, "deep": {**HEAVY, "task": "cluster"}}, {}, "has one of the tasks binary, multiclass"),
        ({"light": LIGHT, "deep": {**HEAVY, "drift": {"policy": "reset"}}}, {}, "policy reset is none for a model in"),
        ({"light": LIGHT, "deep": {**HEAVY, "worker": {"fallback": "x"}}}, {}, "'x' is no light model of the task"),
        (
            {"light": LIGHT, "one": HEAVY, "two": HEAVY},
            {"contests": {"best": {"models": ["light", "one", "two"]}}},
            "contests.best: of models in the worker at most one can compete",
        ),
    ],
)
def test_what_cannot_be_is_answered(models, more, said):
    with pytest.raises(ValidationError, match=re.escape(said)):
        stream(models, **more)


def test_the_topics_of_heavy_models_are_made_and_checked():
    topics = {topic.name: topic.what for topic in plan({"s": CONFIG})}
    assert topics["s.requests"] == "requests"
    assert topics["s.joined"] == "joined events"
    assert topics["s.predictions.wide"] == "heavy predictions"
    counts = dict.fromkeys(topics, 2)
    assert check({"s": CONFIG}, counts) == []
    [fault] = check({"s": CONFIG}, {**counts, "s.joined": 3})
    assert fault.startswith(
        "stream s: its joined events topic 's.joined' has 3 partitions and its event topic 's' has 2"
    )

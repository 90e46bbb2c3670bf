"""Which models there are, and how a user's words become one."""

import pytest
from river import linear_model

from driftline.streams.registry import MODELS, TASKS, build, class_of, task_of, version_of
from driftline.streams.tasks import TASKS as RULES


def test_every_registered_model_can_be_built_and_has_a_task_with_rules():
    for name, spec in MODELS.items():
        assert spec.task in TASKS
        assert spec.about
        if not spec.heavy:
            assert type(build(name, {})) is class_of(name)
            assert task_of(class_of(name)) == spec.task
    assert set(RULES) == set(TASKS)
    assert all(rules.name == name for name, rules in RULES.items())


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("river.linear_model:LogisticRegression", "binary"),
        ("river.tree:HoeffdingAdaptiveTreeClassifier", "multiclass"),
        ("river.tree:HoeffdingAdaptiveTreeRegressor", "regression"),
        ("river.cluster:KMeans", "cluster"),
        ("river.anomaly:HalfSpaceTrees", "anomaly"),
        ("river.time_series:HoltWinters", "forecast"),
    ],
)
def test_the_task_of_a_river_estimator_follows_from_its_class(path, task):
    assert task_of(class_of(path)) == task


def test_a_class_of_no_task_must_say_it():
    with pytest.raises(ValueError, match="StandardScaler is no River estimator: say its `task`, one of binary"):
        task_of(class_of("river.preprocessing:StandardScaler"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-such", "no model 'no-such': name one of binary-relevance"),
        ("no.such.module:Class", "cannot import 'no.such.module:Class'"),
        ("river.tree:NoSuch", "cannot import 'river.tree:NoSuch'"),
        ("river.tree:base", "is not a class"),
        ("river.tree:", "name one of"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_is_allowed(name, said):
    with pytest.raises(ValueError, match=said):
        class_of(name)


def test_bad_parameters_name_the_model():
    with pytest.raises(ValueError, match="hoeffding-adaptive-tree: delta must be in"):
        build("hoeffding-adaptive-tree", {"delta": 2.0})
    with pytest.raises(ValueError, match=r"naive: .*unexpected keyword"):
        build("naive", {"speed": 1})


def test_nested_estimators_are_built_too():
    model = build("river.linear_model:LogisticRegression", {"optimizer": {"class": "river.optim:SGD", "lr": 0.5}})
    assert isinstance(model, linear_model.LogisticRegression)
    assert model.optimizer.learning_rate == 0.5
    with pytest.raises(ValueError, match="cannot import"):
        build("river.linear_model:LogisticRegression", {"optimizer": {"class": "river.optim:None"}})


def test_two_models_of_one_description_share_nothing():
    parameters = {"args": [{"class": "river.preprocessing:StandardScaler"}, {"class": "naive"}]}
    first, second = build("river.compose:Pipeline", parameters), build("river.compose:Pipeline", parameters)
    assert first["StandardScaler"] is not second["StandardScaler"]
    assert parameters["args"] == [{"class": "river.preprocessing:StandardScaler"}, {"class": "naive"}]


def test_a_version_names_class_parameters_and_task_and_nothing_else():
    one = version_of("naive", {"a": 1, "b": 2}, "forecast")
    assert one == version_of("naive", {"b": 2, "a": 1}, "forecast")
    assert one == version_of(MODELS["naive"].path, {"a": 1, "b": 2}, "forecast")
    others = [
        version_of("naive", {"a": 1, "b": 3}, "forecast"),
        version_of("naive", {"a": 1}, "forecast"),
        version_of("seasonal-naive", {"a": 1, "b": 2}, "forecast"),
        version_of("naive", {"a": 1, "b": 2}, "binary"),
    ]
    assert len({one, *others}) == 5

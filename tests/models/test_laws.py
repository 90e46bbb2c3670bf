"""What holds for every registered model; a new one gets these tests by being registered."""

import copy
import inspect
import math
import pickle
from collections.abc import Mapping

import numpy as np
import pytest

from driftline.models.base import Stateful
from driftline.models.digest import digest
from driftline.models.snapshot import pack, unpack
from driftline.streams.registry import MODELS, build, class_of

NAMES = sorted(name for name, spec in MODELS.items() if not spec.heavy)
TINY, HUGE = 5e-324, 1e300

pytestmark = pytest.mark.parametrize("name", NAMES)


def stream(task, n=400, seed=1):
    """Rows `(x, y)` that are fit for the task; features come and go, and labels too."""
    rng = np.random.default_rng(seed)
    rows = []
    for t in range(n):
        a, b, c = rng.normal(size=3).tolist()
        x = {"a": a, "b": 100 + 20 * b, "c": c / 1000}
        if t % 7 == 3:
            del x["b"]
        if t > n // 2:
            x["d"] = a + b
        if t % 50 == 49:
            x = {"e": 1.0}
        yes = a + b > 0
        if task == "binary":
            y = yes
        elif task in ("multiclass", "cluster"):
            y = "high" if yes else "low" if c > 0 else "none"
        elif task == "multilabel":
            y = {"busy": yes, "odd": c > 0} if t % 5 else {"busy": yes}
            if t > n // 2:
                y["late"] = a > 0
        elif task == "anomaly":
            y = abs(a) > 2
        else:
            y = 50 + 10 * math.sin(t / 12 * math.tau) + a
        rows.append((x, y))
    return rows


def extremes(task):
    """Rows of finite values at the edges of what a float holds, then ordinary ones."""
    values = [0.0] * 30 + [-0.0, TINY, -TINY, 1e-300, 1e12, -1e12, 1e150, -1e150, HUGE, -HUGE, 1.7e308, -1.7e308] * 4
    values += [7.0] * 40 + [HUGE] * 40 + [-1e12, 1e12] * 30
    rows = [({"a": value, "b": 1.0, "c": -value}, y) for value, (_, y) in zip(values, stream(task, 400), strict=False)]
    if task in ("forecast", "regression"):
        rows = [(x, x["a"]) for x, _ in rows]
    return rows + stream(task, 200, seed=2)


def learn(name, model, rows):
    task = MODELS[name].task
    for x, y in rows:
        if task == "forecast":
            model.learn_one(y)
        elif task in ("cluster", "anomaly"):
            model.learn_one(x)
        else:
            model.learn_one(x, y)
    return model


def ask(name, model, x):
    """Everything that the model can be asked about one event."""
    if MODELS[name].task == "forecast":
        return [model.forecast(horizon) for horizon in (1, 5, 40)]
    verbs = [getattr(model, verb, None) for verb in ("predict_proba_one", "predict_one", "score_one")]
    return [verb(x) for verb in verbs if verb]


def numbers(answer):
    if isinstance(answer, Mapping):
        return [number for value in answer.values() for number in numbers(value)]
    if isinstance(answer, list):
        return [number for value in answer for number in numbers(value)]
    return [answer] if isinstance(answer, float | np.floating) else []


def rows_of(name, **kwargs):
    return stream(MODELS[name].task, **kwargs)


def test_it_answers_before_it_has_learnt(name):
    answers = ask(name, build(name, {}), {"a": 1.0})
    assert answers
    assert all(math.isfinite(number) for number in numbers(answers))


def test_asking_changes_nothing(name):
    model = build(name, {})
    for i, (x, y) in enumerate(rows_of(name)):
        if i % 20 == 0:
            before = digest(model)
            for asked in (x, {}, {"never seen": 3.0}):
                first = ask(name, model, asked)
                assert digest(ask(name, model, asked)) == digest(first)
            assert digest(model) == before
        learn(name, model, [(x, y)])


def test_asking_does_not_influence_what_is_learnt_later(name):
    rows = rows_of(name)
    asked, silent = build(name, {}), build(name, {})
    for row in rows:
        ask(name, asked, row[0])
        learn(name, asked, [row])
    assert digest(asked) == digest(learn(name, silent, rows))


def test_it_does_not_touch_what_it_is_given_nor_keep_it(name):
    model = build(name, {})
    for x, y in rows_of(name, n=150):
        given = copy.deepcopy((x, y))
        ask(name, model, given[0])
        learn(name, model, [given])
        assert digest(given) == digest((x, y))
        before = digest(model)
        for part in given:
            if isinstance(part, dict):
                part.clear()
        assert digest(model) == before


def test_the_same_stream_gives_the_same_model(name):
    models = [learn(name, build(name, {}), rows_of(name)) for _ in range(2)]
    assert digest(models[0]) == digest(models[1])
    learn(name, models[1], rows_of(name, n=50, seed=9))
    assert digest(models[0]) != digest(models[1])


@pytest.mark.parametrize("at", [0, 1, 13, 200, 399])
@pytest.mark.parametrize("way", ["state", "pickle"])
def test_it_can_be_stopped_and_continued_anywhere_bit_for_bit(name, at, way):
    rows = rows_of(name)
    model = learn(name, build(name, {}), rows[:at])
    if way == "pickle":
        twin = pickle.loads(pickle.dumps(model))
    elif isinstance(model, Stateful):
        twin = build(name, {})
        twin.restore(unpack(pack(model.state())))
    else:
        assert hasattr(model, "clone"), f"{name} is neither Stateful nor a River estimator"
        twin = copy.deepcopy(model)
    assert digest(twin) == digest(model)
    for row in rows[at:]:
        assert digest(ask(name, twin, row[0])) == digest(ask(name, model, row[0]))
        learn(name, model, [row])
        learn(name, twin, [row])
    assert digest(twin) == digest(model)


def test_a_state_is_a_copy(name):
    model = learn(name, build(name, {}), rows_of(name))
    if isinstance(model, Stateful):
        state = model.state()
        before = digest(state)
        learn(name, model, rows_of(name, n=50, seed=3))
        assert digest(state) == before
        restored = build(name, {})
        restored.restore(state)
        learn(name, restored, rows_of(name, n=50, seed=3))
        assert digest(state) == before
        assert digest(restored) == digest(model)


def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(name):
    model = learn(name, build(name, {}), rows_of(name))
    if isinstance(model, Stateful):
        before = digest(model)
        for part, value in model.state().items():
            without = {key: kept for key, kept in model.state().items() if key != part}
            wrong = np.zeros((3, 1, 7)) if isinstance(value, np.ndarray) else "text"
            for unfit in (without, {**without, part: wrong}):
                with pytest.raises(ValueError, match=f"'{part}'"):
                    model.restore(unfit)
                assert digest(model) == before


def test_batches_give_what_one_by_one_gives(name):
    batched(name, lambda: build(name, {}))


def batched(name, make):
    """Check the verbs for runs of events where a model has them."""
    rows = rows_of(name, n=120)
    one, many = make(), make()
    for start, size in ((0, 1), (1, 7), (8, 0), (8, 40), (48, 72)):
        chunk = rows[start : start + size]
        xs, ys = [x for x, _ in chunk], [y for _, y in chunk]
        for verb in ("predict_proba", "predict", "score"):
            if hasattr(many, f"{verb}_rows"):
                said = getattr(many, f"{verb}_rows")(xs)
                assert digest(said) == digest([getattr(one, f"{verb}_one")(x) for x in xs])
        learn(name, one, chunk)
        if hasattr(many, "learn_rows"):
            many.learn_rows(xs, ys)
        else:
            learn(name, many, chunk)
        assert digest(many) == digest(one)


def test_the_law_of_batches_notices_a_batch_that_is_not_exact(name):
    cls = class_of(name)

    class Hasty(cls):  # learns the first row only
        def learn_rows(self, xs, ys):
            rows = list(zip(xs, ys, strict=True))[:1]
            if hasattr(cls, "learn_rows"):
                super().learn_rows(*zip(*rows, strict=True)) if rows else None
            else:
                learn(name, self, rows)

    with pytest.raises(AssertionError):
        batched(name, Hasty)


def test_finite_input_gives_finite_answers_however_extreme(name):
    model = build(name, {})
    for i, (x, y) in enumerate(extremes(MODELS[name].task)):
        for asked in (x, {"a": 1.7e308, "b": -1.7e308}):
            found = [number for number in numbers(ask(name, model, asked)) if not math.isfinite(number)]
            assert not found, (i, x, y)
        learn(name, model, [(x, y)])


def test_a_few_wild_values_do_not_spoil_it_for_long(name):
    rows = rows_of(name, n=1500, seed=5)
    calm, hurt = build(name, {}), build(name, {})
    errors = {"calm": 0.0, "hurt": 0.0}
    for i, (x, y) in enumerate(rows):
        if i >= 1200:
            errors["calm"] += loss(name, calm, x, y)
            errors["hurt"] += loss(name, hurt, x, y)
        learn(name, calm, [(x, y)])
        if 300 <= i < 305:
            x = {feature: value * 1e12 for feature, value in x.items()}
            y = y * 1e12 if isinstance(y, float) else y
        learn(name, hurt, [(x, y)])
    assert errors["hurt"] <= 1.5 * errors["calm"] + 10, errors


def loss(name, model, x, y):
    if MODELS[name].task == "forecast":
        return abs(model.forecast(1)[0] - y)
    if MODELS[name].task in ("cluster", "anomaly"):
        return 0.0
    said = model.predict_one(x)
    if isinstance(y, dict):
        return sum(said.get(label, False) != on for label, on in y.items()) / len(y)
    return abs(said - y) if isinstance(y, float) else float(said != y)


def test_parameters_out_of_range_are_refused_by_their_value(name):
    for parameter, about in inspect.signature(class_of(name)).parameters.items():
        default = about.default
        if isinstance(default, bool) or parameter == "seed":
            continue
        bad = {int: [-1], float: [-1.0, math.nan, math.inf], str: ["no such"]}.get(type(default), [])
        for value in bad:
            with pytest.raises(ValueError) as error:
                build(name, {parameter: value})
            assert str(value) in str(error.value), parameter
            assert parameter in str(error.value)

"""River's own checks, over every registered model that is a River estimator.

River yields the checks with their data sets, some of which it downloads, and needs scikit-learn to do so. The check
functions here are River's, in the number and with the skips that River has; the data sets are those it bundles.
"""

from unittest import mock

import numpy as np
import pytest
from river import base, checks, datasets
from river.time_series.base import Forecaster

from driftline.streams.registry import MODELS, build

STEPS = [({"time": float(t), "period": float(t % 4)}, y) for t, y in enumerate((10.0, 12.0, 13.0, 16.0, 18.0, 20.0), 1)]


def bundled(model, scale=1):
    """Yield the data sets that River would, or bundled ones of the same kind."""
    if isinstance(model, Forecaster):
        yield STEPS
    elif isinstance(model, base.MultiTargetRegressor):
        yield [(x, {"approve": y, "reject": 100 - y}) for x, y in datasets.TrumpApproval().take(200 * scale)]
    elif isinstance(model, base.MultiLabelClassifier):
        yield list(datasets.Yeast().take(50 * scale))
    elif isinstance(model, base.Regressor):
        yield list(datasets.TrumpApproval().take(200 * scale))
    elif isinstance(model, base.Classifier):
        rows = list(datasets.Phishing().take(200 * scale))
        yield rows
        yield [(x, np.bool_(y)) for x, y in rows]
        if model._multiclass and base.tags.POSITIVE_INPUT not in model._tags:
            yield list(datasets.ImageSegments().take(200 * scale))
    elif isinstance(model, base.AnomalyDetector):
        yield list(datasets.Shuttle().take(1000 * scale))
    elif isinstance(model, base.Clusterer | base.Transformer | base.SupervisedTransformer):
        yield list(datasets.TrumpApproval().take(200 * scale))


def cases():
    for name, spec in MODELS.items():
        model = None if spec.heavy else build(name, {})
        if isinstance(model, base.Estimator):
            with mock.patch.object(checks, "_yield_datasets", bundled):
                for i, check in enumerate(checks.yield_checks(model)):
                    if check.__name__ not in model._unit_test_skips():
                        yield pytest.param(name, check, id=f"{name}-{i}-{check.__name__}")


@pytest.mark.parametrize(("name", "check"), list(cases()))
def test_river_accepts(name, check):
    check(build(name, {}).clone())


def test_every_kind_of_check_ran():
    ran = {name: {case.values[1].__name__ for case in cases() if case.values[0] == name} for name in MODELS}
    assert {"check_pickling", "check_emerging_features", "check_bounded_memory_growth"} <= ran["binary-relevance"]
    assert {"check_classifier_tracks_seen_labels", "check_pickling"} <= ran["hoeffding-adaptive-tree"]
    assert {"check_forecast", "check_repr_roundtrips_clone"} <= ran["recursive-least-squares"]

"""What can be watched of a model, and what is refused with reasons."""

import pytest
from lanes import LOGISTIC, STUBBORN, config
from pydantic import ValidationError

from driftline.streams.signals import watched

KMEANS = {"class": "river.cluster:KMeans"}
LINE = {"class": "river.linear_model:LinearRegression"}
TREES = {"class": "river.anomaly:HalfSpaceTrees"}
AHEAD = {"class": "naive", "per": "key", "target": "a"}


@pytest.mark.parametrize(
    ("model", "drift", "signals"),
    [
        (LOGISTIC, {}, ("loss",)),
        (LOGISTIC, {"detector": "none"}, ()),
        (LOGISTIC, {"detector": "hddm-a"}, ("loss",)),
        (AHEAD, {"detector": "kswin"}, ("loss",)),
        (TREES, {}, ("loss", "score")),
        (TREES, {"on": ["score"]}, ("score",)),
        (KMEANS, {}, ("mass",)),
        (KMEANS, {"detector": "hddm-w"}, ("mass",)),
        ({**KMEANS, "per": "key"}, {}, ()),
    ],
)
def test_what_is_watched_follows_from_the_task(model, drift, signals):
    assert config({"m": {**model, "drift": drift}}).models["m"].watched == signals


def test_a_detector_of_bits_takes_those_of_an_assigner_that_fit():
    assert watched("adwin", None, "cluster", True, "key", "ours") == ("distance",)
    assert watched("hddm-a", None, "cluster", True, "lane", "ours") == ("mass",)
    assert watched("adwin", ("mass", "distance"), "cluster", True, "lane", "ours") == ("distance", "mass")


@pytest.mark.parametrize(
    ("model", "drift", "fault"),
    [
        (LOGISTIC, {"detector": "adwim"}, "'adwin', 'page-hinkley', 'kswin', 'hddm-a', 'hddm-w' or 'none'"),
        (LINE, {"detector": "hddm-a"}, r"hddm-a takes only 0 and 1: nothing of river.*LinearRegression \(regression\)"),
        (AHEAD, {"detector": "hddm-w"}, "hddm-w takes only 0 and 1"),
        (TREES, {"detector": "hddm-w", "on": ["score"]}, "hddm-w takes only 0 and 1: score of"),
        (LOGISTIC, {"on": ["mass"]}, r"no mass to watch of .*LogisticRegression \(binary\): it has loss"),
        (KMEANS, {"on": ["distance"]}, "no distance to watch of river.cluster:KMeans .*: it has mass"),
        ({**KMEANS, "per": "key"}, {"on": ["mass"]}, "each key has clusters of its own; it has none"),
        (LOGISTIC, {"on": []}, "at least 1"),
        (LOGISTIC, {"on": ["losses"]}, "'loss', 'score', 'distance' or 'mass'"),
        (LOGISTIC, {"policy": "recluster"}, "policy recluster: .*LogisticRegression has no clusters to find anew"),
        (KMEANS, {"policy": "recluster"}, "policy recluster: river.cluster:KMeans"),
        (LOGISTIC, {"policy": "challenger"}, "models.m.drift: policy challenger needs a contest of m"),
    ],
)
def test_what_cannot_be_watched_or_done_is_an_error_that_says_why(model, drift, fault):
    with pytest.raises(ValidationError, match=fault):
        config({"m": {**model, "drift": drift}, "other": STUBBORN})

"""Where clusters are drawn."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from driftline.models.clustering.life import ClusterLife, ClusterNow
from driftline.services.cluster_map import colour, draw, name, part, view


def life(centres, spreads=None, shares=None, features=None):
    centres = np.asarray(centres, float)
    k, d = centres.shape
    spreads = np.ones((k, d)) if spreads is None else np.asarray(spreads, float)
    shares = [1 / k] * k if shares is None else shares
    now = tuple(ClusterNow(i, 1, shares[i], centres[i], spreads[i]) for i in range(k))
    return ClusterLife(now, (), 100, features or tuple(f"x{j}" for j in range(d)))


def drawn(of):
    figure = Figure(figsize=(8, 6), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    draw(axes, of)
    canvas.draw()
    if of.clusters:
        name(axes, of)
    return axes


def test_the_view_is_the_one_in_which_centres_lie_apart():
    seen = view(life([[0, 0, 5], [10, 0, 5], [0, 4, 5]], spreads=np.full((3, 3), 0.1)))
    assert seen.shown.sum() == pytest.approx(1.0)
    assert abs(seen.directions[:, 2]).max() < 1e-6, "all have the same third value"
    apart = np.linalg.norm(seen.points[0] - seen.points[1]), np.linalg.norm(seen.points[0] - seen.points[2])
    assert min(apart) > 1.0


def test_the_unit_of_a_feature_does_not_turn_the_view():
    rng = np.random.default_rng(1)
    centres, spreads, unit = rng.normal(size=(5, 4)), 0.1 + rng.random((5, 4)), np.array([1.0, 1e6, 1e-3, 7.0])
    one, other = view(life(centres, spreads)), view(life(centres * unit, spreads * unit))
    np.testing.assert_allclose(one.points, other.points)
    np.testing.assert_allclose(one.covariances, other.covariances)


def test_the_spread_of_a_cluster_is_turned_with_the_view():
    seen = view(life([[0, 0], [8, 0]], spreads=[[1, 0.2], [1, 0.2]]))
    assert np.linalg.det(seen.covariances[0]) == pytest.approx(np.prod(np.diag(seen.covariances[0])))
    assert seen.covariances[0][0, 0] != pytest.approx(seen.covariances[0][1, 1])


@pytest.mark.parametrize(("k", "d"), [(0, 3), (1, 1), (1, 4), (2, 1), (2, 2), (24, 5)])
def test_any_number_of_clusters_and_features_is_drawn(k, d):
    rng = np.random.default_rng(0)
    axes = drawn(life(rng.normal(size=(k, d)), shares=list(rng.dirichlet(np.ones(k))) if k else []))
    assert len(axes.patches) == k
    assert np.isfinite(axes.get_xlim() + axes.get_ylim()).all()


def test_names_do_not_lie_on_each_other():
    rng = np.random.default_rng(3)
    axes = drawn(life(rng.normal(size=(24, 2)) * 0.3, spreads=np.full((24, 2), 0.5)))
    renderer = axes.figure.canvas.get_renderer()
    boxes = [Text.get_window_extent(text, renderer) for text in axes.texts]
    assert len(boxes) == 24
    assert [(i, j) for i, j in combinations(range(24), 2) if boxes[i].overlaps(boxes[j])] == []
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)


def test_an_axis_names_what_it_is_made_of_whatever_the_names():
    axes = drawn(life([[0, 0], [5, 1]], features=("$cost_{a}", "a name that is much longer than an axis has")))
    assert "cost" in axes.get_xlabel()
    assert "…" in axes.get_xlabel() + axes.get_ylabel()


def test_a_colour_is_a_clusters_own_and_shares_are_short():
    assert colour(3) == colour(23) != colour(4)
    assert len({colour(k) for k in range(20)}) == 20
    assert [part(share) for share in (1.0, 0.5, 0.004, 0.0)] == ["100%", "50%", "<1%", "0%"]

"""Clusters as a picture."""

import matplotlib.image
import numpy as np
import pytest

from driftline.models.clustering.life import ClusterLife, ClusterNow, LifeEvent
from driftline.services.cluster_plot import save


def life(count, gone=0):
    rng = np.random.default_rng(count)
    alive = tuple(ClusterNow(k, 5 * k, 0.9 / count, rng.normal(size=3), np.ones(3)) for k in range(count))
    history = tuple(LifeEvent(1_000 + k, "died", 1_000 + k, (), "") for k in range(gone))
    return ClusterLife(alive, history, 2_000, ("a", "b", "c"))


def test_a_picture_grows_with_the_clusters_that_lived(tmp_path):
    shapes = []
    for count, gone in ((3, 0), (3, 20)):
        path = tmp_path / f"{gone}.png"
        save(life(count, gone), path, "clusters")
        pixels = matplotlib.image.imread(path)
        assert pixels[..., :3].min() < 0.5, "something is drawn"
        shapes.append(pixels.shape)
    assert shapes[1][0] > shapes[0][0]
    assert shapes[1][1] == shapes[0][1]


@pytest.mark.parametrize("title", ["", "$x_1", "a title of a stream: a model, lane 0"])
def test_no_cluster_and_any_title_are_drawn(tmp_path, title):
    save(ClusterLife((), (), 0, ()), tmp_path / "none.png", title)
    assert (tmp_path / "none.png").stat().st_size > 1_000


def test_the_same_clusters_give_the_same_picture(tmp_path):
    for name in ("one", "other"):
        save(life(5, 3), tmp_path / f"{name}.png", "clusters")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()

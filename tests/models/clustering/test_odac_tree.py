import numpy as np
import pytest
from river import cluster

from driftline.models import snapshot
from driftline.models.base import Branch
from driftline.models.clustering import odac_tree


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    X = shared[:, [0, 0, 1, 1, 1]] + 0.1 * rng.normal(size=(n, 5))
    X[:, 4] = rng.normal(size=n)
    return [dict(zip("abcde", row, strict=True)) for row in X.tolist()]


def taught(n):
    model = cluster.ODAC(0.95, 50)
    for x in rows(n):
        model.learn_one(x)
    return model


@pytest.mark.parametrize("n", [0, 1, 49, 60, 130, 700])
def test_a_tree_that_was_made_plain_goes_on_bit_for_bit(n):
    old, new = taught(n), cluster.ODAC(0.95, 50)
    odac_tree.rebuild(new, snapshot.unpack(snapshot.pack(odac_tree.plain(old))))
    for x in rows(400, seed=1):
        old.learn_one(x)
        new.learn_one(x)
        assert new.structure_changed == old.structure_changed
    assert new.render_ascii(9) == old.render_ascii(9)
    assert snapshot.pack(odac_tree.plain(new)) == snapshot.pack(odac_tree.plain(old))


def test_leaves_and_outline_are_those_that_river_draws():
    model = taught(700)
    groups = odac_tree.leaves(model)
    assert sorted(sensor for group in groups for sensor in group) == list("abcde")
    assert all(str(group) in model.render_ascii() for group in groups)
    root = odac_tree.outline(model)
    assert root.text == "5 sensors"
    assert root.apart == model._root_node.d1

    def parts(branch):
        return [branch.text] if not branch.parts else [text for part in branch.parts for text in parts(part)]

    assert parts(root) == [", ".join(group) for group in groups]
    assert odac_tree.outline(cluster.ODAC()) == Branch("no sensors", 0.0)
    assert odac_tree.leaves(cluster.ODAC()) == []


@pytest.mark.parametrize("spoil", ["nodes", "name", "row", "more"])
def test_what_is_no_tree_is_refused(spoil):
    state = odac_tree.plain(taught(200))
    if spoil == "nodes":
        del state["nodes"]
    elif spoil == "name":
        del state["nodes"][-1]["name"]
    elif spoil == "row":
        state["nodes"][-1]["statistics"] = np.zeros((1, 3))
    else:
        state["nodes"].append(state["nodes"][-1])
    model = cluster.ODAC(0.95, 50)
    with pytest.raises(ValueError, match="state is of no ODAC tree"):
        odac_tree.rebuild(model, state)
    assert odac_tree.plain(model) == odac_tree.plain(cluster.ODAC(0.95, 50))

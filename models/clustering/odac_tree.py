"""River's ODAC as plain values and back, and its leaves: what a snapshot and a picture need of it."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from river import cluster, stats
from river.cluster.odac import ODACChildren, ODACCluster

from driftline.models.base import Branch, Plain

_NUMBERS = ("d0", "d1", "d2", "avg")
_PIVOTS = ("pivot_0", "pivot_1", "pivot_2")
_ODAC = ("_update_timer", "_n_observations", "_is_init", "_structure_changed")


def leaves(model: cluster.ODAC) -> list[list[str]]:
    """Return the sensors of each group, from the tree's left to its right.

    >>> model = cluster.ODAC()
    >>> model.learn_one({"a": 1.0, "b": 2.0})
    >>> leaves(model)
    [['a', 'b']]
    """
    return [list(leaf.timeseries_names) for leaf in _nodes(model._root_node) if leaf.active and leaf.timeseries_names]


def outline(model: cluster.ODAC) -> Branch:
    """Return the tree as parts to draw; of a divided part `apart` is the largest distance in it when it was divided.

    >>> model = cluster.ODAC()
    >>> model.learn_one({"a": 1.0, "b": 2.0})
    >>> outline(model)
    Branch(text='a, b', apart=0.0, parts=())
    """
    return _branch(model._root_node)


def plain(model: cluster.ODAC) -> dict[str, Plain]:
    """Return all that a model has learnt."""
    state: dict[str, Plain] = {name: getattr(model, name) for name in _ODAC}
    state["nodes"] = [_plain_node(node) for node in _nodes(model._root_node)]
    return state


def rebuild(model: cluster.ODAC, state: dict[str, Any]) -> None:
    """Make a model that has learnt nothing what the one was that gave this state.

    Raises
    ------
    ValueError
        The state is of no tree.

    >>> old, new = cluster.ODAC(n_min=20), cluster.ODAC(n_min=20)
    >>> for t in range(50):
    ...     old.learn_one({"a": t % 7, "b": t % 7 + 0.1, "c": t % 3})
    >>> rebuild(new, plain(old))
    >>> print(new.render_ascii() == old.render_ascii(), new.height)
    True 1
    """
    try:
        nodes = iter(state["nodes"])
        root = _made_node(nodes, None)
        if next(nodes, None) is not None:
            raise ValueError("parts are left over")
        values = {name: state[name] for name in _ODAC}
    except (KeyError, TypeError, IndexError, StopIteration, ValueError) as error:
        raise ValueError(f"state is of no ODAC tree: {error!r}") from error
    model._root_node = root
    for name, value in values.items():
        setattr(model, name, value)


def _nodes(node: ODACCluster) -> Iterator[ODACCluster]:
    yield node
    if node.children is not None:
        yield from _nodes(node.children.first)
        yield from _nodes(node.children.second)


def _branch(node: ODACCluster) -> Branch:
    if node.children is None:
        return Branch(", ".join(node.timeseries_names) or "no sensors", 0.0)
    parts = _branch(node.children.first), _branch(node.children.second)
    return Branch(f"{len(node.timeseries_names)} sensors", float(node.d1 or 0.0), parts)


def _plain_node(node: ODACCluster) -> dict[str, Plain]:
    made: dict[str, Plain] = {"name": node.name, "active": node.active, "n": node.n, "e": node.e}
    made["sensors"] = list(node.timeseries_names)
    made["divided"] = node.children is not None
    for name in _NUMBERS:
        made[name] = getattr(node, name)
    for name in _PIVOTS:
        pivot = getattr(node, name, None)
        made[name] = None if pivot is None else list(pivot)
    made["statistics"] = _plain_statistics(getattr(node, "_statistics", None))
    return made


def _made_node(nodes: Iterator[dict[str, Any]], parent: ODACCluster | None) -> ODACCluster:
    state = next(nodes)
    node = ODACCluster(state["name"], parent)
    node.active, node.n, node.e = state["active"], state["n"], state["e"]
    node.timeseries_names = list(state["sensors"])
    for name in _NUMBERS:
        setattr(node, name, state[name])
    for name in _PIVOTS:
        if state[name] is not None:
            setattr(node, name, tuple(state[name]))
    node._statistics = _made_statistics(node.timeseries_names, state["statistics"])
    if state["divided"]:
        node.children = ODACChildren(_made_node(nodes, node), _made_node(nodes, node))
    return node


def _plain_statistics(held: Any) -> Plain:
    """Return (pairs, 11) of pairs, (3,) of a lone sensor, None of a part that is divided."""
    if held is None:
        return None
    if isinstance(held, stats.Var):
        return np.array(_of_var(held))
    rows = [
        [
            *_of_var(pair.var_x),
            *_of_var(pair.var_y),
            *_of_mean(pair.cov_xy.mean_x),
            *_of_mean(pair.cov_xy.mean_y),
            pair.cov_xy.cov,
        ]
        for pair in held.values()
    ]
    return np.array(rows, np.float64)


def _made_statistics(sensors: list[str], state: Any) -> Any:
    if state is None:
        return None
    if state.ndim == 1:
        return _var(stats.Var(), state.tolist())
    pairs = list(itertools.combinations(sensors, 2))
    if state.shape != (len(pairs), 11):
        raise ValueError(f"statistics of {len(pairs)} pairs are {state.shape}")
    made = {}
    for pair, row in zip(pairs, state.tolist(), strict=True):
        made[pair] = stats.PearsonCorr()
        _var(made[pair].var_x, row[:3])
        _var(made[pair].var_y, row[3:6])
        together = made[pair].cov_xy
        together.mean_x.n, together.mean_x._mean, together.mean_y.n, together.mean_y._mean, together.cov = row[6:]
    return made


def _of_mean(mean: stats.Mean) -> list[float]:
    return [mean.n, mean._mean]


def _of_var(var: stats.Var) -> list[float]:
    return [*_of_mean(var.mean), var._S]


def _var(var: stats.Var, row: list[float]) -> stats.Var:
    var.mean.n, var.mean._mean, var._S = row
    return var

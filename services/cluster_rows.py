"""Clusters and their history as commands show them: rows for scripts, tables for people."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from driftline.models.base import Array
from driftline.models.clustering.life import ClusterLife

SHOWN = 20
"""Events of the history that the table shows, the last ones."""
TELLING = 3
"""Features of a cluster that the table shows."""


def scale_of(life: ClusterLife) -> tuple[Array, Array]:
    """Return mean and standard deviation of each feature over all clusters, each as heavy as its share.

    A feature that is the same everywhere has the deviation 1.

    >>> from driftline.models.clustering.life import ClusterNow
    >>> low, high = (ClusterNow(k, 1, 0.5, np.array([x]), np.zeros(1)) for k, x in enumerate((1.0, 5.0)))
    >>> scale_of(ClusterLife((low, high), (), 9, ("a",)))
    (array([3.]), array([2.]))
    """
    d = len(life.features)
    shares = np.array([one.share for one in life.clusters], float)
    if not shares.sum() > 0.0:
        return np.zeros(d), np.ones(d)
    shares = shares / shares.sum()
    centres = np.array([one.centre for one in life.clusters], float).reshape(-1, d)
    spreads = np.array([one.spread for one in life.clusters], float).reshape(-1, d)
    mean = shares @ centres
    deviation = np.sqrt(shares @ ((centres - mean) ** 2 + spreads**2))
    return mean, np.where(deviation > 0.0, deviation, 1.0)


def cluster_rows(life: ClusterLife) -> list[dict[str, Any]]:
    """Return a row for each cluster alive, the largest first; `telling` names its features, the most distinctive first.

    A feature tells the more of a cluster, the further its centre there is from the mean of all, in the standard
    deviation of all.
    """
    mean, deviation = scale_of(life)
    rows = []
    for one in sorted(life.clusters, key=lambda one: (-one.share, one.id)):
        away = (np.asarray(one.centre, float) - mean) / deviation
        order = np.argsort(-np.abs(away), kind="stable").tolist()
        rows.append(
            {
                "id": int(one.id),
                "name": one.name,
                "born": int(one.born),
                "age": int(life.learnt - one.born),
                "share": float(one.share),
                "centre": dict(zip(life.features, np.asarray(one.centre, float).tolist(), strict=True)),
                "spread": dict(zip(life.features, np.asarray(one.spread, float).tolist(), strict=True)),
                "telling": [life.features[j] for j in order],
            }
        )
    return rows


def life_as_json(life: ClusterLife) -> dict[str, Any]:
    """Return all of it for scripts."""
    return {
        "learnt": life.learnt,
        "features": list(life.features),
        "clusters": cluster_rows(life),
        "history": [one._asdict() | {"others": list(one.others)} for one in life.history],
    }


def clusters_table(life: ClusterLife) -> Table:
    """Make a table of the clusters alive.

    >>> clusters_table(ClusterLife((), (), 0, ("a",))).row_count
    0
    """
    title = f"clusters now: {len(life.clusters)}, after {life.learnt:,} events"
    table = Table(title=title, title_justify="left")
    named = any(one.name for one in life.clusters)
    for name in ("cluster", *(["name"] if named else []), "share", "age in events"):
        table.add_column(name, justify="left" if name == "name" else "right")
    table.add_column("where it differs most: mean ± standard deviation (from the mean of all, in sd of all)")
    mean, deviation = scale_of(life)
    away = dict(zip(life.features, zip(mean.tolist(), deviation.tolist(), strict=True), strict=True))
    for row in cluster_rows(life):
        told = []
        for feature in row["telling"][:TELLING]:
            centre, (middle, sd) = row["centre"][feature], away[feature]
            told.append(f"{feature} {centre:.4g} ± {row['spread'][feature]:.2g} ({(centre - middle) / sd:+.1f})")
        known = [escape(row["name"]) or "-"] if named else []
        table.add_row(str(row["id"]), *known, f"{row['share']:.1%}", f"{row['age']:,}", escape("\n".join(told)))
    return table


def history_table(life: ClusterLife) -> Table:
    """Make a table of the last things that happened to clusters, the oldest first.

    >>> history_table(ClusterLife((), (), 0, ("a",))).title
    'what happened: nothing yet'
    """
    count = len(life.history)
    title = f"what happened: the last {SHOWN} of {count:,} that are remembered" if count > SHOWN else "what happened"
    table = Table(title=title if count else "what happened: nothing yet", title_justify="left")
    for name in ("at event", "cluster"):
        table.add_column(name, justify="right")
    for name in ("what", "others", "in words"):
        table.add_column(name)
    for one in life.history[-SHOWN:]:
        others = ", ".join(map(str, one.others)) or "-"
        table.add_row(f"{one.at:,}", str(one.who), one.kind, others, escape(one.text))
    return table

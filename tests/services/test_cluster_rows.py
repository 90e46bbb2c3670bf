"""Clusters as rows and tables."""

import io
import json

import numpy as np
from rich.console import Console

from driftline.models.clustering.life import ClusterLife, ClusterNow, LifeEvent
from driftline.services.cluster_rows import SHOWN, cluster_rows, clusters_table, history_table, life_as_json

HOT = ClusterNow(3, 40, 0.25, np.array([90.0, 1.0]), np.array([2.0, 0.5]), "[hot]")
COLD = ClusterNow(0, 10, 0.7, np.array([20.0, 1.2]), np.array([1.0, 0.5]))
HISTORY = (LifeEvent(10, "born", 0, (), "a cluster of 9"), LifeEvent(40, "split", 0, (3,), "0 split [into] 0 and 3"))
LIFE = ClusterLife((COLD, HOT), HISTORY, 1_040, ("celsius", "bar"))


def printed(table):
    console = Console(file=io.StringIO(), width=140)
    console.print(table)
    return console.file.getvalue()


def test_the_largest_comes_first_with_its_age_and_what_tells_it_from_the_others():
    cold, hot = cluster_rows(LIFE)
    assert (cold["id"], cold["age"], cold["share"]) == (0, 1_030, 0.7)
    assert (hot["id"], hot["age"], hot["name"]) == (3, 1_000, "[hot]")
    assert hot["telling"] == ["celsius", "bar"]
    assert hot["centre"] == {"celsius": 90.0, "bar": 1.0}
    near, wide = np.array([95.0, 3.0]), np.array([20.0, 0.1])
    bars = LIFE._replace(clusters=(COLD._replace(centre=near, spread=wide), HOT._replace(spread=wide)))
    assert cluster_rows(bars)[0]["telling"] == ["bar", "celsius"], "in units of the spread, not of the feature"


def test_a_cluster_alone_and_none_at_all_have_rows():
    [row] = cluster_rows(LIFE._replace(clusters=(HOT,)))
    assert row["telling"] == ["celsius", "bar"]
    assert cluster_rows(LIFE._replace(clusters=())) == []
    [row] = cluster_rows(LIFE._replace(clusters=(HOT._replace(share=0.0),)))
    assert row["share"] == 0.0


def test_the_tables_say_it_in_the_users_units_and_take_text_as_it_is():
    said = printed(clusters_table(LIFE))
    assert "clusters now: 2, after 1,040 events" in said
    assert "celsius 90 ± 2 (" in said
    assert "[hot]" in said
    told = printed(history_table(LIFE))
    assert "0 split [into] 0 and 3" in told
    assert "split" in told


def test_names_have_a_column_only_where_there_are_some():
    assert "name" not in printed(clusters_table(LIFE._replace(clusters=(COLD,))))


def test_a_long_history_is_cut_and_says_so():
    long = LIFE._replace(history=tuple(LifeEvent(at, "moved", 0, (), f"move {at}.") for at in range(50)))
    said = printed(history_table(long))
    assert f"the last {SHOWN} of 50" in said
    assert "move 49." in said
    assert "move 29." not in said


def test_for_scripts_it_is_all_json():
    said = json.loads(json.dumps(life_as_json(LIFE)))
    assert said["history"][1] == {"at": 40, "kind": "split", "who": 0, "others": [3], "text": "0 split [into] 0 and 3"}
    assert [row["id"] for row in said["clusters"]] == [0, 3]

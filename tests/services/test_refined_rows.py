"""Whether refinement pays, as rows and tables."""

import io

from rich.console import Console
from sage_lane import lane, settings

from driftline.models.base import Verdict
from driftline.services.refined_rows import refined_row, refined_table, told
from driftline.services.score_rows import score_rows, scores_table


def printed(table):
    console = Console(file=io.StringIO(), width=160)
    console.print(table)
    return console.file.getvalue()


def judged(tmp_path):
    """A forecaster whose refined answer was off by 2 on average, beside one good and one bad expert."""
    made = lane(settings(tmp_path), minutes=0)
    scores = made.slots[0].refined
    scores.judge(Verdict(0, 2, 8.0, 4.0, 2, 2, {"good": 3.0, "bad": 9.0}, {}, {}), {"good": 0.9, "bad": 0.1})
    scores.judge(Verdict(2, 2, 2.0, 4.0, 2, 1, {"bad": 7.0}, {}, {}), {"bad": 0.3})
    return made


def test_a_row_has_errors_before_and_after_feedback_and_of_each_expert_on_its_own_truths(tmp_path):
    row = refined_row(judged(tmp_path).slots[0])
    assert (row["windows"], row["truths"]) == (2, 4)
    assert (row["mae_first"], row["mae_refined"], row["win_rate"], row["coverage"]) == (2.5, 2.0, 0.5, 0.75)
    assert list(row["experts"]) == ["good", "bad"], "the best beside the refined forecast comes first"
    assert (row["experts"]["good"]["alone"], row["experts"]["good"]["refined"]) == (1.5, 2.0)
    assert (row["experts"]["bad"]["alone"], row["experts"]["bad"]["refined"]) == (4.0, 2.0)


def test_before_anything_was_judged_and_of_other_models_there_is_no_row(tmp_path):
    slots = lane(settings(tmp_path), minutes=0).slots
    assert [refined_row(slot) for slot in slots] == [None] * len(slots)
    assert refined_row(None) is None
    assert list(told(None)) == []


def test_no_score_stands_alone_and_an_expert_that_was_better_is_said_to_be(tmp_path):
    rows = [row for row in score_rows(judged(tmp_path)) if row["model"] == "sage"]
    said = printed(scores_table(rows))
    for name, beside in (("mae_refined", "mae_first 2.5"), ("win_rate", "even 0.5"), ("coverage", "meant 0.9")):
        assert any(name in line and beside in line for line in said.splitlines()), said
    said = printed(refined_table(rows))
    assert "33.3% worse" in said
    assert "50.0% better" in said

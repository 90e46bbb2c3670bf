"""Numbers as a chart of block characters."""

import math

import pytest

from driftline.services.blocks import BLOCKS, bar, chart


def height_of(lines, column):
    """How high a column is, in eighths."""
    return sum(BLOCKS.index(line[column]) for line in lines)


def test_a_column_is_as_high_as_its_value_and_gaps_are_seen():
    lines = chart([0.0, 25.0, 50.0, 100.0, math.nan], 0.0, 100.0, 4)
    assert [height_of(lines, column) for column in range(4)] == [0, 8, 16, 32]
    assert [line[4] for line in lines] == [" ", " ", " ", "·"]
    assert {len(line) for line in lines} == {5}


def test_columns_have_no_holes_and_stay_within_the_edges():
    lines = chart([-1e9, 3.3, 7.7, 1e9], -10.0, 10.0, 5)
    for column in range(4):
        said = [BLOCKS.index(line[column]) for line in lines]
        assert said == sorted(said), "the fullest block is the lowest"
    assert height_of(lines, 0) == 1, "something at the lower edge is seen"
    assert height_of(lines, 3) == 40


def test_a_series_that_never_changes_and_an_empty_one_are_drawn():
    assert chart([5.0, 5.0], 5.0, 5.0, 2) == ["  ", "▁▁"]
    assert chart([], 0.0, 1.0, 2) == ["", ""]


@pytest.mark.parametrize(("share", "length"), [(0.0, 0), (1e-6, 1), (0.5, 10), (0.51, 11), (1.0, 20)])
def test_a_bar_is_as_long_as_its_share(share, length):
    assert len(bar(share, 20)) == length

"""One key of a forecaster as text."""

import io

import numpy as np
import pytest
from rich.console import Console
from sage_lane import lane, settings

from driftline.services.cell_show import LEADS, LINES, forecast_table, moment, show
from driftline.services.cell_view import CellView, view


@pytest.fixture
def slots(tmp_path):
    return {slot.name: slot for slot in lane(settings(tmp_path)).slots}


def printed(seen, width=100):
    console = Console(file=io.StringIO(), width=width)
    show(seen, console)
    return console.file.getvalue()


def test_history_forecast_feedback_weights_and_voices_are_all_there(slots):
    said = printed(view(slots["sage"], "north"), 200)
    assert "7 values so far; 7 are remembered, 1 of them missing" in said
    assert "a step is 60 s, 4 make a season; the last one was at 2023-11-14 22:19:20 UTC" in said
    assert "│           1 │ 2023-11-14 22:20:20 │ 16.000 │  18.000 │ 17.000 │ 19.000 │" in said
    assert "first answer off by 0.5, refined by 0.25; 1 of 2 truths within" in said
    assert "overall: It was 1 off." in said
    assert "last   │  50.0% │ ████████████" in said
    assert "voice v: its newest forecast began 1 step ago, weight 50.0%" in said


def test_the_chart_has_a_column_for_each_value_and_one_for_each_step_ahead(slots):
    lines = [line for line in printed(view(slots["sage"], "north")).splitlines() if "┤" in line]
    assert len(lines) == LINES
    past, ahead = lines[-1].split("┤")[1].split("│")
    assert (len(past), len(ahead.rstrip())) == (7, 2)
    assert past[3] == "·", "a missing value is seen"
    assert lines[0].split("┤")[0].strip() == "23", "the scale holds the forecast too"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_of_the_chart_is_wider_than_the_terminal(width):
    history, forecast = np.arange(3_000.0), np.arange(500.0)
    seen = CellView("k", 0.0, None, 24, history, forecast, None, None)
    lines = [line for line in printed(seen, width).splitlines() if "┤" in line]
    assert len(lines) == LINES
    assert all(len(line) <= width for line in lines)
    assert len(lines[-1]) > 0.8 * width


def test_another_forecaster_has_neither_feedback_nor_weights(slots):
    said = printed(view(slots["plain"], "north"))
    assert "forecast" in said
    for word in ("refined", "weight", "voice", "UTC) "):
        assert word not in said


def test_a_name_is_taken_as_it_is_and_a_series_that_waits_says_so(slots):
    said = printed(view(slots["found"], "[south]"))
    assert said.startswith("[south]: last event")
    assert "6 readings wait" in said
    assert "┤" not in said


def test_of_a_long_forecast_the_first_and_the_last_step_are_shown():
    seen = CellView("k", 0.0, (0.0, 3_600.0), 24, np.zeros(0), np.arange(144.0), None, None)
    table = forecast_table(seen)
    assert table.row_count == LEADS
    assert table.title == f"forecast: {LEADS} of 144 steps"
    said = printed(seen)
    assert "│           8 │ 1970-01-01 08:00" in said
    assert "│         144 │ 1970-01-07 00:00" in said


def test_times_beyond_the_calendar_are_told_in_seconds():
    assert moment(1e15) == "1e+15 s"

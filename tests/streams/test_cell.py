"""One key of a forecaster's lane: when its series begins, and what can be seen of its steps."""

import pytest
from lanes import MODELS, config

from driftline.streams.cell import Cell
from driftline.streams.forecast_slot import ForecastSlot
from driftline.streams.vault import Vault


def cell(**changed):
    model = config({"m": {**MODELS["found"], **changed}}).models["m"]
    slot = ForecastSlot("m", 0, model, "s:0", Vault(b"0123456789abcdef"), lambda: 0.0)
    made = slot.make()
    assert isinstance(made, Cell)
    return made


def test_readings_wait_until_the_length_of_a_step_is_known_and_none_is_lost():
    one = cell()
    for n in range(8):
        assert one.step(600.0 * n, float(n)).forecast == [float(n)] * 2
        assert (one.series, one.clock, one.waiting) == (None, None, n + 1)
    one.step(4_800.0, 8.0)
    assert (one.clock, one.waiting) == ((4_800.0, 600.0), 0)
    assert one.series.season == 144
    assert one.series.model.past.tolist() == [float(n) for n in range(9)]


def test_where_each_event_is_a_step_no_clock_is_known():
    one = cell(step_seconds=None, season=0)
    one.step(1.0, 1.0)
    assert (one.clock, one.waiting) == (None, 0)


@pytest.mark.parametrize("readings", [3, 12])
def test_what_can_be_seen_survives_a_restart(readings):
    one, other = cell(), cell()
    for n in range(readings):
        one.step(60.0 * n, float(n))
    other.restore(one.state())
    assert (other.clock, other.waiting) == (one.clock, one.waiting)

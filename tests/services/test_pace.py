import pytest

from driftline.services.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 50.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def paced(speed: float | None, *times: float) -> list[float]:
    clock = Clock()
    pace = Pace(speed, clock=clock, sleep=clock.sleep)
    for at in times:
        pace.wait(at)
    return clock.slept


def test_original_gaps_are_kept():
    assert paced(1.0, 100.0, 101.5, 101.5, 104.0) == [1.5, 2.5]


def test_speed_divides_the_gaps():
    assert paced(60.0, 1_000.0, 1_060.0, 1_090.0) == [1.0, 0.5]


def test_without_a_speed_nothing_waits():
    assert paced(None, 1.0, 1e9) == []


def test_what_is_late_is_not_waited_for_and_does_not_shift_what_comes():
    clock = Clock()
    pace = Pace(1.0, clock=clock, sleep=clock.sleep)
    pace.wait(10.0)
    clock.now += 3.0
    pace.wait(11.0)
    pace.wait(14.0)
    assert clock.slept == [1.0]


def test_an_unknown_time_neither_waits_nor_counts_as_the_first():
    assert paced(1.0, 0.0, 1_000.0, 0.0, 1_002.0) == [2.0]


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(ValueError, match="speed must be positive"):
        Pace(speed)

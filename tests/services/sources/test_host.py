import psutil
import pytest

from driftline.services.sources.host import INTERFACE, Host, Reading, rates, read


class Machine:
    """A machine in a test's hands: the counters to tell, and time that only sleeping moves."""

    def __init__(self, *readings: Reading, step: float = 0.0):
        self.readings = list(readings)
        self.now = 500.0
        self.step = step
        """Seconds that a reading takes."""
        self.wall = 1_000.0
        self.slept: list[float] = []

    def read(self) -> Reading:
        self.now += self.step
        return self.readings.pop(0)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def host(self, **options) -> Host:
        return Host(
            read=self.read, clock=lambda: self.wall + self.now, monotonic=lambda: self.now, sleep=self.sleep, **options
        )


def interface(n: int) -> dict[str, int]:
    return {counter: n * (i + 1) for i, counter in enumerate(INTERFACE)}


def test_an_event_holds_rates_per_second():
    machine = Machine(Reading({"eth0": interface(100)}, 0.0, 1_000), Reading({"eth0": interface(300)}, 25.0, 5_000))
    [record] = machine.host(limit=1, interval_seconds=2.0)
    assert (record.key, record.stream, record.role, record.at) == ("eth0", "traffic", "event", 1_502.0)
    assert record.value.x == {
        "bytes_received": 100.0,
        "bytes_sent": 200.0,
        "packets_received": 300.0,
        "packets_sent": 400.0,
        "cpu_percent": 25.0,
        "disk_bytes": 2_000.0,
    }


def test_there_is_one_event_for_each_interface():
    one = Reading({"eth0": interface(1), "lo": interface(1)}, 0.0)
    records = list(Machine(one, one, one).host(limit=4))
    assert [r.key for r in records] == ["eth0", "lo", "eth0", "lo"]
    assert len({r.value.id for r in records}) == 4


def test_a_counter_that_fell_leaves_its_interface_out_until_there_are_two_readings_again():
    machine = Machine(*(Reading({"eth0": interface(n), "lo": interface(7)}, 0.0) for n in (50, 60, 5, 9)))
    records = list(machine.host(limit=5))
    assert [(r.key, r.value.x["bytes_received"]) for r in records] == [
        ("eth0", 10.0),
        ("lo", 0.0),
        ("lo", 0.0),
        ("eth0", 4.0),
        ("lo", 0.0),
    ]


def test_one_fallen_counter_of_four_is_enough():
    before, after = interface(10), interface(20)
    after["packets_sent"] = 0
    assert rates(Reading({"eth0": before}, 0.0), Reading({"eth0": after}, 0.0), 1.0) == {}


def test_an_interface_that_comes_is_told_from_its_second_reading_on_and_one_that_goes_is_no_fault():
    readings = [Reading({name: interface(n) for name in names}, 0.0) for n, names in enumerate(["a", "ab", "b"])]
    assert [r.key for r in Machine(*readings).host(limit=2)] == ["a", "b"]


@pytest.mark.parametrize(("before", "after"), [(None, 5), (5, None), (9, 5)])
def test_disks_that_do_not_tell_or_start_anew_are_left_out(before, after):
    found = rates(Reading({"lo": interface(1)}, 0.0, before), Reading({"lo": interface(2)}, 3.0, after), 1.0)
    assert "disk_bytes" not in found["lo"]
    assert found["lo"]["cpu_percent"] == 3.0


def test_rates_are_by_the_seconds_that_went_by():
    machine = Machine(Reading({"lo": interface(0)}, 0.0), Reading({"lo": interface(30)}, 0.0), step=2.0)
    [record] = machine.host(limit=1)
    assert record.value.x["bytes_received"] == 10.0  # 1 s of sleep and 2 s of reading


def test_readings_stay_on_their_beat_and_what_was_missed_is_not_made_up_for():
    same = Reading({"lo": interface(0)}, 0.0)
    on_time = Machine(*[same] * 4, step=0.25)
    list(on_time.host(limit=3))
    assert on_time.slept == [1.0, 0.75, 0.75]
    slow = Machine(*[same] * 4, step=5.0)
    list(slow.host(limit=3))
    assert slow.slept == [1.0, 1.0, 1.0]


def test_a_clock_that_is_set_back_does_not_turn_time_round():
    same = Reading({"lo": interface(0)}, 0.0)
    machine = Machine(same, same, same)
    records = iter(machine.host(limit=2))
    first = next(records)
    machine.wall -= 100.0
    second = next(records)
    assert second.at == first.at
    assert second.value.id != first.value.id


def test_no_reading_is_waited_for_after_the_last_event():
    machine = Machine(Reading({"lo": interface(0)}, 0.0), Reading({"lo": interface(1)}, 0.0))
    assert len(list(machine.host(limit=1))) == 1
    assert len(machine.slept) == 1


def test_the_system_tells_its_interfaces():
    reading = read()
    assert reading.interfaces.keys() == psutil.net_io_counters(pernic=True).keys()
    assert all(counters.keys() == set(INTERFACE) for counters in reading.interfaces.values())
    assert 0 <= reading.cpu_percent <= 100

"""A crash at every named point: the verdict is the same, and the list of points is complete."""

import ast
from pathlib import Path

import pytest
from world import Killed, World

from driftline.streams import failpoint
from driftline.streams.failpoint import POINTS, WORKER_POINTS

STREAMS = Path(failpoint.__file__).parent


class Dying(World):
    """A world in which whoever passes one point for the n-th time dies there, and again n passes later."""

    def __init__(self, seed, point, times, again=3):
        super().__init__(seed, damage=0.2, between=0.0)
        self.point, self.times, self.left, self.again = point, times, times, again

    def _meanwhile(self, point):
        self.passed.add(point)
        if point != self.point or not self.again:
            return
        self.left -= 1
        if self.left == 0:
            self.left, self.again = self.times, self.again - 1
            raise Killed


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_this_point_loses_and_doubles_nothing(point):
    reached = 0
    for seed in range(3):
        for times in (1, 2, 5):
            life = Dying(seed, point, times)
            life.run()
            assert life.verdict() is None, (seed, times)
            reached += 3 - life.again
    assert reached  # or the test has shown nothing


def hits():
    """Every point that the code names, with the file that names it."""
    found = {}
    for path in STREAMS.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hit":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}: a point must be named on the spot"
                found.setdefault(node.args[0].value, set()).add(path.name)
    return found


def test_the_code_names_the_points_of_the_list_and_no_others():
    assert set(hits()) == {*POINTS, *WORKER_POINTS}
    assert len(POINTS + WORKER_POINTS) == len({*POINTS, *WORKER_POINTS})


def test_both_stores_pass_the_point_between_what_is_written_ahead_and_the_state():
    assert {"memory_store.py", "redis_store.py"} <= hits()["state.ahead"]


def test_a_point_that_does_not_exist_cannot_be_armed():
    with pytest.raises(ValueError, match=r"no failpoint 'state.lost': one of acquire.before"):
        failpoint.arm("state.lost", lambda: None)
    with pytest.raises(ValueError, match="no failpoint"):
        failpoint.arm_to_die("state.lost:3")


def test_a_point_is_passed_in_silence_until_it_is_armed_and_after_it_was_disarmed():
    passed = []
    failpoint.hit("state.written")
    failpoint.arm("state.written", lambda: passed.append(1))
    try:
        failpoint.hit("state.written")
        failpoint.hit("state.frozen")
    finally:
        failpoint.disarm()
    failpoint.hit("state.written")
    assert passed == [1]


@pytest.mark.parametrize(("said", "pass_"), [("flush.after", 1), ("flush.after:1", 1), ("flush.after:3", 3)])
def test_a_process_dies_by_sigkill_at_the_pass_that_was_said(said, pass_, monkeypatch):
    killed = []
    monkeypatch.setattr(failpoint.os, "kill", lambda pid, sign: killed.append((pid, sign)))
    failpoint.arm_to_die(said)
    try:
        for i in range(1, pass_ + 1):
            failpoint.hit("flush.after")
            assert len(killed) == (i == pass_)
    finally:
        failpoint.disarm()
    assert killed == [(failpoint.os.getpid(), failpoint.signal.SIGKILL)]

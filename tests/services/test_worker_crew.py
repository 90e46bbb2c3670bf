"""The crew: a worker that dies is started again, after pauses that grow, and takes no other with it."""

import signal
import sys
import threading
import time

import pytest

from driftline.services import worker_crew
from driftline.services.settings import Settings
from driftline.services.worker_crew import PAUSES_SECONDS, Member, run_all

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FAIL = [sys.executable, "-c", "raise SystemExit(3)"]


def member(command):
    one = Member("s", "m", 0, None)
    one._command = command
    return one


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_one_that_is_killed_is_started_again_and_the_other_goes_on():
    one, other = member(SLEEP), member(SLEEP)
    try:
        for each in (one, other):
            each.look(0.0)
        first, second = one.child.pid, other.child.pid
        one.child.kill()
        one.child.wait()
        one.look(1.0)
        assert one.child is None, "a pause first"
        one.look(1.0 + PAUSES_SECONDS[0])
        other.look(1.0 + PAUSES_SECONDS[0])
        assert one.child.pid != first
        assert other.child.pid == second
        assert other.child.poll() is None
    finally:
        for each in (one, other):
            if each.child is not None:
                each.child.kill()
                each.child.wait()


def test_pauses_grow_while_it_dies_at_once_and_begin_anew_after_a_healthy_life():
    one, now, pauses = member(FAIL), 0.0, []
    for _ in range(8):
        one.look(now)
        one.child.wait()
        one.look(now)
        pauses.append(one._next - now)
        now = one._next
    assert pauses == pytest.approx([*PAUSES_SECONDS, PAUSES_SECONDS[-1], PAUSES_SECONDS[-1]])
    one.look(now)
    one.child.wait()
    now += worker_crew.HEALTHY_SECONDS + 1.0
    one.look(now)
    assert one._next - now == pytest.approx(PAUSES_SECONDS[0])


def test_a_signal_ends_all_of_them(monkeypatch):
    made = []

    class Sleeping(Member):
        def __init__(self, *given):
            super().__init__(*given)
            self._command = SLEEP
            made.append(self)

    monkeypatch.setattr(worker_crew, "Member", Sleeping)
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGTERM, signal.SIGINT)}
    threading.Timer(1.0, signal.raise_signal, (signal.SIGTERM,)).start()
    try:
        code = run_all(Settings(), [("s", "one"), ("s", "two")], None)
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
    assert code == 1, "they were ended by the signal, and wrote no last checkpoint"
    assert [each.child.returncode for each in made] == [-signal.SIGTERM] * 2
    assert [each._env["DRIFTLINE_WORKER__PORT"] for each in made] == ["6067", "6068"]

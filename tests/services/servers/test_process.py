import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest

from driftline.services.servers.process import (
    HOST,
    Child,
    ServerDied,
    ServerError,
    ServerTimeout,
    free_ports,
    port_is_free,
)

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
POLITE = "signal.signal(signal.SIGTERM, lambda *_: sys.exit('bye')); print('up', flush=True); time.sleep(600)"


def says(words: str, then: str) -> list[str]:
    return [sys.executable, "-c", f"import signal, sys, time; print({words!r}, flush=True); {then}"]


def gone(pid: int, within_seconds: float = 5) -> bool:
    """Whether the process ends within the time; one that is dead but not yet collected counts as ended."""
    end = time.monotonic() + within_seconds
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def test_a_child_is_ready_when_it_answers(log):
    child = Child("teller", says("hello", "time.sleep(600)"), log)
    child.start(lambda: log.read_text() == "hello\n", timeout_seconds=10)
    assert child.running
    child.stop()
    assert not child.running


def test_stop_and_kill_leave_no_process(log):
    for end in (Child.stop, Child.kill):
        child = Child("sleeper", SLEEP, log)
        child.start(lambda: True)
        pid = child.pid
        end(child)
        assert not psutil.pid_exists(pid)
        end(child)  # again: nothing to do
        with pytest.raises(ServerError, match="sleeper is not running"):
            _ = child.pid


def test_a_child_that_does_not_hear_the_signal_is_killed(log):
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    child = Child("stubborn", says("", stubborn), log)
    child.start(lambda: "deaf" in log.read_text(), timeout_seconds=10)
    pid = child.pid
    child.stop(timeout_seconds=0.2)
    assert not psutil.pid_exists(pid)


def test_a_suspended_child_is_stopped(log):
    # With a handler, as every server has one: without, Linux ends even a suspended process at once.
    child = Child("suspended", says("", POLITE), log)
    child.start(lambda: "up" in log.read_text(), timeout_seconds=10)
    os.kill(child.pid, signal.SIGSTOP)
    start = time.monotonic()
    child.stop(timeout_seconds=10)
    assert time.monotonic() - start < 5


def test_a_child_that_dies_says_its_last_words(log):
    log.write_text("words of an earlier run\n")
    child = Child("failing", says("no room on the disk", "sys.exit(3)"), log)
    with pytest.raises(ServerDied, match=r"failing ended with status 3(.|\n)*no room on the disk") as caught:
        child.start(lambda: False, timeout_seconds=10)
    assert "earlier" not in str(caught.value)


def test_a_child_that_does_not_answer_is_given_up_and_killed(log):
    child = Child("silent", says("still warming up", "time.sleep(600)"), log)
    pids = []

    def answers() -> bool:
        pids.append(child.pid)
        return False

    with pytest.raises(ServerTimeout, match=r"silent did not answer within 1 s(.|\n)*still warming up"):
        child.start(answers, timeout_seconds=1)
    assert not psutil.pid_exists(pids[0])


def test_an_error_in_the_question_leaves_no_process(log):
    child = Child("sleeper", SLEEP, log)
    with pytest.raises(ZeroDivisionError):
        child.start(lambda: bool(1 / 0))
    assert not child.running


def test_a_child_outlives_the_thread_that_started_it(log):
    child = Child("sleeper", SLEEP, log)
    thread = threading.Thread(target=child.start, args=(lambda: "up" in log.read_text(),))
    thread.start()
    thread.join()
    assert not gone(child.pid, within_seconds=0.5)
    child.stop()


PARENT = """
    import os, signal, sys, time
    from pathlib import Path
    from driftline.services.servers.process import Child

    log = Path(sys.argv[1], "log")
    child = Child("sleeper", {command!r}, log)
    child.start(lambda: "up" in log.read_text())  # it has set its death signal and become the command
    print(child.pid, flush=True)
    {end}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_a_child_dies_with_a_parent_that_is_killed(tmp_path):
    pid = run_parent(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    assert gone(pid)


def test_a_child_is_stopped_in_good_order_by_a_parent_that_ends(tmp_path):
    assert gone(run_parent(tmp_path, "sys.exit(0)"))
    assert "bye" in (tmp_path / "log").read_text()


def test_a_fork_of_the_parent_leaves_the_child_alone(tmp_path):
    end = """
    if os.fork() == 0:
        sys.exit(0)     # runs what is to be run at the exit, and must not stop the child
    os.wait()
    assert child.running
    print("still running", flush=True)
    """
    done = parent(tmp_path, textwrap.indent(textwrap.dedent(end), "    "))
    assert "still running" in done.stdout, done.stderr


def run_parent(folder: Path, end: str) -> int:
    return int(parent(folder, end).stdout.split()[0])


def parent(folder: Path, end: str) -> "subprocess.CompletedProcess[str]":
    program = textwrap.dedent(PARENT.format(command=says("", POLITE), end=end))
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )


def test_free_ports_differ_and_are_free():
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(port_is_free(port) for port in ports)


def test_a_taken_port_is_not_free():
    with socket.create_server((HOST, 0)) as taken:
        assert not port_is_free(taken.getsockname()[1])

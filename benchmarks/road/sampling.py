"""Where the road's CPU time goes: py-spy looks at the running process from outside, a hundred times a second.

py-spy is a program of its own and disturbs what it watches little; cProfile would slow down Python's own calls several
times and native code not at all. Only threads that run are counted, so a share of the samples is a share of CPU time.
"""

import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from rich.table import Table

RATE = 100
_PLACES = ("driftline/", "site-packages/", "lib/python")


class Sampler:
    """py-spy on one process, between `start` and `stop`."""

    def __init__(self, raw: Path, program: str):
        self.raw = raw
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, pid: int) -> None:
        """Begin to sample."""
        command = [self._program, "record", "--pid", str(pid), "--output", str(self.raw), "--format", "raw"]
        command += ["--rate", str(RATE), "--threads", "--nonblocking", "--full-filenames"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def stop(self) -> None:
        """Write the samples."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)  # py-spy then writes what it has
        said = self._process.communicate(timeout=60)[1].decode()
        if not self.raw.exists():
            raise RuntimeError(f"py-spy wrote no samples; it needs root, or ptrace_scope 0: {said}")


def py_spy(*folders: Path) -> str | None:
    """Return the path of py-spy: beside this Python, in one of the folders, or on the PATH."""
    for folder in (Path(sys.executable).parent, *folders):
        if (folder / "py-spy").is_file():
            return str(folder / "py-spy")
    return shutil.which("py-spy")


def by_line(raw: str) -> Counter[str]:
    """Count the samples by the line of Python that ran, or that had called the native code that ran.

    >>> by_line('process 1;thread (0x1);run (/a/driftline/streams/runner.py:7);poll (/a/driftline/x.py:9) 3')
    Counter({'driftline/x.py:9 poll': 3})
    """
    lines: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        lines[_short(stack.rpartition(";")[2])] += int(count)
    return lines


def by_file(raw: str) -> Counter[str]:
    """Count the samples by the file of the innermost frame."""
    files: Counter[str] = Counter()
    for line, count in by_line(raw).items():
        files[line.partition(":")[0]] += count
    return files


def table(title: str, counts: Counter[str], most: int = 25) -> Table:
    """Show the first of the counts, as shares."""
    total = max(1, counts.total())
    shown = Table("%", "where", title=title, title_justify="left")
    for where, count in counts.most_common(most):
        shown.add_row(f"{100 * count / total:.1f}", where)
    return shown


def _short(frame: str) -> str:
    """Turn `function (/path/file.py:7)` into `file.py:7 function`, with the path from a place that means something.

    >>> _short("learn_one (/x/lib/python3.11/site-packages/river/linear_model/glm.py:12)")
    'river/linear_model/glm.py:12 learn_one'
    """
    function, _, where = frame.partition(" (")
    where = where.removesuffix(")")
    for place in _PLACES:
        before, found, after = where.rpartition(place)
        if found and before:
            where = found + after if place == "driftline/" else after
            break
    return f"{where} {function}".strip()

"""The README's first command, as a newcomer runs it: from anywhere, with the package alone."""

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_the_demo_proves_every_lane(broker, tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "driftline", "demo", "--broker", broker.kind, "--seconds", "20"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    assert "kill -9" in done.stdout
    assert "every lane equals the sequential replay of its log" in done.stdout

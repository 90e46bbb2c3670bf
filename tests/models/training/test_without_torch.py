"""What plans training does not need torch, only what trains."""

import subprocess
import sys

CODE = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'torch':
            raise ImportError(f'{name} was asked for')
sys.meta_path.insert(0, NoTorch())
from driftline.models.training import Schedule, intervals, weighting
print(intervals.cut(intervals.level_distances(Schedule(steps=8)), 2), weighting.make('ant-uw', 2).s)
try:
    from driftline.models.training import DiffusionTrainer
except ImportError as error:
    print(error)
"""


def test_schedules_intervals_and_weightings_load_without_torch():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "torch was asked for" in done.stdout

"""What is held is shared with compiled code, through nested tuples, and costs one argument."""

import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit

from driftline.models.held import hold


class Inner(NamedTuple):
    numbers: np.ndarray


class Outer(NamedTuple):
    inner: Inner
    count: np.ndarray


@njit
def keep(outer, others):
    return hold((outer, others))


@njit
def add(held, number):
    outer, others = held.value
    outer.inner.numbers[0] += number
    outer.count[0] += 1
    return outer.inner.numbers.sum() + others.sum()


def test_arrays_are_shared_and_outlive_their_names():
    outer, others = Outer(Inner(np.zeros(3)), np.zeros(1, dtype=np.int64)), np.ones(2)
    held = keep(outer, others)
    assert add(held, 2.5) == 4.5
    assert outer.inner.numbers.tolist() == [2.5, 0.0, 0.0]
    others[0] = 5.0
    count = outer.count
    del outer, others
    assert add(held, 0.5) == 9.0
    assert count[0] == 2


def test_two_of_one_type_are_kept_apart():
    one, other = (Outer(Inner(np.full(1, value)), np.zeros(1, dtype=np.int64)) for value in (1.0, 2.0))
    helds = [keep(outer, np.zeros(1)) for outer in (one, other)]
    assert [add(held, 1.0) for held in helds] == [2.0, 3.0]
    assert len(add.signatures) == 1


def test_it_is_for_compiled_code():
    with pytest.raises(NotImplementedError, match="from a compiled function"):
        hold((np.zeros(1),))


def test_what_is_compiled_here_does_not_reach_the_caches_of_models(tmp_path):
    """A process that cannot import these tests could then not load them."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "from driftline.models.multilabel import IHomer; IHomer.warm_up()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

"""The share of time: bounded while events wait, whatever a step takes."""

import numpy as np
import pytest

from driftline.services.time_share import TimeShare


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("step", [0.01, 0.4])
def test_while_events_wait_learning_takes_its_share_and_no_more(share, step):
    rng = np.random.default_rng(0)
    time, learnt, answered = TimeShare(share), 0.0, 0.0
    for _ in range(20_000):
        took = float(rng.exponential(0.02))
        answered += took
        time.answered(took)
        while time.may_learn:
            learnt += step
            time.learnt(step)
    assert learnt / (learnt + answered) == pytest.approx(share, rel=0.05)


def test_what_is_owed_is_bounded_and_forgotten_when_nothing_waits():
    time = TimeShare(0.5)
    time.learnt(1_000.0)
    assert time.credit == -5.0
    time.idle()
    time.answered(0.1)
    assert time.may_learn


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_is_between_none_and_all(share):
    with pytest.raises(ValueError, match="share must be in"):
        TimeShare(share)

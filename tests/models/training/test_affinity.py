"""Measured affinities: near levels agree more than far ones, and make intervals."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from driftline.models.training.affinity import measure  # noqa: E402
from driftline.models.training.diffusion_trainer import DiffusionTrainer  # noqa: E402
from driftline.models.training.intervals import level_distances  # noqa: E402
from driftline.models.training.schedule import Schedule  # noqa: E402


@pytest.fixture(scope="module")
def measured():
    torch.manual_seed(0)
    network = torch.nn.Linear(4, 4)
    schedule = Schedule(steps=60, last=0.2)
    x0 = torch.randn(256, 4) * torch.tensor([2.0, 1.0, 0.5, 0.1])
    found = measure(lambda x, t: network(x), network.parameters(), x0, schedule, torch.Generator(), count=20)
    return schedule, found


def test_affinities_are_cosines(measured):
    _, found = measured
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_allclose(np.diag(found), 1.0, rtol=1e-6)
    assert np.abs(found).max() <= 1.0 + 1e-6


def test_near_levels_agree_more_than_far_ones(measured):
    _, found = measured
    assert found[0, 5] > found[0, 30] > found[0, 59]


def test_they_make_intervals(measured):
    schedule, found = measured
    trainer = DiffusionTrainer(schedule, "ant-uw", 3, "affinity", affinity=found)
    assert [t for first, last in trainer.intervals for t in range(first, last + 1)] == list(range(60))
    assert level_distances(schedule, "affinity", found).min() == pytest.approx(-1.0)


def test_levels_between_take_the_nearest_that_was_measured():
    weights = torch.ones(2, requires_grad=True)
    schedule = Schedule(steps=6, last=0.5)
    x0 = torch.tensor([[1.0, -0.5]]).repeat(64, 1)
    found = measure(lambda x, t: weights * x, [weights], x0, schedule, torch.Generator(), count=2)
    for level in range(6):
        np.testing.assert_array_equal(found[level], found[0 if level < 3 else 5])
    assert found[0, 5] < 0.999

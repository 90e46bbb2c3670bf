"""No row is dropped, every interval gets its share, every level its chance."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from driftline.models.training.timesteps import Timesteps  # noqa: E402

INTERVALS = [(0, 2), (3, 3), (4, 11), (12, 19)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def counts(drawn):
    ends = np.array([last for _, last in INTERVALS])
    return np.bincount(np.searchsorted(ends, drawn.numpy()), minlength=4)


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 6, 7, 40, 41])
def test_rows_that_intervals_do_not_divide_are_all_kept(rows):
    for seed in range(20):
        drawn = Timesteps(20, INTERVALS)(rows, generator(seed))
        assert drawn.shape == (rows,)
        assert drawn.dtype == torch.int64
        found = counts(drawn)
        assert found.sum() == rows
        assert found.max() - found.min() <= 1


def test_the_rest_of_a_batch_goes_to_no_interval_more_often():
    draw, found, one = Timesteps(20, INTERVALS), np.zeros(4), generator()
    for _ in range(2_000):
        found += counts(draw(5, one)) - 1
    np.testing.assert_allclose(found / 2_000, 0.25, atol=0.04)


def test_levels_of_an_interval_have_equal_chances_and_rows_no_habit():
    draw, one = Timesteps(20, INTERVALS), generator()
    drawn = torch.stack([draw(8, one) for _ in range(4_000)])
    share = np.bincount(drawn.flatten().numpy(), minlength=20) / drawn.numel()
    expected = np.concatenate([np.full(last - first + 1, 0.25 / (last - first + 1)) for first, last in INTERVALS])
    np.testing.assert_allclose(share, expected, atol=0.01)
    for row in range(8):  # no place in the batch is tied to an interval
        np.testing.assert_allclose(counts(drawn[:, row]) / 4_000, 0.25, atol=0.04)
    which = np.searchsorted([last for _, last in INTERVALS], drawn.numpy())
    for other in range(1, 8):  # nor are two places tied to each other: of seven others one has the same interval
        assert (which[:, 0] == which[:, other]).mean() == pytest.approx(1 / 7, abs=0.03)


def test_without_intervals_all_levels_have_equal_chances():
    drawn = Timesteps(20)(100_000, generator())
    np.testing.assert_allclose(np.bincount(drawn.numpy(), minlength=20) / 100_000, 0.05, atol=0.005)


@pytest.mark.parametrize("intervals", [None, INTERVALS])
def test_half_of_the_rows_are_at_visited_levels(intervals):
    draw, one = Timesteps(20, intervals, visited=[19, 17, 15]), generator()
    drawn = torch.cat([draw(9, one) for _ in range(4_000)])
    share = np.bincount(drawn.numpy(), minlength=20) / len(drawn)
    rest = Timesteps(20, intervals)(50_000, generator(1))
    base = np.bincount(rest.numpy(), minlength=20) / len(rest)
    expected = 4 / 9 * base
    expected[[15, 17, 19]] += 5 / 9 / 3
    np.testing.assert_allclose(share, expected, atol=0.01)


def test_rows_that_do_not_count_take_no_place_of_an_interval():
    active = torch.zeros(40, dtype=torch.bool)
    active[torch.arange(0, 40, 5)] = True
    for seed in range(20):
        drawn = Timesteps(20, INTERVALS)(40, generator(seed), active)
        assert counts(drawn[active]).tolist() == [2, 2, 2, 2]


def test_the_widest_interval_is_never_left():
    draw = Timesteps(3, [(0, 2)])
    drawn = draw(500_000, generator())
    assert (int(drawn.min()), int(drawn.max())) == (0, 2)

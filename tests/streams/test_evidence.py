"""The evidence grows where a challenger is better, soon after it has become so, and seldom where it is not."""

import numpy as np
import pytest

from driftline.streams.evidence import BETS, Evidence

BOUND = 1_000.0


def until(differences, bound=BOUND):
    """How many differences it takes to reach the bound, or None."""
    evidence = Evidence()
    for count, difference in enumerate(differences, 1):
        if evidence.update(difference, 0.5, 0.5 - difference) >= bound:
            return count
    return None


def test_the_mean_run_length_of_equal_models_is_at_least_the_bound():
    # Losses of 0 and 1 that differ half the time: with the bound 1,000, 200 streams must last 1,000 labels on average.
    lengths = []
    for seed in range(200):
        dice = np.random.default_rng(seed)
        lengths.append(until(dice.choice([-1.0, 0.0, 1.0], 4_000, p=[0.25, 0.5, 0.25])) or 4_000)
    assert np.mean(lengths) >= BOUND
    assert min(lengths) < 4_000  # it is no test that cannot speak


def test_a_worse_challenger_is_never_taken():
    dice = np.random.default_rng(1)
    assert until(dice.choice([-1.0, 0.0, 1.0], 20_000, p=[0.3, 0.6, 0.1])) is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("advantage", "most"), [(0.3, 250), (0.1, 1_500), (0.03, 12_000)])
def test_a_better_challenger_is_taken_the_sooner_the_better_it_is(advantage, most, seed):
    dice = np.random.default_rng(seed)
    share = 0.4
    better = (share + advantage) / 2
    count = until(dice.choice([-1.0, 0.0, 1.0], 20_000, p=[share - better, 1 - share, better]))
    assert count is not None
    assert count <= most


@pytest.mark.parametrize("seed", range(3))
def test_a_challenger_that_was_worse_for_long_is_found_as_soon_as_a_new_one(seed):
    dice = np.random.default_rng(seed)
    bad = dice.choice([-1.0, 0.0, 1.0], 50_000, p=[0.3, 0.6, 0.1])
    good = dice.choice([-1.0, 0.0, 1.0], 5_000, p=[0.1, 0.6, 0.3])
    fresh, late = until(good), until([*bad, *good])
    assert fresh is not None
    assert late is not None
    assert late - 50_000 <= fresh  # wealth that is left from before can only help


def test_a_single_loss_of_everything_does_not_end_it():
    assert until([-2.0, *([0.5] * 60)]) is not None


def test_the_window_tells_the_losses_since_the_best_bet_began():
    evidence = Evidence()
    for _ in range(30):
        evidence.update(-0.5, 0.25, 0.75)
    for _ in range(20):
        evidence.update(0.5, 0.75, 0.25)
    assert evidence.window() == (0.75, 0.25, 20)
    assert Evidence().window() == (0.0, 0.0, 0)


def test_a_state_is_a_copy_and_goes_on():
    one, other = Evidence(), Evidence()
    one.update(0.5, 1.0, 0.5)
    state = one.state()
    other.restore(state)
    assert one.update(0.25, 1.0, 0.75) == other.update(0.25, 1.0, 0.75)
    assert one.state() == other.state()
    assert state["counts"] == [1] * len(BETS)

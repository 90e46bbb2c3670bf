import math

import pytest

from driftline.models.parameters import at_least, positive, season_or_none, within


@pytest.mark.parametrize(
    ("interval", "fits", "does_not"),
    [
        ("(0, 1)", (0.1, 0.9), (0, 1, -1, 2)),
        ("[0, 1]", (0, 1), (-1e-9, 1 + 1e-9)),
        ("(0.5, 1]", (0.6, 1), (0.5, 1.1)),
        ("[0, 10)", (0, 9.9), (-1, 10)),
    ],
)
def test_a_square_bracket_takes_its_end_in(interval, fits, does_not):
    for value in fits:
        within(interval, share=value)
    for value in (*does_not, math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError) as caught:
            within(interval, share=value)
        assert str(caught.value) == f"share must be in {interval}, got {value}"


def test_the_one_at_fault_is_named():
    with pytest.raises(ValueError, match=r"^gamma must be in \[0, 1\], got 2$"):
        within("[0, 1]", beta=1, gamma=2, delta=3)
    with pytest.raises(ValueError, match=r"^max_leaves must be at least 1, got 0$"):
        at_least(1, max_depth=1, max_leaves=0)
    with pytest.raises(ValueError, match=r"^prior must be above 0 and finite, got 0$"):
        positive(tolerance=1e-300, prior=0)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_what_is_positive_is_finite_too(value):
    with pytest.raises(ValueError, match="must be above 0 and finite"):
        positive(tolerance=value)


def test_a_season_has_two_values_at_least_or_is_none():
    for fits in (0, 2, 24):
        season_or_none(fits)
    for does_not in (-1, 1):
        with pytest.raises(ValueError, match=rf"^season must be 0 \(none\) or at least 2, got {does_not}$"):
            season_or_none(does_not)

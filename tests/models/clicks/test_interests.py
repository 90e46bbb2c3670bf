"""The generator: repeatable, drifting as told, and no label can be told from anything but its own probability."""

import numpy as np
import pytest

from driftline.models.clicks.interests import DriftingInterests


def test_a_seed_makes_one_stream_however_it_is_taken():
    xs, ys, ps = DriftingInterests(users=20, seed=4).take(3_000)
    again = DriftingInterests(users=20, seed=4)
    parts = [again.take(n) for n in (1, 1_022, 0, 5, 1_972)]
    assert [x for part in parts for x in part[0]] == xs
    assert np.array_equal(np.concatenate([part[1] for part in parts]), ys)
    other = DriftingInterests(users=20, seed=5).take(3_000)
    assert other[0] != xs
    assert not np.array_equal(other[2], ps)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_labels_are_drawn_with_their_probabilities(seed):
    _, ys, ps = DriftingInterests(seed=seed).take(20_000)
    for low in (0.0, 0.2, 0.4, 0.6):
        here = (ps >= low) & (ps < low + 0.2)
        error = np.sqrt((ps[here] * (1 - ps[here])).sum())
        assert abs(ys[here].sum() - ps[here].sum()) < 4 * error


def test_what_comes_later_changes_nothing_before():
    """No leak: a shift at event 1,000 leaves all events before as they would be without it."""
    calm = DriftingInterests(users=30, patience=0, seed=2)
    shifted = DriftingInterests(users=30, patience=0, shift_at=1_000, seed=2)
    before = [(calm.next(), shifted.next()) for _ in range(1_000)]
    assert all(one == other for one, other in before)
    after = [(calm.next(), shifted.next()) for _ in range(500)]
    assert all(one.x == other.x for one, other in after)
    assert any(one.p != other.p for one, other in after)


def test_features_do_not_tell_interests():
    names = {name for x in DriftingInterests(seed=1).take(200)[0] for name in x}
    assert names == {"user", "item", "topic", "brand", "position"}


def test_interests_last_about_as_long_as_patience_says():
    stream = DriftingInterests(users=10, patience=50, seed=3)
    last, changes, n = {}, 0, 20_000
    for _ in range(n):
        click = stream.next()
        changes += last.get(click.x["user"], click.interests) != click.interests
        last[click.x["user"]] = click.interests
        assert len(set(click.interests)) == 4
    assert abs(changes - n / 50) < 4 * np.sqrt(n / 50)


def test_parameters_out_of_range_are_refused():
    for bad in ({"users": 0}, {"interests": 19}, {"patience": -1}, {"shift_at": -1}):
        with pytest.raises(ValueError, match=next(iter(bad)) if "interests" not in bad else "topics"):
            DriftingInterests(**bad)

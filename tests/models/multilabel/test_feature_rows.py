import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import feature_rows


class Bench:
    """Moments with the scratch that they need, fed with dictionaries of column and value."""

    def __init__(self, features=6, dense=6):
        self.f = feature_rows.make(features, dense)
        self.scaled, self.standard = np.zeros((2, 2 * features + 1), np.float32)
        self.where = np.zeros(2 * features + 1, np.int32)
        self.seen = np.zeros(features, bool)

    def learn(self, x):
        return feature_rows.learn(self.f, *event(x))

    def look(self, x):
        """The scaled values, and the standardised view as a list of (feature, value)."""
        before = [part.copy() for part in self.f]
        n = feature_rows.represent(self.f, *event(x), self.scaled, self.where, self.standard, self.seen)
        assert not self.seen.any()
        assert all(np.array_equal(now, then) for now, then in zip(self.f, before, strict=True))
        found = list(zip(self.where[:n].tolist(), self.standard[:n].tolist(), strict=True))
        assert len({j for j, _ in found}) == n
        return dict(zip(x, self.scaled[: len(x)].tolist(), strict=True)), found

    def dense(self):
        """The dense features by place, after `place` was held against `dense`."""
        f = self.f
        block = f.dense[: f.counts[0]].tolist()
        place = np.full(len(f.place), -1)
        place[block] = range(len(block))
        assert len(set(block)) == len(block)
        assert np.array_equal(f.place, place)
        return block


def event(x):
    return np.array(list(x), np.int32), np.array(list(x.values()), np.float32)


def weights(n):
    """Each event weighs half as much as the one 20,000 later, almost."""
    return feature_rows.GROWTH ** np.arange(n)


def moments(xs, j):
    """Mean and deviation of a feature over all events, zeros counted, taken around the mean."""
    values = np.array([float(np.float32(x.get(j, 0.0))) for x in xs])
    w = weights(len(xs)) / weights(len(xs)).sum()
    mean = math.fsum(w * values)
    return mean, math.sqrt(math.fsum(w * (values - mean) ** 2))


def standardised(xs, x, block):
    """What `represent` should say of `x` after `xs`: the dense features by place, then the others in their order."""
    known = {j for x in xs for j in x}
    out = {}
    for j in [*block, *(j for j in x if j not in block)]:
        if j not in known:
            continue
        mean, deviation = moments(xs, j)
        z = (x.get(j, 0.0) - (mean if j in block else 0.0)) / deviation if deviation > 1e-9 * abs(mean) else 0.0
        if deviation > 1e-9 * abs(mean) or j in block:
            out[j] = min(max(z, -8.0), 8.0)
    norm = math.sqrt(sum(z * z for z in out.values()))
    return {j: z / norm if norm else 0.0 for j, z in out.items()}


KINDS = {
    "always, far from zero": lambda rng: 50 + 3 * rng.normal(),
    "always, about zero": lambda rng: rng.normal(),
    "mostly": lambda rng: rng.normal(5) if rng.random() < 0.7 else 0.0,
    "at times": lambda rng: rng.gamma(2) if rng.random() < 0.3 else 0.0,
    "rarely": lambda rng: rng.uniform(-1, 1) * 1e-4 if rng.random() < 0.05 else 0.0,
    "yes or no": lambda rng: float(rng.random() < 0.2) * 1e6,
}


def stream(n, seed):
    rng = np.random.default_rng(seed)
    made = [{j: kind(rng) for j, kind in enumerate(KINDS.values())} for _ in range(n)]
    return [{j: float(np.float32(v)) for j, v in x.items() if v != 0.0} for x in made]


@pytest.mark.parametrize("seed", range(3))
def test_the_standardised_view_is_that_of_weighted_moments_over_all_events(seed):
    bench, xs = Bench(), stream(700, seed)
    for t, x in enumerate(xs):
        if t in (2, 8, 30, 31, 200, 699):
            _, found = bench.look(x)
            wanted = standardised(xs[:t], x, bench.dense())
            assert [j for j, _ in found] == list(wanted)
            assert [z for _, z in found] == pytest.approx(list(wanted.values()), rel=1e-6, abs=1e-8)
        bench.learn(x)
    assert set(bench.dense()) == {0, 1, 2}  # both kinds were compared


def test_an_event_without_any_value_has_its_dense_features_filled_in():
    bench, xs = Bench(), stream(100, 5)
    for x in xs:
        bench.learn(x)
    scaled, found = bench.look({})
    wanted = standardised(xs, {}, bench.dense())
    assert scaled == {}
    assert {j for j, _ in found} == {0, 1, 2}
    assert dict(found) == pytest.approx(wanted, rel=2e-6)
    assert dict(found)[0] < -0.9  # zero is far below fifty


def test_weights_halve_in_twenty_thousand_events():
    bench = Bench(2)
    for t in range(20_001):
        bench.learn({0: 1.0} if t == 0 else {1: 2.0 + t % 2})
    f = bench.f
    assert f.total[1] / f.nonzero[0] == pytest.approx(2.0, rel=1e-4)
    assert f.total[0] == pytest.approx(weights(20_001).sum())


@pytest.mark.parametrize("offset", [1e9, -1e9])
def test_a_large_offset_does_not_cancel(offset):
    rng, bench = np.random.default_rng(3), Bench(2)  # 64 is the step of single precision there
    xs = [{0: offset + 64.0 * int(rng.integers(-4, 5)), 1: rng.normal()} for _ in range(3000)]
    for x in xs:
        bench.learn(x)
    for step in (-4, 0, 3):
        x = {0: offset + 64.0 * step, 1: 1.0}
        assert dict(bench.look(x)[1]) == pytest.approx(standardised(xs, x, [0, 1]), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.integers(0, 5), st.floats(-(2.0**59), 2.0**59, width=32).filter(lambda v: abs(v) > 1e-9), max_size=6
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 6),
)
def test_whatever_comes_the_views_are_finite_and_of_length_one(xs, room):
    bench = Bench(dense=room)
    for x in xs:
        scaled, found = bench.look(x)
        assert all(math.isfinite(value) and abs(value) <= 1 for value in scaled.values())
        length = math.sqrt(sum(z * z for _, z in found))
        assert length == pytest.approx(1.0, rel=1e-5) or all(z == 0.0 for _, z in found)
        bench.learn(x)
        bench.dense()


@pytest.mark.parametrize("unit", [1e-19, 1e-10, 1.0, 1e7, 1e15])
def test_the_unit_of_a_feature_does_not_matter(unit):
    one, other = Bench(), Bench()
    for x in stream(300, 7):
        one.learn(x)
        other.learn({j: unit * v for j, v in x.items()})
    for x in stream(20, 8):
        a, b = one.look(x), other.look({j: unit * v for j, v in x.items()})
        assert a[0] == pytest.approx(b[0], rel=1e-5)
        assert dict(a[1]) == pytest.approx(dict(b[1]), rel=1e-4, abs=1e-6)


def test_scaled_values_are_shares_of_the_largest_of_late():
    bench, peak = Bench(1), 0.0
    rng = np.random.default_rng(1)
    for _ in range(400):
        x = float(np.float32(rng.normal() * rng.choice([1.0, 2.0])))
        assert bench.look({0: x})[0][0] == pytest.approx(x / max(peak, abs(x)), rel=1e-6)
        bench.learn({0: x})
        peak = max(abs(x), 0.9995 * peak)


def two_kinds(bench):
    """How far two kinds of events are apart, in each view."""
    low, high = bench.look({0: 1.0, 1: 1.0}), bench.look({0: 3.0, 1: 1.0})
    return high[0][0] - low[0][0], dict(high[1])[0] - dict(low[1])[0]


@pytest.mark.parametrize("wild", [1e15, -1e15, 1e18])
@pytest.mark.parametrize("at", [30, 300])
def test_a_wild_value_does_not_make_a_feature_useless(wild, at):
    rng, clean, struck = np.random.default_rng(2), Bench(2), Bench(2)
    for t in range(800):
        x = {0: float(rng.choice([1.0, 3.0])), 1: rng.normal()}
        clean.learn(x)
        struck.learn(x | {0: wild} if t == at else x)
    for apart, undisturbed in zip(two_kinds(struck), two_kinds(clean), strict=True):
        assert apart > 0.1 * undisturbed
    assert np.isfinite(struck.look({0: wild, 1: 1.0})[1]).all()


@pytest.mark.parametrize("at", [0, 1, 5, 15])
def test_nor_does_one_among_the_first_for_ever(at):
    rng, struck = np.random.default_rng(2), Bench(2)
    for t in range(5000):
        struck.learn({0: 1e15 if t == at else float(rng.choice([1.0, 3.0])), 1: rng.normal()})
    scaled, standard = two_kinds(struck)
    assert scaled > 0.01
    assert standard > 0.01


@pytest.mark.parametrize("zero", [5.6e-17, 1e-9])
def test_zeros_that_are_not_quite_zero_are_values_as_others(zero):
    """What is left of a difference that should be zero is common, and no sign that the other values are wild."""
    rng, bench, xs = np.random.default_rng(6), Bench(2), []
    for _ in range(400):
        xs.append({0: zero if rng.random() < 0.2 else float(rng.choice([1.0, 3.0])), 1: rng.normal()})
        bench.learn(xs[-1])
    for x in ({0: 1.0, 1: 1.0}, {0: 3.0, 1: 1.0}, {0: zero, 1: 1.0}):
        scaled, found = bench.look(x)
        assert scaled[0] == pytest.approx(x[0] / 3.0, rel=0.02)
        assert dict(found) == pytest.approx(standardised(xs, x, bench.dense()), abs=0.03)


def test_a_new_level_is_believed_when_it_stays():
    bench, rng = Bench(2), np.random.default_rng(4)
    for t in range(6000):
        bench.learn({0: (1.0 if t < 1000 else 1e6) * float(rng.choice([1.0, 3.0])), 1: rng.normal()})
    low, high = bench.look({0: 1e6, 1: 1.0}), bench.look({0: 3e6, 1: 1.0})
    assert high[0][0] == 1.0
    assert low[0][0] == pytest.approx(1 / 3, rel=0.01)
    assert dict(high[1])[0] - dict(low[1])[0] > 0.3


def scaled_by(f, factor):
    for part in (f.total, f.nonzero, f.first, f.second):
        part *= factor


@pytest.mark.parametrize("seed", range(2))
def test_renewing_the_weights_changes_nothing_beyond_rounding(seed):
    near, plain, xs = Bench(), Bench(), stream(500, seed)
    for x in xs[:300]:
        near.learn(x)
        plain.learn(x)
    scaled_by(near.f, feature_rows.RENEW / near.f.total[1] / feature_rows.GROWTH**100)
    for x in xs[300:]:
        near.learn(x)
        plain.learn(x)
        a, b = near.look(x), plain.look(x)
        assert a[0] == b[0]
        assert [j for j, _ in a[1]] == [j for j, _ in b[1]]
        assert [z for _, z in a[1]] == pytest.approx([z for _, z in b[1]], rel=1e-6, abs=1e-7)
    assert near.f.total[1] < 2.0  # it was renewed
    for name in ("nonzero", "first", "second"):
        relative = getattr(near.f, name) / near.f.total[1], getattr(plain.f, name) / plain.f.total[1]
        assert relative[0] == pytest.approx(relative[1], rel=1e-9)


class Slow:
    """Which features are dense, by the events themselves."""

    def __init__(self, features):
        self.on, self.block = [[] for _ in range(features)], []

    def share(self, j):
        w = weights(len(self.on[j]))
        return (w * self.on[j]).sum() / w.sum()

    def learn(self, x, room):
        full = False
        for j, on in enumerate(self.on):
            on.append(j in x)
        for j in x:
            if j not in self.block and len(self.on[j]) >= 8 and self.share(j) > 0.5:
                if len(self.block) == room:
                    full = True
                else:
                    self.block.append(j)
        return full

    def thin(self):
        return [j for j in reversed(self.block) if self.share(j) < 0.4]


@pytest.mark.parametrize("room", [1, 3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_places_follow_what_is_dense_and_what_no_longer_is(seed, room):
    rng, bench, slow, found = np.random.default_rng(seed), Bench(8, room), Slow(8), np.zeros(room, np.int32)
    often, fulls, together = np.zeros(8), 0, 0
    for t in range(700):
        if t in (0, 60):
            often = rng.permutation(np.linspace(0.02, 0.98, 8)) if t == 0 else 1 - often
        x = {int(j): 1.0 + rng.random() for j in rng.permutation(8) if rng.random() < often[j]}
        full = slow.learn(x, room)
        assert bench.learn(x) == full
        fulls += full
        assert bench.dense() == slow.block
        if t % 40 == 39 and t > 270:
            thin = slow.thin()
            n = feature_rows.thinned(bench.f, found)
            assert [slow.block[p] for p in found[:n]] == thin
            for place in found[:n].tolist():
                feature_rows.retire(bench.f, place)
                moved = slow.block.pop()
                if place < len(slow.block):
                    slow.block[place] = moved
                assert bench.dense() == slow.block
            assert not set(thin) & set(bench.dense())
            assert feature_rows.thinned(bench.f, found) == 0
            together = max(together, n)
    assert together > 1 or room < 8
    assert (fulls > 0) == (room < 8)


def test_a_full_block_loses_no_moments():
    small, ample = Bench(dense=1), Bench()
    for x in stream(200, 3):
        small.learn(x)
        ample.learn(x)
    for name in ("total", "nonzero", "shift", "first", "second", "peak"):
        assert np.array_equal(getattr(small.f, name), getattr(ample.f, name))


def test_learning_touches_the_moments_of_its_features_alone():
    bench = Bench()
    for x in stream(100, 9):
        bench.learn(x)
    before = [part.copy() for part in bench.f]
    bench.learn({1: 0.5, 4: 0.25})
    for name, then in zip(bench.f._fields[1:6], before[1:6], strict=True):
        now = getattr(bench.f, name)
        assert np.array_equal(np.delete(now, [1, 4]), np.delete(then, [1, 4]))

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.clustering import compaction, micro
from driftline.models.clustering.event_streams import blobs_abrupt, rbf_events
from driftline.models.clustering.micro import DROPPED, LEARNT, LIVE, RADIUS, UNIT
from driftline.models.digest import digest

SMALL = {"most": 12, "compact_to": 8, "half_life": 30.0}  # so that all happens within a few hundred events


class Plain:
    """The same, event by event, in plain numpy and without macros."""

    def __init__(self, d, most, compact_to, half_life, radius=0.2):
        self.most, self.compact_to, self.half_life, self.radius = most, compact_to, half_life, radius * d**0.5
        self.rows, self.micros, self.dropped, self.compacted = [], [], 0.0, 0

    def learn(self, x):
        self.rows.append(x)
        sd = np.std(self.rows, axis=0)
        self.scale = np.where(sd > 0, sd, np.inf)
        faded = 0.5 ** (1 / self.half_life)
        self.micros = [(w * faded, mean, variance) for w, mean, variance in self.micros]
        self.dropped *= faded
        if len(self.rows) % micro.DROP_EVERY == 0:
            self.dropped += sum(w for w, _, _ in self.micros if w < micro.LEAST_WEIGHT)
            self.micros = [one for one in self.micros if one[0] >= micro.LEAST_WEIGHT]
        if self.nearest(x)[1] > self.radius and len(self.micros) == self.most:
            self.compact()
        i, distance = self.nearest(x)
        one = 1.0, x, np.zeros(len(x))
        if distance <= self.radius:
            self.micros[i] = self.joined(self.micros[i], one)
        else:
            self.micros.append(one)

    def apart(self, a, b):
        return np.linalg.norm((a - b) / self.scale)

    def nearest(self, x):
        if not self.micros:
            return -1, np.inf
        distances = [self.apart(x, mean) for _, mean, _ in self.micros]
        return int(np.argmin(distances)), min(distances)

    def joined(self, a, b):
        w = a[0] + b[0]
        mean = (a[0] * a[1] + b[0] * b[1]) / w
        square = sum(one[0] * (one[2] + (one[1] - mean) ** 2) for one in (a, b))
        return w, mean, square / w

    def compact(self):
        while len(self.micros) > self.compact_to:
            pairs = [
                (self.apart(a[1], b[1]) ** 2 * a[0] * b[0] / (a[0] + b[0]), i, k)
                for i, a in enumerate(self.micros)
                for k, b in enumerate(self.micros)
                if i < k
            ]
            _, i, k = min(pairs)
            self.micros[i] = self.joined(self.micros[i], self.micros.pop(k))
        hurry = 1 - (len(self.rows) - self.compacted) / compaction.CALM
        self.radius *= micro.GROWTH ** max(hurry, compaction.NARROWER)
        self.compacted = len(self.rows)


@pytest.mark.parametrize("make", [blobs_abrupt, rbf_events])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_plain_numpy_does(make, seed):
    X = make(700, 3, seed).X
    plain, fast = Plain(3, **SMALL), micro.make(3, **SMALL)
    for x in X:
        plain.learn(x)
    micro.learn(fast, X)
    live = fast.counts[LIVE]
    ours = sorted(
        zip(
            fast.weight[:live] / fast.numbers[UNIT],
            fast.mean[:live].tolist(),
            fast.variance[:live].tolist(),
            strict=True,
        ),
        key=lambda one: one[1],
    )
    theirs = sorted(plain.micros, key=lambda one: one[1].tolist())
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.asarray(a) == pytest.approx(np.asarray(b), rel=1e-6, abs=1e-9)
    assert fast.numbers[RADIUS] == pytest.approx(plain.radius)
    assert fast.numbers[RADIUS] > 1.5 * 0.2 * 3**0.5  # or it was never compacted
    assert fast.numbers[DROPPED] / fast.numbers[UNIT] == pytest.approx(plain.dropped)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 200), max_size=8), st.integers(0, 5))
def test_it_does_not_matter_how_events_are_cut_into_batches(cuts, seed):
    X = blobs_abrupt(max(sum(cuts), 2), 3, seed).X[: sum(cuts)]
    whole, parts = micro.make(3, **SMALL), micro.make(3, **SMALL)
    micro.learn(whole, X)
    for part in np.split(X, np.cumsum(cuts)):
        micro.learn(parts, part)
    assert digest(micro.state(whole)) == digest(micro.state(parts))


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 1500), st.floats(5, 500), st.integers(2, 30), st.integers(0, 9))
def test_weights_add_up_to_the_decayed_events_less_what_was_dropped(n, half_life, most, seed):
    """With the shortest half-lives the unit is renewed many times."""
    made = micro.make(2, most=most, compact_to=max(most // 2, 1), half_life=half_life)
    micro.learn(made, blobs_abrupt(n, 2, seed).X)
    decayed = 0.5 ** (np.arange(n) / half_life)
    dropped = made.numbers[DROPPED] / made.numbers[UNIT]
    assert micro.moments(made).weight.sum() + dropped == pytest.approx(decayed.sum(), rel=1e-9)
    assert made.counts[:2].tolist() == [n, len(micro.moments(made).weight)]
    assert made.counts[LIVE] <= most
    for part in (made.weight, made.mean, made.variance, made.seen):
        assert not part[made.counts[LIVE] :].any()
    assert made.seen.max() == n


def test_mean_and_variance_of_all_are_those_of_the_decayed_events():
    X = 1e6 + rbf_events(3000, 4).X
    made = micro.make(4, most=40, compact_to=30, half_life=900.0)
    micro.learn(made, X)
    assert made.numbers[DROPPED] == 0.0
    live = made.counts[LIVE]
    w, mean, variance = made.weight[:live], made.mean[:live], made.variance[:live]
    decayed = 0.5 ** (np.arange(3000)[::-1] / 900.0)
    middle = np.average(X, axis=0, weights=decayed)
    assert np.average(mean, axis=0, weights=w) == pytest.approx(middle, rel=1e-12)
    whole = np.average(variance + (mean - middle) ** 2, axis=0, weights=w)
    assert whole == pytest.approx(np.average((X - middle) ** 2, axis=0, weights=decayed), rel=1e-6)


@pytest.mark.parametrize("at", [0, 1, 63, 64, 300, 699])
def test_a_state_goes_on_bit_for_bit(at):
    X = blobs_abrupt(700, 3, 8).X
    made = micro.make(3, **SMALL)
    micro.learn(made, X[:at])
    kept = micro.state(made)
    before = digest(kept)
    again = micro.make(3, **SMALL)
    micro.restore(again, kept)
    assert digest(micro.state(again)) == before
    for one in (made, again):
        micro.learn(one, X[at:])
    assert digest(micro.state(again)) == digest(micro.state(made))
    assert digest(kept) == before  # what was handed over is a copy


def test_first_and_last_events_are_known_also_of_merged_ones():
    made = micro.make(3, **SMALL)
    X = blobs_abrupt(600, 3, 1).X
    micro.learn(made, X)
    live = made.counts[LIVE]
    assert made.numbers[RADIUS] > 0.2 * 3**0.5  # or it was never compacted
    assert (made.opened[:live] >= 1).all()
    assert (made.opened[:live] <= made.seen[:live]).all()
    assert made.seen.max() == 600
    assert (made.opened[:live] < made.seen[:live]).any()
    recent = made.recent[:live] / made.numbers[micro.RECENT_UNIT]
    assert recent.sum() == pytest.approx((0.5 ** (np.arange(600) * 8 / 30.0)).sum(), rel=1e-3)


def test_units_of_features_do_not_matter():
    X = blobs_abrupt(2000, 3, 5).X
    one, other = micro.make(3), micro.make(3)
    micro.learn(one, X)
    micro.learn(other, X * np.array([2.0**30, 1.0, 2.0**-30]))  # exact in binary
    for a, b in zip(micro.moments(one), micro.moments(other), strict=True):
        assert np.array_equal(a, b)
    unit = micro.moments(one)
    assert np.average(unit.mean, axis=0, weights=unit.weight) == pytest.approx(np.zeros(3), abs=0.5)
    assert micro.standardise(one, X).std(axis=0) == pytest.approx(np.ones(3))


def test_compaction_never_merges_across_macros():
    rng = np.random.default_rng(2)
    made = micro.make(2, most=40, compact_to=20, radius=1e-9)
    micro.learn(made, rng.normal(size=(40, 2)))
    assert made.counts[LIVE] == 40
    made.macro[:] = rng.integers(-1, 3, 40)
    before = np.bincount(made.macro + 1, weights=made.weight)
    micro.learn(made, np.array([[50.0, 50.0]]))
    assert made.counts[LIVE] == 21
    assert made.macro[20] == micro.UNASSIGNED  # the one that needed room
    assert np.bincount(made.macro[:20] + 1, weights=made.weight[:20]) == pytest.approx(before, rel=1e-12)


def test_where_each_has_a_macro_of_its_own_room_is_made_all_the_same():
    rng = np.random.default_rng(2)
    made = micro.make(2, most=5, compact_to=3)
    for _ in range(30):
        micro.learn(made, 100.0 * rng.normal(size=(1, 2)))
        live = made.counts[LIVE]
        assert live <= 5
        made.macro[:live] = np.arange(live)
    assert made.counts[LEARNT] == 30


def test_constant_and_extreme_features_do_no_harm():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(500, 5))
    X[:, 1], X[:, 2] = 7.0, 5e-324
    X[100:300:7, 3], X[:, 4] = 1.7e308, rng.choice([-1e300, 1e-300], 500)
    made = micro.make(5, **SMALL)
    micro.learn(made, X)
    for part in (*micro.moments(made), micro.standardise(made, micro.events(made, X))):
        assert np.isfinite(part).all()
    assert not micro.standardise(made, micro.events(made, X))[:, 1:3].any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_events_that_do_not_fit_are_refused_and_nothing_is_learnt(bad):
    made = micro.make(2)
    before = digest(micro.state(made))
    with pytest.raises(ValueError, match="events must be finite"):
        micro.learn(made, np.array([[1.0, 2.0], [bad, 1.0]]))
    with pytest.raises(ValueError, match=r"events must have the shape \(n, 2\)"):
        micro.learn(made, np.zeros((4, 3)))
    assert digest(micro.state(made)) == before


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"d": 0}, "d must be at least 1"),
        ({"most": 80}, "most must be at least 81"),
        ({"compact_to": 0}, "compact_to must be at least 1"),
        ({"half_life": 0.0}, "half_life must be above 0"),
        ({"radius": -1.0}, "radius must be above 0"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        micro.make(**{"d": 2} | parameters)


def test_a_state_that_does_not_fit_is_refused_and_nothing_is_written():
    made = micro.make(2, **SMALL)
    micro.learn(made, np.arange(20.0).reshape(10, 2))
    kept, before = micro.state(made), digest(micro.state(made))
    for part in ({"counts": np.array([3, 13])}, {"counts": np.array([3, -1])}, {"counts": None}, {"mean": np.zeros(3)}):
        with pytest.raises(ValueError, match="state '"):
            micro.restore(made, kept | part)
    assert digest(micro.state(made)) == before

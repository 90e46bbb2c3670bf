import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftline.models.multilabel import bernoulli_tree
from driftline.models.multilabel.bernoulli_tree import CANDIDATES, LEAVES, NODES

FADE = 0.999


def usual_of(features, room=CANDIDATES):
    usual = np.full(room, -1, np.int32)
    usual[: len(features)] = features
    return usual


def planted(labels, features):
    tree, usual = bernoulli_tree.make(labels), usual_of(features)
    bernoulli_tree.plant(tree, usual)
    return tree, usual


def grown(tree, usual, xs, ys):
    """Teach events; return at which of them a leaf was split."""
    x, y = np.asarray(xs, float), np.asarray(ys, np.uint8)
    return [t for t in range(len(x)) if bernoulli_tree.learn(tree, x[t], y[t], usual, y.shape[1])]


def rates_of(tree, node, labels):
    out = np.zeros(labels)
    bernoulli_tree.rates(tree, node, out, labels)
    return out


def leaves(tree):
    return [node for node in range(tree.counts[0]) if tree.feature[node] < 0]


def conditions(tree, node):
    """What an event must fulfil to be in a node: features, cuts, and whether their values are at most these."""
    found = []
    while (above := int(tree.parent[node])) >= 0:
        found.append((int(tree.feature[above]), float(tree.cut[above]), bool(tree.child[above, 0] == node)))
        node = above
    return found


def sound(tree):
    """What must hold of any tree: of its nodes, of its parents and of who gathers."""
    n = int(tree.counts[0])
    inner = [node for node in range(n) if tree.feature[node] >= 0]
    assert n == 2 * len(inner) + 1 <= NODES
    assert sorted(tree.child[inner].ravel().tolist()) == list(range(1, n))  # every node but the root has one parent
    assert all(tree.parent[child] == node for node in inner for child in tree.child[node])
    assert tree.parent[0] == -1
    slots = tree.slot[leaves(tree)]
    slots = slots[slots >= 0].tolist()
    assert sorted(slots) == list(range(int(tree.counts[1])))  # who gathers, gathers alone
    assert len(slots) <= LEAVES
    assert (tree.slot[inner] == -1).all()
    assert (tree.had[:n] >= 0).all()
    assert (tree.had[:n] <= tree.weight[:n, None] * (1 + 1e-12)).all()


def entropy(p):
    p = np.clip(p, 1e-15, 1 - 1e-15)
    return float((-p * np.log2(p) - (1 - p) * np.log2(1 - p)).sum())


def gain_by_counting(values, y, cut):
    """The share of the entropy of all labels that a split explains, by the events themselves."""
    left = values <= cut
    if left.all() or not left.any():
        return 0.0
    rest = left.mean() * entropy(y[left].mean(axis=0)) + (~left).mean() * entropy(y[~left].mean(axis=0))
    return 1 - rest / entropy(y.mean(axis=0))


def gain(tree, c, cut, y):
    rest, share = bernoulli_tree._gain(tree, 0, c, cut, y.shape[1])
    return 1 - rest / entropy(y.mean(axis=0)), share


def rule(rng, n, features=5):
    """Of five labels two depend on whether the first feature is at most 0, each with 5 in 100 turned; three do not."""
    x = rng.uniform(-1, 1, (n, features))
    low = x[:, 0] <= 0
    y = np.column_stack([low, ~low, *(rng.random((3, n)) < [[0.5], [0.2], [0.1]])])
    y[:, :2] ^= rng.random((n, 2)) < 0.05
    return x, y.astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_rule_is_found_near_its_cut(seed):
    rng = np.random.default_rng(seed)
    tree, usual = planted(5, range(5))
    at = grown(tree, usual, *rule(rng, 1500))
    assert tree.feature[0] == 0
    assert abs(tree.cut[0]) < 0.2
    assert at[0] < 800
    sound(tree)
    low, high = (rates_of(tree, bernoulli_tree.leaf_of(tree, np.array([v, 0, 0, 0, 0])), 5) for v in (-0.8, 0.8))
    assert low == pytest.approx([0.95, 0.05, 0.5, 0.2, 0.1], abs=0.15)
    assert high == pytest.approx([0.05, 0.95, 0.5, 0.2, 0.1], abs=0.15)


@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1e9])
@pytest.mark.parametrize("seed", range(2))
def test_the_unit_of_a_feature_does_not_matter(unit, seed):
    x, y = rule(np.random.default_rng(seed), 1500)
    one, other = planted(5, range(5)), planted(5, range(5))
    at = grown(*one, x, y)
    assert at == grown(*other, unit * x, y)
    assert other[0].cut[0] == pytest.approx(unit * one[0].cut[0])


NOISE = {
    "normal": lambda rng, n: rng.normal(size=(n, 20)),
    "uniform": lambda rng, n: rng.uniform(size=(n, 20)),
    "yes or no": lambda rng, n: (rng.random((n, 20)) < 0.1).astype(float),
    "mostly zero": lambda rng, n: rng.normal(size=(n, 20)) * (rng.random((n, 20)) < 0.05),
    "heavy tails": lambda rng, n: rng.lognormal(sigma=2.0, size=(n, 20)),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("labels", ["six", "one", "rare"])
@pytest.mark.parametrize("noise", NOISE)
def test_there_is_no_split_on_noise(noise, labels, seed):
    rng = np.random.default_rng(seed)
    n, rates = 5000, {"six": [0.3] * 6, "one": [0.3], "rare": [0.01, 0.002]}[labels]
    tree, usual = planted(len(rates), range(20))
    assert grown(tree, usual, NOISE[noise](rng, n), rng.random((n, len(rates))) < rates) == []
    assert tree.counts.tolist() == [1, 1]


@pytest.mark.parametrize("seed", range(2))
def test_sums_are_those_of_the_events_of_the_leaf(seed):
    """Of all leaves, since each began to gather; candidates that are -1 gather nothing."""
    rng = np.random.default_rng(seed)
    x, y = rule(rng, 1500)
    x[:, 3] *= rng.random(1500) < 0.3
    features = [4, 0, 3]
    (tree, usual), held = planted(5, features), {0: []}
    for t in range(len(x)):
        node = bernoulli_tree.leaf_of(tree, x[t])
        held[node].append(t)
        if grown(tree, usual, x[t : t + 1], y[t : t + 1]):
            held |= {int(child): [] for child in tree.child[node]}
        if t % 50 and t != 1499:
            continue
        for leaf in leaves(tree):
            slot, events = int(tree.slot[leaf]), held[leaf]
            if slot < 0:
                continue
            assert tree.candidate[slot].tolist() == usual.tolist()
            for row in range(6):
                some = x[[i for i in events if row == 0 or y[i, row - 1]]][:, features]
                assert tree.total[slot, row] == len(some)
                assert tree.first[slot, row, :3] == pytest.approx(some.sum(axis=0), abs=1e-9)
                assert tree.second[slot, row, :3] == pytest.approx((some**2).sum(axis=0), abs=1e-9)
            if events:
                assert tree.low[slot, :3].tolist() == x[events][:, features].min(axis=0).tolist()
                assert tree.high[slot, :3].tolist() == x[events][:, features].max(axis=0).tolist()
            assert not tree.first[slot, :, 3:].any()
    assert len(held) > 2


def test_the_gain_of_a_perfect_split_is_the_entropy():
    x = np.repeat([-1.0, 1.0], 80)[:, None]
    y = np.column_stack([x[:, 0] < 0, x[:, 0] > 0, np.ones(160), np.zeros(160)]).astype(np.uint8)
    tree, usual = planted(4, [0])
    grown(tree, usual, x, y)
    rest, share = bernoulli_tree._gain(tree, 0, 0, 0.0, 4)
    assert rest == pytest.approx(0.0, abs=1e-12)
    assert share == pytest.approx(0.5)
    assert gain(tree, 0, 0.0, y)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(3))
def test_gains_are_those_of_counting_where_values_are_normal(seed):
    """The Gaussians' estimate, held against the events on both sides."""
    rng = np.random.default_rng(seed)
    y = (rng.random((190, 3)) < [0.5, 0.2, 0.05]).astype(np.uint8)
    x = np.column_stack([rng.normal(size=190), rng.normal(size=190) + 1.5 * y[:, 0] - y[:, 1], rng.normal(size=190)])
    tree, usual = planted(3, range(3))
    grown(tree, usual, x, y)
    for c in range(3):
        for cut in np.quantile(x[:, c], [0.1, 0.3, 0.5, 0.8, 0.95]):
            found, share = gain(tree, c, cut, y)
            assert found == pytest.approx(gain_by_counting(x[:, c], y, cut), abs=0.08)
            assert share == pytest.approx((x[:, c] <= cut).mean(), abs=0.06)


@pytest.mark.parametrize("seed", range(3))
def test_the_split_is_nearly_the_best_of_all_that_could_be_had(seed):
    rng = np.random.default_rng(seed)
    y = (rng.random((4000, 4)) < [0.5, 0.4, 0.3, 0.1]).astype(np.uint8)
    pull = rng.normal(size=(4, 6)) * [1, 0.2, 2, 0.2, 0.2, 0]
    x = rng.normal(size=(4000, 6)) + y @ pull
    tree, usual = planted(4, range(6))
    at = grown(tree, usual, x, y)[0] + 1
    x, y = x[:at], y[:at]
    best = [
        max(gain_by_counting(x[:, j], y, cut) for cut in np.quantile(x[:, j], np.linspace(0, 1, 101))) for j in range(6)
    ]
    assert best[tree.feature[0]] > 0.7 * max(best)
    assert gain_by_counting(x[:, tree.feature[0]], y, tree.cut[0]) > 0.7 * max(best)


def noise_then_rule(rng, n, m):
    """Long tails that tell nothing of the first events' labels, and of the later ones one feature tells much."""
    x = np.column_stack([rng.normal(size=n + m), *rng.lognormal(sigma=2.0, size=(3, n + m))])
    y = rng.random((n + m, 2)) < 0.3
    y[n:] = (x[n:, :1] <= 0) ^ (rng.random((m, 2)) < 0.05)
    return x, y.astype(np.uint8)


def test_what_is_tried_is_counted_from_its_beginning_and_given_up_in_time():
    x, y = noise_then_rule(np.random.default_rng(0), 3500, 6000)
    (tree, usual), since, given_up = planted(2, range(4)), {}, 0
    for t in range(len(x)):
        node = bernoulli_tree.leaf_of(tree, x[t])
        slot = int(tree.slot[node])
        trying = slot >= 0 and tree.trial[slot, 0] >= 0
        if trying:
            since[slot].append(t)
        if grown(tree, usual, x[t : t + 1], y[t : t + 1]):
            assert trying
            assert len(since.pop(slot)) in (200, 400, 600, 800)
            for child in tree.child[node]:
                assert (tree.trial[tree.slot[child]] == -1).all()
                assert not tree.tried[tree.slot[child]].any()
        elif trying and tree.trial[slot, 0] < 0:
            assert len(since.pop(slot)) == 800
            given_up += 1
        elif slot >= 0 and tree.trial[slot, 0] >= 0:
            events = np.array(since.setdefault(slot, []), int)
            left = x[events, tree.candidate[slot, int(tree.trial[slot, 0])]] <= tree.trial[slot, 1]
            for side, some in enumerate((events[left], events[~left])):
                assert tree.tried[slot, side].tolist() == [len(some), *y[some].sum(axis=0)]
    assert given_up > 0
    assert tree.feature[0] == 0
    assert abs(tree.cut[0]) < 0.3


def test_a_trial_of_which_one_side_gets_no_event_ends_without_a_split():
    x, y = rule(np.random.default_rng(0), 3000)
    tree, usual = planted(5, range(5))
    grown(tree, usual, x[:200], y[:200])
    assert tree.trial[0, 0] == 0
    x[200:, 0] = 0.9
    assert grown(tree, usual, x[200:1000], y[200:1000]) == []
    assert tree.trial[0, 0] == -1


def test_nothing_is_split_where_there_is_nothing_to_tell():
    rng = np.random.default_rng(0)
    for x, y in (
        (np.ones((1000, 2)), rng.integers(0, 2, (1000, 2))),  # a feature that never moves
        (rng.normal(size=(1000, 2)), np.tile([0, 1], (1000, 1))),  # labels that never do
        (np.column_stack([np.zeros(1000), rng.normal(size=1000)]), np.zeros((1000, 2))),
    ):
        tree, usual = planted(2, range(2))
        assert grown(tree, usual, x, y) == []
    tree, usual = planted(2, [])
    assert grown(tree, usual, rng.normal(size=(1000, 2)), rng.integers(0, 2, (1000, 2))) == []


def test_attempts_are_two_hundred_events_apart():
    x, y = rule(np.random.default_rng(3), 3000)
    tree, usual = planted(5, range(5))
    assert (grown(tree, usual, x[:199], y[:199]), tree.attempt[0]) == ([], 0)
    grown(tree, usual, x[199:200], y[199:200])
    assert tree.counts[0] == 3 or tree.attempt[0] == 200
    assert (tree.attempt[: tree.counts[1]] % 200 == 0).all()


@pytest.mark.parametrize("seed", range(2))
def test_an_event_is_in_the_one_leaf_whose_conditions_it_fulfils(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (9000, 3))
    y = np.column_stack([x[:, 0] <= 0, x[:, 1] <= 0.3, (x[:, 0] <= -0.5) ^ (x[:, 1] > 0.5)]).astype(np.uint8)
    tree, usual = planted(3, range(3))
    grown(tree, usual, x, y)
    sound(tree)
    assert tree.counts[0] >= 7
    asked = [*rng.uniform(-1, 1, (200, 3)), np.zeros(3)]
    asked += [np.where(np.arange(3) == f, cut, 0.9) for leaf in leaves(tree) for f, cut, _ in conditions(tree, leaf)]
    for one in asked:
        fitting = [
            leaf for leaf in leaves(tree) if all((one[f] <= cut) == low for f, cut, low in conditions(tree, leaf))
        ]
        assert fitting == [bernoulli_tree.leaf_of(tree, one)]


def test_rates_are_faded_counts_with_a_little_of_what_is_above():
    rng = np.random.default_rng(4)
    x, y = rule(rng, 150)
    tree, usual = planted(5, range(5))
    assert rates_of(tree, 0, 5) == pytest.approx([0.1] * 5)  # half a label in all
    grown(tree, usual, x, y)
    w = FADE ** np.arange(150)[::-1]
    assert tree.weight[0] == pytest.approx(w.sum())
    assert rates_of(tree, 0, 5) == pytest.approx((w @ y + 5 * 0.1) / (w.sum() + 5))


@pytest.mark.parametrize("seed", range(3))
def test_children_begin_with_what_their_parent_gathered_of_their_side(seed):
    x, y = rule(np.random.default_rng(seed), 1500)
    tree, usual = planted(5, range(5))
    for t in range(1500):
        if grown(tree, usual, x[t : t + 1], y[t : t + 1]):
            break
    w = FADE ** np.arange(t + 1)[::-1]
    above = w @ y[: t + 1] / w.sum()  # the leaf that is no longer one keeps its counts
    left = x[: t + 1, 0] <= tree.cut[0]
    for child, side in zip(tree.child[0].tolist(), (left, ~left), strict=True):
        assert tree.weight[child] == 20.0  # the most that is taken over
        assert tree.had[child] / 20.0 == pytest.approx(y[: t + 1][side].mean(axis=0), abs=0.12)
        assert rates_of(tree, child, 5) == pytest.approx((tree.had[child] + 5 * above) / 25.0)
    sound(tree)
    child, had, weight = int(tree.child[0, 0]), tree.had[tree.child[0, 0]].copy(), 20.0
    later = [i for i in range(t + 1, 1500) if x[i, 0] <= tree.cut[0]][:60]
    grown(tree, usual, x[later], y[later])
    for i in later:
        had, weight = had * FADE + y[i], weight * FADE + 1
    assert tree.had[child] == pytest.approx(had)
    assert tree.weight[child] == pytest.approx(weight)
    assert rates_of(tree, child, 5) == pytest.approx((had + 5 * above) / (weight + 5))


def buckets(rng, n, of=40):
    """One label for each of many equal stretches of one feature: there is always something to split."""
    x = rng.random((n, 2))
    return x, np.eye(of, dtype=np.uint8)[(x[:, 0] * of).astype(int)]


def test_nodes_and_leaves_are_bounded_over_a_long_stream():
    rng = np.random.default_rng(0)
    (tree, usual), splits = planted(40, range(2)), 0
    for _ in range(10):
        splits += len(grown(tree, usual, *buckets(rng, 3000)))
        sound(tree)
    assert tree.counts[0] == 1 + 2 * splits
    assert tree.counts[1] == LEAVES
    assert all(np.isfinite(part).all() for part in (tree.had, tree.weight, tree.cut))


@pytest.mark.parametrize(("nodes", "most"), [(9, 16), (127, 3), (8, 2), (1, 1)])
def test_the_bounds_are_kept_to_the_last_place(monkeypatch, nodes, most):
    """Interpreted, so that they can be small, and every index is looked at."""
    for name, value in {"NODES": nodes, "LEAVES": most, "CANDIDATES": 2}.items():
        monkeypatch.setattr(bernoulli_tree, name, value)
    for name, part in list(vars(bernoulli_tree).items()):
        if hasattr(part, "py_func"):
            monkeypatch.setattr(bernoulli_tree, name, part.py_func)
    tree, usual = bernoulli_tree.make(8), usual_of(range(2), 2)
    bernoulli_tree.plant(tree, usual)
    grown(tree, usual, *buckets(np.random.default_rng(1), 8000, of=8))
    sound(tree)
    assert tree.counts[0] == (nodes - 1) // 2 * 2 + 1 if nodes < 127 else tree.counts[0] > 3
    assert tree.counts[1] == min(most, len(leaves(tree)))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.0, 2.5, 7.0, 1e9]), max_size=20), st.integers(1, 8), st.integers(0, 20)
)
def test_the_most_usual_features_are_those_of_a_sort(count, room, features):
    features = min(features, len(count))
    usual = np.full(room, 77, np.int32)
    bernoulli_tree.most_usual(np.array([*count, 5.0]), features, usual)
    wanted = sorted((j for j in range(features) if count[j] > 0), key=lambda j: -count[j])[:room]
    assert usual.tolist() == wanted + [-1] * (room - len(wanted))


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_tree_that_is_planted_again_is_a_new_one():
    rng = np.random.default_rng(7)
    (old, usual), (new, _) = planted(5, range(5)), planted(5, range(5))
    grown(old, usual, *rule(rng, 3000))
    assert old.counts[0] > 1
    bernoulli_tree.plant(old, usual)
    x, y = rule(rng, 1500)
    assert grown(old, usual, x, y) == grown(new, usual, x, y)
    n = new.counts[0]
    assert n == old.counts[0] > 1
    assert all(np.array_equal(getattr(old, name)[:n], getattr(new, name)[:n]) for name in ("feature", "had", "weight"))
    assert all(rates_of(old, k, 5).tolist() == rates_of(new, k, 5).tolist() for k in range(n))


def test_a_root_alone_may_gather_on_other_features_and_a_tree_does_not():
    x, y = rule(np.random.default_rng(8), 1500)
    tree, usual = planted(5, [])
    grown(tree, usual, x[:150], y[:150])
    had = rates_of(tree, 0, 5)
    bernoulli_tree.gather_anew(tree, usual_of([0, 1]))
    assert tree.candidate[0, :3].tolist() == [0, 1, -1]
    assert not tree.total[0].any()
    assert np.array_equal(rates_of(tree, 0, 5), had)  # what it knows of labels stays
    assert grown(tree, usual_of([0, 1]), x[150:], y[150:])
    before = [part.copy() for part in tree]
    bernoulli_tree.gather_anew(tree, usual_of([3]))
    assert same(tree, before)


def test_a_tree_that_is_adopted_is_a_copy():
    x, y = noise_then_rule(np.random.default_rng(9), 3500, 6000)
    (tree, usual), (other, _) = planted(2, range(4)), planted(2, range(4))
    for t in range(len(x)):
        grown(other, usual, x[t : t + 1], y[t : t + 1])
        if other.counts[0] > 1 and ((other.trial[:, 0] >= 0) & (other.tried[:, 0, 0] > 20)).any():
            break  # in the middle of a trial
    assert t < 8000
    bernoulli_tree.adopt(tree, other)
    assert same(tree, other)
    before = [part.copy() for part in tree]
    again = grown(other, usual, x[t + 1 :], y[t + 1 :])
    assert same(tree, before)
    assert grown(tree, usual, x[t + 1 :], y[t + 1 :]) == again
    assert same(tree, other)

import numpy as np
import pytest

from driftline.models.multilabel import feature_rows, neighbours

FEATURES, LABELS = 30, 4


class Bench:
    """A ring, and beside it the last events as they were given, for a search by hand."""

    def __init__(self, window, dense, sparse):
        self.ring = neighbours.make(window, max(dense, 1), max(sparse, 1), LABELS)
        self.n_dense, self.room, self.window = dense, max(sparse, 1), window
        self.spread, self.out = np.zeros(FEATURES, np.float32), np.zeros(LABELS)
        self.last = []

    def view(self, block, sparse):
        """The arrays as `represent` makes them, longer than the event; what is behind it is of the event before."""
        where, standard = np.full(2 * FEATURES, 3, np.int32), np.full(2 * FEATURES, np.nan, np.float32)
        n = len(block) + len(sparse)
        where[: len(block)] = range(FEATURES, FEATURES + len(block))  # features of the block are no index into spread
        where[len(block) : n] = list(sparse)
        standard[:n] = [*block, *sparse.values()]
        return where, standard, n, self.n_dense

    def remember(self, block, sparse, truth):
        neighbours.remember(self.ring, *self.view(block, sparse), np.array(truth, np.uint8), LABELS)
        self.last.append((block, dict(list(sparse.items())[: self.room]), truth))
        del self.last[: -self.window]

    def search(self, block, sparse, labels=LABELS):
        before = [part.copy() for part in self.ring]
        self.out[:] = 9.0
        any_held = neighbours.search(self.ring, *self.view(block, sparse), self.spread, self.out, labels)
        assert not self.spread.any()
        assert all(np.array_equal(now, then) for now, then in zip(self.ring, before, strict=True))
        assert any_held == bool(self.last)
        return self.out.copy()

    def by_hand(self, block, sparse):
        """Cosines with all that is held, the ten largest, weighted by one through distance and a hundredth.

        None where rounding or a tie decides which is the tenth.
        """
        near = sorted(
            ((cosine((block, sparse), (b, s)), truth) for b, s, truth in self.last), key=lambda pair: -pair[0]
        )
        if len(near) > 10 and near[9][0] - near[10][0] < 1e-6:
            return None
        weight = np.array([1.0 / (max(1.0 - s, 0.0) + 0.01) for s, _ in near[:10]])
        return weight @ np.array([truth for _, truth in near[:10]]) / weight.sum()


def cosine(a, b):
    """The rows have length 1, or have lost what had no room."""
    return float(np.dot(np.float64(a[0]), np.float64(b[0]))) + sum(v * b[1].get(j, 0.0) for j, v in a[1].items())


def drawn(rng, dense, sparse, nonzero):
    """An event of length 1, near to others of its kind, and its labels."""
    kind = rng.integers(0, 3)
    block = kind - 1 + 0.7 * rng.normal(size=dense)
    some = rng.permutation(FEATURES)[: rng.integers(0, nonzero + 1)] if sparse else []
    pairs = {int(j): rng.normal() + (j % 3 == kind) for j in some}
    length = np.sqrt((block**2).sum() + sum(v * v for v in pairs.values()))
    if length == 0.0:
        return block.tolist(), {}, [0] * LABELS
    single = {j: float(np.float32(v / length)) for j, v in pairs.items()}
    return (block / length).astype(np.float32).tolist(), single, rng.integers(0, 2, LABELS).tolist()


SHAPES = {"dense": (12, 0, 0), "sparse": (0, 25, 25), "mixed": (6, 15, 15), "without room": (3, 4, 12)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("window", [1, 9, 10, 37])
def test_the_nearest_are_those_of_a_search_by_hand(shape, seed, window):
    dense, room, nonzero = SHAPES[shape]
    rng, bench, compared = np.random.default_rng(seed), Bench(window, dense, room), 0
    for t in range(3 * window + 20):
        block, sparse, truth = drawn(rng, dense, room, nonzero)
        wanted = bench.by_hand(block, sparse) if t else None
        if wanted is not None:
            assert bench.search(block, sparse) == pytest.approx(wanted, rel=2e-4, abs=1e-6)
            compared += 1
        bench.remember(block, sparse, truth)
    assert compared > window + 10
    assert bench.ring.counts.tolist() == [window, (3 * window + 20) % window]


def test_a_ring_that_holds_nothing_has_no_opinion():
    bench = Bench(5, 2, 2)
    assert bench.search([0.6, 0.8], {}).tolist() == [0.0] * LABELS


@pytest.mark.parametrize("held", [1, 3, 9, 10])
def test_fewer_than_ten_all_speak(held):
    rng, bench = np.random.default_rng(held), Bench(50, 4, 4)
    for _ in range(held):
        bench.remember(*drawn(rng, 4, 4, 4))
    block, sparse, _ = drawn(rng, 4, 4, 4)
    weight = np.array([1.0 / (1.01 - min(cosine((block, sparse), (b, s)), 1.0)) for b, s, _ in bench.last])
    wanted = weight @ np.array([truth for _, _, truth in bench.last]) / weight.sum()
    assert bench.search(block, sparse) == pytest.approx(wanted, rel=1e-4)


def test_labels_beyond_those_asked_for_are_let_alone():
    rng, bench = np.random.default_rng(6), Bench(20, 4, 4)
    for _ in range(15):
        bench.remember(*drawn(rng, 4, 4, 4))
    block, sparse, _ = drawn(rng, 4, 4, 4)
    full = bench.search(block, sparse)
    assert bench.search(block, sparse, labels=2).tolist() == [*full[:2], 9.0, 9.0]


@pytest.mark.parametrize(("block", "sparse"), [([0.6, 0.8], {}), ([0.6, 0.0], {7: -0.8})])
def test_exact_duplicates_speak_alike_and_fill_the_ten(block, sparse):
    bench = Bench(40, 2, 3)
    for t in range(24):
        if t % 2:
            bench.remember(block, sparse, [1, 0, 1, 0])
        else:
            bench.remember([0.0, 1.0], {}, [0, 1, 0, 0])
    assert bench.search(block, sparse) == pytest.approx([1.0, 0.0, 1.0, 0.0])


def test_one_exact_match_does_not_silence_the_others():
    bench = Bench(40, 3, 1)
    bench.remember([1.0, 0.0, 0.0], {}, [1, 0, 0, 0])
    for _ in range(9):
        bench.remember([0.96, 0.28, 0.0], {}, [0, 1, 0, 0])
    wanted = 100 / (100 + 9 / 0.05)
    assert bench.search([1.0, 0.0, 0.0], {}) == pytest.approx([wanted, 1 - wanted, 0, 0], rel=1e-3)


def test_the_oldest_gives_way_with_all_that_it_held():
    bench = Bench(2, 2, 3)
    bench.remember([0.6, 0.0], {1: 0.64, 2: 0.48}, [1, 1, 1, 1])
    bench.remember([0.0, 1.0], {}, [0, 0, 0, 1])
    bench.remember([0.0, 0.0], {5: 1.0}, [0, 1, 0, 0])
    assert bench.search([0.0, 0.0], {1: 0.8, 2: 0.6}) == pytest.approx([0, 0.5, 0, 0.5])  # nothing of the first is left
    assert bench.search([1.0, 0.0], {}) == pytest.approx([0, 0.5, 0, 0.5])
    narrow = (
        np.zeros(1, np.int32),
        np.zeros(1, np.float32),
        0,
        0,
    )  # an event without a block, in the place of the second
    neighbours.remember(bench.ring, *narrow, np.array([0, 0, 1, 0], np.uint8), LABELS)
    assert bench.search([0.0, 1.0], {}) == pytest.approx([0, 0.5, 0.5, 0])


def test_what_has_no_room_is_left_out_and_nothing_else_is():
    bench = Bench(4, 1, 2)
    bench.remember([0.5], {3: 0.5, 4: 0.5, 5: 0.5}, [1, 0, 0, 0])
    bench.remember([0.5], {3: 0.5, 4: 0.5, 6: 0.5}, [0, 1, 0, 0])
    first = bench.search([0.0], {5: 1.0})
    assert first == pytest.approx(bench.search([0.0], {6: 1.0}))
    assert bench.ring.length.tolist() == [2, 2, 0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_the_block_follows_the_features_as_they_retire_and_come_back(seed):
    """Features that retire are forgotten in the events held; the others keep their values wherever they move."""
    rng = np.random.default_rng(seed)
    f, ring = feature_rows.make(FEATURES, 8), neighbours.make(25, 8, 1, LABELS)
    spread, out, held = np.zeros(FEATURES, np.float32), np.zeros(LABELS), []

    def promote(j):
        f.place[j] = f.counts[0]
        f.dense[f.counts[0]] = j
        f.counts[0] += 1

    for j in (4, 9, 2, 20, 11):
        promote(j)
    for t in range(160):
        block = f.dense[: f.counts[0]].tolist()
        if t % 7 == 6 and block:
            place = int(rng.integers(0, len(block)))
            last = int(f.counts[0]) - 1
            for values, _ in held:
                values.pop(block[place], None)
            feature_rows.retire(f, place)
            neighbours.move_dense(ring, place, last)
        elif t % 7 == 3 and len(block) < 8:
            promote(int(rng.choice([j for j in range(FEATURES) if j not in block])))
        block = f.dense[: f.counts[0]].tolist()
        x = rng.normal(size=len(block))
        x = (x / max(np.linalg.norm(x), 1e-9)).astype(np.float32)
        view = np.array(block, np.int32), x, len(block), len(block)
        if len(held) > 10 and block:
            near = sorted(
                (
                    (sum(v * values.get(j, 0.0) for j, v in zip(block, x.tolist(), strict=True)), truth)
                    for values, truth in held
                ),
                key=lambda pair: -pair[0],
            )
            weight = np.array([1.0 / (max(1.0 - s, 0.0) + 0.01) for s, _ in near[:10]])
            wanted = weight @ np.array([truth for _, truth in near[:10]]) / weight.sum()
            if near[9][0] - near[10][0] > 1e-6:
                neighbours.search(ring, *view, spread, out, LABELS)
                assert out == pytest.approx(wanted, rel=2e-4, abs=1e-6)
        truth = rng.integers(0, 2, LABELS)
        neighbours.remember(ring, *view, truth.astype(np.uint8), LABELS)
        held.append((dict(zip(block, x.tolist(), strict=True)), truth))
        del held[:-25]
    assert len(held) == 25

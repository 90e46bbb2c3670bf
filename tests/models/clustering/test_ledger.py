import numpy as np
import pytest

from driftline.models.clustering import ledger


def kept(shares, blocks, seed=0):
    rng = np.random.default_rng(seed)
    book = ledger.make()
    for _ in shares:
        ledger.enter(book, ledger.fresh(book), born=0)
    for _ in range(blocks):
        ledger.record(book, np.arange(len(shares)), rng.multinomial(ledger.BLOCK, shares))
    return book, rng


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rare", [0.02, 0.01])
def test_nobody_dies_by_chance(seed, rare):
    shares = [0.7, 0.2, 0.1 - rare, rare]
    book, rng = kept(shares, 20, seed)
    for _ in range(100):
        ledger.record(book, np.arange(4), rng.multinomial(ledger.BLOCK, shares))
        assert not len(ledger.dead(book))


@pytest.mark.parametrize(("share", "within"), [(0.4, 450), (0.05, 450), (0.02, 1_500)])
def test_who_gets_no_events_any_more_is_dead(share, within):
    book, _ = kept([1.0 - share, share], 60)
    waited = 0
    while not len(ledger.dead(book)) and waited < within:
        ledger.record(book, np.array([0]), np.array([ledger.BLOCK]))
        waited += ledger.BLOCK
    assert ledger.dead(book).tolist() == [1]


def test_rows_move_up_and_ids_are_given_once():
    book = ledger.make()
    for id_ in range(3):
        assert ledger.fresh(book) == id_
        ledger.enter(book, id_, born=10 * id_)
    ledger.record(book, np.array([2, 0]), np.array([30, 20]))
    ledger.leave(book, 1)
    assert ledger.live(book).tolist() == [0, 2]
    assert ledger.arrivals(book, 1).tolist() == [20, 30]
    assert ledger.fresh(book) == 3
    ledger.add(book, 0, 2)
    assert ledger.arrivals(book, 1).tolist() == [50, 30]


def test_codes_are_no_ids_and_come_back():
    ids = np.arange(5)
    assert (ledger.code(ids) < -1).all()
    assert np.array_equal(ledger.code(ledger.code(ids)), ids)

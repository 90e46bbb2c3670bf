"""A stream of many labels whose blocks are known, to try multi-label learners on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse
from scipy.stats import norm

from driftline.models.base import Array
from driftline.models.parameters import at_least, positive, within

CHUNK = 256  # events that are made at once, from a seed of their own: so it does not matter how they are taken
USUAL, RARE = 0.9, 0.3  # rates at which the most and the least usual label of an active block are on
QUIET = 0.25  # how often the quietest block is active, to the busiest
FULL = 0.5  # no block is active more often
WORDS = 30  # features that differ from 0 in a sparse event, on average


class PlantedBlocks:
    """Make a stream of events with labels in blocks: those of one block occur together, others only by chance.

    A block is active where a weighted sum of the features, and some noise, exceeds a threshold; blocks are active
    independently of each other, as far as there are features enough. Each label of an active block is then on at a rate
    of its own, from 0.9 down to 0.3. The rates of blocks differ too, so that there are rare labels, and events without
    any. At `regroup_at` the labels are dealt to the blocks anew, while each block's rule stays what it was. Labels are
    numbered at random.

    Parameters
    ----------
    n_features
        How many features an event has: all are normal variables or, if sparse, about 30 are positive and the others 0.
    blocks
        The number of labels of each block; or `n_labels` and `n_blocks` say how many there are, and sizes are drawn,
        at least 2.
    n_labels, n_blocks
        See `blocks`.
    noise
        The share of chance in each block's rule, and the share of stray labels among those that are on; in [0, 1).
    cardinality
        How many labels are on in an event, on average; above 0. (Of sparse events, only nearly so.)
    seed
        What all chance comes from: equal seeds and parameters give equal streams, however they are taken.
    regroup_at
        The first event of the new blocks, counted from 0; None for never.
    sparse
        Whether the features come as a CSR matrix, of events such as texts.

    Raises
    ------
    ValueError
        A parameter is out of its range, or the cardinality cannot be reached by these blocks.

    >>> stream = PlantedBlocks(n_features=10, blocks=[3, 2], cardinality=0.5, seed=1, regroup_at=1000)
    >>> X, Y = stream.take(500)
    >>> X.shape, X.dtype, Y.shape, Y.dtype
    ((500, 10), dtype('float32'), (500, 5), dtype('uint8'))
    >>> stream.blocks(999)
    [[0, 3], [1, 2, 4]]
    >>> stream.blocks(1000)
    [[0, 2, 3], [1, 4]]
    >>> together = Y.T.astype(int) @ Y
    >>> together[3].tolist()
    [38, 3, 2, 45, 1]
    """

    def __init__(
        self,
        n_features: int = 20,
        blocks: Sequence[int] | None = None,
        n_labels: int | None = None,
        n_blocks: int | None = None,
        noise: float = 0.05,
        cardinality: float = 3.0,
        seed: int = 0,
        regroup_at: int | None = None,
        sparse: bool = False,
    ):
        at_least(1, n_features=n_features)
        at_least(0, seed=seed)
        within("[0, 1)", noise=noise)
        positive(cardinality=cardinality)
        if regroup_at is not None:
            at_least(0, regroup_at=regroup_at)
        rng = np.random.default_rng(seed)
        self.sizes = _sizes(blocks, n_labels, n_blocks, rng)
        self.n_features, self.noise, self.cardinality = n_features, noise, cardinality
        self.seed, self.regroup_at, self.sparse = seed, regroup_at, sparse
        self.at = 0
        """The number of the next event."""

        # A place is in a block and has a rate; a label has a place, and later perhaps another.
        self._block_at = np.repeat(np.arange(len(self.sizes)), self.sizes)  # (L,)
        self._rate_at = np.concatenate([rng.permutation(np.geomspace(USUAL, RARE, n)) for n in self.sizes])  # (L,)
        places = len(self._block_at)
        before = rng.permutation(places)
        self._place_of = (before, self._dealt_anew(before, rng))  # of each label, and after regrouping
        self._active = _activity(self._block_at, self._rate_at, cardinality * (1.0 - noise), rng)  # (K,)
        self._threshold = norm.isf(self._active)
        self._weights = _directions(len(self.sizes), n_features, rng)  # (K, d), of standardised features
        often = np.geomspace(1.0, 0.05, n_features)
        self._often = rng.permutation(np.minimum(0.5, often * WORDS / often.sum()))  # (d,) not 0, if sparse
        self._made: tuple[int, Any, Array] = (-1, None, np.zeros(0))  # the last chunk

    @property
    def n_labels(self) -> int:
        """How many labels there are."""
        return len(self._block_at)

    def take(self, n: int) -> tuple[Any, Array]:
        """Return the next `n` events: features (n, d) float32, an array or a CSR matrix, and labels (n, L) uint8."""
        at_least(0, n=n)
        end = self.at + n
        xs: list[Any] = []
        ys: list[Array] = []
        while self.at < end or not xs:
            number, start = divmod(self.at, CHUNK)
            x, y = self._chunk(number)
            stop = min(CHUNK, start + end - self.at)
            xs.append(x[start:stop])
            ys.append(y[start:stop])
            self.at += stop - start
        x = scipy.sparse.vstack(xs, format="csr") if self.sparse else np.concatenate(xs)
        return x, np.concatenate(ys)

    def blocks(self, i: int = 0) -> list[list[int]]:
        """Return the blocks that hold at event `i`, each by its labels in order."""
        block_of = self._block_at[self._place_of[self.regroup_at is not None and i >= self.regroup_at]]
        return sorted(np.flatnonzero(block_of == k).tolist() for k in range(len(self.sizes)))

    def _dealt_anew(self, before: Array, rng: np.random.Generator) -> Array:
        """Return other places of the labels, labels that shared a block sharing one no more often than by chance."""
        if len(self.sizes) == 1 or max(self.sizes) == 1:
            return rng.permutation(before)
        while True:
            after = rng.permutation(before)
            old, new = self._block_at[before], self._block_at[after]
            if any(len(set(new[old == k])) > 1 for k in range(len(self.sizes))):
                return after

    def _chunk(self, number: int) -> tuple[Any, Array]:
        if self._made[0] != number:
            rng = np.random.default_rng((self.seed, number + 1))
            x, standard = self._features(rng)
            score = (1.0 - self.noise) ** 0.5 * (standard @ self._weights.T)  # (CHUNK, K) of variance 1
            score += self.noise**0.5 * rng.standard_normal(score.shape)
            active = score > self._threshold
            on = active[:, self._block_at] & (rng.random((CHUNK, self.n_labels)) < self._rate_at)  # by place
            stray = self.cardinality * self.noise / self.n_labels
            change = CHUNK if self.regroup_at is None else min(max(self.regroup_at - number * CHUNK, 0), CHUNK)
            y = np.concatenate([on[:change, self._place_of[0]], on[change:, self._place_of[1]]])
            y |= rng.random(y.shape) < stray
            self._made = number, scipy.sparse.csr_matrix(x) if self.sparse else x, y.astype(np.uint8)
        return self._made[1], self._made[2]

    def _features(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a chunk's features as an event has them, and standardised."""
        shape = CHUNK, self.n_features
        if not self.sparse:
            x = rng.standard_normal(shape, np.float32)
            return x, x.astype(np.float64)
        x = (rng.standard_exponential(shape) * (rng.random(shape) < self._often)).astype(np.float32)
        mean, variance = self._often, self._often * (2.0 - self._often)
        return x, (x - mean) / variance**0.5


def _sizes(
    blocks: Sequence[int] | None, n_labels: int | None, n_blocks: int | None, rng: np.random.Generator
) -> list[int]:
    if blocks is not None:
        if n_labels is not None or n_blocks is not None:
            raise ValueError("give blocks, or n_labels and n_blocks, not both")
        if not blocks or min(blocks) < 1:
            raise ValueError(f"blocks must be sizes of at least 1, got {list(blocks)}")
        return [int(size) for size in blocks]
    if n_labels is None or n_blocks is None:
        raise ValueError("give blocks, or n_labels and n_blocks")
    at_least(1, n_blocks=n_blocks)
    at_least(2 * n_blocks, n_labels=n_labels)
    drawn: list[int] = (2 + rng.multinomial(n_labels - 2 * n_blocks, rng.dirichlet(np.full(n_blocks, 4.0)))).tolist()
    return drawn


def _activity(block_at: Array, rate_at: Array, on: float, rng: np.random.Generator) -> Array:
    """Return how often each block is active, unequally, so that `on` labels are on in an event."""
    share = rng.permutation(np.geomspace(1.0, QUIET, int(block_at[-1]) + 1))
    active: Array = share * (on / (share[block_at] * rate_at).sum())
    if active.max() > FULL:
        raise ValueError(f"cardinality must be at most {on * FULL / active.max():.3g} for these blocks and this noise")
    return active


def _directions(n: int, d: int, rng: np.random.Generator) -> Array:
    """Return `n` directions of length 1 in `d` dimensions, orthogonal if there are no more of them than dimensions."""
    weights = rng.standard_normal((d, n))
    if n <= d:
        weights = np.linalg.qr(weights)[0]
    directions: Array = (weights / np.linalg.norm(weights, axis=0)).T
    return directions

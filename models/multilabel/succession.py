"""What belongs to clusters of labels when the clusters change: each new one goes on from its nearest ancestor."""

import numpy as np

from driftline.models import adwin_bank, arrays
from driftline.models.base import Array
from driftline.models.multilabel import linear_banks
from driftline.models.multilabel.ihomer_step import State


def succeed(state: State, bank: adwin_bank.AdwinBank, losses: Array, cluster_of: Array, clusters: int) -> None:
    """Make `cluster_of` (L,), with so many clusters, the partition of a state.

    A cluster takes over the mixer and the activity of the one that most of its labels come from; its drift detector
    too, if its labels are the very same. What labels have learnt is not touched. There must be room for the clusters.
    """
    labels, before, known = len(cluster_of), int(state.tally[1]), int(state.tally[7])
    shared = np.zeros((clusters, before))
    np.add.at(shared, (cluster_of[:known], state.cluster_of[:known]), 1)
    source = shared.argmax(axis=1)
    size = np.bincount(cluster_of, minlength=clusters)
    kept = shared[np.arange(clusters), source]
    same = (kept == size) & (shared.sum(axis=0)[source] == size)
    for part in (state.active.weight, state.active.variance):
        part[:, :clusters] = part[:, source]
    changed = np.flatnonzero(~same)
    state.active.variance[:, changed] = np.maximum(state.active.variance[:, changed], linear_banks.PRIOR / 4)
    for part, first in zip(state.clusters, state.everyone, strict=True):
        part[:clusters] = part[source] if before > 1 else first
    state.whole[:clusters] = state.whole[source]
    for _, part in arrays.leaves(bank):
        part[1 : 1 + clusters] = part[1 + source]
    losses[1 : 1 + clusters] = losses[1 + source]
    for c in changed.tolist():
        state.whole[c] = max(state.shares[:labels][cluster_of == c].max(initial=0.0), 0.0)
        adwin_bank.reset(bank, 1 + c)
        losses[1 + c] = 0.0
    state.cluster_of[:labels] = cluster_of
    state.tally[1], state.tally[7] = clusters, labels

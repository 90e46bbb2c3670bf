"""Features that come when there are micro-clusters already."""

import numpy as np

from driftline.models import arrays
from driftline.models.base import Array
from driftline.models.clustering import micro as micro_clusters
from driftline.models.clustering.micro import LIVE, RADIUS, Micro


def wider(micro: Micro, values: Array) -> Micro:
    """Return the same with more features, of which only a first value (new,) is known: `suppose` knows better later."""
    more = len(values)
    wide = micro_clusters.make(micro.mean.shape[1] + more, len(micro.weight), micro.compact_to)
    wide = wide._replace(growth=micro.growth)
    wide = arrays.pour(micro, wide)
    live = int(micro.counts[LIVE])
    wide.mean[:live, -more:] = values
    wide.scale[0, -more:] = values
    wide.numbers[RADIUS] = micro.numbers[RADIUS] * (wide.mean.shape[1] / micro.mean.shape[1]) ** 0.5
    return wide


def suppose(micro: Micro, since: Array) -> None:
    """Suppose that micro-clusters have the usual moments in features that they were opened before.

    `since` (d,) int64 is how many events had been learnt when each feature came.
    """
    live = int(micro.counts[LIVE])
    before = micro.opened[:live, None] <= since
    usual = micro.scale[1] / np.maximum(micro.scale[2], 1.0)
    micro.mean[:live] = np.where(before, micro.scale[0], micro.mean[:live])
    micro.variance[:live] = np.where(before, usual, micro.variance[:live])

"""Clusters of streams; `DriftClusterer` is the whole, the other files are parts that can be used alone."""

from driftline.models.clustering.drift_clusterer import DriftClusterer

__all__ = ["DriftClusterer"]

"""One tree and one mixer for all labels: what iHOMER is without its hierarchy of labels."""

from driftline.models.multilabel.ihomer import IHomer


class GlobalTree(IHomer):
    """Predict sets of labels without clusters of them: `IHomer(partition=False)` under a name of its own.

    The rival that shows what the partition is worth: the same learners, neighbours and tree of the multivariate
    Bernoulli criterion, mixed for all labels together and for each alone.

    Parameters
    ----------
    window, max_labels, max_features
        As for `IHomer`.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Esteban, Cano, Zafra and Ventura, "Hoeffding adaptive trees for multi-label classification on data streams",
    Knowledge-Based Systems 304 (2024).

    >>> model = GlobalTree()
    >>> for load in [1.0, 9.0] * 50:
    ...     model.learn_one({"load": load}, {"busy": load > 5, "idle": load < 5})
    >>> model.predict_one({"load": 8.0}), model.n_clusters
    ({'busy': True, 'idle': False}, 1)

    """

    def __init__(self, window: int = 1_000, max_labels: int = 1_024, max_features: int = 16_384):
        super().__init__(False, window, max_labels, max_features)

    def _get_params(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("window", "max_labels", "max_features")}

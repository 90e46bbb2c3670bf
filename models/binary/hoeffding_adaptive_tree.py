"""River's Hoeffding adaptive tree, bounded and repeatable."""

from typing import Any

from river import proba, stats, tree
from river.tree.splitter import GaussianSplitter

from driftline.models.parameters import at_least, within

LARGEST = 1e100  # larger features are taken as this; River's leaves raise OverflowError on them


class HoeffdingAdaptiveTree(tree.HoeffdingAdaptiveTreeClassifier):  # type: ignore[misc]
    """One decision tree that grows while it learns and replaces branches that have become wrong.

    The learning is River's; three things differ, so that a replay gives the same tree bit for bit. It is seeded. It
    is bounded by a number of leaves, where River measures the bytes of the interpreter's objects, which are others
    after a restore. And its leaves describe a feature without a random generator each, which nothing uses, is seeded
    by the operating system, and makes up nine tenths of River's pickled tree.

    Parameters
    ----------
    grace_period
        How many events a leaf sees between two attempts to split.
    delta
        The probability that a split is not the best one, in (0, 1).
    tau
        Two splits whose merits differ by less than this bound count as equal, and one is taken. In [0, 1].
    leaf_prediction
        How a leaf answers: `mc` by majority, `nb` by naive Bayes, `nba` by whichever of them was right more often.
    max_depth
        The most branches between the root and a leaf.
    max_leaves
        The most leaves; a full tree still learns in its leaves and still replaces branches.
    bootstrap_sampling
        Whether each leaf weighs each event by a draw from Poisson(1).
    drift_window_threshold
        How many events a branch and its replacement must have seen before they are compared.
    switch_significance
        The probability that a replacement taken is not better, in (0, 1).
    seed
        Of the draws for `bootstrap_sampling`.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    Bifet and Gavaldà, "Adaptive Learning from Evolving Data Streams", IDA 2009, section 3: HAT-ADWIN.

    >>> from river import datasets, metrics
    >>> model, accuracy = HoeffdingAdaptiveTree(), metrics.Accuracy()
    >>> for x, y in datasets.Phishing():
    ...     accuracy.update(y, model.predict_one(x))
    ...     model.learn_one(x, y)
    >>> accuracy.get() > 0.85
    True
    """

    def __init__(
        self,
        grace_period: int = 100,
        delta: float = 1e-5,
        tau: float = 0.05,
        leaf_prediction: str = "nba",
        max_depth: int = 20,
        max_leaves: int = 1000,
        bootstrap_sampling: bool = True,
        drift_window_threshold: int = 300,
        switch_significance: float = 0.05,
        seed: int = 1,
    ):
        at_least(1, grace_period=grace_period, max_depth=max_depth, max_leaves=max_leaves)
        at_least(1, drift_window_threshold=drift_window_threshold)
        within("(0, 1)", delta=delta, switch_significance=switch_significance)
        within("[0, 1]", tau=tau)
        if leaf_prediction not in ("mc", "nb", "nba"):
            raise ValueError(f"leaf_prediction must be mc, nb or nba, got {leaf_prediction!r}")
        super().__init__(
            grace_period=grace_period,
            delta=delta,
            tau=tau,
            leaf_prediction=leaf_prediction,
            max_depth=max_depth,
            splitter=_Splitter(),
            bootstrap_sampling=bootstrap_sampling,
            drift_window_threshold=drift_window_threshold,
            switch_significance=switch_significance,
            seed=seed,
        )
        self.max_leaves = max_leaves

    def _attempt_to_split(self, leaf: Any, parent: Any, parent_branch: Any, **kwargs: Any) -> None:
        # River's own counter of leaves is not lowered when branches are replaced, hence a count.
        if sum(1 for _ in self._root.iter_leaves()) < self.max_leaves:
            super()._attempt_to_split(leaf, parent, parent_branch, **kwargs)

    def _estimate_model_size(self) -> None:
        """Do nothing: bytes in memory are not the same in every process."""

    def _enforce_size_limit(self) -> None:
        """Do nothing: `max_leaves` is the limit."""


class _Gaussian(proba.Gaussian):  # type: ignore[misc]
    """River's normal distribution without a generator to sample from."""

    def __init__(self, seed: int | None = None):
        self.seed = seed
        self._var = stats.Var(ddof=1)


class _Splitter(GaussianSplitter):  # type: ignore[misc]
    """River's observer of one feature, on the lean distribution; squares of what it sees cannot overflow."""

    def update(self, att_val: float | None, target_val: Any, w: float) -> None:
        if att_val is None:
            return
        value = min(max(att_val, -LARGEST), LARGEST)
        if target_val not in self._att_dist_per_class:
            self._att_dist_per_class[target_val] = _Gaussian()
            self._min_per_class[target_val] = self._max_per_class[target_val] = value
        super().update(value, target_val, w)

    def cond_proba(self, att_val: float, target_val: Any) -> float:
        return float(super().cond_proba(min(max(att_val, -LARGEST), LARGEST), target_val))

    def cond_log_proba(self, att_val: float, target_val: Any) -> float:
        return float(super().cond_log_proba(min(max(att_val, -LARGEST), LARGEST), target_val))

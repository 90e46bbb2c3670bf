"""Fréchet distance of two sets of pictures in their main directions."""

import numpy as np

DIRECTIONS = 20


class Frechet:
    """Squared distance of Gaussians fitted to sets of rows, in principal directions of rows to learn from.

    In squared units of the rows. Sets of equal size make distances comparable.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self.centre = rows.mean(axis=0, dtype=np.float64)
        _, _, directions = np.linalg.svd(rows - self.centre, full_matrices=False)
        self.directions = directions[:DIRECTIONS].T

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Return the distance of two sets of rows.

        >>> rows = np.random.default_rng(0).normal(size=(500, 30))
        >>> frechet = Frechet(rows)
        >>> round(frechet.distance(rows, rows), 6), round(frechet.distance(rows, rows + frechet.directions[:, 0]), 6)
        (0.0, 1.0)
        """
        (mean_a, of_a), (mean_b, of_b) = self._fit(a), self._fit(b)
        values, vectors = np.linalg.eigh(of_a)
        root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
        both = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ of_b @ root), 0.0)).sum()
        return float(((mean_a - mean_b) ** 2).sum() + np.trace(of_a) + np.trace(of_b) - 2.0 * both)

    def _fit(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shown = (rows - self.centre) @ self.directions
        return shown.mean(axis=0), np.cov(shown, rowvar=False)

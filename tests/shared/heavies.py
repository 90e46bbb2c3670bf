"""A small heavy model in plain numpy: what the side worker needs of a model, without torch."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from driftline.models.heavy import Shown


class Wide:
    """The log odds of a light model, an effect of each key, and one of how much it did before.

    One step of Adagrad with the sum of the gradients for each micro-batch. `fail_on` names an item on which it raises,
    `die_on` one on which the process ends, `slow_seconds` is what each call takes.
    """

    def __init__(self, offset: str = "clock", fail_on: str = "", slow_seconds: float = 0.0):
        self.offset, self.fail_on, self.slow_seconds = offset, fail_on, slow_seconds
        self._dense = np.zeros(4)  # weights of 1 and of the history, and their accumulators
        self._rows: dict[str, np.ndarray] = {}
        self._touched: dict[str, None] = {}

    def _inputs(self, rows: Sequence[Shown]) -> tuple[np.ndarray, np.ndarray]:
        if any(row.x.get("item") == self.fail_on for row in rows):
            raise RuntimeError(f"no idea of {self.fail_on}")
        p = np.clip([row.said.get(self.offset, 0.5) for row in rows], 1e-6, 1 - 1e-6)
        return np.log(p / (1 - p)), np.log1p([len(row.history) for row in rows])

    def predict_many(self, rows: Sequence[Shown]) -> np.ndarray:
        time.sleep(self.slow_seconds)
        a, seen = self._inputs(rows)
        a = a + self._dense[0] + self._dense[1] * seen
        a += [self._rows[row.key][0] if row.key in self._rows else 0.0 for row in rows]
        return 1 / (1 + np.exp(-np.clip(a, -30, 30)))

    def learn_many(self, rows: Sequence[Shown], ys: Sequence[Any]) -> None:
        wrong = self.predict_many(rows) - np.asarray(ys, float)
        _, seen = self._inputs(rows)
        for place, slope in enumerate((wrong.sum(), (wrong * seen).sum())):
            self._dense[2 + place] += slope**2
            self._dense[place] -= 0.05 * slope / np.sqrt(1e-3 + self._dense[2 + place])
        for row, slope in zip(rows, wrong, strict=True):
            w = self._rows.setdefault(row.key, np.zeros(2))
            w[1] += slope**2
            w[0] -= 0.1 * slope / np.sqrt(1e-3 + w[1])
            self._touched[row.key] = None

    def remember(self, row: Shown, y: Any) -> int | None:
        item = str(row.x.get("item", ""))
        return int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest(), "little") if y else None

    def dense(self) -> dict[str, np.ndarray]:
        return {"weights": self._dense.copy()}

    def touched(self) -> dict[str, bytes | None]:
        changed: dict[str, bytes | None] = {key: self._rows[key].tobytes() for key in self._touched}
        self._touched = {}
        return changed

    def rows(self) -> dict[str, bytes]:
        return {key: row.tobytes() for key, row in self._rows.items()}

    def restore(self, dense: Mapping[str, np.ndarray], rows: Mapping[str, bytes]) -> None:
        if dense.keys() != {"weights"} or dense["weights"].shape != (4,):
            raise ValueError(f"weights of shape (4,) are needed, not {sorted(dense)}")
        self._dense = dense["weights"].copy()
        self._rows = {key: np.frombuffer(row).copy() for key, row in rows.items()}
        self._touched = {}

    def fork(self) -> Wide:
        other = Wide(self.offset, self.fail_on, self.slow_seconds)
        other.restore(self.dense(), self.rows())
        return other

    def gauges(self) -> dict[str, float]:
        return {"rows": float(len(self._rows))}

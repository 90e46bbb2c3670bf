"""One run: a network learns digits by one weighting, and its samples are compared with digits it never saw."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.diffusion.contestants import Row
from benchmarks.diffusion.digits import PIXELS, Network, halves
from benchmarks.diffusion.frechet import Frechet
from driftline.models.training.diffusion_trainer import DiffusionTrainer
from driftline.models.training.sampler import from_noise, sample
from driftline.models.training.schedule import Schedule

STEPS, BATCH = 1_500, 128
CHECKS = (500, STEPS)
SAMPLING_STEPS = 100
BEFORE = 1_000
AFTER = (0, 50, 100, 200, 400, 800)
"""Steps on the new digits after which samples are compared with them."""


@dataclass(frozen=True)
class Cell:
    """What was measured."""

    part: str
    """`samples`, of all digits, or `drift`, after a change of digits."""
    predict: str
    """What the network answers with; empty for pictures without a model."""
    row: str
    seed: int
    steps: int
    """Learnt; in `drift` since the change."""
    frechet: float
    ms_per_step: float
    """CPU time, one thread; NaN where nothing was timed."""


def floor(part: str) -> Cell:
    """Return how far pictures to learn from are from held-out ones."""
    half = halves() if part == "samples" else halves(5, 9)
    return Cell(part, "", str(Row.FLOOR), 0, 0, Frechet(half.train).distance(half.train, half.held_out), float("nan"))


def samples(row: Row, predict: str, seed: int, steps: int = STEPS) -> Iterator[Cell]:
    """Yield how far samples are from held-out digits, on the way and at the end."""
    half = halves()
    judge = Frechet(half.train)
    learner = _Learner(row, predict, seed)
    for check in [check for check in CHECKS if check < steps] + [steps]:
        learner.learn(half.train, check)
        made = learner.made(len(half.held_out))
        yield Cell("samples", predict, str(row), seed, check, judge.distance(made, half.held_out), learner.ms())


def drift(row: Row, predict: str, seed: int, before: int = BEFORE) -> Iterator[Cell]:
    """Yield how far samples are from held-out digits 5 to 9, at moments after the change from 0 to 4."""
    new = halves(5, 9)
    judge = Frechet(new.train)
    learner = _Learner(row, predict, seed)
    learner.learn(halves(0, 4).train, before)
    for check in AFTER:
        learner.learn(new.train, before + check)
        made = learner.made(len(new.held_out))
        yield Cell("drift", predict, str(row), seed, check, judge.distance(made, new.held_out), learner.ms())


class _Learner:
    """A network, its trainer, and the order of its batches, which is the same for all weightings."""

    def __init__(self, row: Row, predict: str, seed: int) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self.network, self.predict, self.seed = Network(), predict, seed
        self.trainer: DiffusionTrainer = row.trainer(predict, seed)
        self.order = np.random.default_rng(seed)
        self.steps, self.seconds = 0, 0.0

    def learn(self, pictures: np.ndarray, until: int) -> None:
        """Learn batches of pictures until so many steps were done."""
        rows = torch.from_numpy(pictures)
        began = time.process_time()
        while self.steps < until:
            self.trainer.step(self.network, rows[self.order.integers(len(rows), size=BATCH)])
            self.steps += 1
        self.seconds += time.process_time() - began

    def made(self, count: int) -> np.ndarray:
        """Return samples from noise, which is the same for all weightings."""
        schedule: Schedule = self.trainer.schedule
        denoise = self.network if self.predict == "x0" else from_noise(self.network, schedule)
        with torch.no_grad():
            draw = torch.Generator().manual_seed(1_000 + self.seed)
            return sample(denoise, torch.zeros(count, PIXELS), schedule, SAMPLING_STEPS, draw, strided=True).numpy()

    def ms(self) -> float:
        """Return the CPU time of a step so far, in milliseconds."""
        return round(1e3 * self.seconds / max(self.steps, 1), 3)

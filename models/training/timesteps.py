"""Which level each row of a batch is noised to."""

import torch
from torch import Tensor


class Timesteps:
    """Draws a level for each row.

    Parameters
    ----------
    levels
        Number of levels T.
    intervals
        First and last levels of intervals that each get as many rows as the others, give or take one; None to draw from
        all levels with equal chance.
    visited
        Levels from which half of the rows are drawn, the larger half where their number is odd; None for no such half.

    >>> drawn = Timesteps(1000, [(0, 9), (10, 999)])(7, torch.Generator().manual_seed(0))
    >>> sorted([int((drawn < 10).sum()), int((drawn >= 10).sum())])
    [3, 4]
    """

    def __init__(
        self, levels: int, intervals: list[tuple[int, int]] | None = None, visited: list[int] | None = None
    ) -> None:
        parts = intervals or [(0, levels - 1)]
        self._first = torch.tensor([first for first, _ in parts])
        self._width = torch.tensor([last - first + 1 for first, last in parts])
        self._visited = None if visited is None else torch.tensor(visited)

    def __call__(self, rows: int, generator: torch.Generator, active: Tensor | None = None) -> Tensor:
        """Return the levels, int64 of shape (rows,), where the generator lives.

        Parameters
        ----------
        rows
            How many.
        generator
            Draws them.
        active
            Which rows count, bool of shape (rows,): the others get levels too, but take no place of an interval.
        """
        device = generator.device
        # Any row may get any interval, so that a pattern in the batch cannot meet the pattern of the intervals.
        turn = torch.randperm(rows, generator=generator, device=device)
        count = rows
        if active is not None:
            counts = active.to(device)[turn]
            turn = torch.cat([turn[counts], turn[~counts]])
            count = int(counts.sum())
        k = len(self._first)
        which = torch.randperm(k, generator=generator, device=device)  # where rows do not divide, chance gives the rest
        half = 0 if self._visited is None else (count + 1) // 2
        place = torch.empty(rows, dtype=torch.int64, device=device)
        place[turn] = which[(torch.arange(rows, device=device) - half) % k]
        within = torch.rand(rows, generator=generator, device=device, dtype=torch.float64)
        drawn = self._first.to(device)[place] + (within * self._width.to(device)[place]).long()
        if self._visited is not None:
            chosen = (within[turn[:half]] * len(self._visited)).long()
            drawn[turn[:half]] = self._visited.to(device)[chosen]
        return drawn

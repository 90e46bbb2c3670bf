"""The trainer that all diffusion models share: levels, noise, losses by level, and their balance.

Levels of noise far apart are tasks that can hurt each other. They are cut into a few intervals, and the losses of these
are weighed; uncertainty weighting costs nothing beside the network, learns along with it, and so re-balances after
drift. Which weighting gives better samples is not known beforehand: docs/diffusion.md has what was measured.

Differs from the authors' code: a batch that intervals do not divide loses no row, and interval losses are not divided
by their number before they are weighed.

References
----------
Go et al., "Addressing Negative Transfer in Diffusion Models", NeurIPS 2023 (arXiv 2306.00354).
"""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from driftline.models.base import Array, Plain, array
from driftline.models.parameters import at_least, positive
from driftline.models.training import optimizer_state, sampler
from driftline.models.training.gradients import gram
from driftline.models.training.intervals import By, Interval, cut, level_distances
from driftline.models.training.loss_means import LossMeans
from driftline.models.training.sampler import Denoiser
from driftline.models.training.schedule import Schedule
from driftline.models.training.timesteps import Timesteps
from driftline.models.training.weighting import Name, Predict, level_factors, make

Levels: TypeAlias = Literal["all", "sampled-half"]

GAUGE_HALF_LIFE = 50.0
"""Steps after which a loss counts half in the gauges."""
_OPTIMIZER = "optimizer."


class DiffusionTrainer:
    """Computes the loss of a denoiser, within another model's loss or in steps of its own.

    Parameters
    ----------
    schedule
        Levels of noise.
    weighting
        `uniform`; `min-snr`; `ant-uw`, with learnt scales, or `ant-uw-forgetting`, with scales that follow the losses;
        `ant-pcgrad` and `ant-nash`, which balance gradients and cost a backward pass for each interval, in every step
        or every 25.
    intervals
        How many intervals; the gauges tell losses by them whatever the weighting.
    interval_by
        What makes levels alike: `log-snr`, `timestep`, `snr` or `affinity`.
    predict
        What the denoiser answers with: the clean rows `x0`, or the `noise`.
    levels
        `all` with equal chance (as many rows in each interval where the weighting wants that), or `sampled-half`: half
        of the rows at levels that sampling visits.
    sampling_steps, strided
        Which levels sampling visits, as in `sampler.sample`.
    affinity
        Cosines between the gradients of levels, (T, T), for `interval_by="affinity"`.
    lr
        Of AdamW in `step`; no weight decay.
    lr_scales
        Of the scales of `ant-uw`.
    half_life
        Of losses in `ant-uw-forgetting`, in steps.
    seed
        Of levels, noise and orders.

    Raises
    ------
    ValueError
        A parameter out of its range, or a name that is not known.

    >>> trainer = DiffusionTrainer(Schedule(), weighting="ant-uw", seed=1)
    >>> trainer.intervals
    [(0, 152), (153, 393), (394, 623), (624, 822), (823, 999)]
    >>> network = nn.Linear(3, 3)
    >>> loss = trainer.loss(lambda x, t: network(x), torch.ones(8, 3))
    >>> loss.backward()
    >>> trainer.gauges()["weight_4"]
    0.5
    """

    def __init__(
        self,
        schedule: Schedule,
        weighting: Name = "uniform",
        intervals: int = 5,
        interval_by: By = "log-snr",
        predict: Predict = "x0",
        levels: Levels = "all",
        sampling_steps: int = 10,
        strided: bool = False,
        affinity: Array | None = None,
        lr: float = 1e-4,
        lr_scales: float = 0.025,
        half_life: float = 100.0,
        seed: int = 0,
    ) -> None:
        at_least(1, intervals=intervals)
        positive(lr=lr)
        if predict not in ("x0", "noise"):
            raise ValueError(f"predict must be x0 or noise, got {predict!r}")
        if levels not in ("all", "sampled-half"):
            raise ValueError(f"levels must be all or sampled-half, got {levels!r}")
        self.schedule, self.predict, self.lr = schedule, predict, lr
        self.intervals: list[Interval] = cut(level_distances(schedule, interval_by, affinity), intervals)
        self._made = weighting, intervals, lr_scales, half_life
        self._weighting = make(*self._made)
        self._means = LossMeans(intervals, GAUGE_HALF_LIFE)
        self._weights = np.full(intervals, np.nan)
        visited = None
        if levels == "sampled-half":
            at_least(1, sampling_steps=sampling_steps)
            visited = sampler.levels(schedule, sampling_steps, strided)
        self._timesteps = Timesteps(schedule.steps, self.intervals if self._weighting.stratified else None, visited)
        which = np.repeat(np.arange(intervals), [last - first + 1 for first, last in self.intervals])
        self._which = torch.from_numpy(which)
        factors = level_factors(schedule, weighting, predict)
        self._factors = None if factors is None else torch.from_numpy(factors)
        self._generator = torch.Generator().manual_seed(seed)
        self._optimizer: tuple[nn.Module, torch.optim.AdamW] | None = None

    @property
    def largest_gradient(self) -> float | None:
        """Norm to which whoever descends `loss` should clip its gradient; None for no bound."""
        return self._weighting.largest_gradient

    def loss(
        self,
        denoise: Denoiser,
        x0: Tensor,
        mask: Tensor | None = None,
        generator: torch.Generator | None = None,
        parameters: Iterable[Tensor] | None = None,
    ) -> Tensor:
        """Return the weighed loss of one batch, to be descended; each call is a step of the weighting.

        Parameters
        ----------
        denoise
            The denoiser. It is asked once, about all rows.
        x0
            Clean rows, of shape (B, ...). Gradients flow into them where they ask for it; detach them to keep them out.
        mask
            Which rows count, bool of shape (B,), or how much each counts, numbers not below 0.
        generator
            Draws levels and noise, in place of the trainer's own.
        parameters
            What `ant-pcgrad` and `ant-nash` compare the gradients in; of no use to others.

        Returns
        -------
        One number: the sum over intervals of weight times mean squared error, per element of a row. 0 where no row
        counts, and nothing is learnt then.
        """
        drawn = self._generator if generator is None else generator
        counts = None if mask is None else mask.detach().to(x0.device, x0.dtype)
        active = None if counts is None else counts > 0
        if not len(x0) or (active is not None and not bool(active.any())):
            return x0.new_zeros(())
        if active is not None:  # what rows that do not count hold, NaN say, must not come near the sums
            x0 = torch.where(active.reshape((-1,) + (1,) * (x0.ndim - 1)), x0, torch.zeros_like(x0))
        t = self._timesteps(len(x0), drawn, active).to(x0.device)
        eps = sampler.normal(x0, drawn)
        answer = denoise(self.schedule.noised(x0, t, eps), t)
        target = x0 if self.predict == "x0" else eps
        errors = (answer - target).square().reshape(len(x0), -1).mean(dim=1)

        k = len(self.intervals)
        belongs = (self._which.to(t.device)[t][:, None] == torch.arange(k, device=t.device)).to(errors.dtype)
        if counts is not None:
            belongs = belongs * counts[:, None]
        per = belongs.sum(dim=0)
        divisor = torch.where(per > 0, per, torch.ones_like(per))
        weighed = errors if self._factors is None else errors * self._factors.to(errors.device, errors.dtype)[t]
        losses = weighed @ belongs / divisor
        raw = losses if self._factors is None else errors @ belongs / divisor

        rows = per.cpu().double().numpy()
        present = rows > 0
        weights = self._weighting.weights(
            np.where(present, losses.detach().cpu().double().numpy(), np.nan),
            rows / rows.sum(),
            lambda: gram(losses, present, _list(parameters)),
            lambda n: torch.randperm(n, generator=drawn, device=drawn.device).cpu().numpy(),
        )
        self._weights = weights
        self._means.update(np.where(present, raw.detach().cpu().double().numpy(), np.nan))
        return (losses * torch.from_numpy(weights).to(losses.device, losses.dtype)).sum()

    def step(
        self, network: nn.Module, x0: Tensor, mask: Tensor | None = None, denoise: Denoiser | None = None
    ) -> float:
        """Learn one batch with AdamW, and return the loss.

        Parameters
        ----------
        network
            Whose parameters learn; always the same for one trainer.
        x0, mask
            As in `loss`.
        denoise
            How the network is asked, say about a condition; the network itself if not given.

        Raises
        ------
        ValueError
            Another network than before, or a loss that is not finite; the network is unchanged then.
        """
        optimizer = self._adam(network)
        loss = self.loss(denoise or network, x0, mask, parameters=network.parameters())
        if not loss.requires_grad:  # no row counted
            return float(loss)
        if not bool(torch.isfinite(loss)):
            raise ValueError("the loss is not finite: check the rows, or take a smaller lr")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.largest_gradient is not None:
            nn.utils.clip_grad_norm_(network.parameters(), self.largest_gradient)
        optimizer.step()
        return float(loss.detach())

    def gauges(self) -> dict[str, float]:
        """Return the last weight of each interval and the exponential mean of its loss; NaN before the first.

        >>> list(DiffusionTrainer(Schedule(), intervals=2).gauges())
        ['weight_0', 'weight_1', 'loss_0', 'loss_1']
        """
        weights = {f"weight_{i}": float(weight) for i, weight in enumerate(self._weights)}
        return weights | {f"loss_{i}": float(mean) for i, mean in enumerate(self._means.means())}

    def dense(self) -> dict[str, Array]:
        """Return all that was learnt and drawn, as arrays of its own; not the network."""
        found = {"generator": self._generator.get_state().numpy().copy(), "weights": self._weights.copy()}
        found |= {f"means.{name}": value for name, value in self._means.dense().items()}
        found |= {f"weighting.{name}": value for name, value in self._weighting.dense().items()}
        if self._optimizer is not None:
            network, optimizer = self._optimizer
            kept = optimizer_state.arrays(optimizer, network)
            found |= {_OPTIMIZER + name: value for name, value in kept.items()}
        return found

    def restore(self, dense: Mapping[str, Plain], network: nn.Module | None = None) -> None:
        """Become the trainer that gave these arrays; it must have been built with the same parameters.

        Parameters
        ----------
        dense
            What `dense` returned.
        network
            The one that `step` teaches, needed where it did.

        Raises
        ------
        ValueError
            The arrays do not fit, or the network lacks; the trainer is unchanged then.
        """
        generator = torch.Generator()
        state = array(dense, "generator", like=generator.get_state().numpy())
        weights = array(dense, "weights", like=self._weights)
        means, balance = LossMeans(len(self.intervals), GAUGE_HALF_LIFE), make(*self._made)
        means.restore(_part(dense, "means."))
        balance.restore(_part(dense, "weighting."))
        adam, kept = None, _part(dense, _OPTIMIZER)
        if kept:
            if network is None:
                raise ValueError("the state holds an optimizer's: give the network that it teaches")
            found = optimizer_state.check(kept, network)
            adam = network, self._new_adam(network)
            for parameter, parts in found.items():
                adam[1].state[parameter] = parts
        try:
            generator.set_state(torch.from_numpy(state))
        except RuntimeError as error:
            raise ValueError(f"state 'generator' is not one: {error}") from error
        self._generator, self._weights, self._means, self._weighting = generator, weights, means, balance
        self._optimizer = adam

    def _adam(self, network: nn.Module) -> torch.optim.AdamW:
        if self._optimizer is None:
            self._optimizer = network, self._new_adam(network)
        if self._optimizer[0] is not network:
            raise ValueError("a trainer teaches one network: make another trainer for this one")
        return self._optimizer[1]

    def _new_adam(self, network: nn.Module) -> torch.optim.AdamW:
        return torch.optim.AdamW(network.parameters(), lr=self.lr, weight_decay=0.0)


def _part(dense: Mapping[str, Plain], prefix: str) -> dict[str, Plain]:
    return {name.removeprefix(prefix): value for name, value in dense.items() if name.startswith(prefix)}


def _list(parameters: Iterable[Tensor] | None) -> list[Tensor]:
    if parameters is None:
        raise ValueError("this weighting compares gradients: give loss() the parameters to compare them in")
    return list(parameters)

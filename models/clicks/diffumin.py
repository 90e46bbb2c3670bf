"""DiffuMIN, the heavy click model: it refines the log odds of a light one from what users did before."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from driftline.models.base import Array, array
from driftline.models.clicks.catalogue import Catalogue
from driftline.models.clicks.diffumin_net import Entries, Found, Inputs, Net
from driftline.models.clicks.last_layer import LastLayer
from driftline.models.clicks.shown_arrays import Batch, ShownArrays
from driftline.models.heavy import Shown
from driftline.models.id_table import IdTable
from driftline.models.parameters import at_least, positive, within
from driftline.models.training import optimizer_state
from driftline.models.training.diffusion_trainer import DiffusionTrainer
from driftline.models.training.schedule import Schedule

CHUNK = 256
"""Events that are answered at a time; where they are cut changes nothing but rounding."""
EXPIRE_EVERY = 64
"""Micro-batches between two looks for ids that are to be forgotten."""
WIDE_RATE, EMBEDDING_RATE, PAST_RATE, SPREAD = 0.02, 0.1, 0.1, 0.2
"""Steps of Adagrad for an id's own weight (the clock has one already), its embedding, and what it tells as a past
click; standard deviation of embeddings at first."""
CHANNEL_RATE = 150.0
"""Step of the channels' common frame, in those of all other weights: it is small, and all else hangs on it."""
DOUBT = 10.0
"""Prior precision of the last layer's weights."""
T = TypeVar("T")
_LOSSES = ("click", "diffusion", "contrast", "alike")


class DiffuMin:
    """Refine a light model's probability of a click by a user's interests, in micro-batches.

    The target's item spans orthonormal channels; each of the user's past clicks belongs to one, and the best of each
    are pooled to an interest. A small diffusion model, which sees the user's other interests, makes another version of
    each interest. All of these, the target, the rest of the event and a short-term encoding go through a network, whose
    answer is added to the light model's log odds: it starts at 0, so the model starts at what the light one said.

    Parameters
    ----------
    offset
        The light model whose probability, in `Shown.said`, is refined.
    item
        Names of the features that belong to the item; one that ends in `*` stands for all that begin so.
    history
        The most past clicks that are looked at, up to 5,000, the newest first.
    dim
        Numbers of the embedding of each field of the item.
    channels
        Interest channels, at most `dim` for each name in `item`.
    share
        The share of the user's clicks that each channel keeps, in (0, 1].
    steps
        Steps of the sampler, 0 to 10; with 0, interests are not generated.
    strided
        Whether those steps go over all levels of noise, or over the lowest.
    detached
        Whether gradients of the click's loss stop at the sampler; the diffusion loss trains it all the same.
    diffusion, contrast, alike
        Weights of the diffusion loss, the contrastive one, and of that which makes channels of what users differ in.
    half_low
        Whether half of the levels of the diffusion loss are drawn from those that sampling visits.
    diffuse_every
        The diffusion and contrastive losses count in every so many-th micro-batch.
    recent
        Past clicks that the short-term encoder looks at.
    admit, max_ids, forget_after
        How often an id is met until it gets a row; the most ids; events after which an id not seen is forgotten, 0 for
        never.
    max_fields
        The most names of features; further ones share.
    rate
        Step of Adam for all that is not in rows.
    device
        `cpu`, `cuda`, or `auto` for the latter where it is present.
    seed
        What the first weights, and the noise of training, come from.

    Raises
    ------
    ValueError
        A parameter is out of its range.

    References
    ----------
    "Modeling Long-term User Behaviors with Diffusion-driven Multi-interest Network for CTR Prediction", RecSys 2025,
    arXiv 2508.15311. What differs from its released code is told at each part. Additions: the offset; sums of gradients
    for ids; the loss `alike`; products of target and past; and a last layer that is fitted by Newton's method to the
    network's answer and to shares of past clicks that are like the target, as the network alone learns too slowly to
    gain anything in tens of thousands of events. By default no interests are generated: in what was measured, they
    gained nothing (docs/clicks-heavy.md).

    >>> model = DiffuMin(steps=1)
    >>> row = Shown("ann", {"user": "ann", "item": "tea"}, {"clock": 0.25}, np.zeros(0, np.uint64))
    >>> model.predict_many([row]).tolist()
    [0.25]
    >>> for batch in range(5):
    ...     model.learn_many([row] * 50, [True] * 50)
    >>> bool(model.predict_many([row])[0] > 0.25), model.remember(row, False)
    (True, None)

    """

    def __init__(
        self,
        offset: str = "clock",
        item: Sequence[str] = ("item",),
        history: int = 50,
        dim: int = 8,
        channels: int = 4,
        share: float = 0.5,
        steps: int = 0,
        strided: bool = False,
        detached: bool = True,
        diffusion: float = 0.01,
        contrast: float = 0.001,
        alike: float = 1.0,
        half_low: bool = True,
        diffuse_every: int = 1,
        recent: int = 10,
        admit: int = 5,
        max_ids: int = 1 << 20,
        forget_after: int = 0,
        max_fields: int = 128,
        rate: float = 1e-3,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        seed: int = 0,
    ):
        self._given: dict[str, Any] = {name: value for name, value in locals().items() if name != "self"}
        at_least(1, item=len(item), dim=dim, channels=channels, diffuse_every=diffuse_every, recent=recent)
        at_least(0, forget_after=forget_after, seed=seed)
        within("[1, 5000]", history=history)
        within("[0, 10]", steps=steps)
        within("(0, 1]", share=share)
        within("[0, 1000]", diffusion=diffusion, contrast=contrast, alike=alike)
        positive(rate=rate)
        if channels > dim * len(item):
            raise ValueError(f"channels must be at most {dim} numbers for each of {list(item)}, got {channels}")
        if dim * len(item) % 2:
            raise ValueError(f"dim must be even, or the names in item be, got {dim} and {len(item)}")
        if device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device must be auto, cpu or cuda, got {device!r}")
        found = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(found if device == "auto" else device)
        self.steps, self.diffuse_every, self.forget_after, self.seed = steps, diffuse_every, forget_after, seed
        self.weights = {"click": 1.0, "diffusion": diffusion, "contrast": contrast, "alike": alike}
        self.learnt = self.batches = 0
        """Events and micro-batches that were learnt."""
        self._losses = dict.fromkeys(_LOSSES, 0.0)
        self._arrays = ShownArrays(offset, item, history, max_fields)
        self._table = IdTable(
            1 + 2 * dim, max_fields, admit, max_ids,
            [WIDE_RATE, *[EMBEDDING_RATE] * dim, *[PAST_RATE] * dim], [0.0, *[SPREAD] * dim, *[0.0] * dim],
        )  # fmt: skip
        self._catalogue = Catalogue(most=max_ids)
        self._schedule = Schedule()
        self._trainer = DiffusionTrainer(
            self._schedule, levels="sampled-half" if half_low and steps else "all", sampling_steps=steps or 1,
            strided=strided,
        )  # fmt: skip
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = Net(len(item), dim, channels, share, steps, strided, detached, recent, self._schedule)
        self._net = net.to(self.device)
        self._parameters = dict(self._net.named_parameters())
        self._last = LastLayer([DOUBT] * net.features)
        channel: list[Tensor] = [self._net.channels.project.bias, self._net.gate]
        others: list[Tensor] = [
            one for name, one in self._parameters.items() if name not in ("channels.project.bias", "gate")
        ]
        groups: list[dict[str, Any]] = [{"params": others}, {"params": channel, "lr": CHANNEL_RATE * rate}]
        self._adam = torch.optim.Adam(groups, lr=rate)

    # -- the verbs ---------------------------------------------------------------------------------------------------

    def predict_many(self, rows: Sequence[Shown]) -> Array:
        """Return the probability of a click for each event, (n,) float64; nothing is learnt, nothing is random.

        Raises `ValueError` where the offset is lacking, or is no probability.
        """
        out = np.zeros(len(rows))
        for start in range(0, len(rows), CHUNK):
            batch = self._arrays.batch(rows[start : start + CHUNK], self._catalogue, add=False)
            with torch.no_grad():
                features = self._net(self._inputs(batch)[0]).features.double().cpu().numpy()
            out[start : start + CHUNK] = batch.offset + self._last(features)
        return 1.0 / (1.0 + np.exp(-np.clip(out, -30.0, 30.0)))

    def routes(self, rows: Sequence[Shown]) -> list[Array]:
        """Return, for each event, the channel of each of its past clicks, the newest first: int64 of shape (l,).

        It is -1 where the click's item is not known. The channels are those of the event's own item.
        """
        out: list[Array] = []
        for start in range(0, len(rows), CHUNK):
            batch = self._arrays.batch(rows[start : start + CHUNK], self._catalogue, add=False)
            with torch.no_grad():
                route = self._net(self._inputs(batch)[0]).interests.route.cpu().numpy()
            out += [one[: len(row.history)] for one, row in zip(route, rows[start:], strict=False)]
        return out

    def learn_many(self, rows: Sequence[Shown], ys: Sequence[Any]) -> None:
        """Learn one micro-batch. Raises `ValueError`, and learns nothing, where an event or a label makes no sense."""
        if len(rows) != len(ys):
            raise ValueError(f"{len(rows)} events and {len(ys)} labels")
        if not len(rows):
            return
        if any(y not in (0, 1) for y in ys):
            raise ValueError(f"labels must be True or False, got {next(y for y in ys if y not in (0, 1))!r}")
        self._arrays.check(rows)
        names = list(self._arrays.fields.names)
        try:
            self._step(self._arrays.batch(rows, self._catalogue, add=True), np.array(ys, np.float32))
        except Exception:
            self._arrays.restore(names)
            raise

    def remember(self, row: Shown, y: Any) -> int | None:
        """Return the token of an event's item where it was clicked, else None."""
        return ShownArrays.token(row.x) if y else None

    def gauges(self) -> dict[str, float]:
        """Return how many ids and items there are, and the losses of the last micro-batch."""
        return {
            "learnt": float(self.learnt),
            "ids": float(len(self._table)),
            "ids_waiting": float(self._table.waiting),
            "ids_dropped": float(self._table.dropped),
            "items": float(len(self._catalogue)),
            "trust": float(self._last.weight[0]),
            **{f"loss_{name}": value for name, value in self._losses.items()},
        }

    # -- one step ----------------------------------------------------------------------------------------------------

    def _inputs(self, batch: Batch) -> tuple[Inputs, Array]:
        """Return what the network is given, and the rows of the table that it was made of."""
        known = self._catalogue.at(batch.items)
        there, known_there = batch.id != 0, known.id != 0
        ids = np.concatenate([batch.id[there], known.id[known_there]])
        field = np.concatenate([batch.field[there], known.field[known_there]])
        rows, at = np.unique(self._table.rows(ids, field), return_inverse=True)
        if not len(rows):
            rows = np.zeros(1, np.int64)
        row, known_row = np.zeros(batch.id.shape, np.int64), np.zeros(known.id.shape, np.int64)
        row[there], known_row[known_there] = at[: there.sum()], at[there.sum() :]
        value = torch.from_numpy(self._table.values(rows)).to(self.device)
        return Inputs(
            value,
            Entries(self._on(row), self._on(batch.size), self._on(batch.slot.astype(np.int64))),
            Entries(
                self._on(known_row), self._on(known_there.astype(np.float32)), self._on(known.slot.astype(np.int64))
            ),
            self._on(batch.past),
            self._on(batch.offset.astype(np.float32)),
        ), rows

    def _on(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _step(self, batch: Batch, ys: Array) -> None:
        given, rows = self._inputs(batch)
        given.value.requires_grad_(True)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.batches)
        found = self._net(given, generator)
        features = found.features.detach().double().cpu().numpy()
        with np.errstate(invalid="ignore"):  # what is not finite is refused below
            beside = batch.offset + self._last(features) - self._last.weight[0] * features[:, 0]
        losses = self._loss(found, given, self._on(beside.astype(np.float32)), self._on(ys), generator)
        total = sum(self.weights[name] * loss for name, loss in losses.items())
        assert isinstance(total, Tensor)
        wanted = list(self._parameters.values())
        gradients = torch.autograd.grad(total, [given.value, *wanted], allow_unused=True)
        if not all(bool(torch.isfinite(one).all()) for one in gradients if one is not None):
            raise ValueError("the batch gives no finite gradient: nothing was learnt")
        assert gradients[0] is not None
        # From here on nothing fails: all is learnt.
        self._last.learn(features, batch.offset, ys)
        self._table.learn(rows, gradients[0].cpu().numpy() * len(ys))
        for parameter, gradient in zip(wanted, gradients[1:], strict=True):
            parameter.grad = gradient
        self._adam.step()
        self._adam.zero_grad()
        self.learnt += len(ys)
        self.batches += 1
        there = batch.id != 0
        self._table.meet(batch.id[there], batch.field[there], self.learnt)
        self._catalogue.put(*self._arrays.described(batch, self._catalogue.features), self.learnt)
        if self.forget_after and self.batches % EXPIRE_EVERY == 0:
            self._table.expire(self.learnt - self.forget_after)
        self._losses |= {name: float(loss.detach()) for name, loss in losses.items()}

    def _loss(
        self, found: Found, given: Inputs, beside: Tensor, ys: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Return the losses that count in this micro-batch, before their weights.

        The network learns beside all else that the last layer adds to the offset, `beside` (n,).
        """
        losses = {"click": functional.binary_cross_entropy_with_logits(beside + found.features[:, 0], ys)}
        if self.weights["alike"] and bool((given.past >= 0).any()):
            losses["alike"] = self._net.alike(found, given.past)
        if not self.steps or self.batches % self.diffuse_every or not len(found.clean):
            return losses
        if self.weights["diffusion"]:
            denoise = self._net.denoise(found.interests, found.pair)
            each = self._trainer.loss(denoise, found.clean.detach(), generator=generator)
            losses["diffusion"] = found.clean.shape[1] * each  # of a whole interest, not of each of its numbers
        if self.weights["contrast"]:
            losses["contrast"] = self._net.calibration(found.interests.pooled, found.made, found.interests.filled)
        return losses

    # -- state -------------------------------------------------------------------------------------------------------

    def dense(self) -> dict[str, Array]:
        """Return weights, Adam's moments, names of fields and counts, as arrays of its own."""
        out = {f"net.{name}": _array(parameter) for name, parameter in self._parameters.items()}
        out |= {f"adam.{name}": part for name, part in optimizer_state.arrays(self._adam, self._net).items()}
        out["last.weight"], out["last.precision"] = self._last.weight.copy(), self._last.precision.copy()
        out["counts"] = np.array([self.learnt, self.batches, self._table.dropped], np.int64)
        out["fields"] = np.frombuffer(json.dumps(self._arrays.fields.names, default=repr).encode(), np.uint8).copy()
        return out

    def touched(self) -> dict[str, bytes | None]:
        """Return rows of ids and items that changed since the last call; None is a row that is gone."""
        return _named(self._table.touched(), self._catalogue.touched())

    def rows(self) -> dict[str, bytes]:
        """Return all rows of ids and items, by key."""
        return _named(self._table.every(), self._catalogue.every())

    def restore(self, dense: Mapping[str, Array], rows: Mapping[str, bytes]) -> None:
        """Become the model that gave these. Raises `ValueError`, and is unchanged, where they do not fit."""
        made = type(self)(**self._given)
        made._take(dense)
        parts: dict[str, dict[str, bytes]] = {"id": {}, "item": {}}
        for key, packed in rows.items():
            kind, _, name = key.partition("/")
            if kind not in parts:
                raise ValueError(f"row {key!r} is of no table of this model")
            parts[kind][name] = packed
        made._table.restore(parts["id"])
        made._catalogue.restore(parts["item"])
        self.__dict__.update(made.__dict__)

    def _take(self, dense: Mapping[str, Array]) -> None:
        """Take all that is not in rows."""
        lacking = sorted({"counts", "fields", *(f"net.{name}" for name in self._parameters)} - set(dense))
        if lacking:
            raise ValueError(f"dense lacks {lacking[0]!r}, and {len(lacking) - 1} others")
        for name, parameter in self._parameters.items():
            with torch.no_grad():
                parameter.copy_(_like(dense, f"net.{name}", parameter))
        adam = {name[5:]: part for name, part in dense.items() if name.startswith("adam.")}
        for of, parts in optimizer_state.check(adam, self._net).items():
            self._adam.state[of] = parts
        self.learnt, self.batches, self._table.dropped = (int(count) for count in dense["counts"])
        self._last.weight = array(dense, "last.weight", like=self._last.weight)
        self._last.precision = array(dense, "last.precision", like=self._last.precision)
        self._arrays.restore(json.loads(dense["fields"].tobytes()))

    def fork(self) -> "DiffuMin":
        """Return a model that answers and learns the same, and that learning here does not change."""
        made = type(self)(**self._given)
        made._take(self.dense())
        made._table, made._catalogue = self._table.copy(), self._catalogue.copy()
        made._losses = dict(self._losses)
        return made


def _named(ids: dict[str, T], items: dict[str, T]) -> dict[str, T]:
    """Give rows of both tables the names under which they are kept."""
    return {f"id/{key}": row for key, row in ids.items()} | {f"item/{key}": row for key, row in items.items()}


def _array(tensor: Tensor) -> Array:
    found: Array = tensor.detach().cpu().numpy().copy()
    return found


def _like(dense: Mapping[str, Array], name: str, like: Tensor) -> Tensor:
    """Return a part of a state as a tensor that fits."""
    given = dense.get(name)
    if given is None or given.shape != tuple(like.shape) or given.dtype != np.float32:
        told = "nothing" if given is None else f"{given.dtype} of shape {given.shape}"
        raise ValueError(f"dense {name!r} must be float32 of shape {tuple(like.shape)}, got {told}")
    return torch.from_numpy(np.array(given)).to(like.device)

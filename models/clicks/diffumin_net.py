"""The network of DiffuMIN: from embeddings of events and their histories to what is added to the offset."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from driftline.models.clicks.calibration import Calibration
from driftline.models.clicks.channels import Channels, Interests, alike
from driftline.models.clicks.interest_generator import Denoiser
from driftline.models.clicks.short_term import ShortTerm
from driftline.models.training.sampler import sample
from driftline.models.training.schedule import Schedule

HORIZONS = (10, 20, 50, 100, 200)
"""How many of the newest past clicks are looked at for likeness."""
LOG_EIGHT = 2.0794415416798357


class Entries(NamedTuple):
    """Features of events or items, by rows of a table of embeddings; `n` of them, at most `k` features each."""

    row: Tensor
    """(n, k) int64."""
    size: Tensor
    """(n, k): 1, a number's size, or 0 where there is no further feature."""
    slot: Tensor
    """(n, k) int64: the part of the vector it belongs to."""


class Inputs(NamedTuple):
    """A batch as the network sees it."""

    value: Tensor
    """(R, 1 + 2 dim): for each id in the batch a weight of its own, an embedding, and what it tells as a past click."""
    event: Entries
    """Of the events, (n, k)."""
    item: Entries
    """Of the different items in histories, (u, k)."""
    past: Tensor
    """(n, l) int64: which of the items each behaviour is, -1 for none."""
    offset: Tensor
    """(n,): log odds to begin from."""


class Found(NamedTuple):
    """What the network makes of a batch."""

    features: Tensor
    """(n, K): for the last layer; the answer of the network itself, 1, the offset, and of likeness."""
    interests: Interests
    pair: tuple[Tensor, Tensor]
    """The events and channels (M,) of the interests that there are; all below are of these."""
    clean: Tensor
    """(M, d): interests of length 1."""
    made: Tensor
    """(n, c, d): generated interests, 0 where there is none."""
    item: Tensor
    """(u, d): the different items of the behaviours."""


class Net(nn.Module):
    """Everything of DiffuMIN that is not a row of a table.

    Parameters
    ----------
    parts, dim
        Parts of an item's vector, numbers of each: d = parts * dim.
    channels, share
        Interest channels; the share of behaviours that each keeps.
    steps, strided, detached
        Steps of the sampler, 0 for none; whether they go over all levels of noise; whether gradients stop there.
    recent
        Behaviours that the short-term encoder looks at.
    schedule
        Levels of noise.

    """

    def __init__(
        self,
        parts: int,
        dim: int,
        channels: int,
        share: float,
        steps: int,
        strided: bool,
        detached: bool,
        recent: int,
        schedule: Schedule,
    ):
        super().__init__()
        width = parts * dim
        self.dim, self.recent = dim, recent
        self.parts, self.steps, self.strided, self.detached, self.schedule = parts, steps, strided, detached, schedule
        self.gate = nn.Parameter(torch.zeros(parts))
        """How much each part of an item's vector counts where behaviours are routed: a softmax."""
        self.channels = Channels(width, channels, share)
        self.denoiser = Denoiser(width)
        self.calibration = Calibration(width)
        self.short_term = ShortTerm(width, length=recent)
        last = nn.Linear(64, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(
            nn.Linear(2 * width + 2 * channels * width + 2 * dim + 4 * channels + 2, 128), nn.PReLU(),
            nn.Linear(128, 64), nn.PReLU(), last,
        )  # fmt: skip
        self.scale, self.bias = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))
        self.reach = nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, given: Inputs, generator: torch.Generator | None = None) -> Found:
        """Return what to add to the offset; `generator` draws the sampler's noise, which only training has."""
        embedding, telling = given.value[:, 1 : 1 + self.dim], given.value[:, 1 + self.dim :]
        whole = gathered(embedding, given.event, self.parts + 2)  # (n, parts + 2, dim)
        target, other = whole[:, : self.parts].flatten(1), whole[:, self.parts :].flatten(1)
        item = gathered(embedding, given.item, self.parts).flatten(1)
        past = _spread(item, given.past)
        told = _spread(gathered(telling, given.item, self.parts).flatten(1), given.past)
        mask = given.past >= 0
        gate = self.gates().detach()  # it learns from `alike` alone
        found = self.channels(target * gate, past * gate, mask)
        event, channel = torch.nonzero(found.filled, as_tuple=True)
        pair = event, channel
        clean = functional.normalize(found.pooled, dim=-1)
        start = clean[pair]
        made = torch.zeros_like(clean)
        if self.steps and len(start):
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.detached):
                sampled = sample(self.denoise(found, pair), start, self.schedule, self.steps, generator, self.strided)
            made = made.index_put(pair, sampled)
        added = self.answer(given, target, other, found, made, past, mask) + self.plain(target, told, mask)
        features = [
            added[:, None],
            torch.ones_like(added)[:, None],
            given.offset[:, None],
            self.matches(target, past, mask, found),
            self.near(target * gate, clean, made, found),
        ]
        return Found(torch.cat(features, dim=1), found, pair, start, made, item)

    def gates(self) -> Tensor:
        """Return what an item's vector is multiplied by for the channels, (d,): 1 for all parts at first."""
        return (self.parts * self.gate.softmax(dim=0)).repeat_interleave(self.dim)

    def alike(self, found: Found, past: Tensor) -> Tensor:
        """Return how alike pasts are, seen through the channels' common frame."""
        return alike(found.item.detach() * self.gates(), past, self.channels.frame())

    @property
    def features(self) -> int:
        """How many features the last layer has."""
        return 3 + len(HORIZONS) * (self.parts + 1) + 2

    def matches(self, target: Tensor, past: Tensor, mask: Tensor, found: Interests) -> Tensor:
        """Return how much of the newest past is like the target, (n, horizons * (parts + 1)), as log of a share.

        Alike are those whose part of the vector points to where the target's does, part by part; and those of the
        channel that the target itself belongs to.
        """
        n, length = mask.shape
        ours = functional.normalize(target.view(n, self.parts, 1, self.dim), dim=-1)
        theirs = functional.normalize(past.view(n, length, self.parts, self.dim), dim=-1).permute(0, 2, 3, 1)
        near = (ours @ theirs)[:, :, 0].clamp(min=0.0).pow(3).detach()  # (n, parts, l)
        own = found.own[:, None]
        near = torch.cat([near, (found.route == own)[:, None].to(near.dtype)], dim=1) * mask[:, None]
        shares = []
        for horizon in HORIZONS:
            count = mask[:, :horizon].sum(dim=1, keepdim=True)
            shares.append(((near[:, :, :horizon].sum(dim=2) + 1.0) / (count + 8.0)).log() + LOG_EIGHT)
        return torch.cat(shares, dim=1)

    def near(self, target: Tensor, clean: Tensor, made: Tensor, found: Interests) -> Tensor:
        """Return how near the interest of the target's own channel is, the real and the generated one: (n, 2)."""
        unit = functional.normalize(target, dim=-1)
        at = torch.arange(len(unit), device=unit.device)
        return torch.stack(
            [(interests[at, found.own] * unit).sum(dim=1) for interests in (clean, made)], dim=1
        ).detach()

    def plain(self, target: Tensor, told: Tensor, mask: Tensor) -> Tensor:
        """Return what all past clicks, and the newest, tell of the target by themselves, (n,): one product each."""
        sums = []
        for length in (told.shape[1], self.recent):
            count = mask[:, :length].sum(dim=1, keepdim=True).clamp(min=1)
            sums.append((told[:, :length].sum(dim=1) / count.sqrt() * target).sum(dim=1))
        return torch.stack(sums, dim=1) @ self.reach

    def denoise(self, found: Interests, pair: tuple[Tensor, Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the denoiser of the interests at `pair`, as a function of noisy ones (M, d) and their levels (M,)."""
        among, direction = functional.normalize(found.pooled, dim=-1)[pair[0]], found.direction.transpose(1, 2)[pair]
        if self.detached:
            among, direction = among.detach(), direction.detach()
        return lambda noisy, level: self.denoiser(noisy, among, pair[1], direction, level)

    def answer(
        self, given: Inputs, target: Tensor, other: Tensor, found: Interests, made: Tensor, past: Tensor, mask: Tensor
    ) -> Tensor:
        """Return the head's answer, (n,), with the wide part."""
        count = mask.sum(dim=1, keepdim=True).clamp(min=1).to(target.dtype)
        near = [(interests @ target[:, :, None])[..., 0] for interests in (found.pooled, made)]  # (n, c) each
        routed = torch.stack([(found.route == i).sum(dim=1) for i in range(found.filled.shape[1])], dim=1) / count
        head = torch.cat(
            [
                target, found.pooled.flatten(1), made.flatten(1), other, self.short_term(target, past, mask), *near,
                found.along, routed, count.log()[:, :1], given.offset[:, None],
            ], dim=1,
        )  # fmt: skip
        wide = (functional.embedding(given.event.row, given.value[:, :1])[..., 0] * given.event.size).sum(dim=1)
        added: Tensor = wide + self.scale * given.offset + self.bias + self.head(head)[:, 0]
        return added


def _spread(item: Tensor, past: Tensor) -> Tensor:
    """Return the vector of each behaviour, (n, l, d), of those of items (u, d); zeros where there is none."""
    nothing = item.new_zeros(1, item.shape[1])
    return functional.embedding(past + 1, torch.cat([nothing, item]))  # its backward repeats bit for bit


def gathered(embedding: Tensor, entries: Entries, parts: int) -> Tensor:
    """Return the parts of vectors, (n, parts, dim): sums of their features over the root of how many there are.

    Parameters
    ----------
    embedding
        (R, dim).
    entries
        Which rows they are made of.
    parts
        How many; features of further slots are left out.

    """
    among = torch.arange(parts, device=embedding.device) == entries.slot[..., None]
    share = (among & (entries.size != 0)[..., None]).to(embedding.dtype)
    share = share * entries.size[..., None] / share.sum(dim=1, keepdim=True).clamp(min=1.0).sqrt()
    each = functional.embedding(entries.row, embedding)
    return share.transpose(1, 2) @ each

"""Channels are orthonormal and the target's own; routing, filtering and pooling are those of a slow re-derivation."""
# ruff: noqa: E741 (l is the number of behaviours, as in the paper)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from driftline.models.clicks.channels import (  # noqa: E402
    JITTER,
    Channels,
    alike,
    filtered,
    jitter,
    orthonormal,
    routed,
)

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def slow(target, behaviours, mask, weight, bias, c, share, constant):
    """Sections 1.1 to 1.5 of the extractor in float64, one event and one behaviour at a time; Gram and Schmidt for QR.

    Returns directions, channels of behaviours, what is kept, and interests.
    """
    B, l, d = behaviours.shape
    directions, routes = np.zeros((B, d, c)), np.full((B, l), -1)
    kept, pooled = np.zeros((B, l, c), bool), np.zeros((B, c, d))
    for b in range(B):
        projection = (weight @ target[b] + bias).reshape(d, c) + constant
        for i in range(c):
            column = projection[:, i].copy()
            for _ in range(2):
                for j in range(i):
                    column -= (directions[b, :, j] @ column) * directions[b, :, j]
            directions[b, :, i] = column / np.sqrt(column @ column)
        affinity = [[float(behaviours[b, j] @ directions[b, :, i]) for i in range(c)] for j in range(l)]
        for j in range(l):
            if mask[b, j]:
                routes[b, j] = max(range(c), key=lambda i: affinity[j][i])
        most = max(1, int(np.ceil(share * mask[b].sum())))
        for i in range(c):
            own = sorted((j for j in range(l) if routes[b, j] == i), key=lambda j: -affinity[j][i])[:most]
            for j in own:
                kept[b, j, i] = True
                pooled[b, i] += affinity[j][i] * behaviours[b, j] / len(own)
    return directions, routes, kept, pooled


def world(seed, B=5, l=9, d=8, c=3):
    torch.manual_seed(seed)
    channels = Channels(d, c, share=0.3)
    channels.project.weight.data.normal_(0.0, 0.5)
    rng = np.random.default_rng(seed)
    mask = rng.random((B, l)) < 0.7
    mask[0] = False
    return channels, rng.normal(size=(B, d)), rng.normal(size=(B, l, d)), mask


def arrays(channels):
    return (part.detach().numpy().astype(np.float64) for part in (channels.project.weight, channels.project.bias))


@pytest.mark.parametrize("seed", range(5))
def test_parity_with_a_slow_derivation(seed):
    channels, target, behaviours, mask = world(seed)
    weight, bias = arrays(channels)
    constant = jitter(torch.zeros(8, 3, dtype=torch.float64)).numpy()
    expected = slow(target, behaviours, mask, weight, bias, 3, 0.3, constant)
    found = channels.double()(torch.from_numpy(target), torch.from_numpy(behaviours), torch.from_numpy(mask))
    assert np.abs(found.direction.detach().numpy() - expected[0]).max() < 1e-9
    assert np.array_equal(found.route.numpy(), expected[1])
    assert np.array_equal(found.kept.numpy(), expected[2])
    assert np.abs(found.pooled.detach().numpy() - expected[3]).max() < 1e-9
    assert np.array_equal(found.filled.numpy(), expected[2].any(axis=1))
    single = channels.float()(
        *(torch.from_numpy(one.astype(np.float32)) for one in (target, behaviours)), torch.from_numpy(mask)
    )
    assert np.array_equal(single.route.numpy(), expected[1])
    assert np.abs(single.pooled.detach().numpy() - expected[3]).max() < 1e-5


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["random", "zero", "parallel", "huge", "tiny"])
def test_columns_are_orthonormal_and_span_the_projection(kind, device):
    projection = torch.randn(20, 12, 4, generator=torch.Generator().manual_seed(1))
    if kind == "zero":
        projection *= 0.0
    if kind == "parallel":
        projection[..., 1] = 2.0 * projection[..., 0]
    projection = (projection * {"huge": 1e4, "tiny": 1e-4}.get(kind, 1.0)).to(device)
    found = orthonormal(projection)
    eye = torch.eye(4, device=device)
    assert (found.transpose(1, 2) @ found - eye).abs().max() < 1e-5
    jittered = projection + jitter(projection)
    rest = jittered - found @ (found.transpose(1, 2) @ jittered)
    assert (rest.norm(dim=1) / jittered.norm(dim=1)).max() < 1e-5
    assert (
        (found.transpose(1, 2) @ jittered).diagonal(dim1=1, dim2=2) > -1e-5 * jittered.norm(dim=(1, 2))[:, None]
    ).all()


def test_the_jitter_is_a_constant_of_its_size():
    one = jitter(torch.zeros(24, 4))
    torch.randn(3)
    assert torch.equal(one, jitter(torch.zeros(7, 24, 4)))
    assert 0.5 * JITTER < one.std() < 2.0 * JITTER


@pytest.mark.parametrize("device", DEVICES)
def test_equal_targets_have_equal_channels_in_any_batch(device):
    torch.manual_seed(3)
    channels = Channels(12, 4).to(device)
    targets = torch.randn(64, 12, device=device)
    whole = channels.directions(targets)
    assert torch.equal(whole, channels.directions(targets))
    for count in (1, 3, 17):
        assert (channels.directions(targets[:count]) - whole[:count]).abs().max() < 1e-6
    assert (channels.directions(targets[:1].expand(9, -1)) - whole[:1]).abs().max() < 1e-6
    assert (channels.directions(-targets[:1] * 0.0) - channels.directions(targets[:1] * 0.0)).abs().max() == 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 20))
def test_padding_changes_nothing(seed, more):
    channels, target, behaviours, mask = world(seed)
    target, behaviours = torch.from_numpy(target).float(), torch.from_numpy(behaviours).float()
    mask = torch.from_numpy(mask)
    found = channels(target, behaviours, mask)
    padded = torch.cat([behaviours, 1e3 * torch.randn(5, more, 8)], dim=1)
    padding = torch.zeros(5, more, dtype=torch.bool)
    again = channels(target, padded, torch.cat([mask, padding], dim=1))
    assert torch.equal(again.route[:, :9], found.route)
    assert (again.route[:, 9:] == -1).all()
    assert torch.equal(again.kept[:, :9], found.kept)
    assert (again.pooled - found.pooled).abs().max() < 1e-6
    assert torch.equal(again.filled, found.filled)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 1.0))
def test_each_behaviour_is_in_one_channel_and_few_are_kept(seed, share):
    torch.manual_seed(seed)
    affinity = torch.randint(-2, 3, (4, 11, 3)).float()  # many ties
    mask = torch.rand(4, 11) < 0.6
    route = routed(affinity, mask)
    kept = filtered(affinity, route, share)
    assert ((route >= 0) == mask).all()
    assert (kept.sum(dim=2) <= 1).all()
    for b in range(4):
        most = max(1, int(np.ceil(np.float32(share) * int(mask[b].sum()))))
        for i in range(3):
            own, chosen = affinity[b, route[b] == i, i], affinity[b, kept[b, :, i], i]
            assert len(chosen) == min(most, len(own))
            assert sorted(chosen.tolist()) == sorted(own.tolist(), reverse=True)[: len(chosen)][::-1]


def test_who_has_no_history_has_no_interests():
    channels = Channels(6, 2)
    for length in (0, 4):
        found = channels(torch.randn(3, 6), torch.randn(3, length, 6), torch.zeros(3, length, dtype=torch.bool))
        assert not found.pooled.any()
        assert not found.filled.any()


def test_a_target_without_a_vector_has_channels_that_are_not_of_the_jitter_alone():
    """The projection's bias is away from zero: cold items have the common frame."""
    torch.manual_seed(0)
    channels = Channels(12, 4)
    cold, frame = channels.directions(torch.zeros(1, 12))[0], channels.frame()
    assert torch.equal(cold, frame)
    assert (frame - channels.project.bias.view(12, 4)).abs().max() < 1e-4


def test_alike_is_information_between_a_past_and_channels():
    """Against sums in float64, and at its ends: nothing where all pasts are alike, log 2 where channels tell of two."""
    rng = np.random.default_rng(0)
    items, direction = rng.normal(size=(7, 4)), np.linalg.qr(rng.normal(size=(4, 3)))[0]
    past = rng.integers(-1, 7, (5, 6))
    past[0] = -1
    unit = items / np.linalg.norm(items, axis=1, keepdims=True)
    p = np.exp(unit @ direction / 0.1)
    p /= p.sum(axis=1, keepdims=True)

    def entropy(rows):
        q = np.mean([p[row] for row in rows], axis=0)
        return -(q * np.log(q)).sum()

    each = [[one for one in row if one >= 0] for row in past]
    together = [one for row in each for one in row]
    expected = sum(len(row) / len(together) * entropy(row) for row in each if row) - entropy(together)
    found = alike(torch.from_numpy(items), torch.from_numpy(past), torch.from_numpy(direction))
    assert float(found) == pytest.approx(expected, abs=1e-9)
    two, axes = torch.eye(2), torch.eye(2)
    assert float(alike(two, torch.tensor([[0, 0, -1], [1, 1, 1], [0, -1, -1]]), axes)) == pytest.approx(
        -np.log(2), abs=1e-2
    )
    assert float(alike(two, torch.tensor([[0, 1], [1, 0]]), axes)) == pytest.approx(0.0, abs=1e-6)

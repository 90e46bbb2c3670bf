"""Generator, calibration and short-term encoder against slow re-derivations in float64, and what they must not see."""
# ruff: noqa: E741 (l is the number of behaviours, as in the paper)

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from driftline.models.clicks.calibration import Calibration  # noqa: E402
from driftline.models.clicks.interest_generator import Denoiser, waves  # noqa: E402
from driftline.models.clicks.short_term import ShortTerm  # noqa: E402


def weights(module):
    return {name: value.detach().numpy().astype(np.float64) for name, value in module.named_parameters()}


def norm(x, w, name):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def attend(query, tokens, w, name, heads=2):
    """One query over tokens, head by head."""
    d = len(query)
    size, out = d // heads, np.zeros(d)
    q = w[f"{name}.query.weight"] @ query
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        scores = np.array([(w[f"{name}.key.weight"] @ t)[part] @ q[part] for t in tokens]) / np.sqrt(size)
        share = np.exp(scores - scores.max())
        share /= share.sum()
        out[part] = sum(s * (w[f"{name}.value.weight"] @ t)[part] for s, t in zip(share, tokens, strict=True))
    return w[f"{name}.out.weight"] @ out


def mlp(x, w, name, act):
    x = act(w[f"{name}.0.weight"] @ x + w[f"{name}.0.bias"])
    return w[f"{name}.2.weight"] @ x + w[f"{name}.2.bias"]


def relu(x):
    return np.maximum(x, 0.0)


def shaken(module, seed):
    """Move all weights, so that none is at a value that hides something."""
    torch.manual_seed(seed)
    for value in module.parameters():
        value.data += 0.3 * torch.randn_like(value)
    return module


@pytest.mark.parametrize("seed", range(3))
def test_the_generator_is_that_of_a_slow_derivation(seed):
    d, c, M = 6, 4, 7
    denoise = shaken(Denoiser(d), seed)
    w, rng = weights(denoise), np.random.default_rng(seed)
    noisy, interests, direction = rng.normal(size=(M, d)), rng.normal(size=(M, c, d)), rng.normal(size=(M, d))
    place, level = rng.integers(c, size=M), rng.integers(1_000, size=M)
    expected = np.zeros((M, d))
    for m in range(M):
        rate = 1e4 ** -(np.arange(d // 2) / (d // 2 - 1))
        wave = np.concatenate([np.sin(level[m] * rate), np.cos(level[m] * rate)])
        time = mlp(wave, w, "time", lambda x: x / (1.0 + np.exp(-x)))
        x = [(noisy[m] if i == place[m] else interests[m, i]) + time for i in range(c)]
        for block in ("blocks.0", "blocks.1"):
            x = [norm(one + attend(one, x, w, f"{block}.among"), w, f"{block}.norms.0") for one in x]
            cross = w[f"{block}.out.weight"] @ w[f"{block}.value.weight"] @ direction[m]  # over one token: its value
            x = [norm(one + cross, w, f"{block}.norms.1") for one in x]
            x = [norm(one + mlp(one, w, f"{block}.mix", relu), w, f"{block}.norms.2") for one in x]
        expected[m] = x[place[m]]
    given = [torch.from_numpy(one) for one in (noisy, interests, place, direction, level)]
    assert np.abs(denoise.double()(*given).detach().numpy() - expected).max() < 1e-9
    single = denoise.float()(*(one.float() if one.is_floating_point() else one for one in given))
    assert np.abs(single.detach().numpy() - expected).max() < 1e-5 * max(1.0, np.abs(expected).max())


def test_the_generator_does_not_see_the_clean_interest_that_it_guesses():
    denoise = shaken(Denoiser(6), 0)
    noisy, interests, place = torch.randn(3, 6), torch.randn(3, 4, 6), torch.tensor([0, 1, 3])
    other = interests.clone()
    other[torch.arange(3), place] = 99.0
    told = [denoise(noisy, given, place, torch.ones(3, 6), torch.tensor([5, 6, 7])) for given in (interests, other)]
    assert torch.equal(*told)
    other[:, 2] = 0.0
    assert not torch.allclose(told[0], denoise(noisy, other, place, torch.ones(3, 6), torch.tensor([5, 6, 7])))


def test_waves_of_odd_width_have_the_width():
    assert waves(torch.arange(3), 5).shape == (3, 5)


@pytest.mark.parametrize("seed", range(3))
def test_calibration_is_infonce_in_one_direction(seed):
    B, c, d = 6, 3, 4
    calibration = shaken(Calibration(d, temperature=0.5), seed)
    w, rng = weights(calibration), np.random.default_rng(seed)
    real, made, filled = rng.normal(size=(B, c, d)), rng.normal(size=(B, c, d)), rng.random((B, c)) < 0.7
    filled[:, 2] = False
    filled[4, 2] = True  # alone in its channel: nothing to tell it from
    losses = []
    for i in range(c):
        there = np.flatnonzero(filled[:, i])
        if len(there) < 2:
            continue
        unit = {}
        for b in there:
            for name, x in (("real", real), ("made", made)):
                y = mlp(x[b, i], w, name, relu)
                unit[name, b] = y / np.sqrt(y @ y)
        for b in there:
            scores = {o: unit["real", b] @ unit["made", o] / 0.5 for o in there}
            losses.append(np.log(sum(np.exp(s) for s in scores.values())) - scores[b])
    given = [torch.from_numpy(one) for one in (real, made)]
    found = calibration.double()(*given, torch.from_numpy(filled))
    assert float(found.detach()) == pytest.approx(np.mean(losses), abs=1e-9)
    single = calibration.float()(*(one.float() for one in given), torch.from_numpy(filled))
    assert float(single.detach()) == pytest.approx(np.mean(losses), abs=1e-5)


def test_calibration_of_nothing_is_nothing():
    loss = Calibration(4)(torch.randn(3, 2, 4), torch.randn(3, 2, 4), torch.zeros(3, 2, dtype=torch.bool))
    loss.backward()
    assert float(loss) == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_the_encoder_is_that_of_a_slow_derivation(seed):
    B, l, d, k = 5, 7, 6, 4
    encoder = shaken(ShortTerm(d, heads=2, length=k), seed)
    w, rng = weights(encoder), np.random.default_rng(seed)
    target, past, mask = rng.normal(size=(B, d)), rng.normal(size=(B, l, d)), rng.random((B, l)) < 0.6
    mask[0] = False
    expected = np.zeros((B, d))
    for b in range(B):
        own = target[b] + w["place"][0]
        tokens = [own] + [past[b, j] + w["place"][1 + j] for j in range(k) if mask[b, j]]
        x = norm(own + attend(own, tokens, w, "attend"), w, "norms.0")
        expected[b] = norm(x + mlp(x, w, "mix", relu), w, "norms.1")
    given = [torch.from_numpy(one) for one in (target, past)]
    found = encoder.double()(*given, torch.from_numpy(mask))
    assert np.abs(found.detach().numpy() - expected).max() < 1e-9
    single = encoder.float()(*(one.float() for one in given), torch.from_numpy(mask))
    assert np.abs(single.detach().numpy() - expected).max() < 1e-5 * max(1.0, np.abs(expected).max())

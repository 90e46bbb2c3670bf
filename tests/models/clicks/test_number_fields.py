"""Numbers are standardised whatever their scale, and a wild one does not spoil the scale."""

import numpy as np
import pytest

from driftline.models.clicks import number_fields as numbers


def learnt(values):
    moments = numbers.make(1)
    for value in values:
        numbers.learn(moments, 0, value)
    return moments


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_standardised_whatever_the_scale(scale):
    values = scale * np.exp(np.random.default_rng(0).normal(0.0, 0.3, 1_500))
    moments = learnt(values)
    z = [numbers.standard(moments, 0, value) for value in values]
    assert abs(np.mean(z)) < 0.05
    assert np.std(z) == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(z, values)[0, 1] > 0.9
    assert len({numbers.bucket(one) for one in z}) == 9


def test_moments_are_those_of_all_values_at_first():
    values = np.random.default_rng(1).uniform(1.0, 3.0, 500)
    moments = learnt(values)
    assert moments.mean[0] == pytest.approx(np.log1p(values).mean())
    assert moments.variance[0] == pytest.approx(np.log1p(values).var())


def test_an_indicator_has_no_size():
    moments = learnt([1.0] * 50)
    assert numbers.standard(moments, 0, 1.0) == 0.0
    assert numbers.bucket(0.0) == 4


def test_wild_values_move_the_scale_a_little_only():
    values = np.random.default_rng(2).normal(100.0, 10.0, 300)
    calm = learnt(values)
    wild = learnt([*values, 1e12, 1e12])
    assert wild.variance[0] < 2.0 * calm.variance[0]
    assert numbers.standard(wild, 0, 1.7e308) == numbers.FARTHEST
    assert numbers.standard(wild, 0, -1.7e308) == -numbers.FARTHEST

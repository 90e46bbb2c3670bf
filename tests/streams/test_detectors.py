"""Detectors by name."""

from typing import get_args

import pytest

from driftline.streams.detectors import BITS, DETECTORS, Name, make


def test_every_name_makes_a_detector_but_none():
    assert {*DETECTORS, "none"} == set(get_args(Name))
    assert set(DETECTORS) > BITS
    assert all(make(name, {}).update(0.0) is None for name in DETECTORS)
    assert make("none", {}) is None


def test_kswin_is_seeded_unless_told_otherwise():
    assert make("kswin", {}).seed == 7
    assert make("kswin", {"seed": 3}).seed == 3


def test_what_a_detector_does_not_take_is_an_error():
    with pytest.raises(TypeError):
        make("adwin", {"detla": 0.1})

"""One step: a Kalman update of the log odds, and prior variances that follow the likelihood of predictions."""

import numpy as np
import pytest

from driftline.models.clicks import clock_step
from driftline.models.clicks.click_rows import Fields

FIELDS = 8


class Clock:
    """State and scratch, fed by dictionaries."""

    def __init__(self):
        self.fields = Fields(FIELDS)
        self.state = clock_step.make(4_096, FIELDS)
        self.held = clock_step.hold(self.state, clock_step.scratch(16, FIELDS))

    def learn(self, xs, ys):
        out = np.zeros(len(xs))
        rows = self.fields.rows(xs, add=True)
        assert clock_step.run(self.held, *rows, np.array(ys, dtype=float), 0, 4_096, out) == len(xs)
        return out

    def logit(self, x):
        out = np.zeros(1)
        clock_step.predict(self.held, *self.fields.rows([x], add=False), out)
        return out[0]


def test_the_first_event_is_the_kalman_update_worked_out_by_hand():
    clock = Clock()
    clock.learn([{"user": "u"}], [1])
    # Two tokens, the user's and the one of all, each slow and quick, at p = 1/2 and no information.
    priors = np.array([0.3, 0.01, 1.0, 0.01])
    g, h = 0.5, 0.25
    gain = g / (1.0 + priors.sum() * h)
    means = priors * gain
    spread = 1.0 / clock.state.precision[[0, 0, -2, -2], [0, 1, 0, 1]]
    assert spread == pytest.approx(priors)  # a mean of zero tells nothing of variances
    base = np.log((0.5 + 1.0) / (2.0 - 1.5))
    assert clock.logit({"user": "u"}) == pytest.approx(base + means.sum(), rel=1e-5)
    assert clock.logit({"user": "other"}) == pytest.approx(base + means[2:].sum(), rel=1e-5)


def test_a_variance_moves_along_the_gradient_of_the_likelihood():
    """Set one prior variance a little higher: the log-likelihood of the next answer changes as the step says."""
    xs, ys = [{"user": "u"}, {"user": "u"}, {"user": "v"}], [1, 1, 0]
    nudged = {}
    for by in (-1e-3, 0.0, 1e-3):
        clock = Clock()
        clock.learn(xs, ys)
        clock.state.pull[:] = 1.0
        clock.state.precision[0, 0] *= np.exp(-by)
        nudged[by] = -np.log1p(np.exp(-clock.logit({"user": "u"})))
        if by == 0.0:
            before = clock.state.precision[0, 0]
            clock.learn([{"user": "u"}], [1])
            gradient = np.sqrt(clock.state.pull[0, 0] - 1.0)
            moved = -np.log(clock.state.precision[0, 0] / before)
    slope = (nudged[1e-3] - nudged[-1e-3]) / 2e-3
    assert gradient == pytest.approx(abs(slope), rel=1e-3)
    assert moved == pytest.approx(clock_step.PACE * slope / np.sqrt(1.0 + slope**2), rel=1e-3)


def test_fields_that_say_something_are_given_room_and_others_are_shrunk():
    rng = np.random.default_rng(0)
    taste = rng.normal(0.0, 2.0, 50)
    users, noise = rng.integers(50, size=4_000), rng.integers(50, size=4_000)
    ys = rng.random(4_000) < 1.0 / (1.0 + np.exp(-taste[users]))
    clock = Clock()
    clock.learn([{"user": f"u{u}", "item": f"i{i}"} for u, i in zip(users, noise, strict=True)], ys)
    deviation = clock.state.precision[:2, 0] ** -0.5
    assert deviation[0] > 1.0
    assert deviation[1] < 0.4


def test_the_quick_part_follows_who_changes_his_mind():
    clock = Clock()
    turns = [{"user": f"u{t % 10}"} for t in range(6_000)]
    ys = [(t // 400 + t) % 2 for t in range(6_000)]  # each user turns after 40 of his events
    out = clock.learn(turns, ys)
    late = slice(4_000, None)
    right = (out[late] > 0) == (np.array(ys[late]) > 0)
    assert right.mean() > 0.75
    assert clock.state.precision[0, 1] ** -0.5 > 0.3


def test_pairs_get_a_slot_when_they_come_again():
    clock = Clock()
    clock.learn([{"user": "u", "item": f"i{i}"} for i in range(100)], [1] * 100)
    once = clock.state.table.tally[0]
    assert once == 101
    clock.learn([{"user": "u", "item": "i3"}] * 3, [0] * 3)
    assert clock.state.table.tally[0] == once + 1

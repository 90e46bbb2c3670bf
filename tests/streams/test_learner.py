"""The learner: each joined event is learnt once, whatever dies, and training sees what serving saw."""

import numpy as np
import pytest
from heavies import Wide
from side import CONFIG, VAULT, answered, joined, lanes_events

from driftline.streams.failpoint import arm, disarm
from driftline.streams.learner import Learner, look_up_histories
from driftline.streams.memory_store import MemoryStore
from driftline.streams.store import Lost, Refused
from driftline.streams.vault import Foreign


def learner(store, config=CONFIG):
    made = Learner("s", "wide", config, store, VAULT, Wide)
    made.take()
    return made


def feed(one, messages, now=0.0):
    for partition, offset, value in messages:
        one.offer(partition, offset, value, now)


def steps(one, now=100.0):
    count = 0
    while one.due(now):
        count += one.step()
    return count


def state(one):
    """All that was learnt."""
    weights, rows = one.model.dense()["weights"], one.model.rows()
    return weights.tolist(), rows, one.offsets, one.numbers, one.learnt, one.judge.state()


def test_steps_are_of_the_size_that_is_set_and_wait_for_no_longer_than_is_set():
    one = learner(MemoryStore())
    feed(one, joined(0, 20))
    assert one.due(0.0)
    assert (one.step(), one.step()) == (8, 8)
    assert not one.due(4.9)
    assert one.due(5.1)
    assert one.step() == 4
    assert (one.learnt, one.offsets, one.numbers) == (20, {0: 20}, {0: 20})


def test_a_repeat_is_not_learnt_twice_and_what_is_missing_is_counted():
    one = learner(MemoryStore())
    feed(one, joined(0, 10))
    feed(one, joined(4, 12, first_offset=10))  # an heir sends its outbox again
    feed(one, joined(15, 16, first_offset=18))
    assert steps(one) == 13
    assert one.counts == {"repeated": 6, "missing": 3}
    assert one.numbers == {0: 16}


def test_what_is_no_joined_event_is_passed_over_and_counted():
    one = learner(MemoryStore())
    one.offer(0, 0, b"{", 0.0)
    one.offer(0, 1, None, 0.0)
    feed(one, joined(0, 1, first_offset=2))
    assert steps(one) == 1
    assert one.counts["unreadable"] == 2


@pytest.mark.parametrize("seed", range(3))
def test_whenever_it_dies_all_is_learnt_once(seed):
    """Against one that never died: with steps of whole micro-batches both do the same steps."""
    rng = np.random.default_rng(seed)
    messages = joined(0, 160, seed=seed)
    whole = learner(MemoryStore())
    feed(whole, messages)
    steps(whole, now=1.0)

    store = MemoryStore()
    one = learner(store)
    while one.learnt < 160:
        start = one.offsets.get(0, 0)
        feed(one, messages[start : start + 8 * int(rng.integers(1, 6))])
        steps(one, now=1.0)
        fate = rng.random()
        if fate < 0.4:
            one.checkpoint()
        elif fate < 0.8:
            one.drop()
            one = learner(store)
        else:
            store.lose(one.place, 1)
            with pytest.raises(Lost):
                one.checkpoint()
            one = learner(store)
    assert state(one) == state(whole)


@pytest.mark.parametrize("point", ["state.frozen", "state.ahead", "state.written"])
def test_a_death_in_a_checkpoint_leaves_a_whole_state(point):
    store, messages = MemoryStore(), joined(0, 48)
    one = learner(store)
    feed(one, messages[:16])
    steps(one)
    one.checkpoint()
    feed(one, messages[16:32])
    steps(one)

    def die():
        raise SystemError

    arm(point, die)
    try:
        with pytest.raises(SystemError):
            one.checkpoint()
    finally:
        disarm()
    heir = learner(store)
    assert heir.learnt == (32 if point == "state.written" else 16)
    feed(heir, messages[heir.offsets[0] :])
    steps(heir)
    whole = learner(MemoryStore())
    feed(whole, messages)
    steps(whole)
    assert state(heir) == state(whole)


def test_a_zombie_cannot_write():
    store = MemoryStore()
    zombie = learner(store)
    feed(zombie, joined(0, 8))
    steps(zombie)
    heir = learner(store)
    with pytest.raises(Refused):
        zombie.checkpoint()
    assert heir.learnt == 0


def test_a_damaged_state_falls_back_to_the_one_before():
    store = MemoryStore()
    one = learner(store)
    for start in (0, 16):
        feed(one, joined(start, start + 16, first_offset=start))
        steps(one)
        one.checkpoint()
    kept = store.hash(one.place).kept[-1]
    kept.parts["dense"] = kept.parts["dense"][:-1] + bytes([kept.parts["dense"][-1] ^ 1])
    heir = learner(store)
    assert heir.learnt == 16
    feed(heir, joined(16, 32, first_offset=16))
    steps(heir)
    assert state(heir) == state(one)


def test_another_model_under_the_same_name_is_refused():
    store = MemoryStore()
    one = learner(store)
    one.checkpoint()
    other = CONFIG.model_copy(
        update={
            "models": {
                **CONFIG.models,
                "wide": CONFIG.models["wide"].model_copy(update={"parameters": {"offset": "other"}}),
            }
        }
    )
    with pytest.raises(Foreign, match="class or parameters of wide changed"):
        learner(store, other)


def test_training_sees_the_history_that_serving_saw():
    seen = []

    class Spy(Wide):
        def learn_many(self, rows, ys):
            seen.extend((row.x["item"], len(row.history)) for row in rows)
            super().learn_many(rows, ys)

    one = Learner("s", "wide", CONFIG, MemoryStore(), VAULT, Spy)
    one.take()
    feed(one, joined(0, 8, user="u", y=True))
    steps(one)
    version, tokens = one.history("u")
    assert (version, len(tokens)) == (8, 8)
    # Answered when five things were known of the user, learnt when eight are.
    for value in answered([8], history=5):
        one.served.feed(0, 0, value)
    feed(one, joined(8, 10, user="u", y=True, first_offset=8))
    steps(one)
    assert seen[-2:] == [("i8", 5), ("i9", 8)]  # of the other it is not known: what there is now


def test_histories_are_in_the_checkpoint_and_can_be_looked_up_from_elsewhere():
    store = MemoryStore()
    one = learner(store)
    feed(one, joined(0, 8, user="u", y=True))
    steps(one)
    one.checkpoint()
    found = look_up_histories(store, VAULT, "driftline", "s", "wide", ["u", "nobody"])
    assert found["u"][0] == 8
    assert found["u"][1].tolist() == one.history("u")[1].tolist()
    assert found["nobody"][0] == 0
    heir = learner(store)
    assert heir.history("u")[1].tolist() == one.history("u")[1].tolist()


def test_an_heir_writes_only_what_has_changed_since():
    store = MemoryStore()
    one = learner(store)
    feed(one, joined(0, 8, y=True))
    steps(one)
    one.checkpoint()
    heir = learner(store)
    written = []
    heir._session.checkpoint = written.append
    feed(heir, joined(8, 9, y=True, first_offset=8))
    steps(heir)
    heir.checkpoint()
    assert {table: list(keys) for table, keys in written[0].keyed.items()} == {"rows": ["u3"], "histories": ["u3"]}


def test_a_poison_label_is_a_dead_letter_and_the_others_are_learnt():
    config = CONFIG
    one = Learner("s", "wide", config, MemoryStore(), VAULT, lambda: Wide(fail_on="i3"))
    one.take()
    feed(one, joined(0, 8))
    steps(one)
    assert one.counts["failed"] == 1
    assert [out.topic for out in one.outbox] == [config.dead_topic]
    assert b"no idea of i3" in one.outbox[0].value
    one.checkpoint()
    assert one.outbox == []


def test_an_heir_sends_the_outbox_again_under_the_same_ids():
    store = MemoryStore()
    one = Learner("s", "wide", CONFIG, store, VAULT, lambda: Wide(fail_on="i3"))
    one.take()
    feed(one, joined(0, 8))
    steps(one)
    outbox, _ = one.checkpoint()
    heir = Learner("s", "wide", CONFIG, store, VAULT, lambda: Wide(fail_on="i3"))
    assert [(out.id, out.value) for out in heir.take()] == [(out.id, out.value) for out in outbox]


def test_the_light_model_hands_the_lead_to_the_heavy_one_and_it_is_told():
    one = learner(MemoryStore())
    assert one.judge.leads is None
    offset = 0
    for start in range(0, 400, 8):
        # The light model is wrong at every third event, the heavy one never.
        messages = joined(start, start + 8, wrong_every=3)
        for value in answered(range(start, start + 8), right=True):
            one.served.feed(0, offset, value)
            offset += 1
        feed(one, messages)
        steps(one)
    assert one.judge.leads == "best"
    assert [out.id.split("/")[0] for out in one.outbox] == ["promotion"]
    assert one.judge.scores.n == 400


def test_where_the_light_model_answered_in_its_place_nothing_is_gained():
    one = learner(MemoryStore())
    offset = 0
    for start in range(0, 400, 8):
        for value in answered(range(start, start + 8), right=True, fallback="late"):
            one.served.feed(0, offset, value)
            offset += 1
        feed(one, joined(start, start + 8, wrong_every=3))
        steps(one)
    assert one.judge.leads is None
    assert one.judge.counts["fallback/late"] == 400
    assert one.judge.scores.n == 0


def test_the_lead_and_the_scores_outlive_the_process():
    store = MemoryStore()
    one = learner(store)
    for offset, value in enumerate(answered(range(400), right=True)):
        one.served.feed(0, offset, value)
    feed(one, joined(0, 400, wrong_every=3))
    steps(one)
    one.checkpoint()
    heir = learner(store)
    assert heir.judge.leads == "best"
    assert heir.judge.state() == one.judge.state()
    assert heir.beginnings == {0: 400}


def test_a_model_that_begins_anew_from_another_leaves_no_row_behind():
    store = MemoryStore()
    one = learner(store)
    feed(one, joined(0, 8, user="old"))
    steps(one)
    one.checkpoint()
    other = Wide()
    one.begin_anew(other)
    feed(one, joined(8, 16, user="new", first_offset=8))
    steps(one)
    one.checkpoint()
    heir = learner(store)
    assert set(heir.model.rows()) == {"new"} == set(one.model.rows())


def test_what_lanes_hand_over_is_what_is_learnt():
    """The messages of a real lane: all labels that were joined, once, with what the light model had said."""
    events, requests, lessons, lane = lanes_events()
    one = learner(MemoryStore())
    feed(one, lessons)
    assert len(requests) == len(events)
    assert steps(one) == lane.lessons == len(lessons)
    assert one.counts == {}

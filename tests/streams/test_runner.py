"""How the runner changes its consumer."""

from clients import Client
from world import CONFIG, VAULT

from driftline.streams.holding import Options
from driftline.streams.memory_store import MemoryStore
from driftline.streams.runner import Runner


def test_a_lost_consumer_is_replaced_only_by_one_that_is_answered_and_its_lanes_are_dropped(monkeypatch):
    made = [first := Client(), vain := Client(up=False), heir := Client()]
    monkeypatch.setattr("driftline.streams.contact.Consumer", lambda options: made.pop(0))
    runner = Runner({"s": CONFIG}, Options("127.0.0.1:1"), MemoryStore(), VAULT)
    dropped = []
    monkeypatch.setattr(runner.assignment, "close", lambda: dropped.append((first.closed, heir.subscribed)))
    assert runner._join(0.1)
    assert first.subscribed
    assert not runner._join(0.1)
    assert vain.closed
    assert dropped == []
    assert "broker" in runner.troubles()
    assert runner._join(0.1)
    assert dropped == [(False, False)], "before another can be given them"
    assert heir.subscribed
    assert runner._consumer is heir
    assert "broker" not in runner.troubles()

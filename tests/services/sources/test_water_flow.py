from river import datasets

from driftline.services.sources import WaterFlow


def test_times_and_values_are_the_original_ones():
    records = list(WaterFlow())
    original = [(x["Time"].timestamp(), {"flow": y}) for x, y in datasets.WaterFlow()]
    assert [(r.at, r.value.x) for r in records] == original


def test_there_are_no_labels_and_one_key():
    records = list(WaterFlow(sensor="north", limit=5))
    assert [(r.role, r.key) for r in records] == [("event", "north")] * 5

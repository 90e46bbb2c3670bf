from collections import Counter

from driftline.services.sources import Shuttle


def test_every_reading_is_there_and_seven_percent_are_anomalies():
    count = Counter(r.value.y if r.role == "label" else "event" for r in Shuttle(delay_seconds=0.0))
    assert count == {"event": 49_097, False: 45_586, True: 3_511}


def test_labels_are_yes_or_no_and_features_are_numbers():
    event, label = Shuttle(limit=1)
    assert label.value.y is True
    assert {type(value) for value in event.value.x.values()} == {float}
    assert set(event.value.x) == {f"f{n}" for n in range(1, 10)}
    assert label.at - event.at == 10.0

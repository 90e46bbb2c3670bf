from river import datasets

from driftline.services.sources import Yeast


def test_every_gene_and_its_functions_are_there():
    records = list(Yeast(delay_seconds=30.0))
    genes = {r.value.id: r.value.x for r in records if r.role == "event"}
    functions = {r.value.of: r.value.y for r in records if r.role == "label"}
    assert len(genes) == len(functions) == 2417
    for n, (x, y) in enumerate(datasets.Yeast()):
        assert genes[f"yeast-{n}"] == x
        assert functions[f"yeast-{n}"] == y
    assert {len(x) for x in genes.values()} == {103}
    assert {len(y) for y in functions.values()} == {14}


def test_labels_are_late_by_the_delay():
    records = list(Yeast(delay_seconds=5.0, interval_seconds=2.0, limit=10))
    at = {r.value.id: r.at for r in records if r.role == "event"}
    assert {r.at - at[r.value.of] for r in records if r.role == "label"} == {5.0}
    assert [r.role for r in records[:5]] == ["event", "event", "event", "label", "event"]


def test_keys_are_taken_in_turn():
    keys = [r.key for r in Yeast(plates=3, limit=7) if r.role == "event"]
    assert keys == ["plate-0", "plate-1", "plate-2"] * 2 + ["plate-0"]

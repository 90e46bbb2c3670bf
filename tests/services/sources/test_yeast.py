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

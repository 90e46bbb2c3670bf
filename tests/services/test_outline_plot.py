"""A hierarchy as a picture."""

import matplotlib.image
import pytest

from driftline.models.base import Branch
from driftline.services.outline_plot import save

LEAVES = [Branch(f"label {i}", 0.0) for i in range(3)]


def test_a_picture_grows_with_its_parts(tmp_path):
    small = Branch("3 labels", 0.9, (Branch("2 labels", 0.5, (LEAVES[0], LEAVES[1])), LEAVES[2]))
    large = Branch("6 labels", 0.95, (small, Branch("3 labels", 0.8, (LEAVES[0], LEAVES[2]))))
    shapes = []
    for name, root in (("small", small), ("large", large)):
        path = tmp_path / f"{name}.png"
        save(root, path, name)
        pixels = matplotlib.image.imread(path)
        assert pixels[..., :3].min() < 0.5, "something is drawn"
        shapes.append(pixels.shape)
    assert shapes[1][0] > shapes[0][0]


@pytest.mark.parametrize("text", ["", "one", ", ".join(f"a label with a long name {i}" for i in range(100)), "$x_1"])
def test_a_hierarchy_of_one_part_and_any_text_is_drawn(tmp_path, text):
    save(Branch(text, 0.0), tmp_path / "one.png", "one")
    assert (tmp_path / "one.png").stat().st_size > 1_000

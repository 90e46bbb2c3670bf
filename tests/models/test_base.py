import numpy as np
import pytest

from driftline.models import base


def test_a_state_part_is_copied_so_that_the_model_owns_it():
    kept = np.array([1.0, 2.0])
    taken = base.array({"w": kept}, "w", like=np.zeros(2))
    taken[0] = 9.0
    assert kept.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("part", "says"),
    [
        (np.zeros(3), "shape (3,)"),
        (np.zeros(2, np.float32), "float32"),
        ([0.0, 0.0], "got list"),
    ],
)
def test_an_array_that_does_not_fit_is_refused_with_what_is_wrong(part, says):
    with pytest.raises(ValueError) as error:
        base.array({"w": part}, "w", like=np.zeros(2))
    assert "'w'" in str(error.value)
    assert says in str(error.value)


def test_a_missing_part_is_named():
    with pytest.raises(ValueError, match="lacks 'n'"):
        base.scalar({"m": 1}, "n", int)


def test_a_scalar_must_be_of_exactly_its_type():
    assert base.scalar({"n": 1}, "n", int) == 1
    for wrong in (True, 1.0, "1", None):
        with pytest.raises(ValueError, match="must be int"):
            base.scalar({"n": wrong}, "n", int)

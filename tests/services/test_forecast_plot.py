"""One key of a forecaster as a picture."""

import matplotlib.image
import numpy as np
import pytest

from driftline.models.base import Recent, Told
from driftline.services.cell_view import CellView
from driftline.services.forecast_plot import save


def seen(experts=3, clock=(1_700_000_000.0, 3_600.0), **changed):
    history = np.sin(np.arange(200) / 4.0) + 2.0
    history[[20, 60, 62]] = np.nan
    refined = np.full(24, 2.0)
    weights = {f"expert_{n}": 1.0 / experts for n in range(experts)}
    told = Told(refined + 0.5, refined, refined - 1.0, refined + 1.0, weights)
    recent = Recent(200, history, None, {"expert_0": 196})
    return CellView("k", 0.0, clock, 24, history, refined, told, recent)._replace(**changed)


def drawn(view, path, title="cells: volume, k"):
    save(view, path, title)
    return matplotlib.image.imread(path)


def test_a_picture_grows_with_the_experts_and_not_with_anything_else(tmp_path):
    few, many = (drawn(seen(count), tmp_path / "one.png") for count in (3, 12))
    assert many.shape[0] > few.shape[0]
    assert many.shape[1] == few.shape[1]
    assert drawn(seen(3, clock=None), tmp_path / "other.png").shape == few.shape


def test_interval_first_answer_and_forecast_each_leave_their_mark(tmp_path):
    whole = seen()
    without = [
        whole._replace(told=whole.told._replace(low=np.full(24, np.nan), high=np.full(24, np.nan))),
        whole._replace(told=whole.told._replace(first=whole.told.refined)),
        whole._replace(history=np.full(200, np.nan)),
        whole._replace(recent=whole.recent._replace(voices={})),
    ]
    pictures = [drawn(view, tmp_path / f"{n}.png").tobytes() for n, view in enumerate([whole, *without])]
    assert len(set(pictures)) == len(pictures)


@pytest.mark.parametrize(
    "view",
    [
        seen(told=None, recent=None),
        seen(told=None, recent=None, clock=None, season=0),
        seen(history=np.zeros(0), forecast=np.zeros(0), told=None, recent=None, trouble="3 readings wait"),
        seen(history=np.full(9, np.nan)),
        seen(clock=(1e12, 86_400.0)),
    ],
    ids=["plain", "no steps", "nothing", "all missing", "far future"],
)
@pytest.mark.parametrize("title", ["", "$x_1: a, b"])
def test_whatever_a_series_is_it_is_drawn(tmp_path, view, title):
    assert drawn(view, tmp_path / "any.png", title).shape[1] == 1_210


def test_the_same_series_gives_the_same_picture(tmp_path):
    for name in ("one", "other"):
        save(seen(), tmp_path / f"{name}.png", "k")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()

"""When clusters are drawn to have lived."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from driftline.models.clustering.life import ClusterLife, ClusterNow, LifeEvent
from driftline.services.cluster_timeline import ROWS, Span, chosen, draw, spans


def now(id_, born):
    return ClusterNow(id_, born, 0.1, np.zeros(1), np.ones(1))


HISTORY = (
    LifeEvent(10, "born", 0, (), ""),
    LifeEvent(20, "born", 1, (0,), ""),
    LifeEvent(30, "split", 0, (2, 3), ""),
    LifeEvent(40, "merged", 1, (2,), ""),
    LifeEvent(50, "moved", 1, (), ""),
    LifeEvent(60, "died", 3, (), ""),
    LifeEvent(70, "died", 9, (), "of whose birth nothing is remembered"),
)
LIFE = ClusterLife((now(0, 10), now(1, 20)), HISTORY, 100, ("a",))


def test_lives_begin_with_birth_or_split_and_end_with_death_or_merger():
    assert spans(LIFE) == [
        Span(9, None, 70), Span(0, 10, None), Span(1, 20, None), Span(2, 30, 40), Span(3, 30, 60),
    ]  # fmt: skip


def test_one_that_is_alive_has_not_ended_whatever_was_told_before():
    back = LIFE._replace(clusters=(*LIFE.clusters, now(3, 30)))
    assert Span(3, 30, None) in spans(back)


def test_a_forgotten_birth_is_known_of_those_alive():
    assert spans(ClusterLife((now(4, 7),), (), 100, ("a",))) == [Span(4, 7, None)]


def test_a_life_begins_where_its_birth_was_told_though_the_cluster_is_older():
    told = LifeEvent(1_000, "born", 4, (), "")
    assert spans(ClusterLife((now(4, 50),), (told,), 2_000, ("a",))) == [Span(4, 1_000, None)]


def test_those_alive_are_always_shown_and_of_the_others_the_last():
    alive = tuple(now(k, 1) for k in range(1_000, 1_000 + ROWS - 2))
    gone = tuple(LifeEvent(at, "died", at, (), "") for at in range(1, 200))
    shown = {one.id for one in chosen(ClusterLife(alive, gone, 500, ("a",)))}
    assert shown == {one.id for one in alive} | {198, 199}
    many = tuple(now(k, 1) for k in range(ROWS + 9))
    assert len(chosen(ClusterLife(many, gone[100:], 500, ("a",)))) == ROWS + 9


def test_each_life_is_a_row_and_each_sign_has_its_legend():
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    draw(axes, LIFE)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["9", "0", "1", "2", "3"]
    said = {text.get_text() for text in axes.get_legend().get_texts()}
    assert said == {"split off", "merged into", "moved", "died"}
    bars = [line for line in axes.get_lines() if line.get_linewidth() == 6]
    assert [tuple(bar.get_xdata()) for bar in bars[1:]] == [(10, 100), (20, 100), (30, 40), (30, 60)]
    assert bars[0].get_xdata()[0] < 10, "further back than all that is known"

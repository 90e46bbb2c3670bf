"""`driftline models show STREAM MODEL --cell KEY`."""

import json
from types import SimpleNamespace

import pytest
import sage_lane
from typer.testing import CliRunner

from driftline.services import checkpoints
from driftline.services.checkpoints import Generation
from driftline.services.cli import app
from driftline.services.console import USAGE

pytestmark = pytest.mark.usefixtures("elsewhere")
SERVERS = {"DRIFTLINE_KAFKA__BROKERS": "127.0.0.1:9", "DRIFTLINE_REDIS__URL": "redis://127.0.0.1:9/0"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The command, with the newest snapshot of one lane in place of Redis."""
    known = sage_lane.settings(tmp_path)
    lane = sage_lane.lane(known)
    models = {name: {} for name in known.streams["s"].models}
    header = SimpleNamespace(models=models, origin={"s": 0}, offsets=lane.offsets)
    monkeypatch.setattr(checkpoints, "lanes", lambda settings, stream: ["driftline:s:0"])
    monkeypatch.setattr(checkpoints, "newest", lambda settings, name: Generation(name, 3, header, state=lane))

    def shown(*arguments):
        said = ["models", "show", "s", *arguments, "--config", str(tmp_path / "driftline.toml")]
        return CliRunner().invoke(app, said, env=SERVERS | {"COLUMNS": "200"})

    return shown


def test_one_cell_is_shown_as_text_and_as_a_picture(run, tmp_path):
    png = tmp_path / "cell.png"
    said = run("sage", "--cell", "north", "--png", str(png))
    assert said.exit_code == 0, said.output
    assert "s sage (sages:Sage), lane 0" in said.output
    assert "overall: It was 1 off." in said.output
    assert f"drawn: {png}" in said.output
    assert png.stat().st_size > 10_000


@pytest.mark.parametrize("model", ["sage", "plain"])
def test_for_scripts_one_cell_is_one_document(run, model):
    said = json.loads(run(model, "--cell", "[south]", "--json").output)
    assert (said["model"], said["partition"], said["cell"]["key"]) == (model, 0, "[south]")
    assert len(said["cell"]["forecast"]["refined"]) in (2, 3)


def test_a_cell_that_is_not_there_is_answered_with_those_that_are(run):
    said = run("sage", "--cell", "nort")
    assert said.exit_code == USAGE
    assert "no cell 'nort' among the 2 of the newest snapshots; named alike: north" in said.output


def test_a_cell_of_no_forecaster_and_a_picture_of_no_cell_are_refused(run, tmp_path):
    said = run("tree", "--cell", "north")
    assert said.exit_code == USAGE
    assert "--cell is for forecasters" in said.output
    said = run("sage", "--png", str(tmp_path / "no.png"))
    assert said.exit_code == USAGE
    assert "--cell" in said.output
    assert not (tmp_path / "no.png").exists()


def test_without_a_cell_there_are_scores_experts_and_the_cells_seen_last(run):
    said = run("sage").output
    assert "mae_refined" in said
    assert "mae_first 0.5" in said
    assert "meant 0.9" in said
    assert "each expert alone" in said
    assert "seen last, of 2 cells" in said
    assert said.index("[south]  2023-11-14") < said.index("north  2023-11-14")
    listed = json.loads(run("sage", "--json").output)
    assert listed["cells"] == ["[south]", "north"]
    [row] = listed["lanes"]
    assert row["refined"]["mae_first"] == 2 * row["refined"]["mae_refined"]
    assert set(row["refined"]["experts"]) == {"last"}


def test_other_models_have_no_such_thing(run):
    said = json.loads(run("tree", "--json").output)
    assert said["lanes"][0]["refined"] is None
    assert said["cells"] == []
    assert "seen last" not in run("tree").output

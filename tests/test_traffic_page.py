"""What docs/traffic.md shows is what there is: its configuration, its messages, its program, its words."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from driftline.models.forecasting import experts
from driftline.services.settings import read
from driftline.streams import bins, events, voices
from driftline.streams.lane import Lane
from driftline.streams.message import Message
from driftline.streams.vault import Vault
from driftline.streams.voice_config import VoiceConfig
from driftline.streams.wire import Decoder, Prediction, Question, Voice, encode

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "traffic.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def table(title):
    """The words in the first column of the table after a headline."""
    return set(re.findall(r"^\| `(\w+)` \|", PAGE.split(title)[1].split("\n## ")[0].split("\n### ")[0], re.MULTILINE))


@pytest.fixture
def stream(tmp_path):
    path = tmp_path / "driftline.toml"
    path.write_text("\n".join(blocks("toml")))
    return read(path, {}, {}).settings.streams["cells"]


def test_its_configuration_is_one_and_says_the_defaults(stream):
    assert set(stream.models["volume"].voices) == {"fracast", "llm"}
    said = tomllib.loads(blocks("toml")[1])["streams"]["cells"]["models"]["volume"]["voices"]["llm"]
    for name in said.keys() - {"kind", "base_url", "model"}:
        assert said[name] == VoiceConfig.model_fields[name].default, name


def test_its_messages_are_messages():
    prediction, question, voice = map(str.encode, blocks("json"))
    told = Decoder(events.Prediction, Prediction).decode(prediction)
    assert set(told.weights) == {*experts.NAMES, "fracast"}
    assert sum(told.weights.values()) == pytest.approx(1.0, abs=0.01)
    assert all(low <= y <= high for low, y, high in zip(told.low, told.y, told.high, strict=True))
    asked = Decoder(events.Question, Question).decode(question)
    said = Decoder(events.Voice, Voice).decode(voice)
    assert (said.origin, len(said.y)) == (asked.origin, asked.steps)
    described = PAGE.split("| field |")[1].split("\n\n")[0]
    for field in json.loads(prediction).keys() - {"model"}:
        assert f"`{field}`" in described, field


def test_its_program_answers_questions_and_is_heard(stream):
    program = {"__name__": "page"}
    exec(blocks("python")[0], program)
    model = stream.models["volume"].model_copy(
        update={"class_": "sages:Sage", "task": "forecast", "season": 1, "horizon": 3, "step_seconds": None}
    )
    model = model.model_copy(update={"voices": {"usual": VoiceConfig(kind="other")}})
    lane = Lane("cells", 1, stream.model_copy(update={"models": {"volume": model}}), Vault(b"0123456789abcdef"))
    answers = []
    for n in range(12):
        event = {"id": f"e{n}", "at": 1e9 + n, "cell": "c", "x": {"bytes": [10.0, 20.0][n % 2]}}
        for out in lane.handle([Message("cells", n, b"c", encode(event))]):
            if out.topic == "cells.questions":
                said = program["answer"](json.loads(out.value))
                if said is not None:
                    lane.handle([Message("cells.labels", len(answers), b"c", json.dumps(said).encode())])
                    answers.append(said)
    assert lane.slots[0].heard == {"usual/heard": len(answers)}
    assert len(answers) > 2


def test_its_words_are_those_of_the_counters():
    assert table("### When a voice lies") == set(voices.OUTCOMES)
    assert table("## Readings that are missing") == set(bins.OUTCOMES)
    for name in experts.NAMES:
        assert f"`{name}`" in PAGE


def test_what_it_points_to_is_there():
    for name in re.findall(r"\]\((\w[\w.-]+)\)", PAGE):
        assert (ROOT / "docs" / name).exists(), name
    for name in re.findall(r"`((?:tests|deploy|services)/[\w./]+)`", PAGE):
        assert (ROOT / name).exists(), name

import io
import json
from pathlib import Path

import pytest
from configuration import PIPELINE
from rich.console import Console
from rich.table import Table

from driftline.services.config_show import Row, rows, to_json
from driftline.services.settings import SNAPSHOT_KEY, read

pytestmark = pytest.mark.usefixtures("elsewhere")
SERVERS = """\
app = "shop"
[redis]
url = "redis://me:hunter2@host:6379/1"
[kafka.client]
"sasl.username" = "me"
"sasl.password" = "hunter2"
"""
TEXT = SERVERS + PIPELINE + "l2 = 0.1\n"
VARIABLES = {SNAPSHOT_KEY: "hunter2 hunter2 hunter2", "DRIFTLINE_STREAMS__S__CHECKPOINT__SECONDS": "1"}


@pytest.fixture
def shown() -> dict[str, Row]:
    Path("driftline.toml").write_text(TEXT)
    return {row.name: row for row in rows(read(None, VARIABLES, {"web": {"port": 1, "host": None}}))}


@pytest.mark.parametrize(
    ("name", "text", "origin"),
    [
        ("app", '"shop"', "driftline.toml:1"),
        ("web.port", "1", "argument"),
        ("web.host", '"127.0.0.1"', "default"),
        ("kafka.instance", "null", "default"),
        ('kafka.client."sasl.username"', '"me"', "driftline.toml:5"),
        ("streams.s.checkpoint.seconds", "1.0", "DRIFTLINE_STREAMS__S__CHECKPOINT__SECONDS"),
        ("streams.s.checkpoint.events", "50000", "default"),
        ("streams.s.models.m.class", '"river.compose:Pipeline"', "driftline.toml:11"),
        ("streams.s.models.m.parameters.args[1].l2", "0.1", "driftline.toml:17"),
        ("streams.s.models.m.drift.parameters", "{}", "default"),
        ("secrets.snapshot_key", '"**********"', SNAPSHOT_KEY),
        ('kafka.client."sasl.password"', '"**********"', "driftline.toml:6"),
        ("redis.url", '"redis://**********@host:6379/1"', "driftline.toml:3"),
    ],
)
def test_a_value_is_shown_with_where_it_came_from(shown: dict[str, Row], name: str, text: str, origin: str) -> None:
    assert (shown[name].text, str(shown[name].origin)) == (text, origin)


def test_no_secret_is_shown_in_any_form(shown: dict[str, Row]) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    table = Table()
    for row in shown.values():
        table.add_row(row.name, row.text, str(row.origin))
    console.print(table)
    text = console.export_text()
    assert "sasl.username" in text
    assert "hunter2" not in text + to_json(shown.values()) + repr(shown)


def test_scripts_get_json(shown: dict[str, Row]) -> None:
    said = {row["name"]: row for row in json.loads(to_json(shown.values()))}
    assert said["web.port"] == {
        "name": "web.port",
        "value": 1,
        "origin": {"kind": "argument", "name": None, "line": None},
    }
    assert said["app"]["origin"] == {"kind": "file", "name": "driftline.toml", "line": 1}
    assert said["streams.s.checkpoint.seconds"]["origin"]["kind"] == "environment"
    assert set(said) == set(shown)


def test_an_unset_key_is_not_shown_as_if_it_were_set() -> None:
    Path("driftline.toml").write_text(TEXT)
    shown = {row.name: row for row in rows(read(None, {}, {}))}
    assert shown["secrets.snapshot_key"].value is None
    assert shown["secrets.snapshot_key_file"].value is None

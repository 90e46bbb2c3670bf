"""What the tests of settings share: small configurations, and what reading one gives or says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from driftline.services.settings import Settings, read
from driftline.services.settings_errors import ConfigError

STREAM = """\
[streams.s]
kind = "sensor"
topic = "s"
[streams.s.models.tree]
class = "river.tree:HoeffdingTreeClassifier"
"""
PIPELINE = """\
[streams.s]
kind = "sensor"
topic = "s"
[streams.s.models.m]
class = "river.compose:Pipeline"
task = "binary"
[[streams.s.models.m.parameters.args]]
class = "river.preprocessing:StandardScaler"
[[streams.s.models.m.parameters.args]]
class = "river.linear_model:LogisticRegression"
"""
"""A stream with nested estimators; the parameters of the last one may follow."""


def settings(text: str = STREAM, environ: dict[str, str] | None = None, **overrides: Any) -> Settings:
    """The settings of this file, which is written here."""
    Path("driftline.toml").write_text(text)
    return read(None, environ or {}, overrides).settings


def mistakes(text: str = STREAM, environ: dict[str, str] | None = None, **overrides: Any) -> list[str]:
    """What is said of this file, a line for each mistake."""
    with pytest.raises(ConfigError) as caught:
        settings(text, environ, **overrides)
    return str(caught.value).splitlines()

"""What can be set. Read once, in the entry point, and handed down: `load` is the only reader.

Sources, the strongest first: arguments, the environment (`DRIFTLINE_<SECTION>__<FIELD>`), the TOML file, defaults. The
file is the first of `path` (`--config`), `DRIFTLINE_CONFIG`, `./driftline.toml` and the one shipped beside this module,
which explains every field. `Settings(...)` itself reads nothing, so a test writes down what it wants.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from driftline.services.settings_errors import (
    ConfigError,
    Mistake,
    allowed,
    dotted,
    field_mistakes,
    model_mistakes,
    topic_mistakes,
)
from driftline.services.settings_sources import (
    CONFIG,
    Layer,
    Origin,
    environment,
    merge,
    origin_of,
    place_of,
    shown,
    toml_file,
)
from driftline.services.toml_lines import KeyPath
from driftline.streams.config import StreamConfig
from driftline.streams.model_config import NAME
from driftline.streams.part import Part

DEFAULT = Path(__file__).with_name("driftline.toml")
"""The shipped configuration, taken where the user has none."""
KEY_LENGTH = 16
"""The fewest characters of a snapshot key."""
SNAPSHOT_KEY = "DRIFTLINE_SECRETS__SNAPSHOT_KEY"
"""The variable that holds the snapshot key."""

_OURS = {
    "bootstrap.servers": "brokers",
    "metadata.broker.list": "brokers",
    "group.id": "group",
    "group.instance.id": "instance",
    "session.timeout.ms": "session_timeout_seconds",
    "enable.idempotence": "idempotence",
}
"""Options of the Kafka client that are fields here."""
_FIXED = ("enable.auto.commit", "auto.offset.reset", "enable.auto.offset.store", "acks", "transactional.id")
"""Options of the Kafka client that the guarantees rest on."""


def _option(name: str) -> str:
    if name in _OURS:
        raise ValueError(f"is set by the field kafka.{_OURS[name]}")
    if name in _FIXED:
        raise ValueError("cannot be set: that nothing is lost rests on it")
    return name


def _plain(value: Any) -> str:
    """Write a value as librdkafka reads it."""
    if isinstance(value, dict):
        raise ValueError('a name with dots needs quotes: "security.protocol" = "SASL_SSL"')
    if not isinstance(value, str | int | float):
        raise ValueError("must be a string, a number or a boolean")
    return str(value).lower() if isinstance(value, bool) else str(value)


class Kafka(Part):
    """The brokers, and how the streams process shares the partitions."""

    brokers: str = ""
    """`host:port`, several with commas; empty: none configured, `driftline up` starts its own."""
    client: dict[Annotated[str, AfterValidator(_option)], Annotated[str, BeforeValidator(_plain)]] = Field(
        default_factory=dict
    )
    """More options of librdkafka, such as `"security.protocol" = "SASL_SSL"`."""
    assignment: Literal["group", "all"] = "group"
    """`group`: processes share the partitions; `all`: this one process takes them all, without joining a group."""
    group: str = Field("driftline", min_length=1, max_length=200)
    """Name of the consumer group."""
    session_timeout_seconds: float = Field(10.0, ge=1, le=1_800)
    """After this long without a sign of life a process loses its partitions."""
    idempotence: bool = True
    """Whether the broker drops what the producer sends twice."""
    instance: str | None = Field(None, min_length=1, max_length=200)
    """Static membership: a name that is this process's alone, so that a quick restart moves no partition."""

    @field_validator("brokers")
    @classmethod
    def _host_and_port(cls, brokers: str) -> str:
        for broker in filter(None, brokers.split(",")):
            if not re.fullmatch(r"\s*([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}\s*", broker):
                raise ValueError("must be host:port, several with commas")
        return brokers


class Redis(Part):
    """The server that keeps the lanes' state."""

    url: str = ""
    """`redis://`, `rediss://` (TLS) or `unix://`; empty: none configured, `driftline up` starts its own."""
    connect_timeout_seconds: float = Field(5.0, gt=0, le=300)
    command_timeout_seconds: float = Field(5.0, gt=0, le=300)
    """After this long without an answer the connection is given up, and its lanes are acquired again."""

    @field_validator("url")
    @classmethod
    def _scheme(cls, url: str) -> str:
        if url and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return url


class Secrets(Part):
    """What must not be read by others."""

    snapshot_key: SecretStr | None = Field(None, min_length=KEY_LENGTH)
    """Seals pickled River estimators in Redis; from the environment only, never from the file."""
    snapshot_key_file: Path | None = None
    """A file that holds the key instead, as Docker and Kubernetes mount it."""


class Web(Part):
    """The port of health, metrics and the page."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(6066, ge=0, le=65_535)
    """0 takes a free one."""


class Worker(Part):
    """The side worker's own process."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(6067, ge=0, le=65_535)
    """Of health and metrics; where there are several heavy models, the next ports too. 0 takes a free one."""
    threads: int = Field(1, ge=1, le=1_024)
    """Of torch, on the CPU."""


class Recovery(Part):
    """What to do where the state cannot be continued as it is: stop and tell, or go on in the way said here."""

    on_truncated: Literal["stop", "skip"] = "stop"
    """The log no longer reaches back to the snapshot: `skip` goes on at its beginning and loses what is between."""
    on_unreadable: Literal["stop", "rebuild"] = "stop"
    """No snapshot can be read: `rebuild` learns anew from the log."""
    on_model_change: Literal["stop", "restart"] = "stop"
    """A model's class or parameters changed: `restart` starts that model anew."""


def _stream_name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError("a stream's name: 1 to 64 lower-case letters, digits, dots, dashes or underscores")
    return name


class Settings(BaseSettings):
    """All that can be set.

    >>> Settings(web={"port": 8080}).web
    Web(host='127.0.0.1', port=8080)
    """

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    app: str = Field("driftline", pattern=r"^[a-z0-9-]+$", max_length=64)
    """In front of every key in Redis, so that several can share one."""
    data: Path = Field(Path("~/.local/share/driftline"), validate_default=True)
    """Directory of embedded servers and of what is made on this machine."""
    kafka: Kafka = Field(default_factory=Kafka)
    redis: Redis = Field(default_factory=Redis)
    secrets: Secrets = Field(default_factory=Secrets)
    web: Web = Field(default_factory=Web)
    worker: Worker = Field(default_factory=Worker)
    recovery: Recovery = Field(default_factory=Recovery)
    streams: dict[Annotated[str, AfterValidator(_stream_name)], StreamConfig] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments alone: `load` lays the sources over each other, and remembers which said what."""
        return (init_settings,)

    @field_validator("data")
    @classmethod
    def _home(cls, data: Path) -> Path:
        try:
            return data.expanduser()
        except RuntimeError:
            raise ValueError("no home directory is known: set `data` to a directory that can be written") from None


@dataclass(frozen=True)
class Loaded:
    """Settings, and where each value came from."""

    settings: Settings
    path: Path
    """The file that was read."""
    layers: tuple[Layer, ...]
    """Arguments, environment, file."""

    def origin(self, path: KeyPath) -> Origin:
        """Return where the value at a path came from."""
        return origin_of(path, self.layers)


def load(path: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings; call it once, in the entry point.

    `path` is the file (`--config`), and `overrides` are the strongest values, nested as in the file:
    `load(web={"port": 8080})`. An override that is `None` counts as not given.

    Raises `ConfigError` with every mistake found.
    """
    return read(path, os.environ, overrides).settings


def read(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Loaded:
    """Read the settings from the sources given, and keep where each value came from.

    Raises `ConfigError` with every mistake found.
    """
    path = path or _found(environ)
    arguments = _given(overrides)
    file = toml_file(path)
    variables = environment(environ, file.values, _KNOWN)
    layers = (Layer(arguments, {(): Origin("argument")}), variables, file)
    told = _secret_in(file)
    values = merge(merge(file.values, variables.values), arguments)

    wrong: list[tuple[KeyPath, str]] = []
    # Beside pydantic's own check, because a name with an underscore in front is an argument of BaseSettings.
    for name in [name for name in values if name.startswith("_") or name == "self"]:
        del values[name]
        wrong.append(((name,), f"unknown field; allowed: {', '.join(allowed(Settings, ()))}"))
    if not values.get("streams"):
        wrong.append((("streams",), "no stream: say at least one, [streams.NAME] with kind, topic and models"))
    wrong += topic_mistakes(values)
    wrong += model_mistakes(values)
    if "data" not in values and (base := environ.get("XDG_DATA_HOME")):
        values["data"] = Path(base) / "driftline"
    try:
        settings = Settings(**values)
    except ValidationError as error:
        wrong += field_mistakes(Settings, error)
    told += [_placed(at, message, layers) for at, message in dict.fromkeys(wrong)]
    if told:
        raise ConfigError(sorted(told, key=lambda mistake: (mistake.path, mistake.line or 0))) from None
    return Loaded(settings, path, layers)


_KNOWN = [
    (name, *inner)
    for name, info in Settings.model_fields.items()
    for inner in (
        [(each,) for each in info.annotation.model_fields]
        if isinstance(info.annotation, type) and issubclass(info.annotation, Part)
        else [()]
    )
]
"""The paths of the settings that do not depend on the user's names."""


def _secret_in(file: Layer) -> list[Mistake]:
    """Tell of secrets in the file, and take them away, so that nothing can show them."""
    no = "a secret does not belong in this file: set"
    told = []
    section = file.values.get("secrets")
    if isinstance(section, dict) and section.pop("snapshot_key", None) is not None:
        message = f"{no} {SNAPSHOT_KEY}, or name a file that holds it in secrets.snapshot_key_file"
        told.append(_placed(("secrets", "snapshot_key"), message, (file,)))
    for path, voice in _below(file.values, ("streams", "*", "models", "*", "voices", "*")):
        if voice.pop("api_key", None) is not None:
            variable = "DRIFTLINE_" + "__".join(str(part).upper() for part in (*path, "api_key"))
            told.append(_placed((*path, "api_key"), f"{no} {variable}", (file,)))
    return told


def _below(values: Any, names: KeyPath, path: KeyPath = ()) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield the tables at these names, of which `*` is any."""
    if not isinstance(values, dict):
        return
    if not names:
        yield path, values
        return
    for name in list(values) if names[0] == "*" else [names[0]] if names[0] in values else []:
        yield from _below(values[name], names[1:], (*path, name))


def _found(environ: Mapping[str, str]) -> Path:
    if environ.get(CONFIG):
        path = Path(environ[CONFIG]).expanduser()
        if not path.is_file():
            raise ConfigError([Mistake(CONFIG, None, "", f"no file {shown(path)}")])
        return path
    here = Path("driftline.toml")
    return here if here.is_file() else DEFAULT


def _given(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what was not given, so that a command can hand down its options as they are."""
    return {
        key: _given(value) if isinstance(value, Mapping) else value
        for key, value in overrides.items()
        if value is not None
    }


def _placed(path: KeyPath, message: str, layers: tuple[Layer, ...]) -> Mistake:
    place = place_of(path, layers)
    # A mistake of a table in the file may lie in a field that a variable set.
    variables = {
        origin.name
        for layer in layers
        for at, origin in layer.said.items()
        if origin.kind == "environment" and at[: len(path)] == path and origin != place
    }
    if variables:
        message += f" (with {', '.join(sorted(variables))})"
    return Mistake(place.name or place.kind, place.line, dotted(path), message)


def snapshot_key(settings: Settings) -> bytes:
    """Return the key that seals pickled estimators, made on this machine when Redis is embedded too.

    Raises `ConfigError` when a Redis is configured and no key is set: a key made here would be another on the next
    machine, which could then not read what this one wrote.
    """
    if settings.secrets.snapshot_key is not None:
        return settings.secrets.snapshot_key.get_secret_value().encode()
    if settings.secrets.snapshot_key_file is not None:
        return _key_in(settings.secrets.snapshot_key_file.expanduser(), "secrets.snapshot_key_file")
    if settings.redis.url:
        message = (
            "needed because redis.url is set, and the same for all processes that share that Redis; make one with "
            f"`openssl rand -hex 32` and set it in {SNAPSHOT_KEY}, or in a file named by secrets.snapshot_key_file"
        )
        raise ConfigError([Mistake(SNAPSHOT_KEY, None, "secrets.snapshot_key", message)])
    path = settings.data / "snapshot.key"
    if not path.exists():
        _make_key(path)
    return _key_in(path, "secrets.snapshot_key")


def _key_in(path: Path, where: str) -> bytes:
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError([Mistake(str(path), None, where, f"cannot be read: {error.strerror}")]) from None
    if len(key) < KEY_LENGTH:
        raise ConfigError([Mistake(str(path), None, where, f"must hold at least {KEY_LENGTH} characters")])
    return key


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written whole under another name first: a process that starts beside this one never reads half a key.
    handle, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):  # the other process was first: its key is the key
            os.link(name, path)
    finally:
        Path(name).unlink()

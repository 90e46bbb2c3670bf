"""Mistakes in the settings, said so that they can be mended: where, what is wrong, what is allowed.

ValueError
└── ConfigError      all mistakes of one reading, each a `Mistake`
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from driftline.services.toml_lines import KeyPath
from driftline.streams.config import ALARM_TOPIC, TOPIC
from driftline.streams.detectors import make
from driftline.streams.model_config import Drift, ModelConfig
from driftline.streams.registry import MODELS, build, class_of

MASK = "**********"
_SECRET_NAME = re.compile(
    r"password|passphrase|secret(?!s$)|(?<!prompt_)token(?!i|s_per_minute$)|credential|api_?key|snapshot_key$|ssl\.key|jaas",
    re.I,
)
_SECRET_PART = re.compile(r"(?<=://).*(?=@)|(?<=[?&]password=)[^&]*")
"""The login in an address, and where the Redis client also takes a password."""

_WORDS = {
    TOPIC: "must be 1 to 200 letters, digits, dots, dashes or underscores",
    r"^[a-z0-9-]+$": "must be lower-case letters, digits or dashes",
}


@dataclass(frozen=True)
class Mistake:
    """One mistake: the file (or the variable, or `argument`), the line, the field, and what to do.

    >>> print(Mistake("driftline.toml", 17, "web.port", "must be less than or equal to 65535"))
    driftline.toml:17: web.port: must be less than or equal to 65535
    """

    path: str
    line: int | None
    where: str
    message: str

    def __str__(self) -> str:
        """Return it on one line, with the place in front as compilers write it."""
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return ": ".join(part for part in (place, self.where, self.message) if part)


class ConfigError(ValueError):
    """The settings cannot be used; `mistakes` holds every one that was found."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))


def dotted(path: KeyPath) -> str:
    """Write a path as TOML would, with indices in brackets.

    >>> dotted(("kafka", "client", "sasl.password")), dotted(("args", 0, "lr"))
    ('kafka.client."sasl.password"', 'args[0].lr')
    """
    said = ""
    for part in path:
        if isinstance(part, int):
            said += f"[{part}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            said += f".{part}" if bare else f'."{part}"'
    return said.removeprefix(".")


def field_mistakes(root: type[BaseModel], error: ValidationError) -> Iterator[tuple[KeyPath, str]]:
    """Put pydantic's errors into words: which path, and what is wrong and allowed there."""
    details = error.errors(include_url=False)
    paths = [tuple(part for part in detail["loc"] if part != "[key]") for detail in details]
    meant = set()
    for detail, path in zip(details, paths, strict=True):
        if detail["type"] == "extra_forbidden":
            close = _close(str(path[-1]), allowed(root, path[:-1]))
            meant.add((*path[:-1], close))
    for detail, path in zip(details, paths, strict=True):
        # A required field that stands there misspelt is one mistake, not two.
        if not (detail["type"] == "missing" and path in meant):
            yield path, _message(root, detail, path)


def allowed(root: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the names of the fields at a path, as the user writes them; none where names are free."""
    model = _model_at(root, path)
    return [info.alias or name for name, info in model.model_fields.items()] if model else []


def _message(root: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        names = allowed(root, path[:-1])
        close = _close(str(path[-1]), names)
        hint = f"did you mean {close}? " if close else ""
        more = "; arguments of the class go into parameters" if _model_at(root, path[:-1]) is ModelConfig else ""
        return f"unknown field; {hint}allowed: {', '.join(names)}{more}"
    if kind == "missing":
        return "missing: this field is required"
    if kind == "value_error":
        message = str(context["error"])
        return message + (_class_hint(str(detail["input"])) if path[-1:] == ("class",) else "")
    value, message = detail["input"], re.sub(r"^\w+ should", "must", detail["msg"])
    if kind == "string_pattern_mismatch":
        message = _WORDS.get(context["pattern"], message)
    if kind == "too_short" and not isinstance(value, dict | list):
        message = f"must have at least {context['min_length']} characters"
    if isinstance(value, str | int | float) and (said := masked(path, value)) != MASK:
        message += f", not {said!r}"
    if kind == "literal_error" and (close := _close(str(value), re.findall(r"'([^']*)'", detail["msg"]))):
        message += f"; did you mean '{close}'?"
    return message


def masked(path: KeyPath, value: Any) -> Any:
    """Hide a value that must not be shown, by the names on its path, or the password in an address.

    >>> masked(("kafka", "client", "sasl.password"), "x"), masked(("redis", "url"), "redis://:x@host:6379")
    ('**********', 'redis://**********@host:6379')
    """
    if value is not None and any(_SECRET_NAME.search(str(part)) for part in path):
        return MASK
    return _SECRET_PART.sub(MASK, value) if isinstance(value, str) else value


def _close(name: str, names: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name, names, 1, 0.6)), None)


def _class_hint(name: str) -> str:
    """Say which class was probably meant: one of the registry, or one of the module named."""
    module, _, attribute = name.partition(":")
    close = _close(name, MODELS)
    if attribute:
        try:
            names = [known for known, value in vars(importlib.import_module(module)).items() if isinstance(value, type)]
        except ImportError:
            return ""
        close = _close(attribute, names)
        if not close:
            return f"; {module} has {', '.join(sorted(names)[:20])}" if names else ""
        close = f"{module}:{close}"
    return f"; did you mean {close}?" if close else ""


def _model_at(root: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Follow a path through the classes of the settings."""
    found: Any = root
    for part in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            fields = {info.alias or name: info for name, info in found.model_fields.items()}
            found = fields[part].annotation if part in fields else None
        else:
            found = get_args(found)[1] if get_origin(found) is dict else None
        if get_origin(found) in (Union, UnionType):
            found = next((each for each in get_args(found) if isinstance(each, type)), None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def topic_mistakes(values: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Find topics that would be written by two: of two streams, or one's own and a derived one.

    >>> list(topic_mistakes({"streams": {"a": {"topic": "t"}, "b": {"topic": "t.labels"}}}))
    [(('streams', 'b', 'topic'), "topic 't.labels' is already the label topic of the stream a")]
    """
    taken = {ALARM_TOPIC: "the topic of all alarms"}
    for stream, raw in _tables(values.get("streams")):
        topic = raw.get("topic")
        if not isinstance(topic, str):
            continue
        labels, predictions = raw.get("labels"), raw.get("predictions")
        roles = {
            "event topic": ("topic", topic),
            "label topic": ("labels", labels) if isinstance(labels, str) else ("topic", f"{topic}.labels"),
            "prediction topic": ("predictions", predictions)
            if isinstance(predictions, str)
            else ("topic", f"{topic}.predictions"),
            "dead-letter topic": ("topic", f"{topic}.dead"),
        }
        told = False
        for role, (field, name) in roles.items():
            if name in taken and not told:
                told = True  # what derives from the topic clashes with it
                yield ("streams", stream, field), f"topic {name!r} is already {taken[name]}"
            taken.setdefault(name, f"the {role} of the stream {stream}")


def model_mistakes(values: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Find models that cannot be made with their parameters, down to the nested estimator that is at fault."""
    for stream, raw in _tables(values.get("streams")):
        for name, model in _tables(raw.get("models")):
            cls, parameters = model.get("class"), model.get("parameters", {})
            yield from _unwatched(("streams", stream, "models", name, "drift"), model.get("drift"))
            if not isinstance(cls, str) or not isinstance(parameters, dict):
                continue  # told by the field's own check
            if cls in MODELS and MODELS[cls].heavy:
                continue  # made in the worker, where torch is
            try:
                class_of(cls)
            except ValueError:
                continue  # told by the field's own check
            yield from _unmade(("streams", stream, "models", name, "parameters"), cls, parameters)


def _unmade(path: KeyPath, cls: str, parameters: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    inner = [mistake for key, value in parameters.items() for mistake in _unmade_below((*path, key), value)]
    if inner:
        yield from inner
        return
    try:
        build(cls, parameters)
    except Exception as error:  # a class of the user's choice may raise what it likes on what it is given
        said = str(error) or type(error).__name__
        message = f"cannot make the model: {said if said.startswith(cls) else f'{cls}: {said}'}"
        unknown = re.search(r"unexpected keyword argument '(\w+)'", said)
        if unknown and unknown[1] in parameters:
            names = list(inspect.signature(class_of(cls)).parameters)
            hint = f"did you mean {close}? " if (close := _close(unknown[1], names)) else ""
            path, message = (*path, unknown[1]), f"unknown parameter of {cls}; {hint}allowed: {', '.join(names)}"
        yield path, message


def _unwatched(path: KeyPath, raw: Any) -> Iterator[tuple[KeyPath, str]]:
    try:
        config = Drift.model_validate(raw or {})
    except ValidationError:
        return  # told by the fields' own checks
    try:
        make(config.detector, config.parameters)
    except (TypeError, ValueError) as error:
        yield (*path, "parameters"), f"cannot make the detector: {config.detector}: {error}"


def _unmade_below(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, dict) and isinstance(value.get("class"), str):
        try:
            class_of(value["class"])
        except ValueError as error:
            yield (*path, "class"), f"{error}{_class_hint(value['class'])}"
        else:
            yield from _unmade(path, value["class"], {key: each for key, each in value.items() if key != "class"})
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unmade_below((*path, index), each)


def _tables(values: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(values, dict):
        yield from ((str(key), value) for key, value in values.items() if isinstance(value, dict))

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.services.toml_lines import KeyPath, lines, nearest

DOCUMENT = '''\
# a comment = 1
top = "a # no comment" # but this = is
dotted.a.b = 1
"quoted.key".'lit eral' = 2

[table.inner] # [not.this]
text = """
[no.table]
key = "value"
two quotes, then three: """""
raw = \'\'\'
[[neither]]\'\'\'
array = [
  1, # one ]
  [2, 3],

  { a = 4, "b c" = [5,
    6] },
]
date = 1979-05-27 07:32:00Z
dates = [1979-05-27 07:32:00.5-07:00, 1979-05-27]
after = true

[table]
own = 1

[[list]]
x = 1
[list.sub]
y = 1
[[list.deep]]
z = 1
[[list]]
x = 2
  [list.sub]
  y = 2
'''

PLACES = {
    ("top",): 2,
    ("dotted",): 3,
    ("dotted", "a", "b"): 3,
    ("quoted.key", "lit eral"): 4,
    ("table", "inner"): 6,
    ("table", "inner", "text"): 7,
    ("table", "inner", "raw"): 11,
    ("table", "inner", "array"): 13,
    ("table", "inner", "array", 0): 14,
    ("table", "inner", "array", 1, 1): 15,
    ("table", "inner", "array", 2, "a"): 17,
    ("table", "inner", "array", 2, "b c", 0): 17,
    ("table", "inner", "array", 2, "b c", 1): 18,
    ("table", "inner", "date"): 20,
    ("table", "inner", "dates", 1): 21,
    ("table", "inner", "after"): 22,
    ("table",): 24,
    ("table", "own"): 25,
    ("list",): 27,
    ("list", 0): 27,
    ("list", 0, "sub", "y"): 30,
    ("list", 0, "deep", 0, "z"): 32,
    ("list", 1): 33,
    ("list", 1, "x"): 34,
    ("list", 1, "sub"): 35,
    ("list", 1, "sub", "y"): 36,
}


@pytest.mark.parametrize("path", PLACES)
def test_each_form_of_toml_has_its_line(path: KeyPath) -> None:
    assert lines(DOCUMENT)[path] == PLACES[path]


def test_what_is_not_there_has_the_line_of_the_nearest_that_encloses_it() -> None:
    found = lines(DOCUMENT)
    assert nearest(found, ("table", "inner", "array", 2, "a", "b")) == 17
    assert nearest(found, ("list", 1, "nothing")) == 33
    assert nearest(found, ("nowhere",)) == 1
    assert nearest({}, ("a",)) is None


def test_windows_line_ends_count_once() -> None:
    assert lines(DOCUMENT.replace("\n", "\r\n"))["list", 1, "x"] == 34


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every path of a value, as the parser sees it."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from paths(each, (*path, key))


@given(st.data())
def test_the_paths_found_are_those_that_the_parser_sees(data: st.DataObject) -> None:
    text, _ = data.draw(documents())
    assert set(lines(text)) == set(paths(tomllib.loads(text)))


@given(st.data())
def test_the_line_found_is_the_line_written(data: st.DataObject) -> None:
    text, written = data.draw(documents())
    found = lines(text)
    assert {path: found[path] for path in written} == written


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=5) | st.sampled_from(
    ["a", "b", "a.b", "[x]", "#", "=", "'", '"', "\\", "1", "true", " "]
)
SPACE = st.sampled_from(["", " ", "\t "])
COMMENT = st.sampled_from(["", "", " # [c] = {", ' #\'"""'])


def quoted(draw: st.DrawFn, name: str) -> str:
    """Write a key in one of the forms that TOML has for it."""
    forms = [json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")]
    if name and name.isascii() and name.replace("-", "").replace("_", "").isalnum():
        forms.append(name)
    if "'" not in name and name.isprintable():
        forms.append(f"'{name}'")
    return draw(st.sampled_from(forms))


class Writer:
    """Write a document line by line, and keep on which line each path was written."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.written: dict[KeyPath, int] = {}

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def space(self, lines_too: bool = False) -> None:
        self.text += self.draw(SPACE)
        if lines_too and self.draw(st.booleans()):
            self.text += self.draw(COMMENT) + "\n" + self.draw(SPACE)

    def end(self) -> None:
        self.text += self.draw(COMMENT) + "\n" * self.draw(st.integers(1, 3))

    def pair(self, path: KeyPath, depth: int) -> None:
        """Write `key = value`; the path's keys below the table are `path[-1]` alone or dotted."""
        self.written[path] = self.line
        self.text += quoted(self.draw, str(path[-1]))
        if depth and self.draw(st.integers(0, 3)) == 0:
            self.space()
            self.text += "."
            self.space()
            self.pair((*path, self.draw(NAMES)), depth - 1)
            return
        self.space()
        self.text += "="
        self.space()
        self.value(path, depth)

    def value(self, path: KeyPath, depth: int) -> None:
        kind = self.draw(st.sampled_from(["scalar", "text", "array", "inline"] if depth else ["scalar", "text"]))
        if kind == "scalar":
            self.text += self.draw(st.sampled_from(["1", "-2.5e3", "true", "1979-05-27 07:32:00Z", "07:32:00", "inf"]))
        elif kind == "text":
            texts = [
                '"x # ] }"',
                "'\\'",
                '"\\""',
                '"""\n[a]\nb = "1"\n\\""""""',
                "'''\n'x''\n'''''",
                '""',
                '"""\\\n  """',
            ]
            self.text += self.draw(st.sampled_from(texts))
        elif kind == "array":
            self.text += "["
            for index in range(self.draw(st.integers(0, 3))):
                self.text += "," if index else ""
                self.space(lines_too=True)
                self.written[*path, index] = self.line
                self.value((*path, index), depth - 1)
                self.space(lines_too=True)
            self.text += "]"
        else:
            self.text += "{"
            for index, name in enumerate(self.draw(st.lists(NAMES, max_size=3, unique=True))):
                self.text += "," if index else ""
                self.space()
                self.pair((*path, name), depth - 1)
                self.space()
            self.text += "}"

    def pairs(self, table: KeyPath, names: list[str]) -> None:
        for name in names:
            self.space()
            self.pair((*table, name), 2)
            self.end()

    def header(self, path: KeyPath, array: bool) -> None:
        keys = [quoted(self.draw, part) for part in path if isinstance(part, str)]
        self.space()
        self.text += ("[[" if array else "[") + ".".join(keys) + ("]]" if array else "]")
        self.end()


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[KeyPath, int]]:
    """A TOML document, and the line of every path that it names."""
    writer = Writer(draw)
    names = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    own = draw(st.integers(0, len(names)))
    writer.pairs((), names[:own])
    for name in names[own:]:
        form = draw(st.sampled_from(["table", "implied", "array"]))
        for index in range(draw(st.integers(1, 3)) if form == "array" else 1):
            path: KeyPath = (name, index) if form == "array" else (name,)
            inner = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
            writer.written.setdefault((name,), writer.line)
            if form != "implied":
                writer.written[path] = writer.line
                writer.header(path, array=form == "array")
                writer.pairs(path, inner[1:])
            if form == "implied" or draw(st.booleans()):
                writer.written[*path, inner[0]] = writer.line
                writer.header((*path, inner[0]), array=False)
                writer.pairs((*path, inner[0]), draw(st.lists(NAMES, max_size=3, unique=True)))
    return writer.text, writer.written

"""On which line of a TOML document each key stands, so that a mistake can be answered with its line.

`tomllib` gives values without their places. `lines` walks a document that `tomllib` has already accepted, so it checks
nothing and only keeps count.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TypeVar

KeyPath = tuple[str | int, ...]
"""Where a value is: keys, and indices in arrays."""
T = TypeVar("T")

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_STRING = re.compile(
    # The long forms first; each may end in up to two quotes of its own before the closing three.
    r'"""(?:[^\\]|\\[\s\S])*?"{3,5}'
    r"|'''[\s\S]*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
)
_SCALAR = re.compile(r"[^,\]}\s#]+(?: \d\d:[^,\]}\s#]+)?")  # a date and its time may stand apart


def lines(text: str) -> dict[KeyPath, int]:
    """Return the line (from 1) of every key, table and array element of a valid TOML document.

    A table has the line of its header, or of the first key that implies it; the document itself, `()`, has line 1.

    >>> lines('[a.b]\\nc = 1\\nd = [{e = 2}]\\n')[("a", "b", "d", 0, "e")]
    3
    """
    return _Walk(text).found


def nearest(found: Mapping[KeyPath, T], path: KeyPath) -> T | None:
    """Return what is found for a path, or for the nearest that encloses it; None if nothing does.

    >>> nearest({(): 1, ("a",): 7}, ("a", "missing"))
    7
    """
    ends = range(len(path), -1, -1)
    return next((found[path[:end]] for end in ends if path[:end] in found), None)


class _Walk:
    """One pass over the text; `at` is the place in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.counted = 0
        self.line = 1
        self.found: dict[KeyPath, int] = {(): 1}
        self.headed: set[KeyPath] = set()
        self.arrays: dict[KeyPath, int] = {}
        self.document()

    def document(self) -> None:
        table: KeyPath = ()
        while self.skip(_SPACE) < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> KeyPath:
        """Read `[a.b]` or `[[a.b]]`; the line of a header counts for more than that of a key that implied it."""
        line, array = self.here(), self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        keys = self.keys()
        self.at += 2 if array else 1
        path: KeyPath = ()
        for key in keys[:-1]:
            path = self.element((*path, key))
            self.found.setdefault(path, line)
        path = (*path, keys[-1])
        if array:
            self.found.setdefault(path, line)
            self.arrays[path] = self.arrays.get(path, -1) + 1
            path = (*path, self.arrays[path])
        if path not in self.headed:
            self.headed.add(path)
            self.found[path] = line
        return path

    def element(self, path: KeyPath) -> KeyPath:
        """Return the last element of an array of tables, which is what its name means in a later header."""
        return (*path, self.arrays[path]) if path in self.arrays else path

    def pair(self, table: KeyPath) -> None:
        """Read `a.b = value`."""
        line = self.here()
        path = table
        for key in self.keys():
            path = (*path, key)
            self.found.setdefault(path, line)
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        self.value(path)

    def value(self, path: KeyPath) -> None:
        opening = self.text[self.at]
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline(path)
        elif opening in "\"'":
            self.take(_STRING)
        else:
            self.take(_SCALAR)

    def array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while self.text[self.skip(_SPACE)] != "]":
            self.found[(*path, index)] = self.here()
            self.value((*path, index))
            index += 1
            self.comma()
        self.at += 1

    def inline(self, path: KeyPath) -> None:
        self.at += 1
        while self.text[self.skip(_SPACE)] != "}":
            self.pair(path)
            self.comma()
        self.at += 1

    def comma(self) -> None:
        if self.text[self.skip(_SPACE)] == ",":
            self.at += 1

    def keys(self) -> list[str]:
        """Read a dotted key; the place is then at what follows it."""
        found = [self.key()]
        while self.text.startswith(".", self.skip(_BLANK)):
            self.at += 1
            found.append(self.key())
        return found

    def key(self) -> str:
        self.skip(_BLANK)
        if self.text[self.at] in "\"'":
            # The rules for escapes are those of values, so the parser of values reads them.
            return str(tomllib.loads(f"k = {self.take(_STRING)}")["k"])
        return self.take(_BARE)

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise ValueError(f"line {self.here()}: not TOML")
        self.at = match.end()
        return match.group()

    def skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def here(self) -> int:
        """Return the line of the place; places only move forward, so each newline is counted once."""
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line

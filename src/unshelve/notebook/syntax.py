"""What a notebook's cells may hold besides Python, as Python of the same number of lines.

Line magics, cell magics, shell lines and help questions become comments; code behind `%time` and the code of a cell
under `%%time` stay. Text within strings and brackets is not touched: only what begins a logical line is looked at.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import Final, Literal

MagicKind = Literal["magic", "cell", "shell", "help"]

_KEEP_LINE: Final = ("time", "prun", "memit", "mprun", "lprun")
"""Line magics behind which a statement of Python stands that the notebook needs."""
_KEEP_CELL: Final = ("time", "capture", "timeit", "prun", "memit")
_ALONE: Final = re.compile(r"^(pip|conda|ls|cd|pwd|mkdir|cat|head|wget|unzip)(\s+[^=(].*)?$")
_ASSIGNED: Final = re.compile(r"^(\s*)([\w,\s]+?)\s*=\s*([!%])(.*)$")
_HELP: Final = re.compile(r"^\s*(\?{1,2}[\w.*]+|[\w.\[\]'\"]+\?{1,2})\s*$")


@dataclass(frozen=True, slots=True)
class Magic:
    """Something that is not Python: its line in the cell, from 1."""

    line: int
    kind: MagicKind
    text: str


def to_python(source: str) -> tuple[str, tuple[Magic, ...]]:
    """The cell as Python of as many lines, and what was not Python in it."""
    lines = _dedented(source).split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is not None and lines[first].lstrip().startswith("%%"):
        return _cell_magic(lines, first)
    found: list[Magic] = []
    inside = _Inside()
    for number, line in enumerate(lines):
        if not inside.open:
            lines[number] = _line(line, number + 1, found)
        inside.read(lines[number])
    return "\n".join(lines), tuple(found)


def _dedented(source: str) -> str:
    """The source without the indentation that all of its lines have, which a notebook allows."""
    lines = source.expandtabs(4).split("\n") if source[:1] in (" ", "\t") else source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    return textwrap.dedent("\n".join(lines)) if first[:1] in (" ", "\t") else source


def _cell_magic(lines: list[str], first: int) -> tuple[str, tuple[Magic, ...]]:
    words = lines[first].strip()[2:].split()
    name = words[0] if words else ""
    magic = Magic(first + 1, "cell", lines[first].strip())
    if name in _KEEP_CELL:
        lines[first] = f"# {lines[first].strip()}"
        rest, more = to_python("\n".join(lines))
        return rest, (magic, *more)
    return "\n".join(f"# {line}" if line.strip() else "" for line in lines), (magic,)


def _line(line: str, number: int, found: list[Magic]) -> str:
    """One logical line as Python."""
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    if body.startswith("!"):
        found.append(Magic(number, "shell", body))
        return f"{indent}pass  # {body}"
    if re.match(r"%{1,2}\w|%{1,2}\s+(matplotlib|pylab|config|load_ext|time|timeit|reload_ext|autoreload)\b", body):
        return _line_magic(indent, body, number, found)
    assigned = _ASSIGNED.match(line)
    if assigned and assigned[3] == "!":
        found.append(Magic(number, "shell", body))
        return f"{assigned[1]}{assigned[2].strip()} = []  # {body}"
    if _HELP.match(line) or (not indent and _ALONE.match(body)):
        found.append(Magic(number, "help" if "?" in body else "shell", body))
        return f"{indent}pass  # {body}"
    return line


def _line_magic(indent: str, body: str, number: int, found: list[Magic]) -> str:
    name, _, rest = body.lstrip("% ").partition(" ")
    found.append(Magic(number, "magic", body))
    if name in _KEEP_LINE and rest.strip():
        return f"{indent}{rest.strip()}"
    return f"{indent}pass  # {body}"


class _Inside:
    """Whether the text read so far ends within brackets, a long string or a line that goes on."""

    def __init__(self) -> None:
        self._brackets = 0
        self._quote = ""
        self._goes_on = False

    @property
    def open(self) -> bool:
        return bool(self._quote) or self._brackets > 0 or self._goes_on

    def read(self, line: str) -> None:
        """Take in one more line."""
        place = 0
        self._goes_on = False
        while place < len(line):
            if self._quote:
                place = self._within(line, place)
                continue
            character = line[place]
            if character == "#":
                break
            if character in "\"'":
                long = line[place : place + 3]
                self._quote = long if long in ('"""', "'''") else character
                place += len(self._quote)
                continue
            self._brackets += (character in "([{") - (character in ")]}")
            place += 1
        if self._quote in ("'", '"'):
            self._quote = ""  # a short string ends with its line, rightly or not
        self._brackets = max(self._brackets, 0)
        self._goes_on = line.endswith("\\")

    def _within(self, line: str, place: int) -> int:
        if line[place] == "\\":
            return place + 2
        if line.startswith(self._quote, place):
            place += len(self._quote)
            self._quote = ""
            return place
        return place + 1

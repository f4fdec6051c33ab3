"""Named parameters in the text of a query: `:mark`. Found outside of texts, names and comments, never filled in here.

A value is handed to the database beside the query; what stands in the text is only the database's own placeholder.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Query:
    """A query cut at its parameters: `pieces[0]`, the parameter `names[0]`, `pieces[1]`, …"""

    pieces: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, each once, in the order in which they come first."""
        return tuple(dict.fromkeys(self.names))

    def written(self, placeholder: Callable[[str], str]) -> str:
        """The text with each parameter as a database writes it."""
        parts = [self.pieces[0]]
        for name, piece in zip(self.names, self.pieces[1:], strict=True):
            parts += [placeholder(name), piece]
        return "".join(parts)

    def takes_ties(self, name: str) -> bool:
        """Whether it asks for what equals the parameter as well: `updated >= :mark`."""
        before = [piece for piece, given in zip(self.pieces, self.names, strict=False) if given == name]
        return bool(before) and all(_AT_LEAST.search(_BLANKED.sub(" ", piece)) for piece in before)


def parse(text: str) -> Query:
    """The query of a text; a semicolon at its end is left out."""
    pieces: list[str] = []
    names: list[str] = []
    begin = 0
    text = text.strip().removesuffix(";").rstrip()
    for found in _TOKENS.finditer(text):
        if found["name"] is not None:
            pieces.append(text[begin : found.start()])
            names.append(found["name"])
            begin = found.end()
    return Query((*pieces, text[begin:]), tuple(names))


_TOKENS: Final = re.compile(
    r"""
      '(?:[^']|'')*'                        # a text
    | "(?:[^"]|"")*"                        # a name
    | `[^`]*`                               # a name in MySQL
    | --[^\n]*                              # a comment to the end of the line
    | /\*.*?\*/                             # a comment
    | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$  # a text in PostgreSQL
    | ::                                    # a cast
    | (?<![\w:]):(?P<name>[A-Za-z_]\w*)     # a parameter
    """,
    re.VERBOSE | re.DOTALL,
)
_AT_LEAST: Final = re.compile(r">=\s*(?:cast\s*\(\s*)?$", re.IGNORECASE)
_BLANKED: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)

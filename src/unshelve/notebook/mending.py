"""Rewrites a statement that failed, where its error says what changed in a library since it was written."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unshelve.notebook import mending_calls as calls
from unshelve.notebook import mending_frames as frames
from unshelve.notebook.editing import Edit, edited, tail
from unshelve.notebook.failing import Failure
from unshelve.notebook.paths import NearbyFiles
from unshelve.notebook.rewriting import Note

_READERS: Final = re.compile(r"^(read_\w+|open|loadtxt|genfromtxt|load|imread)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new text for a statement, and why."""

    rule: str
    message: str
    source: str


def mended(failure: Failure) -> Change | None:
    """The statement as it has to be written today; None where no rule knows its error."""
    for pattern, rule in _RULES:
        found = re.search(pattern, f"{type(failure.error).__name__}: {failure.message}", re.DOTALL)
        if found is None:
            continue
        notes: list[Note] = []
        new = edited(failure.source, list(rule(failure, found, notes)))
        if new != failure.source and notes:
            return Change(rule=notes[0].rule, message=notes[0].message, source=new)
    return None


def _style(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    for node in ast.walk(ast.parse(failure.source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("seaborn"):
            new = node.value.replace("seaborn", "seaborn-v0_8", 1)
            notes.append(Note(rule="N206", message=f"the style {node.value} is {new} today"))
            yield Edit(node, repr(new))


def _file(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """A path put together from parts, whose last part is the name of a file beside the notebook."""
    missing = getattr(failure.error, "filename", None) or found["path"]
    nearby = NearbyFiles(Path.cwd()).meant(str(missing))
    for call in failure.calls():
        if nearby is not None and _READERS.match(tail(call.func)) and call.args:
            notes.append(Note(rule="N200", message=f"{str(missing)!r} is {nearby!r} beside the notebook"))
            yield Edit(call.args[0], repr(nearby))
            return


def _star(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`from sklearn.model_selection import *` fails over the names that it announces and does not have yet."""
    for node in ast.walk(ast.parse(failure.source)):
        if not isinstance(node, ast.ImportFrom) or node.names[0].name != "*" or node.module not in sys.modules:
            continue
        module = sys.modules[node.module]
        names = [name for name in getattr(module, "__all__", ()) if name in vars(module)]
        if names:
            notes.append(Note(rule="N201", message=f"`{ast.unparse(node)}` names what {node.module} has today"))
            yield Edit(node, f"from {node.module} import {', '.join(names)}")


_Rule = Callable[[Failure, re.Match[str], list[Note]], Iterator[Edit]]
_RULES: Final[tuple[tuple[str, _Rule], ...]] = (
    (r"(KFold|ShuffleSplit)\.__init__\(\) takes", calls.folds),
    (r"(?P<name>[\w.]+)\(\) takes (from \d+ to )?(?P<most>\d+) positional arguments? but \d+", calls.positional),
    (r"multiple values for argument 'data'", calls.seaborn_twice),
    (r"fillna\(\) got an unexpected keyword argument 'method'", frames.filled_from_neighbours),
    (r"GroupBy' object has no attribute 'fillna'", frames.filled_from_neighbours),
    (r"XGB\w+\.fit\(\) got an unexpected keyword argument '(?P<keyword>\w+)'", calls.boosting),
    (r"unexpected keyword argument '(?P<keyword>\w+)'", calls.keyword),
    (r"Invalid parameter '(?P<keyword>\w+)' for estimator", calls.keyword),
    (r"[Ss]etting a (?P<keyword>random_state) has no effect", calls.keyword),
    (r"'(?P<kind>DataFrame|Series)' object has no attribute 'append'", frames.append),
    (r"module 'pandas' has no attribute '(?P<name>value_counts)'", frames.pandas_function),
    (r"(Arrow)?String(Array|Dtype)", frames.to_numpy),
    (r"has no attribute '(?P<name>\w+)'", frames.attribute),
    (r"not a valid package style", _style),
    (r"ChainedAssignmentError", frames.chained),
    (r"^KeyError: -?\d+", frames.by_place),
    (r"ImportError: \w+ is experimental", _star),
    (r"Invalid value .* for dtype", frames.text_cast),
    (r"Invalid value .* for dtype", frames.filled),
    (r"(could not convert string|does not support (reduction|operation)|Cannot perform reduction|agg function failed"
     r"|Could not convert|unsupported operand type|with string dtype|not supported for dtype|no numeric data)",
     frames.numeric_only),
    (r"(FileNotFoundError|NotADirectoryError|OutsideScratch|NetworkIsOff|URLError).*?"
     r"['\"]?(?P<path>[^'\"\s]+\.\w+)['\"]?", _file),
)  # fmt: skip

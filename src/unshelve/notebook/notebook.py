"""A notebook as a value: its cells, and its top-level statements in text order. Text order is the program."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

CellKind = Literal["code", "markdown", "raw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell. `number` counts all cells from 1, as a person does who looks at the page."""

    number: int
    kind: CellKind
    source: str
    """What the author wrote."""
    python: str = ""
    """For code: plain Python of the same number of lines, in which magics and shell lines are comments or calls."""
    execution_count: int | None = None
    outputs: tuple[str, ...] = ()
    """The texts that were saved below it, each cut to some thousand characters."""
    typed: tuple[str, ...] = ()
    """Those of them that a person typed, where the notebook says so."""
    failed: str | None = None
    """The kind of error that was saved below it, such as "ValueError": the author's run of it ended with that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One top-level statement of a code cell. Lines count from 1 in the cell."""

    number: int
    """Place among all statements of the notebook, from 0."""
    cell: int
    line: int
    end_line: int
    source: str
    """Its text without the comments above it; for a compound statement with all that is inside."""
    comments: tuple[str, ...]
    """The comment lines directly above it, without the #."""
    node: ast.stmt
    shown: bool = False
    """Whether it is the last expression of its cell, whose value a notebook shows."""

    @property
    def place(self) -> str:
        """Where it stands, in words: "cell 4, line 2"."""
        return f"cell {self.cell}, line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A notebook that was read. `language` is "python" for those that can be lifted."""

    path: Path
    cells: tuple[Cell, ...]
    statements: tuple[Statement, ...]
    language: str = "python"
    python_version: str | None = None
    """The Python that last ran it, as it says itself."""
    format: tuple[int, int] = (4, 5)
    modules: Mapping[str, str] = field(default_factory=dict)
    """The author's own modules beside it that run otherwise than they are written: path -> text."""

    @property
    def name(self) -> str:
        return self.path.stem

    def cell(self, number: int) -> Cell:
        return self.cells[number - 1]

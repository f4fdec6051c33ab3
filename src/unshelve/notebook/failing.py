"""A statement of a notebook that failed, and what there was when it did."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A statement that failed, the line of its text on which it did (from 1), and the names there were."""

    source: str
    error: BaseException
    line: int
    names: Mapping[str, object]

    @property
    def message(self) -> str:
        return str(self.error)

    def calls(self) -> list[ast.Call]:
        """The calls on the line that failed, outer ones first."""
        tree = ast.parse(self.source)
        return [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and node.lineno <= self.line <= (node.end_lineno or node.lineno)
        ]

    def value_of(self, node: ast.expr) -> object:
        """What a name with attributes stands for; None for all else, as nothing is called here."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self.value_of(node.value), node.attr, None)
        return None


def module_of(value: object) -> str:
    """The module that a class or a function was made in; "" where none is told."""
    return str(getattr(value, "__module__", "") or "")

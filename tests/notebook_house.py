"""Makes notebooks out of the sources of their cells, as `read_notebook` would give them."""

from __future__ import annotations

import ast
from pathlib import Path

from unshelve.notebook.notebook import Cell, Notebook, Statement


def notebook_of(*cells: str, folder: Path) -> Notebook:
    """A notebook with these code cells. It lies in `folder` by name only: no file is written."""
    made: list[Cell] = []
    statements: list[Statement] = []
    for number, source in enumerate(cells, 1):
        made.append(Cell(number=number, kind="code", source=source, python=source, execution_count=number))
        lines = source.splitlines()
        body = ast.parse(source).body
        for node in body:
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            statements.append(
                Statement(
                    number=len(statements),
                    cell=number,
                    line=first,
                    end_line=node.end_lineno or first,
                    source=_text_of(lines, node, first),
                    comments=_comments_above(lines, first),
                    node=node,
                    shown=isinstance(node, ast.Expr) and node is body[-1] and not source.rstrip().endswith(";"),
                )
            )
    return Notebook(path=folder / "made.ipynb", cells=tuple(made), statements=tuple(statements))


def _text_of(lines: list[str], node: ast.stmt, first: int) -> str:
    if first == node.lineno:
        return ast.get_source_segment("\n".join(lines), node) or ""
    return "\n".join(lines[first - 1 : node.end_lineno])


def _comments_above(lines: list[str], first: int) -> tuple[str, ...]:
    found: list[str] = []
    for line in reversed(lines[: first - 1]):
        if not line.strip().startswith("#"):
            break
        found.insert(0, line.strip().lstrip("#").strip())
    return tuple(found)

"""Adding a declaration to a solution file that a person owns: at its end, with the names it needs imported. Pure."""

from __future__ import annotations

import ast
from collections.abc import Collection

from unshelve.errors import Refused

_WIDEST = 120


def with_declaration(text: str, declaration: str, words: Collection[str]) -> str:
    """The file's text with a declaration at its end, and `words` among what it imports from unshelve.

    Everything else stays as it is, to the letter. Raises Refused for a file in which a word means something else.
    """
    tree = ast.parse(text)
    known, taken = _imported(tree), _bound(tree)
    odd = sorted((taken - known) & set(words))
    if odd:
        raise Refused(
            f"The file uses the name {odd[0]} for something of its own.",
            code="name-taken",
            hint=f"Rename it, or import what is needed under another name: from unshelve import {odd[0]} as ….",
        )
    if "\r\n" in text:
        return with_declaration(text.replace("\r\n", "\n"), declaration, words).replace("\n", "\r\n")
    ending = text if text.endswith("\n") or not text else f"{text}\n"
    if set(words) <= known:
        return f"{ending}\n\n{declaration}"
    return f"{_importing(ending, tree, sorted(known | set(words)))}\n\n{declaration}"


def _imports(tree: ast.Module) -> list[ast.ImportFrom]:
    return [
        node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "unshelve" and not node.level
    ]


def _imported(tree: ast.Module) -> set[str]:
    return {alias.name for node in _imports(tree) for alias in node.names if alias.asname is None}


def _bound(tree: ast.Module) -> set[str]:
    """Names that the file's top level binds."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        else:
            found |= {
                each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            }
    return found


def _importing(text: str, tree: ast.Module, names: list[str]) -> str:
    """The text with the first import from unshelve extended, or with one of its own behind the other imports."""
    lines = text.splitlines(keepends=True)
    mine = [node for node in _imports(tree) if all(alias.asname is None for alias in node.names)]
    written = _written(names)
    if mine:
        first = mine[0]
        others = {alias.name for node in mine[1:] for alias in node.names}
        written = _written([name for name in names if name not in others])
        return "".join([*lines[: first.lineno - 1], written, *lines[first.end_lineno :]])
    before = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    docstring = tree.body[:1] if ast.get_docstring(tree) is not None else []
    end = max((node.end_lineno or 0 for node in (*before, *docstring)), default=0)
    return "".join([*lines[:end], "\n", written, *lines[end:]])


def _written(names: list[str]) -> str:
    line = f"from unshelve import {', '.join(names)}\n"
    if len(line) <= _WIDEST:
        return line
    return "from unshelve import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"

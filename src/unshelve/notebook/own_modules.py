"""The modules beside a notebook that it imports, with those that these import: they go into the solution's folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from unshelve.notebook.notebook import Notebook

_MOST: Final = 500


def own_modules(notebook: Notebook, beside: Path) -> tuple[Path, ...]:
    """The files of these modules, in the order in which they are found; of a package all its Python files."""
    found: dict[Path, None] = {}
    waiting: list[ast.AST] = [each.node for each in notebook.statements]
    while waiting and len(found) < _MOST:
        node = waiting.pop(0)
        for top in _imported(node):
            for path in _files(beside, top):
                if path not in found:
                    found[path] = None
                    waiting.extend(_parsed(path))
    return tuple(found)


def _imported(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            yield from (alias.name.split(".")[0] for alias in each.names)
        elif isinstance(each, ast.ImportFrom) and each.module and not each.level:
            yield each.module.split(".")[0]


def _files(beside: Path, top: str) -> Iterator[Path]:
    module, package = beside / f"{top}.py", beside / top
    if module.is_file():
        yield module
    elif package.is_dir():
        yield from sorted(each for each in package.rglob("*.py") if each.is_file())


def _parsed(path: Path) -> list[ast.AST]:
    try:
        return [ast.parse(path.read_text(encoding="utf-8"))]
    except (SyntaxError, ValueError, OSError):
        return []  # the run of the notebook says what is wrong with it

"""Several names in one statement, as a statement for each: `X, y = rows[columns], rows["price"]`.

Features and target part ways there.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from unshelve.notebook.editing import reads, text_of
from unshelve.notebook.notebook import Notebook


def parted(notebook: Notebook) -> Mapping[int, tuple[str, ...]]:
    """For each statement that gives several names several values the texts that stand for it."""
    found: dict[int, tuple[str, ...]] = {}
    for statement in notebook.statements:
        tree = ast.parse(statement.source).body[0]
        if not isinstance(tree, ast.Assign) or len(tree.targets) != 1:
            continue
        target, value = tree.targets[0], tree.value
        if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)):
            continue
        names = [each.id for each in target.elts if isinstance(each, ast.Name)]
        if len(names) != len(value.elts) or len(set(names)) != len(target.elts) or _crossed(names, value.elts):
            continue
        if not any(isinstance(each, ast.Constant) for each in value.elts):
            found[statement.number] = tuple(
                f"{name} = {text_of(statement.source, each)}" for name, each in zip(names, value.elts, strict=True)
            )
    return found


def _crossed(names: list[str], values: list[ast.expr]) -> bool:
    """Whether a value reads a name that was given another value before it, as in `a, b = b, a`."""
    return any(set(names[:place]) & reads(each) for place, each in enumerate(values))

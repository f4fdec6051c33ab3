"""Columns that a constant names, by their names: `df[TARGET]` where `TARGET = "price"` is all that was said of it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from typing import Final

from unshelve.notebook.editing import Edit, edited, tail
from unshelve.notebook.notebook import Notebook

_TAKING: Final = ("drop", "pop", "get")


def columns_named(notebook: Notebook) -> Mapping[int, tuple[str, ...]]:
    """For each statement that names a column by a constant the text that names it itself."""
    trees = {each.number: ast.parse(each.source).body[0] for each in notebook.statements}
    constants = _constants(list(trees.values()))
    found: dict[int, tuple[str, ...]] = {}
    for statement in notebook.statements if constants else ():
        tree = trees[statement.number]
        if isinstance(tree, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        edits = [
            Edit(name, repr(constants[name.id]))
            for node in ast.walk(tree)
            for name in _naming(node)
            if name.id in constants
        ]
        if edits:
            found[statement.number] = (edited(statement.source, edits),)
    return found


def _constants(trees: list[ast.stmt]) -> dict[str, str]:
    """Names that are bound once, to a text."""
    times = Counter(
        each.id for tree in trees for each in ast.walk(tree) if isinstance(each, ast.Name) and _is_bound(each)
    )
    found = {}
    for tree in trees:
        target = tree.targets[0] if isinstance(tree, ast.Assign) and len(tree.targets) == 1 else None
        if not (isinstance(target, ast.Name) and isinstance(tree, ast.Assign) and times[target.id] == 1):
            continue
        if isinstance(tree.value, ast.Constant) and isinstance(tree.value.value, str):
            found[target.id] = tree.value.value
    return found


def _is_bound(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store | ast.Del)


def _naming(node: ast.AST) -> list[ast.Name]:
    """The names by which a node names columns."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.Subscript):
        parts = [node.slice]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and tail(node.func) in _TAKING:
        parts = [*node.args, *(word.value for word in node.keywords if word.arg in ("columns", "labels"))]
    return [
        each
        for part in parts
        for each in (part.elts if isinstance(part, ast.List | ast.Tuple) else [part])
        if isinstance(each, ast.Name)
    ]

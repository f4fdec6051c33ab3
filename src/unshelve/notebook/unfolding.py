"""Statements that do two things at once, as two: `X, y = a, b` is `X = a` and then `y = b`, where that is the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from unshelve.notebook.editing import reads, tail, text_of
from unshelve.notebook.notebook import Notebook, Statement


def unfolded(notebook: Notebook) -> Notebook:
    """The notebook with one statement for each thing that is assigned, and numbers anew."""
    parts = [part for each in notebook.statements for part in _unfold(each)]
    if len(parts) == len(notebook.statements):
        return notebook
    return replace(notebook, statements=tuple(replace(part, number=number) for number, part in enumerate(parts)))


def _unfold(statement: Statement) -> Iterator[Statement]:
    texts = _texts(statement)
    if texts is None:
        yield statement
        return
    for place, text in enumerate(texts):
        yield replace(
            statement,
            source=text,
            node=ast.parse(text).body[0],
            comments=statement.comments if place == 0 else (),
            shown=False,
        )


def _texts(statement: Statement) -> list[str] | None:
    tree = ast.parse(statement.source).body[0]
    if not isinstance(tree, ast.Assign) or len(tree.targets) != 1 or not isinstance(tree.targets[0], ast.Tuple):
        return None
    targets = tree.targets[0].elts
    if any(isinstance(each, ast.Starred) for each in targets):
        return None
    names = [text_of(statement.source, each) for each in targets]
    if isinstance(tree.value, ast.Tuple) and len(tree.value.elts) == len(targets):
        return _in_turn(statement.source, targets, tree.value.elts)
    if isinstance(tree.value, ast.Call) and tail(tree.value.func) == "factorize" and len(targets) == 2:
        text = text_of(statement.source, tree.value)
        return [f"{names[1]} = {text}[1]", f"{names[0]} = {text}[0]"]
    return None


def _in_turn(source: str, targets: list[ast.expr], values: list[ast.expr]) -> list[str] | None:
    """One after the other, unless a later value reads what an earlier one has assigned."""
    assigned: set[str] = set()
    for target, value in zip(targets, values, strict=True):
        if isinstance(value, ast.Starred) or reads(value) & assigned:
            return None
        assigned |= {each.id for each in ast.walk(target) if isinstance(each, ast.Name)}
    return [
        f"{text_of(source, target)} = {text_of(source, value)}" for target, value in zip(targets, values, strict=True)
    ]

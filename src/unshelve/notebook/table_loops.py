"""Loops over tables, as the statements for each table: `for dataset in [train, test]: dataset["a"] = …`.

What is done to the rows to learn from then stands apart from what is done to those that only are to be predicted.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.editing import reads, renamed
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.unrolling import body_of, leaves_early
from unshelve.notebook.watched import StatementRun, ValueInfo, Watched

_MOST: Final = 4
"""Tables that a loop goes over at most."""


@dataclass(frozen=True, slots=True)
class _Listed:
    """Names in a list, with the objects that they held when it was made."""

    names: tuple[str, ...]
    identities: tuple[int, ...]


def tables_unrolled(notebook: Notebook, watched: Watched) -> Mapping[int, tuple[str, ...]]:
    """For each loop over tables the texts of the statements that it runs."""
    values: dict[str, ValueInfo] = {}
    lists: dict[str, _Listed] = {}
    found: dict[int, tuple[str, ...]] = {}
    gone: set[str] = set()
    for statement, run in zip(notebook.statements, watched.statements, strict=False):
        tree = ast.parse(statement.source).body[0]
        if isinstance(tree, ast.For) and isinstance(tree.target, ast.Name) and not leaves_early(tree):
            names = _tables(tree.iter, values, lists)
            if names and not _binds(tree, {tree.target.id, *names}):
                body = body_of(statement.source, tree)
                texts = [renamed(text, {tree.target.id: name}) for name in names for text in body]
                found[statement.number] = (*texts, f"{tree.target.id} = {names[-1]}")
                gone |= {tree.target.id, *([tree.iter.id] if isinstance(tree.iter, ast.Name) else [])}
        _note(tree, run, values, lists)
    return _without_names(notebook, found, gone)


def _without_names(
    notebook: Notebook, found: dict[int, tuple[str, ...]], gone: set[str]
) -> Mapping[int, tuple[str, ...]]:
    """Without the names of lists and loop variables that nothing reads any more: they would tie the tables together."""
    texts = [text for each in notebook.statements for text in found.get(each.number, (each.source,))]
    unread = gone - {name for text in texts for name in reads(ast.parse(text))}
    for statement in notebook.statements if unread else ():
        before = found.get(statement.number, (statement.source,))
        after = tuple(text for text in before if not _only_names(text, unread))
        if after != before:
            found[statement.number] = after or ("pass",)
    return found


def _only_names(text: str, names: set[str]) -> bool:
    """Whether a text does nothing but give one of these names a list of names, or a name."""
    tree = ast.parse(text).body[0]
    if not isinstance(tree, ast.Assign) or len(tree.targets) != 1:
        return False
    target, plain = tree.targets[0], isinstance(tree.value, ast.Name) or bool(_names(tree.value))
    return plain and isinstance(target, ast.Name) and target.id in names


def _note(tree: ast.stmt, run: StatementRun, values: dict[str, ValueInfo], lists: dict[str, _Listed]) -> None:
    """What the names hold once a statement has run."""
    for name in {*run.bound, *run.deleted}:
        lists.pop(name, None)
    for name, info in run.changed.items():  # a list of tables changes with these, and stays a list of them
        if name in lists and info.rows != len(lists[name].names):
            del lists[name]
    values.update({**run.bound, **run.changed})
    target = tree.targets[0] if isinstance(tree, ast.Assign) and len(tree.targets) == 1 else None
    if isinstance(target, ast.Name) and isinstance(tree, ast.Assign):
        names = _names(tree.value)
        if names and all(name in values for name in names):
            lists[target.id] = _Listed(names, tuple(values[name].identity for name in names))


def _tables(node: ast.expr, values: Mapping[str, ValueInfo], lists: Mapping[str, _Listed]) -> tuple[str, ...]:
    """The names of the tables that a loop goes over; none where they hold others by then, or no tables."""
    names = _names(node)
    if isinstance(node, ast.Name) and node.id in lists:
        listed = lists[node.id]
        names = listed.names
        if any(values[name].identity != each for name, each in zip(names, listed.identities, strict=True)):
            return ()
    there = [values[name] for name in names if name in values]
    whole = len(there) == len(names) and all(each.kind == "frame" for each in there)
    return names if whole and len(set(names)) == len(names) <= _MOST else ()


def _names(node: ast.expr) -> tuple[str, ...]:
    if not isinstance(node, ast.List | ast.Tuple):
        return ()
    names = tuple(each.id for each in node.elts if isinstance(each, ast.Name))
    return names if len(names) == len(node.elts) else ()


def _binds(loop: ast.For, names: set[str]) -> bool:
    """Whether the loop gives one of these names another object."""
    return any(
        isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store | ast.Del) and each.id in names
        for part in loop.body
        for each in ast.walk(part)
    )

"""Which columns of a table a statement reads or changes, where its text says so."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from unshelve.notebook.editing import tail

Columns = frozenset[str] | None
"""Names of columns; None where the text does not tell, so that all may be meant."""
NOTHING: frozenset[str] = frozenset()
_INDEXERS = ("loc", "iloc", "at", "iat")
_METHODS = frozenset({"drop", "rename", "assign", "insert", "pop"})


def column_of(node: ast.AST, table: str) -> str | None:
    """The column that `table["c"]`, `table.c`, `table.loc[:, "c"]` or `table[["c"]]` means."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == table:
        return None if node.attr in _INDEXERS else node.attr
    if not isinstance(node, ast.Subscript):
        return None
    value, key = node.value, node.slice
    if isinstance(value, ast.Attribute) and value.attr == "loc" and isinstance(value.value, ast.Name):
        if value.value.id == table and isinstance(key, ast.Tuple) and len(key.elts) == 2:
            return text(key.elts[1])
        return None
    if isinstance(value, ast.Name) and value.id == table:
        if isinstance(key, ast.List) and len(key.elts) == 1:
            return text(key.elts[0])
        return text(key)
    return None


def text(node: ast.AST) -> str | None:
    """The text of a string in the source."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def texts(node: ast.AST) -> tuple[str, ...] | None:
    """The texts of a string or of a list of strings in the source."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        found = [text(each) for each in node.elts]
        return tuple(each for each in found if each is not None) if None not in found else None
    one = text(node)
    return None if one is None else (one,)


def read_columns(node: ast.AST, table: str, known: Iterable[str]) -> Columns:
    """Columns of a table that an expression reads; None when it uses the table in another way."""
    every = frozenset(known)
    found: set[str] = set()
    waiting = [node]
    while waiting:
        each = waiting.pop()
        popped = _popped(each, table)
        if popped is not None and popped in every:
            found.add(popped)
            continue
        grouped = _grouped(each, table)
        if grouped is not None and grouped <= every:
            found |= grouped
            continue
        column = column_of(each, table)
        if column is not None and column in every:
            found.add(column)
            if isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Tuple):
                waiting.append(each.slice.elts[0])
            continue
        if isinstance(each, ast.Subscript) and isinstance(each.value, ast.Name) and each.value.id == table:
            several = texts(each.slice)
            if several is None or not set(several) <= every:
                return None
            found.update(several)
            continue
        if isinstance(each, ast.Name) and each.id == table:
            return None
        waiting.extend(ast.iter_child_nodes(each))
    return frozenset(found)


def _popped(node: ast.AST, table: str) -> str | None:
    """The column of `table.pop("c")` and `table.get("c")`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 1):
        return None
    owner = node.func.value
    named = isinstance(owner, ast.Name) and owner.id == table and node.func.attr in ("pop", "get")
    return text(node.args[0]) if named else None


def _grouped(node: ast.AST, table: str) -> Columns:
    """The columns of `table.groupby("k")["c"]`, by which the rows are grouped and which is taken of them."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call) and len(node.value.args) == 1):
        return None
    function = node.value.func
    if not (
        isinstance(function, ast.Attribute) and function.attr == "groupby" and isinstance(function.value, ast.Name)
    ):
        return None
    keys, taken = texts(node.value.args[0]), texts(node.slice)
    return frozenset({*keys, *taken}) if function.value.id == table and keys and taken else None


def changed_columns(statement: ast.stmt, table: str) -> Columns:
    """Columns of a table that a statement changes, adds or removes; None where that may be any."""
    if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        found: set[str] = set()
        for target in targets:
            if isinstance(target, ast.Name) and target.id == table:
                return _made_from_itself(statement.value, table)
            one = column_of(target, table)
            several = (
                texts(target.slice)
                if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id == table
                else None
            )
            if one is not None:
                found.add(one)
            elif several is not None:
                found.update(several)
            elif any(isinstance(each, ast.Name) and each.id == table for each in ast.walk(target)):
                return None
        return frozenset(found)
    if isinstance(statement, ast.Delete):
        names = [column_of(each, table) for each in statement.targets]
        return None if None in names else frozenset(each for each in names if each is not None)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if isinstance(function, ast.Attribute):
            column = column_of(function.value, table)
            if column is not None:
                return frozenset({column})
            if isinstance(function.value, ast.Name) and function.value.id == table:
                return _method_columns(statement.value)
    return None


def _made_from_itself(value: ast.AST | None, table: str) -> Columns:
    """Of `table = table.drop(...)` and its like: the columns that its arguments name."""
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
        return None
    owner = value.func.value
    return _method_columns(value) if isinstance(owner, ast.Name) and owner.id == table else None


def _method_columns(call: ast.Call) -> Columns:
    name = tail(call.func)
    if name == "drop":
        given = next((word.value for word in call.keywords if word.arg in ("columns", "labels")), None)
        given = given or (call.args[0] if call.args else None)
        found = texts(given) if given is not None else None
        return None if found is None else frozenset(found)
    if name == "assign":
        return frozenset(word.arg for word in call.keywords if word.arg is not None)
    if name in ("pop", "insert"):
        place = 0 if name == "pop" else 1
        found = texts(call.args[place]) if len(call.args) > place else None
        return None if found is None else frozenset(found)
    return None

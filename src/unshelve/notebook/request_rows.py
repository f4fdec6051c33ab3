"""A statement as it is written for rows that may come one by one, without the column that is to be predicted.

What drops or positions columns by the target's presence is said by name; what only edits the target is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from unshelve.notebook.columns import text
from unshelve.notebook.editing import Edit, edited, tail, text_of


def without_target(source: str, hidden: frozenset[str]) -> str | None:
    """The statement without the hidden columns in what it drops or picks; None when nothing of it is left to do."""
    tree = ast.parse(source).body[0]
    edits: list[Edit] = []
    for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call) and tail(each.func) in ("drop", "pop")):
        given = next((word.value for word in call.keywords if word.arg in ("columns", "labels")), None)
        given = given or (call.args[0] if call.args else None)
        if given is None or not isinstance(call.func, ast.Attribute):
            continue
        rest = _rest(given, hidden)
        if rest is None:
            continue
        if not rest:
            if isinstance(tree, ast.Expr) and tree.value is call:
                return None
            owner = text_of(source, call.func.value)
            edits.append(Edit(call, owner))
        else:
            edits.append(Edit(given, "[" + ", ".join(text_of(source, each) for each in rest) + "]"))
    edits += _picks(source, tree, hidden)
    if isinstance(tree, ast.Delete):
        left = [each for each in tree.targets if not (isinstance(each, ast.Subscript) and text(each.slice) in hidden)]
        if not left:
            return None
    return edited(source, edits)


def _picks(source: str, tree: ast.stmt, hidden: frozenset[str]) -> Iterator[Edit]:
    """Lists of names in `rows[[…]]` and `rows.loc[:, […]]`, without the hidden ones."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)):
            continue
        given = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        rest = _rest(given, hidden) if isinstance(given, ast.List) else None
        if rest:
            yield Edit(given, "[" + ", ".join(text_of(source, each) for each in rest) + "]")


def _rest(given: ast.expr, hidden: frozenset[str]) -> list[ast.expr] | None:
    """What is left of a list of names; None when no hidden one is in it."""
    elements = given.elts if isinstance(given, ast.List | ast.Tuple) else [given]
    if not any(text(each) in hidden for each in elements):
        return None
    return [each for each in elements if text(each) not in hidden]


def by_name(source: str, table: str, columns: Sequence[str], hidden: frozenset[str]) -> str:
    """The statement with `table.iloc[:, …]` said by the names of the columns; hidden ones are left out."""
    tree = ast.parse(source)
    edits = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _is_iloc(node.value, table):
            chosen = _chosen(node.slice, columns)
            if chosen is not None:
                names = [name for name in (chosen if isinstance(chosen, list) else [chosen]) if name not in hidden]
                wanted = ast.unparse(ast.parse(repr(names if isinstance(chosen, list) else chosen), mode="eval"))
                edits.append(Edit(node, f"{table}[{_double(wanted)}]"))
    return edited(source, edits)


def _is_iloc(node: ast.expr, table: str) -> bool:
    if not (isinstance(node, ast.Attribute) and node.attr == "iloc"):
        return False
    return isinstance(node.value, ast.Name) and node.value.id == table


def _chosen(key: ast.expr, columns: Sequence[str]) -> list[str] | str | None:
    """The names that `[:, …]` takes, for numbers, slices and lists of numbers that stand in the text."""
    if not (isinstance(key, ast.Tuple) and len(key.elts) == 2 and isinstance(key.elts[0], ast.Slice)):
        return None
    rows, wanted = key.elts
    if isinstance(rows, ast.Slice) and (rows.lower is not None or rows.upper is not None or rows.step is not None):
        return None
    try:
        if isinstance(wanted, ast.Slice):
            parts = [None if each is None else int(ast.literal_eval(each)) for each in _bounds(wanted)]
            return list(columns[slice(*parts)])
        place = ast.literal_eval(wanted)
        if isinstance(place, int):
            return columns[place]
        if isinstance(place, list | tuple) and all(isinstance(each, int) for each in place):
            return [columns[each] for each in place]
    except (ValueError, IndexError, TypeError):
        return None
    return None


def _bounds(wanted: ast.Slice) -> tuple[ast.expr | None, ast.expr | None, ast.expr | None]:
    return wanted.lower, wanted.upper, wanted.step


def _double(text: str) -> str:
    """Python's text of names with double quotes, where that needs no escapes."""
    return text.replace("'", '"') if '"' not in text else text

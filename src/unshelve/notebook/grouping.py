"""`rows.groupby(keys)[column].transform(…)`: what each group has is learned once, and looked up for each row."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.columns import text as literal
from unshelve.notebook.editing import tail, text_of

_BY_NAME: Final = frozenset({"mean", "median", "max", "min", "std", "var", "sum", "count", "nunique", "size", "first",
                             "last"})  # fmt: skip
_ON_NUMPY: Final = frozenset({"mean", "median", "max", "min", "std", "var", "sum"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouped:
    """What a call learns of each group, and what stands in its place."""

    rows: ast.expr
    """The table that is grouped."""
    learn: str
    use: Callable[[str], str]
    wish: str


def grouped(source: str, node: ast.expr) -> Grouped | None:
    """What `rows.groupby(keys)[column].transform(…)` learns; None for any other call, and what cannot be told."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "transform"):
        return None
    chosen = node.func.value
    if len(node.args) != 1 or node.keywords or not isinstance(chosen, ast.Subscript):
        return None
    column, groups = literal(chosen.slice), chosen.value
    if column is None or not (isinstance(groups, ast.Call) and isinstance(groups.func, ast.Attribute)):
        return None
    if groups.func.attr != "groupby" or len(groups.args) != 1 or groups.keywords:
        return None
    keys, rows = groups.args[0], groups.func.value
    if not _are_names(keys):
        return None
    table, by, picked = text_of(source, rows), text_of(source, keys), text_of(source, chosen.slice)
    each = _found(table, by, keys)
    statistic, fills = _statistic(source, node.args[0])
    if statistic is None:
        return None
    found = each if not fills else lambda name: f"{table}[{picked}].fillna({each(name)})"
    name = _called(node.args[0]) or "value"
    key = literal(keys) or "group"
    return Grouped(
        rows=rows, learn=f"{table}.groupby({by})[{picked}].{statistic}", use=found, wish=f"{name}_{column}_by_{key}"
    )


def _found(table: str, by: str, keys: ast.expr) -> Callable[[str], str]:
    """The text that looks up what the group of each row has."""
    if literal(keys) is not None:
        return lambda name: f"{table}[{by}].map({name})"
    return lambda name: f'{table}[{by}].join({name}.rename("learned"), on={by})["learned"]'


def _are_names(keys: ast.expr) -> bool:
    if isinstance(keys, ast.List):
        return len(keys.elts) > 1 and all(literal(each) is not None for each in keys.elts)
    return literal(keys) is not None


def _statistic(source: str, given: ast.expr) -> tuple[str | None, bool]:
    """How a group is summed up, as a call on it, and whether that only fills what is missing."""
    name = literal(given)
    if name is not None:
        return (f"{name}()" if name in _BY_NAME else None), False
    if isinstance(given, ast.Attribute) and isinstance(given.value, ast.Name) and given.value.id in ("np", "numpy"):
        return (f"agg({text_of(source, given)})" if given.attr in _ON_NUMPY else None), False
    if not isinstance(given, ast.Lambda) or len(given.args.args) != 1:
        return None, False
    own, call = given.args.args[0].arg, given.body
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and _is(call.func.value, own)):
        return None, False
    if call.func.attr in _BY_NAME and not call.args and not call.keywords:
        return f"agg({text_of(source, given)})", False
    inner = call.args[0] if call.func.attr == "fillna" and len(call.args) == 1 and not call.keywords else None
    if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and _is(inner.func.value, own):
        plain = inner.func.attr in _BY_NAME and not inner.args and not inner.keywords
        return (f"{inner.func.attr}()" if plain else None), True
    return None, False


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _called(given: ast.expr) -> str:
    """What the statistic is called: "mean" of `"mean"`, `np.mean`, `lambda x: x.fillna(x.mean())`."""
    name = literal(given)
    if name is not None:
        return name
    if isinstance(given, ast.Lambda):
        inner = [each for each in ast.walk(given.body) if isinstance(each, ast.Call) and tail(each.func) in _BY_NAME]
        return tail(inner[0].func) if inner else ""
    return tail(given)

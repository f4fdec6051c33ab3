"""Names that are a function's own, what its parameters stand for in a call, and what a call of it gives."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from unshelve.notebook.objects import CONST, NOTHING, Function, Scope, Value, holding

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def scope_of(function: Function) -> Scope:
    """The scope of one call."""
    own, declared = local_names(function.node)
    return Scope(own=own, parent=function.scope, declared_global=declared)


def result_of(function: Function, scope: Scope) -> Value:
    if not scope.returned:
        return CONST
    if _yields(function.node):
        return replace(holding(scope.returned), code=frozenset({function}))
    joined = scope.returned[0]
    for value in scope.returned[1:]:
        joined = joined.joined(value)
    return joined


def bind_parameters(
    scope: Scope, function: Function, args: Sequence[Value], words: Mapping[str, Value], *, spread: bool
) -> None:
    """Parameters stand for the arguments; those that got none for something that nobody else has."""
    arguments = function.node.args
    names = [each.arg for each in [*arguments.posonlyargs, *arguments.args]]
    every = [*names, *(each.arg for each in arguments.kwonlyargs)]
    rest = [each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None]
    if spread:
        joined = NOTHING
        for value in args:
            joined = value if joined is NOTHING else joined.joined(value)
        for name in [*every, *rest]:
            scope.put(name, joined)
        return
    loose = [value for word, value in words.items() if word.startswith("**")]
    for place, name in enumerate(every):
        if place < len(names) and place < len(args):
            scope.put(name, args[place])
        elif name in words:
            scope.put(name, words[name])
        elif loose:
            scope.put(name, loose[0].part())
    left = [*args[len(names) :], *(value for word, value in words.items() if word not in every)]
    for name in rest:
        scope.put(name, holding(left))


@functools.lru_cache(maxsize=4096)
def local_names(node: ast.AST) -> tuple[frozenset[str], frozenset[str]]:
    """The names that are a function's or class's own, and those it declares to be the notebook's."""
    found: set[str] = set()
    declared: set[str] = set()
    outer: set[str] = set()
    if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        found |= {each.arg for each in every if each is not None}
    waiting: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(getattr(node, "body", []))
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(each.name)
            continue
        if isinstance(each, ast.Lambda):
            continue
        if isinstance(each, Comprehension):
            found |= {inner.target.id for inner in ast.walk(each) if isinstance(inner, ast.NamedExpr)}
            continue
        if isinstance(each, ast.Global):
            declared |= set(each.names)
        elif isinstance(each, ast.Nonlocal):
            outer |= set(each.names)
        else:
            found |= set(names_bound_by(each))
        waiting.extend(ast.iter_child_nodes(each))
    return frozenset(found - declared - outer), frozenset(declared)


def names_bound_by(node: ast.AST) -> Iterable[str]:
    """Names that one node of a tree binds by itself."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


@functools.lru_cache(maxsize=4096)
def _yields(node: ast.AST) -> bool:
    return any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node))


def remembers(node: ast.AST) -> bool:
    return any(
        "cache" in ast.unparse(each) or "memo" in ast.unparse(each) for each in getattr(node, "decorator_list", [])
    )


def is_static(function: Function) -> bool:
    decorators = getattr(function.node, "decorator_list", [])
    return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in decorators)

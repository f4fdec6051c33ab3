"""Code as it counts for a digest: without docstrings, type hints of functions and the decorators of unshelve."""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping

from unshelve.pipeline.source_file import Imported, chain_of

Function = ast.FunctionDef | ast.AsyncFunctionDef


def plain(statement: ast.stmt, imports: Mapping[str, Imported], left_out: frozenset[str] = frozenset()) -> ast.stmt:
    """A copy of a top-level statement with what does not change its work taken out.

    Hints stay where another decorator, or the class around them, may read them. Defaults of the parameters in
    `left_out` become `...` if the statement is a function.
    """
    statement = copy.deepcopy(statement)
    for node in ast.walk(statement):
        if isinstance(node, Function | ast.ClassDef):
            node.decorator_list = [one for one in node.decorator_list if not _is_ours(one, imports)]
            _drop_docstring(node)
            if isinstance(node, Function) and not node.decorator_list:
                _drop_hints(node)
    if isinstance(statement, Function):
        _drop_defaults(statement.args, left_out)
    return statement


def _is_ours(decorator: ast.expr, imports: Mapping[str, Imported]) -> bool:
    chain = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
    what = imports.get(chain[0]) if chain else None
    return what is not None and what.module.partition(".")[0] == "unshelve"


def _drop_docstring(node: Function | ast.ClassDef) -> None:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        node.body = node.body[1:] or [ast.Pass()]


def _drop_hints(node: Function) -> None:
    arguments = node.args
    node.returns = None
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if one is not None:
            one.annotation = None


def _drop_defaults(arguments: ast.arguments, left_out: frozenset[str]) -> None:
    positional = [*arguments.posonlyargs, *arguments.args]
    first = len(positional) - len(arguments.defaults)
    for place, argument in enumerate(positional[first:]):
        if argument.arg in left_out:
            arguments.defaults[place] = ast.Constant(...)
    for place, argument in enumerate(arguments.kwonlyargs):
        if argument.arg in left_out and arguments.kw_defaults[place] is not None:
            arguments.kw_defaults[place] = ast.Constant(...)

"""Calls of the author's own functions that fit, learn or ask a model, as the statements of these functions.

What hides in a function cannot be divided into what is learned and what is applied; as plain statements it can.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.editing import Edit, calls, edited, free_names, renamed, tail, text_of
from unshelve.notebook.notebook import Notebook

FITS: Final = ("fit", "fit_transform", "fit_predict", "fit_resample")
_LEARNS: Final = frozenset(
    {*FITS, "get_dummies", "factorize", "qcut", "train_test_split", "mean", "median", "mode", "std", "quantile", "rank",
     "value_counts", "score"}
)  # fmt: skip
ASKS: Final = ("predict", "predict_proba", "decision_function")
_ENDS: Final = ("_score", "_error", "_loss")
_CALLS: Final = 40
"""More calls of one function are left as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    """A function of the author's that is no more than its statements."""

    name: str
    parameters: tuple[str, ...]
    defaults: Mapping[str, str]
    body: tuple[str, ...]
    value: str | None
    """What it returns."""
    own: frozenset[str]
    """Names that it binds."""


def fitting_functions(notebook: Notebook) -> Mapping[str, _Function]:
    """The functions that are defined once and whose statements can stand where they are called."""
    found: dict[str, _Function] = {}
    gone: set[str] = set()
    for statement in notebook.statements:
        tree = ast.parse(statement.source).body[0]
        bound = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
        gone |= bound & found.keys()
        if isinstance(tree, ast.FunctionDef):
            function = _function(statement.source, tree)
            works = _learns(tree) or (function is not None and function.value is not None and _asks(tree))
            if function is not None and works and tree.name not in found:
                found[tree.name] = function
            else:
                gone.add(tree.name)
    return {name: function for name, function in found.items() if name not in gone}


def inlined(notebook: Notebook) -> Mapping[int, tuple[str, ...]]:
    """For each statement that calls such a function the texts that stand for it."""
    functions = fitting_functions(notebook)
    if not functions:
        return {}
    taken = {name.id for each in notebook.statements for name in free_names(each.node)}
    found: dict[int, tuple[str, ...]] = {}
    counts: dict[str, int] = {}
    for statement in notebook.statements:
        tree = ast.parse(statement.source).body[0]
        if not isinstance(tree, ast.Assign | ast.Expr):
            continue
        call = next((each for each in _plain_calls(tree) if tail(each.func) in functions), None)
        if call is None or not isinstance(call.func, ast.Name):
            continue
        function = functions[call.func.id]
        counts[function.name] = counts.get(function.name, 0) + 1
        texts = _in_place(statement.source, tree, call, function, taken)
        if texts is not None and counts[function.name] <= _CALLS:
            found[statement.number] = tuple(texts)
    return found


def _function(source: str, tree: ast.FunctionDef) -> _Function | None:
    arguments = tree.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs or tree.decorator_list:
        return None
    inside = [each for part in tree.body for each in ast.walk(part)]
    leaves = ast.Yield | ast.YieldFrom | ast.Await | ast.Global | ast.Nonlocal | ast.FunctionDef | ast.ClassDef
    last = tree.body[-1]
    returns = [each for each in inside if isinstance(each, ast.Return)]
    if any(isinstance(each, leaves) for each in inside) or any(each is not last for each in returns):
        return None
    if any(isinstance(each, ast.Name) and each.id == tree.name for each in inside):
        return None
    body = [each for each in tree.body if each is not last or not returns]
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    names = [each.arg for each in arguments.args]
    given = dict(zip(names[len(names) - len(arguments.defaults) :], arguments.defaults, strict=True))
    value = last.value if isinstance(last, ast.Return) else None
    return _Function(
        name=tree.name,
        parameters=tuple(names),
        defaults={name: text_of(source, node) for name, node in given.items()},
        body=tuple(_dedented(source, each) for each in body),
        value=None if value is None else text_of(source, value),
        own=frozenset(each.id for each in inside if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)),
    )


def _dedented(source: str, node: ast.stmt) -> str:
    assert node.end_lineno is not None
    text = textwrap.dedent("\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno]))
    try:
        return text if len(ast.parse(text).body) == 1 else ast.unparse(node)
    except SyntaxError:
        return ast.unparse(node)


def _learns(tree: ast.FunctionDef) -> bool:
    for call in calls(tree):
        name = tail(call.func)
        if name in _LEARNS or name.endswith(_ENDS):
            return True
    return any(isinstance(each, ast.Attribute) and each.attr == "codes" for each in ast.walk(tree))


def _asks(tree: ast.FunctionDef) -> bool:
    """Whether a function asks a model about rows: where it is given test rows, these must be seen."""
    return any(tail(call.func) in ASKS for call in calls(tree))


def _plain_calls(tree: ast.stmt) -> Iterator[ast.Call]:
    """Calls that are certainly made, and once: none in a lambda, a comprehension or a condition."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        inner = ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.IfExp | ast.BoolOp
        if isinstance(node, inner):
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting.extend(ast.iter_child_nodes(node))


def _in_place(
    source: str, tree: ast.Assign | ast.Expr, call: ast.Call, function: _Function, taken: set[str]
) -> list[str] | None:
    given = _given(source, call, function)
    if given is None:
        return None
    same = {name for name, text in given.items() if name == text and name not in function.own}
    names = {
        each: _apart(each, function.name) if each in taken and each not in same else each
        for each in {*function.parameters, *function.own}
    }
    texts = [f"{names[name]} = {text}" for name, text in given.items() if name not in same]
    texts += [renamed(each, names) for each in function.body]
    value = "None" if function.value is None else renamed(function.value, names)
    if isinstance(tree, ast.Assign) and tree.value is call:
        return [*texts, f"{' = '.join(text_of(source, each) for each in tree.targets)} = {value}"]
    if isinstance(tree, ast.Expr) and tree.value is call:
        asks = function.value is not None and any(calls(ast.parse(function.value)))
        return [*texts, value] if asks else texts or None
    return [*texts, edited(source, [Edit(call, f"({value})")])]


def _apart(name: str, function: str) -> str:
    return f"{name}_{function}" if not name.endswith(f"_{function}") else name


def _given(source: str, call: ast.Call, function: _Function) -> dict[str, str] | None:
    """What each parameter is given; None where that cannot be told."""
    if any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords):
        return None
    if len(call.args) > len(function.parameters):
        return None
    found = dict(function.defaults)
    found.update({name: text_of(source, node) for name, node in zip(function.parameters, call.args, strict=False)})
    found.update({each.arg: text_of(source, each.value) for each in call.keywords if each.arg})
    if set(found) != set(function.parameters):
        return None
    return {name: found[name] for name in function.parameters}

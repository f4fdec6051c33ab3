"""Loops that fit models, as the statements that they run: each model is then a candidate with lines of its own.

`for name, model in models.items(): model.fit(X_train, y_train)` is `name, model = …` and `model.fit(…)`, once for each.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping
from typing import Final

from unshelve.notebook.choosing import TRIALS
from unshelve.notebook.editing import Edit, calls, edited, reads, replaced, tail, text_of
from unshelve.notebook.inlining import FITS, fitting_functions
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.watched import ValueInfo, Watched

_STATEMENTS: Final = 400


def unrolled(notebook: Notebook, watched: Watched) -> Mapping[int, tuple[str, ...]]:
    """For each loop that fits models the texts of the statements that it runs."""
    functions = fitting_functions(notebook)
    values: dict[str, ValueInfo] = {}
    literals: dict[str, ast.expr] = {}
    unfitted: set[str] = set()
    found: dict[int, tuple[str, ...]] = {}
    for statement, run in zip(notebook.statements, watched.statements, strict=False):
        tree = ast.parse(statement.source).body[0]
        if isinstance(tree, ast.For) and _fits(tree, frozenset(functions)):
            texts = _turns(statement.source, tree, values, literals)
            if texts is not None:
                models = {name: literals[name] for name in unfitted}
                found[statement.number] = tuple(each for text in texts for each in _made_there(text, models))
        for name in run.bound:
            literals.pop(name, None)
        unfitted -= {*run.bound, *run.changed}
        values.update(run.bound)
        values.update(run.changed)
        if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name):
            literals[tree.targets[0].id] = tree.value
            if isinstance(tree.value, ast.Dict):
                unfitted.add(tree.targets[0].id)
    return found


def _fits(loop: ast.For, functions: frozenset[str]) -> bool:
    for call in calls(loop):
        fits = isinstance(call.func, ast.Attribute) and call.func.attr in FITS
        if fits or (isinstance(call.func, ast.Name) and call.func.id in functions):
            return True
    return False


def _turns(
    source: str, loop: ast.For, values: Mapping[str, ValueInfo], literals: Mapping[str, ast.expr]
) -> list[str] | None:
    """The statements of all turns; None where these cannot be told."""
    if leaves_early(loop):
        return None
    heads = list(_heads(source, loop, values, literals))
    body = body_of(source, loop)
    if not heads or len(heads) > TRIALS or len(heads) * len(body) > _STATEMENTS:
        return None
    counter = loop.target.id if isinstance(loop.target, ast.Name) else ""
    return [
        text
        for place, head in enumerate(heads)
        for text in (*head, *(_by_key(each, counter, place, literals) for each in body))
    ]


def _by_key(text: str, counter: str, place: int, literals: Mapping[str, ast.expr]) -> str:
    """The text with `list(models.values())[i]` as `models["tree"]`, where the dict's keys are known."""

    def said(node: ast.expr) -> str | None:
        listed = node.value if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) else None
        if not (isinstance(listed, ast.Call) and tail(listed.func) == "list" and len(listed.args) == 1):
            return None
        inner = listed.args[0].func if isinstance(listed.args[0], ast.Call) else None
        if not (isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name)):
            return None
        keys = _keys(literals.get(inner.value.id))
        shown = {"values": "{1}[{0}]", "keys": "{0}", "items": "({0}, {1}[{0}])"}.get(inner.attr)
        counted = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and node.slice.id == counter
        if not counted or keys is None or shown is None or place >= len(keys):
            return None
        return shown.format(keys[place], inner.value.id)

    return replaced(text, said)


def leaves_early(loop: ast.For) -> bool:
    """Whether a loop may end before its last turn, or does something when it did not."""
    leaves = ast.Break | ast.Continue | ast.Return | ast.Yield | ast.Await
    return bool(loop.orelse) or any(isinstance(each, leaves) for each in ast.walk(loop))


def body_of(source: str, loop: ast.For) -> list[str]:
    """The texts of the statements in a loop."""
    lines = source.splitlines()
    first = loop.body[0]
    if first.lineno == loop.lineno:  # on the line of the colon
        return [ast.unparse(each) for each in loop.body]
    found = []
    for each in loop.body:
        start = min([each.lineno, *(one.lineno for one in getattr(each, "decorator_list", []))])
        assert each.end_lineno is not None
        text = textwrap.dedent("\n".join(lines[start - 1 : each.end_lineno]))
        found.append(text if _is_one(text) else ast.unparse(each))
    return found


def _is_one(text: str) -> bool:
    try:
        return len(ast.parse(text).body) == 1
    except SyntaxError:
        return False


def _made_there(text: str, models: Mapping[str, ast.expr]) -> tuple[str, ...]:
    """`model = models["tree"]` as `model = Tree()` and `models["tree"] = model`: one turn needs no other then.

    `models` are dicts that nobody has changed since they were written down.
    """
    tree = ast.parse(text).body[0]
    if not (isinstance(tree, ast.Assign) and len(tree.targets) == 1):
        return (text,)
    target, value = tree.targets[0], tree.value
    targets = target.elts if isinstance(target, ast.Tuple) else [target]
    given = value.elts if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) else [value]
    edits, back = [], []
    for name, node in zip(targets, given, strict=False):
        made = _constructor(node, models)
        if made is not None and isinstance(name, ast.Name):
            edits.append(Edit(node, made))
            back.append(f"{text_of(text, node)} = {name.id}")
    return (edited(text, edits), *back)


def _constructor(node: ast.expr, models: Mapping[str, ast.expr]) -> str | None:
    """What made `models["tree"]`, where that is a call that reads nothing but what it calls."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in models):
        return None
    literal = models[node.value.id]
    assert isinstance(literal, ast.Dict)
    for key, value in zip(literal.keys, literal.values, strict=True):
        if isinstance(key, ast.Constant) and ast.dump(key) == ast.dump(node.slice):
            own = isinstance(value, ast.Call) and not any(map(reads, [*value.args, *(w.value for w in value.keywords)]))
            return ast.unparse(value) if own else None
    return None


def _heads(
    source: str, loop: ast.For, values: Mapping[str, ValueInfo], literals: Mapping[str, ast.expr]
) -> Iterator[list[str]]:
    """For each turn what it gives the loop's variables."""
    target = text_of(source, loop.target)
    items = _items(source, loop.iter, values, literals)
    if items is not None:
        for item in items:
            yield [f"{target} = {item}"]


def _items(
    source: str, node: ast.expr, values: Mapping[str, ValueInfo], literals: Mapping[str, ast.expr]
) -> list[str] | None:
    """Expressions of what a loop runs over, one for each turn."""
    if isinstance(node, ast.List | ast.Tuple) and not any(isinstance(each, ast.Starred) for each in node.elts):
        return [ast.unparse(each) for each in node.elts]
    if isinstance(node, ast.Name):
        return _of_name(node.id, values, literals)
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and not node.args:
        return _of_dict(node.func.value.id, node.func.attr, values, literals)
    if tail(node.func) == "range" and not node.keywords:
        numbers = [_number(each, values) for each in node.args]
        ends = [each for each in numbers if each is not None]
        return [str(each) for each in range(*ends)] if len(ends) == len(numbers) in (1, 2, 3) else None
    if tail(node.func) in ("zip", "enumerate") and not node.keywords:
        parts = [_items(source, each, values, literals) for each in node.args]
        if any(part is None for part in parts):
            return None
        columns = [part for part in parts if part is not None]
        if tail(node.func) == "enumerate":
            columns = [[str(place) for place in range(len(columns[0]))], *columns]
        return [
            ", ".join(f"({each})" if "," in each else each for each in turn) for turn in zip(*columns, strict=False)
        ]
    return None


def _of_name(name: str, values: Mapping[str, ValueInfo], literals: Mapping[str, ast.expr]) -> list[str] | None:
    info, literal = values.get(name), literals.get(name)
    if info is None or info.rows is None or info.rows > TRIALS:
        return None
    if info.kind == "dict":
        keys = _keys(literal)
        return keys if keys is not None and len(keys) == info.rows else None
    if info.kind != "list" or info.type not in ("list", "tuple"):
        return None
    if isinstance(literal, ast.List | ast.Tuple) and len(literal.elts) == info.rows:
        return [
            repr(each.value) if isinstance(each, ast.Constant) else f"{name}[{place}]"
            for place, each in enumerate(literal.elts)
        ]
    return [f"{name}[{place}]" for place in range(info.rows)]


def _of_dict(
    name: str, method: str, values: Mapping[str, ValueInfo], literals: Mapping[str, ast.expr]
) -> list[str] | None:
    info = values.get(name)
    keys = _keys(literals.get(name))
    if info is None or info.kind != "dict" or info.rows is None or info.rows > TRIALS:
        return None
    if keys is None or len(keys) != info.rows:
        return [f"list({name}.{method}())[{place}]" for place in range(info.rows)]
    shown = {"items": "{0}, {1}[{0}]", "values": "{1}[{0}]", "keys": "{0}"}.get(method)
    return None if shown is None else [shown.format(key, name) for key in keys]


def _keys(node: ast.expr | None) -> list[str] | None:
    if not isinstance(node, ast.Dict) or not all(isinstance(each, ast.Constant) for each in node.keys):
        return None
    return [ast.unparse(each) for each in node.keys if each is not None]


def _number(node: ast.expr, values: Mapping[str, ValueInfo]) -> int | None:
    """A number that stands in the text, or the length of a list or a dict: `len(models)`, `len(list(models))`."""
    if isinstance(node, ast.Call) and tail(node.func) == "len" and len(node.args) == 1:
        counted = node.args[0]
        while isinstance(counted, ast.Call):
            if tail(counted.func) == "list" and len(counted.args) == 1:
                counted = counted.args[0]
            elif isinstance(counted.func, ast.Attribute) and tail(counted.func) in ("keys", "values", "items"):
                counted = counted.func.value
            else:
                return None
        info = values.get(counted.id) if isinstance(counted, ast.Name) else None
        return info.rows if info is not None and info.kind in ("list", "dict") else None
    try:
        found = ast.literal_eval(node)
    except ValueError:
        return None
    return found if isinstance(found, int) else None

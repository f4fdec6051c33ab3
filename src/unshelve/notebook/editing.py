"""Changes to a statement's text by the places of its syntax tree, so that all else stays as the author wrote it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """A node's text and what stands there instead."""

    node: ast.expr | ast.stmt
    text: str


def edited(source: str, edits: Sequence[Edit]) -> str:
    """The source with each node replaced. Of nodes inside one another the outermost counts."""
    spans = sorted(((*span(source, each.node), each.text) for each in edits), key=lambda found: (found[0], -found[1]))
    data, place, parts = source.encode(), 0, []
    for start, end, text in spans:
        if start < place:
            continue
        parts += [data[place:start], text.encode()]
        place = end
    return b"".join([*parts, data[place:]]).decode()


def span(source: str, node: ast.expr | ast.stmt) -> tuple[int, int]:
    """First byte of a node and the byte behind its last."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    assert node.end_lineno is not None and node.end_col_offset is not None
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


def text_of(source: str, node: ast.expr | ast.stmt) -> str:
    """The author's text of a node; in brackets where it goes over lines that stood in brackets around it."""
    start, end = span(source, node)
    text = source.encode()[start:end].decode()
    return f"({text})" if isinstance(node, ast.expr) and "\n" in text and not _is_whole(text) else text


def _is_whole(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def free_names(node: ast.AST) -> Iterator[ast.Name]:
    """All uses of names that are not parameters of a lambda or a function, or variables of a comprehension, inside."""
    yield from _free(node, frozenset())


def _free(node: ast.AST, own: frozenset[str]) -> Iterator[ast.Name]:
    if isinstance(node, ast.Name):
        if node.id not in own:
            yield node
        return
    if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        inner = own | {each.arg for each in every if each is not None}
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                yield from _free(default, own)
        body = node.body if isinstance(node.body, list) else [node.body]
        if not isinstance(node, ast.Lambda):
            inner |= {
                name.id
                for part in body
                for name in ast.walk(part)
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
        for part in body:
            yield from _free(part, inner)
        return
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        targets = {name.id for each in node.generators for name in ast.walk(each.target) if isinstance(name, ast.Name)}
        yield from _free(node.generators[0].iter, own)
        for child in ast.iter_child_nodes(node):
            yield from _free(child, own | targets)
        return
    for child in ast.iter_child_nodes(node):
        yield from _free(child, own)


def renamed(source: str, names: Mapping[str, str]) -> str:
    """The source with top-level names changed, wherever they are meant."""
    wanted = {old: new for old, new in names.items() if old != new}
    if not wanted:
        return source
    found = {id(each): each for each in free_names(ast.parse(source)) if each.id in wanted}
    return edited(source, [Edit(each, wanted[each.id]) for each in found.values()])


def reads(node: ast.AST) -> frozenset[str]:
    """Names that are read in a node."""
    return frozenset(each.id for each in free_names(node) if isinstance(each.ctx, ast.Load))


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """All calls in a node, those inside others too, in the order of the text."""
    found = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    yield from sorted(found, key=lambda each: (each.lineno, each.col_offset))


def tail(function: ast.expr) -> str:
    """The last part of a called name: "fit" of `model.fit`, "accuracy_score" of `metrics.accuracy_score`."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def replaced(source: str, wanted: Callable[[ast.expr], str | None]) -> str:
    """The source with each expression replaced for which `wanted` gives a text; outermost first."""
    edits = []
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        text = wanted(node) if isinstance(node, ast.expr) else None
        if text is not None and isinstance(node, ast.expr):
            edits.append(Edit(node, text))
        else:
            waiting.extend(ast.iter_child_nodes(node))
    return edited(source, edits)

"""Loops over columns that learn something of each: what is learned by column, and the loop that applies it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from dataclasses import dataclass

from unshelve.notebook.editing import Edit, edited, reads, text_of
from unshelve.notebook.hoisting import Learned, learned_in

Fresh = Callable[[Learned, str], str]
"""The text that learns, given what was found and the statement's text: with an estimator of its own for each fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopLearned:
    """A loop as a fit step and as a transform have it."""

    learn: tuple[str, ...]
    """Lines that end with `return found`: what was learned, by the loop's variable."""
    apply: Callable[[str], str]
    """The loop that applies it, given the name of what was learned."""
    wish: str
    kept: str = ""
    """What the author calls what is learned, where that is kept by column already."""


def loop_learned(source: str, tables: Collection[str], fresh: Fresh) -> LoopLearned | None:
    """What a `for column in columns:` learns; None for a loop of another form."""
    tree = ast.parse(source).body[0]
    if not isinstance(tree, ast.For) or tree.orelse or not isinstance(tree.target, ast.Name):
        return None
    variable, condition, body = tree.target.id, None, tree.body
    if len(body) == 1 and isinstance(body[0], ast.If) and not body[0].orelse:
        condition, body = body[0].test, body[0].body
    if not all(isinstance(each, ast.Assign | ast.Expr | ast.AugAssign) for each in body):
        return None
    found = [(number, each) for number, part in enumerate(body) for each in _in(source, part, tables)]
    if len(found) != 1 or variable not in reads(found[0][1].rows):
        return None
    place, learned = found[0]
    texts = [text_of(source, each) for each in body]
    outer = f"for {variable} in {text_of(source, tree.iter)}:"
    inner = [f"    if {text_of(source, condition)}:"] if condition is not None else []
    indent = "        " if inner else "    "
    before = [f"{indent}{line}" for text in texts[:place] for line in text.splitlines()]
    lines = (
        "found = {}",
        outer,
        *inner,
        *before,
        f"{indent}found[{variable}] = {fresh(learned, texts[place])}",
        "return found",
    )
    depends = reads(tree.iter) & frozenset(tables) or condition is not None

    def apply(name: str) -> str:
        edits = {place: _applied(texts[place], learned, tables, f"{name}[{variable}]")}
        written = [edits.get(number, text) for number, text in enumerate(texts)]
        head = f"for {variable} in {name}:" if depends else outer
        return "\n".join([head, *(f"    {line}" for text in written for line in text.splitlines())])

    kept = _kept(learned, variable)
    wish = kept or (f"{learned.wish}_by_column" if learned.wish else "by_column")
    return LoopLearned(learn=lines, apply=apply, wish=wish, kept=kept)


def _kept(learned: Learned, variable: str) -> str:
    """ "encoders" of `encoders[column].fit_transform(rows[column])`."""
    function = learned.node.func if isinstance(learned.node, ast.Call) and "clone" in learned.needs else None
    owner = function.value if isinstance(function, ast.Attribute) else None
    if not (isinstance(owner, ast.Subscript) and isinstance(owner.value, ast.Name)):
        return ""
    return owner.value.id if isinstance(owner.slice, ast.Name) and owner.slice.id == variable else ""


def _in(source: str, part: ast.stmt, tables: Collection[str]) -> list[Learned]:
    return list(learned_in(text_of(source, part), tables))


def _applied(text: str, learned: Learned, tables: Collection[str], name: str) -> str:
    again = next(iter(learned_in(text, tables)), learned)
    return edited(text, [Edit(again.node, again.use(name))])

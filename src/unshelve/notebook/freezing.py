"""What statements learn from whole tables, as fit steps, and what is left of them for the rows of a request."""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Iterable

from unshelve.notebook.bench import NO_INFO, Bench
from unshelve.notebook.bodies import Body, Param, Rewritten, lines_of, names_for
from unshelve.notebook.columns import read_columns
from unshelve.notebook.draft import CannotShape
from unshelve.notebook.editing import Edit, edited, reads, renamed, text_of
from unshelve.notebook.hoisting import Learned, learned_in
from unshelve.notebook.loops import loop_learned
from unshelve.notebook.request_rows import by_name, without_target
from unshelve.notebook.seen import Version


def rewriting(bench: Bench, number: int) -> Rewritten:
    tables = bench.seen.tables(number)
    if not tables or bench.seen.roles[number] not in ("rows", "keep"):
        return Rewritten(bench.seen.source(number))
    shorter = without_target_text(bench, number)
    return shorter if shorter.text is None else freeze(bench, number, shorter.text, tables)


def without_target_text(bench: Bench, number: int) -> Rewritten:
    """The text as it is for tables that do not have the target's column."""
    source = bench.seen.source(number)
    if not bench.hidden:
        return Rewritten(source)
    for table in bench.seen.tables(number):
        columns = (bench.seen.before(number, table) or NO_INFO).columns
        if columns:
            source = by_name(source, table, columns, bench.hidden)
    return Rewritten(without_target(source, bench.hidden))


def freeze(bench: Bench, number: int, source: str, tables: Iterable[str]) -> Rewritten:
    """The text with all that it learns from whole tables in steps of their own."""
    found = list(learned_in(source, frozenset(tables)))
    if found and isinstance(bench.seen.trees[number], ast.For | ast.While | ast.If | ast.With | ast.Try):
        return _freeze_loop(bench, number, source, frozenset(tables))
    edits, steps = [], []
    for learned in found:
        name = _fit(bench, number, source, learned)
        edits.append(Edit(learned.node, learned.use(name)))
        steps.append(name)
    return Rewritten(edited(source, edits), tuple(steps))


def _freeze_loop(bench: Bench, number: int, source: str, tables: frozenset[str]) -> Rewritten:
    loop = loop_learned(source, tables, lambda learned, text: _own(bench, number, text, learned)[0])
    if loop is None:
        raise CannotShape("a loop or condition learns from whole columns", number)
    text = "\n".join(loop.learn)
    body = _collected(
        bench,
        [
            (bench.version(number, name) if name in tables else number, name)
            for name in sorted(reads(ast.parse(f"def _():\n{textwrap.indent(text, '    ')}")))
            if name in bench.seen.flow.needs[number]
        ],
    )
    step = bench.names.give(loop.wish)
    names = names_for(bench.seen, body)
    lines = lines_of(bench.seen, body, bench.as_written, names)
    lines += unhidden(bench, body, names)
    lines += with_target(bench, body, names, (number, ast.parse(text)))
    lines += _renamed_function(text, names)
    bench.add(step, "fit", body, lines, title=bench.title_of(number, "Learned of each column"))
    bench.made[step].statements.add(number)
    if loop.kept:
        bench.known[(frozenset({number}), loop.kept)] = Param(step)
    return Rewritten(loop.apply(step), (step,))


def unhidden(bench: Bench, body: Body, names: dict[str, str]) -> list[str]:
    """Lines that take the target's column out of tables that are given whole, where a request has none."""
    whole = [
        names[name]
        for name, param in body.params.items()
        if bench.hidden and param.step in bench.made and bench.made[param.step].kind in ("source", "keep")
        if any(_takes_whole(bench, number, name) for number in body.inline) or not body.inline
    ]
    text = "[" + ", ".join(f'"{column}"' for column in sorted(bench.hidden)) + "]"
    return [f'{name} = {name}.drop(columns={text}, errors="ignore")' for name in dict.fromkeys(whole)]


def with_target(bench: Bench, body: Body, names: dict[str, str], own: tuple[int, ast.AST] | None = None) -> list[str]:
    """Lines that put the target back into tables of which something about it is learned: no transform has it.

    `own` is what is done besides the body's statements, and the statement in which it stands.
    """
    if len(bench.stands_in) != 1 or not bench.target:
        return []
    (column,) = bench.stands_in
    nodes = [*((number, bench.seen.trees[number]) for number in sorted(body.inline)), *([own] if own else [])]
    lines = []
    for name, param in list(body.params.items()):
        made = bench.made.get(param.step)
        if made is None or made.kind != "transform":
            continue
        known = [(node, (bench.seen.before(number, name) or NO_INFO).columns or ()) for number, node in nodes]
        if not any(column in (read_columns(node, name, columns) or ()) for node, columns in known):
            continue
        target = Param(bench.target, param.part)
        body.extra[str(target)] = target
        word = f"{column}={target}" if column.isidentifier() else f"**{{{json.dumps(column)}: {target}}}"
        lines.append(f"{names[name]} = {names[name]}.assign({word})")
    return lines


def _takes_whole(bench: Bench, number: int, name: str) -> bool:
    """Whether a statement uses a table otherwise than by columns that it names."""
    columns = (bench.seen.before(number, name) or NO_INFO).columns or ()
    return read_columns(bench.seen.trees[number], name, columns) is None


def _own(bench: Bench, number: int, source: str, learned: Learned) -> tuple[str, ast.expr | None]:
    """The text that learns, with an estimator of its own, and the author's estimator."""
    if "clone" not in learned.needs or not isinstance(learned.node, ast.Call):
        return learned.learn, None
    owner = learned.node.func.value if isinstance(learned.node.func, ast.Attribute) else None
    made = _constructor(bench, number, owner)
    if made is None or owner is None:
        return learned.learn, owner
    return learned.learn.replace(f"clone({text_of(source, owner)})", made, 1), owner


def _fit(bench: Bench, number: int, source: str, learned: Learned) -> str:
    """A fit step for what one expression learns."""
    text, owner = _own(bench, number, source, learned)
    expression = ast.parse(text, mode="eval").body
    wanted = [(_earliest(bench, number, each, expression), each) for each in sorted(reads(expression))]
    body = _collected(bench, wanted)
    if any(param.part == "_test" for param in body.params.values()):
        raise CannotShape("something is fitted again on the rows that are to be predicted", number)
    step = bench.names.give(learned.wish, f"{learned.wish}_learned")
    names = names_for(bench.seen, body)
    lines = [
        *with_target(bench, body, names, (number, expression)),
        *lines_of(bench.seen, body, bench.as_written, names),
        f"return {renamed(text, names)}",
    ]
    bench.add(step, "fit", body, lines, title=bench.title_of(number, "Learned from the rows"))
    bench.made[step].statements.add(number)
    if isinstance(owner, ast.Name):
        bench.known[(frozenset({number}), owner.id)] = Param(step)
    return step


def _collected(bench: Bench, wanted: list[tuple[int | Version, str]]) -> Body:
    collector = bench.collector(rewritten=False)
    body = collector.collect([(at, name) for at, name in wanted if isinstance(at, int)])
    for at, name in wanted:
        if not isinstance(at, int):
            body.params[name] = bench.cut(at)
    return body


def _earliest(bench: Bench, number: int, name: str, expression: ast.AST) -> int | Version:
    """The version of a table at which an expression has the same value already: the earliest that is a step."""
    if not bench.seen.is_rows(number, name):
        return number
    makers = bench.collector().makers(number, name)
    version: Version = (makers, name)
    columns = read_columns(expression, name, (bench.seen.before(number, name) or NO_INFO).columns or ())
    while columns is not None and version not in bench.known and len(version[0]) == 1:
        (maker,) = version[0]
        changed = bench.seen.changed_columns(maker, name)
        before = bench.collector().makers(maker, name)
        if bench.seen.roles[maker] != "rows" or changed is None or changed & columns or not before:
            break
        version = (before, name)
    return version


def _constructor(bench: Bench, number: int, owner: ast.expr | None) -> str | None:
    """The call that made an estimator which is fitted again and again."""
    if not isinstance(owner, ast.Name):
        return None
    waiting, met = list(bench.seen.makers(number, owner.id)), set()
    while waiting:
        maker = waiting.pop()
        tree = bench.seen.trees[maker]
        if isinstance(tree, ast.Assign) and isinstance(tree.value, ast.Call) and bench.seen.roles[maker] == "plain":
            bench.collector().collect([], own=[])
            for name in reads(tree.value):
                bench.collector().top(bench.seen.makers(maker, name))
            return text_of(bench.seen.source(maker), tree.value)
        if maker not in met:
            met.add(maker)
            waiting.extend(bench.seen.makers(maker, owner.id))
    return None


def _renamed_function(text: str, names: dict[str, str]) -> list[str]:
    """Lines with a return in them, in other names."""
    inside = renamed(f"def _():\n{textwrap.indent(text, '    ')}", names)
    return textwrap.dedent(inside.partition("\n")[2]).splitlines()

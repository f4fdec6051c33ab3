"""Steps that give rows: the source, what is kept of it, what is made of a row; and what is learned of them by name."""

from __future__ import annotations

import ast
from functools import partial

from unshelve.notebook.bench import NO_INFO, Bench
from unshelve.notebook.bodies import Body, Param, lines_of, names_for, returning
from unshelve.notebook.draft import CannotShape
from unshelve.notebook.editing import Edit, edited, reads, renamed, text_of
from unshelve.notebook.freezing import freeze, unhidden, with_target, without_target_text
from unshelve.notebook.naming import GENERIC
from unshelve.notebook.request_rows import without_target

_DROPS = ("dropna", "drop_duplicates", "query", "head", "tail", "sample")


def source_step(bench: Bench) -> None:
    body = bench.collector(rewritten=False, everything=True).collect([], own=[bench.entry.statement])
    wish = bench.entry.name
    name = bench.names.give(wish, f"{wish}_table")
    lines = returning(lines_of(bench.seen, body, bench.as_written, {}), bench.entry.variable)
    if bench.entry.labelled:  # a request has no labels, and the author's would become a column
        lines[-1] += ".reset_index(drop=True)"
    bench.add(name, "source", Body(inline=body.inline), lines, title=bench.entry.title)
    bench.known[(frozenset({bench.entry.statement}), bench.entry.variable)] = Param(name)


def keep_step(bench: Bench, number: int, name: str) -> str:
    source, tree = bench.seen.source(number), bench.seen.trees[number]
    if (bench.seen.info(number, name) or NO_INFO).columns is None:
        raise CannotShape(f"some rows of {name} are taken, which has no columns", number)
    given, inner = _chained(tree, name)
    if inner is None:  # a keep only drops rows: what was done to the table before is a step of its own
        for table in sorted(bench.seen.tables(number)):
            version = bench.version(number, table)
            if version not in bench.known and bench.is_frame(number, table):
                bench.cut(version)
    body = bench.collector().collect([], own=[number])
    names = names_for(bench.seen, body)
    if inner is not None and given is not None:
        names[name] = _transform_of(bench, number, inner, name)
        text = edited(source, [Edit(inner, names[name])])
        body = Body(inline={number}, params={name: Param(names[name])})
        lines = renamed(text, {name: names[name]}).splitlines()
    else:
        lines = lines_of(bench.seen, body, bench.rewrite, names)
    value = names.get(name, name)
    wish = "complete" if "dropna" in source else "distinct" if "drop_duplicates" in source else "kept"
    step = bench.names.give(wish, bench.heading(number), "kept")
    table = next((param.step for param in body.params.values() if bench.has_rows(param.step)), "")
    bench.add(
        step, "keep", body, returning(lines, value), title=bench.title_of(number, "Rows that are kept"), first=table
    )
    return step


def _chained(tree: ast.stmt, name: str) -> tuple[ast.Call | None, ast.expr | None]:
    """Of `x = <more than a name>.dropna()` the call and what stands before it."""
    value = tree.value if isinstance(tree, ast.Assign) else None
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _DROPS):
        return None, None
    owner = value.func.value
    return (None, None) if isinstance(owner, ast.Name) or not name else (value, owner)


def _transform_of(bench: Bench, number: int, expression: ast.expr, name: str) -> str:
    """A transform that gives an expression of a statement."""
    source = bench.seen.source(number)
    whole = f"{name} = {text_of(source, expression)}"
    text = (without_target(whole, bench.hidden) if bench.hidden else None) or whole
    rewritten = freeze(bench, number, text, bench.seen.tables(number))
    collector = bench.collector()
    body = collector.collect([(number, each) for each in reads(expression) if each in bench.seen.flow.needs[number]])
    body.extra.update({step: Param(step) for step in rewritten.steps})
    names = names_for(bench.seen, body)
    lines = lines_of(bench.seen, body, bench.rewrite, names) + renamed(rewritten.text or "", names).splitlines()
    step = bench.names.give("prepared")
    bench.add(
        step, "transform", body, returning(lines, names.get(name, name)), title="The table before rows are dropped"
    )
    return step


def transform_step(bench: Bench, number: int, name: str, *wishes: str) -> str:
    body = bench.collector().collect([], own=[number])
    return _row_step(bench, body, number, name, *wishes)


def _row_step(bench: Bench, body: Body, number: int, name: str, *wishes: str) -> str:
    parts = {param.part for param in body.params.values() if param.part and bench.has_rows(param.step)}
    body.params = {each: Param(param.step) for each, param in body.params.items()}
    names = names_for(bench.seen, body)
    lines = lines_of(bench.seen, body, bench.rewrite, names)
    value = names.get(name, name)
    if not body.params:
        raise CannotShape(f"{name} is not made of the rows of {bench.entry.name}", number)
    lines = returning(lines, value)
    same = next((each.step for each in body.params.values() if lines == [f"return {each.step}"]), None)
    if same is not None and bench.made[same].kind == "transform":
        return same  # nothing is made that a request has not
    step = bench.names.give(*wishes, bench.heading(number), _done(lines), "prepared")
    bench.add(step, "transform", body, lines, title=bench.title_of(number, "What is made of a row"))
    if len(parts) == 1:
        bench.made_of[step] = parts.pop()
    return step


def state_step(bench: Bench, number: int, name: str) -> str:
    """A value that was learned from rows: a fit step."""
    inlining, bench.inlining = bench.inlining, number in bench.parts.after
    collector = bench.collector(rewritten=False)
    collector.skipped = bench.removals | bench.edits
    body = collector.collect([], own=[number])
    hides = bool(body.params) and all(bench.made[each.step].kind == "transform" for each in body.params.values())
    if not hides:  # of tables that have the target's column
        collector.skipped = bench.removals
        body = collector.collect([], own=[number])
    bench.inlining = inlining
    names = names_for(bench.seen, body)
    text = partial(without_target_text, bench) if hides else bench.as_written
    lines = [
        *unhidden(bench, body, names),
        *with_target(bench, body, names),
        *lines_of(bench.seen, body, text, names),
    ]
    step = bench.names.give(name if name not in GENERIC else f"{name}_fitted", f"{name}_learned")
    bench.add(
        step,
        "fit",
        body,
        returning(lines, names.get(name, name)),
        title=bench.title_of(number, "Learned from the rows"),
    )
    return step


def _done(lines: list[str]) -> str:
    """What was done to a table, in a word."""
    text = "\n".join(lines)
    for word, signs in (
        ("scaled", ("scal", "normali", "standard")),
        ("encoded", ("get_dummies", "encoder", ".codes", "as_categories", "codes(")),
        ("filled", ("fillna", "imput")),
    ):
        if len(lines) <= 6 and any(sign in text.lower() for sign in signs):
            return word
    return ""

"""What is predicted: the columns in which it stands, the statements that edit them, and the step that gives it."""

from __future__ import annotations

import ast
from functools import partial

from unshelve.notebook.bench import NO_INFO, Bench
from unshelve.notebook.bodies import Body, Collector, Param, Rewritten, lines_of, names_for, returning
from unshelve.notebook.columns import read_columns, texts
from unshelve.notebook.draft import CannotShape
from unshelve.notebook.editing import Edit, calls, edited, reads, renamed, tail, text_of
from unshelve.notebook.naming import slug
from unshelve.notebook.parts import Parts
from unshelve.notebook.request_rows import by_name
from unshelve.notebook.seen import Version


def target_columns(bench: Bench) -> frozenset[str]:
    """The columns in which the target stands, as far as the text and the run tell."""
    wanted = bench.parts.y
    assert wanted is not None
    found: set[str] = set()
    place, waiting, met = wanted.statement, [(wanted.statement, wanted.expression)], set()
    while waiting:
        place, node = waiting.pop()
        for table in reads(node) & bench.seen.tables(place):
            info = bench.seen.before(place, table)
            columns = (info or NO_INFO).columns or ()
            named = texts(ast.parse(by_name(ast.unparse(node), table, columns, frozenset()), mode="eval").body) or ()
            spoken = read_columns(ast.parse(by_name(ast.unparse(node), table, columns, frozenset())), table, columns)
            found.update(name for name in (*(spoken or ()), *named) if name in columns)
            makers = bench.seen.makers(place, table)
            if isinstance(node, ast.Name) and len(columns) == 1:  # a table of the target alone
                found.update(columns)
            if (not columns or isinstance(node, ast.Name)) and len(makers) == 1 and (maker := min(makers)) not in met:
                met.add(maker)
                tree = bench.seen.trees[maker]
                value = tree.value if isinstance(tree, ast.Assign) else None
                if value is not None:
                    waiting.append((maker, value))
    return frozenset(found)


def with_made_of(bench: Bench, hidden: frozenset[str]) -> frozenset[str]:
    """With the columns that the target is made of, and those that are made of it alone, if the model is not given
    them.
    """
    found = set(_made_of(bench, hidden))
    for number, role in bench.seen.roles.items():
        if role != "rows" or number in bench.parts.after or number <= bench.entry.statement:
            continue
        for table in bench.seen.tables(number) & bench.seen.made(number):
            columns = (bench.seen.before(number, table) or NO_INFO).columns or ()
            changed = bench.seen.changed_columns(number, table)
            tree = bench.seen.trees[number]
            value = tree.value if isinstance(tree, ast.Assign) else None
            read = read_columns(value, table, columns) if value is not None else None
            alone = len(bench.seen.tables(number)) == 1
            if alone and changed and read and read <= found and not changed & set(columns):
                found |= changed
    given = _given_columns(bench)
    return hidden | frozenset(name for name in found if name not in given)


def _made_of(bench: Bench, hidden: frozenset[str]) -> frozenset[str]:
    """With the columns from which statements on the target's way make it."""
    found = set(hidden)
    for number in sorted(_way_to_target(bench), reverse=True):
        tree = bench.seen.trees[number]
        if number <= bench.entry.statement or not isinstance(tree, ast.Assign):
            continue
        tables = bench.seen.tables(number)
        changed = [bench.seen.changed_columns(number, name) or frozenset() for name in bench.seen.made(number)]
        if not any(each & found for each in changed):
            continue
        for table in tables:
            columns = (bench.seen.before(number, table) or NO_INFO).columns or ()
            found |= read_columns(tree.value, table, columns) or frozenset()
    return frozenset(found)


def _given_columns(bench: Bench) -> frozenset[str]:
    """The names of the columns that the model was fitted on, where it was given a table."""
    arguments = bench.seen.watched.calls[bench.choice.model.fit].arguments
    return frozenset((arguments[0].columns if arguments else None) or ())


def target_edits(bench: Bench) -> tuple[frozenset[int], frozenset[int]]:
    """Statements that do nothing but edit the target's column, and those that only take it away."""
    found: set[int] = set()
    removed: set[int] = set()
    for number, role in bench.seen.roles.items():
        if role != "rows" or number in bench.parts.after or number <= bench.entry.statement:
            continue
        for table in bench.seen.tables(number) & bench.seen.made(number):
            info = bench.seen.before(number, table)
            if info is not None and info.kind == "frame" and bench.seen.changes_only(number, table, bench.hidden):
                (removed if _pops(bench, number) else found).add(number)
    return frozenset(found), frozenset(removed)


def _beside_target(bench: Bench) -> frozenset[int]:
    """Statements that change the table in which the target stands, and not the target: it is read without them."""
    found = set()
    for number, role in bench.seen.roles.items() if bench.stands_in else ():
        same_name = bench.seen.tables(number) & bench.seen.made(number)
        if role == "keep" and bench.from_source and same_name and number not in bench.parts.after:
            found.add(number)
        if role != "rows" or number in bench.edits:
            continue
        tables = bench.seen.tables(number) & bench.seen.made(number)
        changed = [bench.seen.changed_columns(number, name) for name in tables]
        holds = [bench.stands_in <= set((bench.seen.info(number, name) or NO_INFO).columns or ()) for name in tables]
        if tables and all(holds) and all(each is not None and not each & bench.stands_in for each in changed):
            found.add(number)
    return frozenset(found)


def _pops(bench: Bench, number: int) -> bool:
    tree = bench.seen.trees[number]
    return isinstance(tree, ast.Delete) or any(tail(call.func) in ("pop", "drop") for call in calls(tree))


def target_step(bench: Bench) -> None:
    """Adds the step that gives the target, of rows that still have its columns: the source's or those that are kept."""
    wanted = bench.parts.y
    assert wanted is not None
    cuts = frozenset(bench.cuts)
    bench.cuts.clear()  # versions that become transforms, which have no target
    column = min(bench.stands_in, default="")
    collector = bench.collector(rewritten=False)
    collector.skipped = _beside_target(bench)
    collector.rewrite = partial(_for_target, bench)
    needs = [(wanted.statement, each) for each in sorted(reads(wanted.expression))]
    body = collector.collect(needs)
    source, expression = bench.seen.source(wanted.statement), wanted.expression
    text = expression.id if isinstance(expression, ast.Name) else text_of(source, expression)
    body = _with_edits(bench, body, collector)
    bench.cuts |= cuts
    names = names_for(bench.seen, body)
    lines = lines_of(bench.seen, body, partial(_for_target, bench), names)
    value = renamed(_read_not_popped(text), names)
    name = bench.names.give(slug(column), slug(bench.parts.y_name), "outcome")
    lines, value = _without_aliases(_read_not_popped("\n".join(lines)).splitlines(), value)
    if not body.params:
        raise CannotShape("the target is not made of the rows of the source", wanted.statement)
    bench.add(name, "target", body, returning(lines, value), title=f"What is predicted: {column or name}")
    bench.target = name
    for version in bench.parts.y_versions:
        bench.known[version] = Param(name, version_part(bench.parts, version))


def _for_target(bench: Bench, number: int) -> Rewritten:
    """A statement as the author wrote it; a table without columns that are not the target is the table itself."""
    tree, source = bench.seen.trees[number], bench.seen.source(number)
    if number in bench.parts.dividing:
        return Rewritten(f"{bench.parts.dividing[number].name} = {bench.parts.dividing[number].of}")
    if not (isinstance(tree, ast.Assign) and isinstance(tree.targets[0], ast.Name)):
        return Rewritten(source)
    call, name = tree.value, tree.targets[0].id
    tables = bench.seen.tables(number)
    if bench.from_source and bench.seen.roles[number] == "keep" and len(tables) == 1:
        return Rewritten(f"{name} = {min(tables)}")  # rows are left out where the model is fitted
    same = _with_same_target(bench, number, name)
    if same is not None:
        return Rewritten(f"{name} = {same}")
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "drop":
        table = call.func.value.id if isinstance(call.func.value, ast.Name) else ""
        columns = (bench.seen.before(number, table) or NO_INFO).columns or ()
        gone = set(columns) - set((bench.seen.info(number, name) or NO_INFO).columns or columns)
        if bench.seen.is_rows(number, table) and gone and not gone & bench.hidden:
            return Rewritten(f"{name} = {table}")
    return Rewritten(source)


def _without_aliases(lines: list[str], value: str) -> tuple[list[str], str]:
    """Lines and value without names that are only another name of a table: `df2 = df1`, then `df2["price"]`."""
    for place, line in enumerate(lines):
        name, equals, other = line.partition(" = ")
        if not (equals and name.isidentifier() and other.isidentifier()):
            continue
        rest = lines[place + 1 :]
        if any(_binds(each, {name, other}) for each in rest):
            continue
        try:
            return _without_aliases(
                [*lines[:place], *(renamed(each, {name: other}) for each in rest)], renamed(value, {name: other})
            )
        except SyntaxError:  # a line that is part of a longer statement
            continue
    return lines, value


def _binds(line: str, names: set[str]) -> bool:
    return any(line.lstrip().startswith((f"{name} =", f"{name}=", f"for {name} ")) for name in names)


def _with_same_target(bench: Bench, number: int, name: str) -> str | None:
    """The table of which a statement makes another one with the same rows, in which the target stands as it was."""
    made = bench.seen.info(number, name)
    if made is not None and bench.stands_in.issuperset(made.columns or ()):
        return None  # a table of the target alone
    for table in sorted(bench.seen.tables(number)) if made is not None and bench.stands_in else ():
        given = bench.seen.before(number, table)
        if given is None or made is None or given.kind != "frame" or made.kind != "frame":
            continue
        one, two = (dict(zip(each.columns or (), each.contents or (), strict=False)) for each in (given, made))
        if given.index == made.index and all(one.get(column, 0) == two.get(column, 1) for column in bench.stands_in):
            return table
    return None


def _way_to_target(bench: Bench) -> frozenset[int]:
    """The statements of which the target's expression is made."""
    wanted = bench.parts.y
    assert wanted is not None
    makers = {each for name in reads(wanted.expression) for each in bench.seen.makers(wanted.statement, name)}
    return bench.seen.flow.slice(makers)


def _with_edits(bench: Bench, body: Body, collector: Collector) -> Body:
    """The target's body with the edits of its column that came before what it starts from."""
    last = max([*body.inline, bench.parts.y.statement if bench.parts.y else 0])
    tables = {name: param for name, param in body.params.items() if bench.has_rows(param.step)}
    if not tables:
        return body
    table = next(iter(tables.values()))
    reached = _way_to_target(bench)
    for number in sorted(bench.edits & reached):
        if number in body.inline or number > last:
            continue
        body.inline.add(number)
        for name in bench.seen.flow.needs[number]:
            if bench.seen.is_rows(number, name):
                body.params.setdefault(name, table)
            else:
                more = collector.collect([(number, name)])
                body.inline |= more.inline
                body.params.update({key: param for key, param in more.params.items() if key not in body.params})
    return body


def version_part(parts: Parts, version: Version) -> str:
    """Of which part a version of rows is."""
    return parts.part_of.get(version, "")


def _read_not_popped(text: str) -> str:
    """`table.pop("c")` as `table["c"]`: the target is read, and a table passed in is not changed."""
    tree = ast.parse(text)
    edits = [
        Edit(call, f"{text_of(text, call.func.value)}[{text_of(text, call.args[0])}]")
        for call in calls(tree)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "pop" and len(call.args) == 1
    ]
    return edited(text, edits)

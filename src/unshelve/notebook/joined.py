"""Rows to learn from and rows to be predicted that come of two files and are prepared as one table.

`both = pd.concat([train, test])`, and later `both[:len(train)]`: the target is that of the first file alone. It becomes
a column of the table, which the rows of the second do not have; so the rows to learn from are those that have it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.divided import root
from unshelve.notebook.editing import Edit, calls, edited, reads, renamed, tail
from unshelve.notebook.fingerprints import of_row_numbers
from unshelve.notebook.naming import unused
from unshelve.notebook.notebook import Notebook, Statement
from unshelve.notebook.watched import ValueInfo, Watched

_TARGET: Final = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joined:
    """The statement that puts the rows of both files into one table, and the target of those of the first."""

    statement: int
    table: str
    first: str
    """The rows of the first file."""
    rows: tuple[int, int]
    """How many are of the first file, and of the second."""
    pandas: str
    name: str
    """What the table with the target is called."""
    column: str


def files_joined(notebook: Notebook, watched: Watched) -> Mapping[int, tuple[str, ...]]:
    """The texts for the statement that joins two files and for those that part the rows again; none without these."""
    joined = _find(notebook, watched)
    target = None if joined is None else _target(notebook, watched, joined)
    if joined is None or target is None:
        return {}
    statement, (name, made) = notebook.statements[joined.statement], target
    said = f"{joined.pandas}.Series(list({name}), index={joined.name}.index[:len({name})])"
    found = {
        joined.statement: (
            *([made.source] if made.number > joined.statement else []),
            renamed(statement.source, {joined.table: joined.name}),
            f'{joined.name}["{joined.column}"] = {said}',
            f'{joined.name}_known = {joined.name}[{joined.name}["{joined.column}"].notna()]',
            f'{joined.name}_{joined.column} = {joined.name}_known["{joined.column}"]',
            f'{joined.table} = {joined.name}.drop(columns="{joined.column}")',
        )
    }
    return {**found, **dict(_parted(notebook, watched, joined))}


def target_of_first(tree: ast.stmt) -> tuple[str, str, str] | None:
    """The table, the column and the author's name of a target that `files_joined` made a column; None for all else.

    The second statement behind that one reads the column, of the rows that have it.
    """
    target = tree.targets[0] if isinstance(tree, ast.Assign) else None
    if not (isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)):
        return None
    call = tree.value if isinstance(tree, ast.Assign) else None
    if not (isinstance(call, ast.Call) and tail(call.func) == "Series" and call.args and call.keywords):
        return None
    listed, index = call.args[0], ast.unparse(call.keywords[0].value)
    if not (isinstance(listed, ast.Call) and tail(listed.func) == "list" and isinstance(listed.args[0], ast.Name)):
        return None
    name = listed.args[0].id
    own = index == f"{target.value.id}.index[:len({name})]" and isinstance(target.slice, ast.Constant)
    return (target.value.id, str(ast.literal_eval(target.slice)), name) if own else None


def _find(notebook: Notebook, watched: Watched) -> _Joined | None:
    values: dict[str, ValueInfo] = {}
    used = {each.id for one in notebook.statements for each in ast.walk(one.node) if isinstance(each, ast.Name)}
    for statement, run in zip(notebook.statements, watched.statements, strict=False):
        tree = ast.parse(statement.source).body[0]
        target = tree.targets[0] if isinstance(tree, ast.Assign) else None
        made = run.bound.get(target.id) if isinstance(target, ast.Name) else None
        for call in calls(tree) if made is not None and made.kind == "frame" else ():
            tables = _two(call, values)
            if tables is None or made is None or not isinstance(target, ast.Name):
                continue
            rows = values[tables[0]].rows or 0, values[tables[1]].rows or 0
            if made.rows == sum(rows) and made.index == of_row_numbers(sum(rows)):
                return _Joined(
                    statement=statement.number, table=target.id, first=tables[0], rows=rows,
                    pandas=ast.unparse(call.func).rpartition(".")[0] or "pd",
                    name=unused("joined", used), column=unused(_TARGET, {*(made.columns or ())}),
                )  # fmt: skip
        values.update(run.bound)
        values.update(run.changed)
    return None


def _two(call: ast.Call, values: Mapping[str, ValueInfo]) -> tuple[str, str] | None:
    """The two tables that a call of `concat` puts one below the other."""
    given = call.args[0] if call.args and tail(call.func) == "concat" else None
    if not isinstance(given, ast.List | ast.Tuple) or len(given.elts) != 2:
        return None
    one, two = (root(each) for each in given.elts)
    frames = all(each in values and values[each].kind == "frame" for each in (one, two))
    return (one, two) if frames and one != two else None


def _target(notebook: Notebook, watched: Watched, joined: _Joined) -> tuple[str, Statement] | None:
    """What a later fit takes as the target of the first file's rows, and the statement that made it."""
    values: dict[str, ValueInfo] = {}
    makers: dict[str, Statement] = {}
    changed = False
    for statement, run in zip(notebook.statements, watched.statements, strict=False):
        tree = ast.parse(statement.source).body[0]
        for call in calls(tree) if statement.number > joined.statement else ():
            name = call.args[1].id if tail(call.func) == "fit" and len(call.args) > 1 and isinstance(
                call.args[1], ast.Name) else ""  # fmt: skip
            info, made = values.get(name), makers.get(name)
            if info is None or made is None or info.kind not in ("series", "array") or info.width:
                continue
            if info.rows == joined.rows[0] and isinstance(made.node, ast.Assign):
                return name, made
        for name in {*run.bound, *run.changed}:
            late = statement.number > joined.statement
            usable = not late or (reads(tree) & {joined.first} and not reads(tree) & {joined.table} and not changed)
            if usable:
                makers[name] = statement
            else:
                makers.pop(name, None)
        changed = changed or (statement.number >= joined.statement and joined.first in {*run.bound, *run.changed})
        values.update(run.bound)
        values.update(run.changed)
    return None


def _parted(notebook: Notebook, watched: Watched, joined: _Joined) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The statements that part the rows by their number, which part them by the target."""
    values: dict[str, ValueInfo] = {}
    for statement, run in zip(notebook.statements, watched.statements, strict=False):
        tree = ast.parse(statement.source).body[0]
        if statement.number > joined.statement and isinstance(tree, ast.Assign | ast.Expr):
            edits = [
                Edit(node, f'{name}[{joined.name}["{joined.column}"].{which}()]')
                for node in ast.walk(tree)
                if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
                for name, which in _side(node, values, sum(joined.rows), [each.rows for each in run.bound.values()],
                                         joined.rows)
            ]  # fmt: skip
            if edits:
                yield statement.number, (edited(statement.source, edits),)
        values.update(run.bound)
        values.update(run.changed)


def _side(
    node: ast.Subscript, values: Mapping[str, ValueInfo], every: int, made: list[int | None], rows: tuple[int, int]
) -> Iterator[tuple[str, str]]:
    """The table of `table[:n]` or `table.iloc[n:, :]`, and whether its rows have the target."""
    owner = node.value
    if isinstance(owner, ast.Attribute) and owner.attr in ("iloc", "loc"):
        owner = owner.value
    whole = isinstance(node.slice, ast.Tuple) and len(node.slice.elts) == 2
    taken = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
    columns = node.slice.elts[1] if isinstance(node.slice, ast.Tuple) and whole else ast.Slice()
    if not isinstance(owner, ast.Name) or not isinstance(taken, ast.Slice) or ast.unparse(columns) != ":":
        return
    info = values.get(owner.id)
    if info is None or info.kind != "frame" or info.rows != every or taken.step is not None:
        return
    if taken.lower is None and taken.upper is not None and rows[0] in made:
        yield owner.id, "notna"
    elif taken.upper is None and taken.lower is not None and rows[1] in made:
        yield owner.id, "isna"

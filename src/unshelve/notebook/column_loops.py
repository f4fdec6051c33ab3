"""Loops over columns that work on several tables, as a loop for each table.

`for c in columns: train[c] = …; test[c] = …` does to each part what the other part waits for. What is done to the rows
to learn from then stands apart from what is done to those that only are to be predicted, and what a turn keeps for
itself (an encoder, a mean) has a name by column. So it is with one table, where an encoder is fitted by its own line.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from unshelve.notebook.divided import root
from unshelve.notebook.editing import Edit, edited, free_names, reads, text_of
from unshelve.notebook.naming import unused
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.unrolling import leaves_early
from unshelve.notebook.watched import ValueInfo, Watched

_FITS: Final = frozenset({"fit", "fit_transform"})
_SHOWS: Final = ("print()", "display()")


@dataclass(slots=True)
class _Parted:
    """A loop that is being taken apart."""

    source: str
    variable: str
    columns: str
    """What the loops go over."""
    by_column: dict[str, str] = field(default_factory=dict)
    """What a turn keeps for itself, and its name by column."""
    loops: dict[str, list[str]] = field(default_factory=dict)
    """For each table, or what else is written, the statements of its loop."""
    before: list[str] = field(default_factory=list)

    def text(self, node: ast.stmt | ast.expr) -> str:
        """A node in which what a turn keeps is read by column."""
        text = text_of(self.source, node)
        kept = [each for each in free_names(ast.parse(text)) if each.id in self.by_column]
        return edited(text, [Edit(each, f"{self.by_column[each.id]}[{self.variable}]") for each in kept])


def loops_parted(notebook: Notebook, watched: Watched) -> Mapping[int, tuple[str, ...]]:
    """For each loop over columns of several tables the texts of the statements that stand for it."""
    values: dict[str, ValueInfo] = {}
    made: dict[str, ast.expr] = {}
    found: dict[int, tuple[str, ...]] = {}
    used = {each.id for one in notebook.statements for each in ast.walk(one.node) if isinstance(each, ast.Name)}
    trees = [ast.parse(each.source).body[0] for each in notebook.statements]
    for statement, tree, run in zip(notebook.statements, trees, watched.statements, strict=False):
        if isinstance(tree, ast.For):
            texts = _parts(statement.source, tree, values, made, used)
            if texts is not None:
                later = frozenset(name for each in trees[statement.number + 1 :] for name in reads(each))
                found[statement.number] = (*texts.before, *_written(texts, later))
                used |= {*texts.by_column.values(), texts.columns}
        values.update(run.bound)
        values.update(run.changed)
        for name in run.bound:
            made.pop(name, None)
        if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and isinstance(tree.targets[0], ast.Name):
            made[tree.targets[0].id] = tree.value
    return found


def _written(parted: _Parted, later: frozenset[str]) -> Iterator[str]:
    for texts in parted.loops.values():
        inner = "\n".join(f"    {line}" for text in texts for line in text.splitlines())
        yield f"for {parted.variable} in {parted.columns}:\n{inner}"
    for name, other in parted.by_column.items():
        if name in later:
            yield f"{name} = {other}[{parted.variable}]"


def _parts(
    source: str, loop: ast.For, values: Mapping[str, ValueInfo], made: Mapping[str, ast.expr], used: set[str]
) -> _Parted | None:
    """The loop taken apart; None where it is not of this form."""
    if not isinstance(loop.target, ast.Name) or leaves_early(loop):
        return None
    variable, body, condition = loop.target.id, loop.body, None
    if len(body) == 1 and isinstance(body[0], ast.If) and not body[0].orelse:
        condition, body = body[0].test, body[0].body
    tables = _tables(body, variable, values)
    fitted_apart = any(isinstance(each, ast.Expr) and any(_fitted(each)) for each in body)
    if len(tables) < (1 if fitted_apart else 2) or not all(
        isinstance(each, ast.Assign | ast.AugAssign | ast.Expr) for each in body
    ):
        return None
    if not _independent(loop, tables, values):
        return None
    parted = _Parted(source, variable, unused("columns", used))
    _over(parted, loop, condition, values)
    for part in body:
        if not _take(parted, part, tables, made, used):
            return None
    return parted


def _over(parted: _Parted, loop: ast.For, condition: ast.expr | None, values: Mapping[str, ValueInfo]) -> None:
    """What each of the loops goes over: the author's own words where these say the same each time."""
    given = text_of(parted.source, loop.iter)
    plain = isinstance(loop.iter, ast.Name) and not _is_frame(loop.iter.id, values)
    literal = isinstance(loop.iter, ast.List | ast.Tuple) and not reads(loop.iter)
    if condition is not None:
        test = text_of(parted.source, condition)
        parted.before.append(f"{parted.columns} = [{parted.variable} for {parted.variable} in {given} if {test}]")
    elif plain or literal:
        parted.columns = given
    else:
        parted.before.append(f"{parted.columns} = list({given})")


def _take(
    parted: _Parted, part: ast.stmt, tables: frozenset[str], made: Mapping[str, ast.expr], used: set[str]
) -> bool:
    """Put a statement of the loop where it belongs; False where that cannot be told."""
    target = part.targets[0] if isinstance(part, ast.Assign) and len(part.targets) == 1 else None
    target = part.target if isinstance(part, ast.AugAssign) else target
    for name in _fitted(part):  # an estimator that was made before the loop, and is fitted for each column
        if name in parted.by_column or name in tables:
            continue
        maker = made.get(name)
        if not isinstance(maker, ast.Call) or reads(maker) & tables:
            return False
        _keep(parted, name, ast.unparse(maker), used)
    if isinstance(target, ast.Name):
        if target.id in parted.by_column or not isinstance(part, ast.Assign) or target.id in tables:
            return False
        if reads(part.value) & parted.loops.keys():
            return False  # it reads a table that a statement above it has changed
        _keep(parted, target.id, parted.text(part.value), used)
        return True
    written = root(target) if target is not None else _called(part)
    if not written:
        return False
    key = written if target is not None or written in parted.by_column else f"{written}()"
    if key not in tables and key not in parted.by_column and key not in _SHOWS and reads(part) & tables:
        return False  # when it would read them is not certain
    parted.loops.setdefault(key, []).append(parted.text(part))
    return True


def _keep(parted: _Parted, name: str, value: str, used: set[str]) -> None:
    """What a turn keeps for itself, kept for every column."""
    other = unused(f"{name}_by_column", used)
    parted.by_column[name] = other
    parted.before.append(f"{other} = {{{parted.variable}: {value} for {parted.variable} in {parted.columns}}}")


def _tables(body: list[ast.stmt], variable: str, values: Mapping[str, ValueInfo]) -> frozenset[str]:
    """The tables of which columns are written that go by the loop's variable."""
    found = set()
    for part in body:
        targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
        for each in targets:
            table = root(each) if isinstance(each, ast.Subscript) else ""
            if isinstance(each, ast.Subscript) and _is_frame(table, values):
                if variable not in reads(each.slice):
                    return frozenset()
                found.add(table)
    return frozenset(found)


def _uses(part: ast.AST, tables: frozenset[str]) -> Iterator[ast.expr]:
    """Where a statement uses a table that the loop writes: `rows[c]`, or the bare name where it is used whole."""
    waiting = [part]
    while waiting:
        node = waiting.pop()
        owner = node.value if isinstance(node, ast.Subscript) else None
        if isinstance(owner, ast.Attribute) and owner.attr == "loc":
            owner = owner.value
        if isinstance(node, ast.Subscript) and isinstance(owner, ast.Name) and owner.id in tables:
            yield node
            waiting.append(node.slice)
        elif isinstance(node, ast.Name) and node.id in tables:
            yield node
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _independent(loop: ast.For, tables: frozenset[str], values: Mapping[str, ValueInfo]) -> bool:
    """Whether no turn touches what another one writes, so that the turns may go in any order.

    Each has its own column, those that it makes of the column's name, and others that none of them writes.
    """
    assert isinstance(loop.target, ast.Name)
    columns = _listed(loop.iter, values)
    if columns is not None and len({str(each) for each in columns}) < len(columns):
        return False
    beside: set[object] = set()
    made: set[str] = set()
    for node in (each for part in loop.body for each in _uses(part, tables)):
        if not isinstance(node, ast.Subscript):
            return False
        key = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        if isinstance(key, ast.Name) and key.id == loop.target.id:
            continue
        fixed = _fixed(key, loop.target.id)
        if isinstance(key, ast.Constant) and isinstance(node.ctx, ast.Load):
            beside.add(key.value)
        elif fixed:
            made.add(fixed)
        else:
            return False
    if not beside and not made:
        return True
    if columns is None or beside & set(columns):
        return False
    names = [str(each) for each in (*columns, *beside)]
    return not any(name.startswith(each) or name.endswith(each) for each in made for name in names)


def _fixed(key: ast.expr, variable: str) -> str | None:
    """The fixed beginning or end of `"log_" + c`, `c + "_log"` and `f"log_{c}"`; None for anything else."""
    if isinstance(key, ast.BinOp) and isinstance(key.op, ast.Add):
        sides = [key.left, key.right]
    elif isinstance(key, ast.JoinedStr) and len(key.values) == 2:
        sides = [each.value if isinstance(each, ast.FormattedValue) else each for each in key.values]
    else:
        return None
    names = [each for each in sides if isinstance(each, ast.Name) and each.id == variable]
    texts = [each.value for each in sides if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return texts[0] if len(names) == len(texts) == 1 else None


def _listed(over: ast.expr, values: Mapping[str, ValueInfo]) -> list[object] | None:
    """What a loop goes over, where that is known."""
    text = values[over.id].text if isinstance(over, ast.Name) and over.id in values else ast.unparse(over)
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return list(found) if isinstance(found, list | tuple) else None


def _is_frame(name: str, values: Mapping[str, ValueInfo]) -> bool:
    return name in values and values[name].kind == "frame"


def _fitted(part: ast.stmt) -> Iterator[str]:
    """Names of estimators that a statement fits."""
    for each in ast.walk(part):
        function = each.func if isinstance(each, ast.Call) else None
        if isinstance(function, ast.Attribute) and function.attr in _FITS and isinstance(function.value, ast.Name):
            yield function.value.id


def _called(part: ast.stmt) -> str:
    """What a bare call is made on: "le" of `le.fit(rows[c])`, "print" of `print(c)`; "" for other statements."""
    return root(part.value.func) if isinstance(part, ast.Expr) and isinstance(part.value, ast.Call) else ""

"""What is known of each statement once a notebook was watched: which names hold rows, which statements drop some."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from unshelve.notebook.columns import changed_columns
from unshelve.notebook.editing import calls, free_names, reads, tail
from unshelve.notebook.flow import Flow
from unshelve.notebook.joined import target_of_first
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.watched import Call, ValueInfo, Watched

Role = Literal["top", "origin", "keep", "rows", "state", "split", "plain"]
Version = tuple[frozenset[int], str]
"""A name as certain statements made it."""

_ROWY: Final = ("frame", "series", "array", "sparse")
_FILTERS: Final = ("dropna", "drop_duplicates", "query")
_SORTS: Final = ("sort_values", "sort_index", "sample", "shuffle", "nlargest", "nsmallest")


@dataclass(slots=True)
class Seen:
    """A notebook, its flow and its run, with the questions that lifting asks of the three."""

    notebook: Notebook
    flow: Flow
    watched: Watched
    trees: tuple[ast.stmt, ...] = field(init=False)
    roles: dict[int, Role] = field(init=False, default_factory=dict)
    rowed: set[tuple[int, str]] = field(init=False, default_factory=set)
    """(statement, name) where the name holds rows from there on."""

    def __post_init__(self) -> None:
        self.trees = tuple(ast.parse(each.source).body[0] for each in self.notebook.statements)
        for number in range(len(self.trees)):
            self.roles[number] = self._role(number)

    # --- values -------------------------------------------------------------------------------------------------

    def info(self, number: int, name: str) -> ValueInfo | None:
        """What a name held once a statement had run."""
        for place in range(min(number, len(self.watched.statements) - 1), -1, -1):
            run = self.watched.statements[place]
            found = run.changed.get(name) or run.bound.get(name)
            if found is not None:
                return found
        return None

    def before(self, number: int, name: str) -> ValueInfo | None:
        return self.info(number - 1, name)

    def changed_columns(self, number: int, table: str) -> frozenset[str] | None:
        """Columns of a table that a statement was seen to add, remove or change; None where that cannot be told."""
        one, two = self.before(number, table), self.info(number, table)
        if one is None or two is None or one.rows != two.rows:
            return None
        if one.columns is None or two.columns is None or one.contents is None or two.contents is None:
            return changed_columns(self.trees[number], table)
        before = dict(zip(one.columns, one.contents, strict=True))
        after = dict(zip(two.columns, two.contents, strict=True))
        return frozenset(
            name for name in {*before, *after} if before.get(name) != after.get(name) or not before.get(name)
        )

    def source(self, number: int) -> str:
        return self.notebook.statements[number].source

    def makers(self, number: int, name: str) -> frozenset[int]:
        """The statements that made a name what it is for a statement that reads it."""
        return self.flow.needs[number].get(name, frozenset())

    def made(self, number: int) -> frozenset[str]:
        """Names that a statement binds or changes, as far as it was seen to, or as its text says."""
        run = self.watched.run_of(number)
        touch = self.flow.touches[number]
        said = touch.binds | touch.may_bind | touch.changes
        return frozenset(said if run is None else {*run.bound, *run.changed, *said})

    def calls_in(self, number: int, *kinds: str) -> Iterator[tuple[int, Call]]:
        """The recorded calls of a statement, with their places, those inside others left out."""
        for place, call in enumerate(self.watched.calls):
            if call.statement == number and call.kind in kinds and not call.inside:
                yield place, call

    def is_rows(self, number: int, name: str) -> bool:
        """Whether a name that a statement reads holds rows there."""
        return any((maker, name) in self.rowed for maker in self.makers(number, name))

    def tables(self, number: int) -> frozenset[str]:
        """Names that a statement reads and that hold rows there."""
        return frozenset(name for name in self.flow.needs[number] if self.is_rows(number, name))

    @property
    def modules(self) -> frozenset[str]:
        """Names that imports bind."""
        return frozenset(
            (alias.asname or alias.name).split(".")[0]
            for tree in self.trees
            for each in ast.walk(tree)
            if isinstance(each, ast.Import | ast.ImportFrom)
            for alias in each.names
        )

    # --- roles --------------------------------------------------------------------------------------------------

    def _role(self, number: int) -> Role:
        tree = self.trees[number]
        if isinstance(tree, ast.Import | ast.ImportFrom) or self._is_constant(number, tree):
            return "top"
        if any(True for _ in self.calls_in(number, "split")) and self.tables(number):
            self._note(number)
            return "split"
        tables = self.tables(number)
        if not tables:
            if any(True for _ in self.calls_in(number, "read")) or self._brings_rows(number, tree):
                self._note(number)
                return "origin"
            return "plain"
        return self._role_on_rows(number, tables)

    def _role_on_rows(self, number: int, tables: frozenset[str]) -> Role:
        run = self.watched.run_of(number)
        given = [info for name in tables if (info := self.before(number, name)) is not None]
        found: Role = "plain"
        for name in sorted(self.made(number)):
            info = None if run is None else run.changed.get(name) or run.bound.get(name) or self.before(number, name)
            if info is None:
                continue
            role = self._role_of_value(number, info, given)
            if role in ("rows", "keep"):
                self.rowed.add((number, name))
            if role == "keep" or (role == "rows" and found != "keep") or (role == "state" and found == "plain"):
                found = role
        return found

    def _role_of_value(self, number: int, info: ValueInfo, given: list[ValueInfo]) -> Role:
        if info.kind == "list" and any(info.rows == each.rows and (each.rows or 0) > 20 for each in given):
            return "rows"
        if info.kind not in _ROWY or info.rows is None:
            return "state"
        if not any(each.kind in _ROWY or each.kind == "list" for each in given):
            return "rows"  # taken out of a data set that holds its tables as parts
        if number + 1 < len(self.trees) and target_of_first(self.trees[number + 1]) is not None:
            return "rows"  # of two files
        labelled = info.kind in ("frame", "series")
        sorts = any(tail(call.func) in _SORTS for call in calls(self.trees[number]))
        may_drop = sorts or _filters(self.trees[number])
        if info.kind == "frame" and may_drop and any(each.columns == info.columns for each in given):
            return "keep"
        for each in given:
            if each.rows != info.rows:
                continue
            if not (labelled and each.index and info.index) or each.index == info.index:
                return "rows"
        if any(each.rows == info.rows for each in given) and labelled:
            return "rows"
        if info.kind == "frame" and any(
            each.kind == "frame" and (each.rows or 0) > info.rows and info.columns == each.columns for each in given
        ):
            return "keep"
        if info.kind != "frame" and info.rows > 1 and _takes_some(self.trees[number], info, given):
            return "keep"
        filtered = info.kind == "frame" and any(
            each.kind == "frame" and (each.rows or 0) > info.rows and set(info.columns or ()) <= set(each.columns or ())
            for each in given
        )
        grouped = any(
            tail(call.func) in ("groupby", "pivot_table", "describe", "crosstab", "corr")
            for call in calls(self.trees[number])
        )
        return "keep" if filtered and not grouped and info.rows > 1 else "state"

    def _note(self, number: int) -> None:
        run = self.watched.run_of(number)
        if run is not None:
            self.rowed.update(
                (number, name)
                for name, info in {**run.bound, **run.changed}.items()
                if info.kind in _ROWY or (info.kind in ("dict", "other", "list") and self.roles.get(number) is None)
            )

    def _brings_rows(self, number: int, tree: ast.stmt) -> bool:
        """A table out of nothing: of a library's data set, or typed in. Not one of what was learned of other rows."""
        run = self.watched.run_of(number)
        learned = any(
            self.roles.get(maker) == "state" for makers in self.flow.needs[number].values() for maker in makers
        )
        if run is None or learned or not isinstance(tree, ast.Assign):
            return False
        named = any(
            tail(call.func).startswith(("load_", "fetch_", "make_", "read_", "DataFrame")) for call in calls(tree)
        )
        return named and any(
            info.kind in _ROWY or info.type.endswith("Bunch") or info.kind == "dict" for info in run.bound.values()
        )

    def _is_constant(self, number: int, tree: ast.stmt) -> bool:
        """A literal, or a function or class that reads nothing but what stands at the top of the file too."""
        if isinstance(tree, ast.FunctionDef | ast.ClassDef):
            return all(self._is_top(name) for name in {each.id for each in free_names(tree)} - {tree.name})
        if not (isinstance(tree, ast.Assign) and all(isinstance(each, ast.Name) for each in tree.targets)):
            return False
        if any(isinstance(each, ast.Call) for each in ast.walk(tree.value)):
            return False
        run = self.watched.run_of(number)
        simple = run is None or all(
            info.kind in ("number", "text", "list", "dict", "none", "other", "function") for info in run.bound.values()
        )
        once = all(self._bound_once(name) for each in tree.targets if isinstance(each, ast.Name) for name in (each.id,))
        return simple and once and all(self._is_top(name) for name in reads(tree.value))

    def _is_top(self, name: str) -> bool:
        makers = {place for place in range(len(self.trees)) if name in self.flow.touches[place].binds}
        if not makers:
            return True
        return all(self.roles.get(place) == "top" for place in makers)

    def _bound_once(self, name: str) -> bool:
        touching = [
            place
            for place, touch in enumerate(self.flow.touches)
            if name in touch.binds or name in touch.may_bind or name in touch.changes
        ]
        return len(touching) == 1

    def changes_only(self, number: int, table: str, wanted: frozenset[str]) -> bool:
        """Whether all that a statement does to a table is to change these columns."""
        changed = self.changed_columns(number, table)
        return changed is not None and bool(changed) and changed <= wanted


def _takes_some(tree: ast.stmt, info: ValueInfo, given: list[ValueInfo]) -> bool:
    """Whether a statement takes some of the rows of an array or a series: `X[:800]`, `y[mask]`."""
    value = tree.value if isinstance(tree, ast.Assign) else None
    taken = isinstance(value, ast.Subscript) or (isinstance(value, ast.Call) and tail(value.func) in ("copy", "sample"))
    return taken and any((each.rows or 0) > (info.rows or 0) and each.width == info.width for each in given)


def _filters(tree: ast.stmt) -> bool:
    """Whether a statement may leave rows out, also where it happened to leave out none: `t = t[t["a"] < 5]`."""
    if any(tail(call.func) in _FILTERS for call in calls(tree)):
        return True
    value = tree.value if isinstance(tree, ast.Assign) else None
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "copy":
        value = value.func.value
    if not isinstance(value, ast.Subscript):
        return False
    key = value.slice.elts[0] if isinstance(value.slice, ast.Tuple) and value.slice.elts else value.slice
    if isinstance(key, ast.Call):
        return tail(key.func) in ("isin", "notnull", "notna", "isnull", "isna", "between", "contains", "duplicated")
    return isinstance(key, ast.Compare | ast.BoolOp | ast.UnaryOp) or (
        isinstance(key, ast.BinOp) and isinstance(key.op, ast.BitAnd | ast.BitOr)
    )

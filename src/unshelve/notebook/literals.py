"""Values that stand in the text of a notebook, read without running it: numbers, lists, dicts, and tables of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from unshelve.notebook.editing import tail
from unshelve.notebook.seen import Seen

_DEEPEST: Final = 60
_LIKE_LISTS: Final = ("array", "asarray", "list", "tuple", "tolist")
_SAME: Final = ("copy", "astype", "to_frame", "reset_index", "squeeze")
_PLAIN: Final[Mapping[str, Callable[[Any], Any]]] = {"int": int, "float": float, "str": str}
_MISSING: Final = ("nan", "NaN", "NAN", "NA", "NaT")


class NotTyped(Exception):  # noqa: N818  it says that a value comes of something else than the text
    """The value does not stand in the text."""


@dataclass(frozen=True, slots=True)
class Named:
    """Rows by the names of their columns."""

    rows: list[dict[str, Any]]


class Taken(NamedTuple):
    """A call of `transform`, and the statement that it stands in."""

    statement: int
    node: ast.Call


@dataclass(slots=True)
class Reader:
    """Reads one value, from where it is used back to where it was typed in."""

    seen: Seen
    taken: Taken | None = None
    """The first `transform` that took the value, where nothing was done to it before."""
    worked: bool = False
    """Whether the author's own code did something to the value before an estimator took it."""
    _depth: int = field(default=0)

    def read(self, node: ast.expr, at: int) -> Any:  # Any: what literals hold
        """The value of an expression in a statement: plain values, lists, dicts, or Named. Raises NotTyped."""
        reading = _READERS.get(type(node))
        self._depth += 1
        if reading is None or self._depth > _DEEPEST:
            raise NotTyped
        value = reading(self, node, at)
        self._depth -= 1
        return value

    # --- expressions --------------------------------------------------------------------------------------------

    def constant(self, node: ast.Constant, _at: int) -> Any:
        if not (node.value is None or isinstance(node.value, bool | int | float | str)):
            raise NotTyped
        return node.value

    def signed(self, node: ast.UnaryOp, at: int) -> Any:
        value = self.read(node.operand, at)
        if not isinstance(value, int | float) or not isinstance(node.op, ast.USub | ast.UAdd):
            raise NotTyped
        return -value if isinstance(node.op, ast.USub) else value

    def elements(self, node: ast.List | ast.Tuple, at: int) -> Any:
        return [self.read(each, at) for each in node.elts]

    def pairs(self, node: ast.Dict, at: int) -> Any:
        return {
            str(self.read(_there(key), at)): self.read(value, at)
            for key, value in zip(node.keys, node.values, strict=True)
        }

    def name(self, node: ast.Name, at: int) -> Any:
        makers = self.seen.makers(at, node.id)
        if len(makers) != 1:
            raise NotTyped
        maker = min(makers)
        tree = self.seen.trees[maker]
        if isinstance(tree, ast.Assign) and len(tree.targets) == 1 and _is(tree.targets[0], node.id):
            return self.read(tree.value, maker)
        if isinstance(tree, ast.AnnAssign) and tree.value is not None and _is(tree.target, node.id):
            return self.read(tree.value, maker)
        if not _edits(tree, node.id):
            raise NotTyped
        return self._through(self.name(node, maker))

    def attribute(self, node: ast.Attribute, at: int) -> Any:
        if node.attr in _MISSING:
            return None
        if node.attr == "columns" and isinstance(node.value, ast.Name):
            info = self.seen.before(at, node.value.id)
            return list(_there(info.columns if info is not None else None))
        value = self.read(node.value, at)
        if node.attr == "T":
            return _turned(value)
        if node.attr == "values" and isinstance(value, Named):
            return [list(row.values()) for row in value.rows]
        raise NotTyped

    def subscript(self, node: ast.Subscript, at: int) -> Any:
        value = self.read(node.value, at)
        if isinstance(value, Named) and not isinstance(node.slice, ast.Slice | ast.Constant):
            return value  # some of its columns
        place = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(value, list) and isinstance(place, int) and 0 <= place < len(value):
            return value[place]
        raise NotTyped

    # --- calls --------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call, at: int) -> Any:
        known = _CALLS.get(tail(node.func))
        if known is not None:
            return known(self, node, at)
        return self._through(self._handed(node, at))

    def table(self, node: ast.Call, at: int) -> Any:
        value = self.read(_there(_given(node, "data", 0)), at)
        columns = _given(node, "columns", 2)
        names = None if columns is None else [str(each) for each in _listed(self.read(columns, at))]
        return _tabled(value, names)

    def series(self, node: ast.Call, at: int) -> Any:
        value = self.read(_there(_given(node, "data", 0)), at)
        index = _given(node, "index", 1)
        if index is None or isinstance(value, dict):
            return value
        names = _listed(self.read(index, at))
        return {str(name): each for name, each in zip(names, _listed(value), strict=False)}

    def words(self, node: ast.Call, at: int) -> Any:
        if node.args or any(word.arg is None for word in node.keywords):
            raise NotTyped
        return {str(word.arg): self.read(word.value, at) for word in node.keywords}

    def like_list(self, node: ast.Call, at: int) -> Any:
        value = self.read(_owner_or_first(node, owned=tail(node.func) == "tolist"), at)
        return _listed(value)

    def converted(self, node: ast.Call, at: int) -> Any:
        """A text that was typed where the notebook asked: `int("35")`."""
        value = self.read(_owner_or_first(node, owned=False), at)
        if not isinstance(value, bool | int | float | str):
            raise NotTyped
        try:
            return _PLAIN[tail(node.func)](value)
        except ValueError:
            raise NotTyped from None

    def values(self, node: ast.Call, at: int) -> Any:
        value = self.read(_owner_or_first(node, owned=True), at)
        if not isinstance(value, dict):
            raise NotTyped
        return list(value.values())

    def to_numpy(self, node: ast.Call, at: int) -> Any:
        value = self.read(_owner_or_first(node, owned=True), at)
        return [list(row.values()) for row in value.rows] if isinstance(value, Named) else value

    def same(self, node: ast.Call, at: int) -> Any:
        return self.read(_owner_or_first(node, owned=True), at)

    def turned(self, node: ast.Call, at: int) -> Any:
        return _turned(self.read(_owner_or_first(node, owned=True), at))

    def one_row(self, node: ast.Call, at: int) -> Any:
        value = _listed(self.read(_owner_or_first(node, owned=False), at))
        return value if value and isinstance(value[0], list) else [value]

    def reshaped(self, node: ast.Call, at: int) -> Any:
        owned = not (isinstance(node.func, ast.Attribute) and _is(node.func.value, "np"))
        flat = _flat(self.read(_owner_or_first(node, owned=owned), at))
        sizes = _flat([self.read(each, at) for each in node.args[0 if owned else 1 :]])
        if len(sizes) != 2 or not all(isinstance(each, int) for each in sizes):
            raise NotTyped
        width = sizes[1] if sizes[1] > 0 else len(flat) // max(1, sizes[0])
        if width < 1 or len(flat) % width:
            raise NotTyped
        return [flat[place : place + width] for place in range(0, len(flat), width)]

    def transformed(self, node: ast.Call, at: int) -> Any:
        value = self.read(_owner_or_first(node, owned=False), at)
        if self.taken is None and not self.worked:
            self.taken = Taken(at, node)
        return value

    def _handed(self, node: ast.Call, at: int) -> Any:
        """What the author's own function is handed, where that is one typed table."""
        handed = [*node.args, *([node.func.value] if isinstance(node.func, ast.Attribute) else [])]
        found = []
        for each in handed:
            reader = Reader(self.seen, _depth=self._depth)
            try:
                value = reader.read(each, at)
            except NotTyped:
                continue
            if isinstance(value, Named) or reader.taken is not None:
                found.append((value, reader))
        if len(found) != 1:
            raise NotTyped
        value, reader = found[0]
        self.taken, self.worked = self.taken or reader.taken, self.worked or reader.worked
        return value

    def _through(self, value: Any) -> Any:
        """A value to which the author's code does something: only rows with names can still be told."""
        if self.taken is None:
            if not isinstance(value, Named):
                raise NotTyped
            self.worked = True
        return value


def _there(value: Any) -> Any:
    if value is None:
        raise NotTyped
    return value


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _edits(tree: ast.stmt, name: str) -> bool:
    """Whether a statement only changes a table in place: `new["a"] = …`, `new.drop(…, inplace=True)`."""
    if isinstance(tree, ast.AugAssign) or (isinstance(tree, ast.Assign) and len(tree.targets) == 1):
        target = tree.target if isinstance(tree, ast.AugAssign) else tree.targets[0]
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
            if _is(target, name):
                return True
    return (
        isinstance(tree, ast.Expr)
        and isinstance(tree.value, ast.Call)
        and isinstance(tree.value.func, ast.Attribute)
        and _is(tree.value.func.value, name)
    )


def _given(node: ast.Call, name: str, place: int) -> ast.expr | None:
    named = [word.value for word in node.keywords if word.arg == name]
    return named[0] if named else node.args[place] if place < len(node.args) else None


def _owner_or_first(node: ast.Call, *, owned: bool) -> ast.expr:
    if owned and isinstance(node.func, ast.Attribute):
        return node.func.value
    return node.args[0] if node.args else _there(None)


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise NotTyped
    return value


def _flat(value: Any) -> list[Any]:
    return [each for one in value for each in _flat(one)] if isinstance(value, list) else [value]


def _tabled(value: Any, names: Sequence[str] | None) -> Any:
    """What a table of pandas is made of it: rows with names, or without where it gives none."""
    if isinstance(value, Named):
        return value
    if isinstance(value, dict):
        columns = {name: each if isinstance(each, list) else [each] for name, each in value.items()}
        lengths = {len(each) for each in columns.values()} - {1}
        if len(lengths) > 1:
            raise NotTyped
        count = max(lengths, default=1)
        return Named(
            [
                {name: each[place] if len(each) > 1 else each[0] for name, each in columns.items()}
                for place in range(count)
            ]
        )
    rows = _listed(value)
    if rows and all(isinstance(each, dict) for each in rows):
        return Named(rows)
    if names is None:
        return rows
    if not rows or any(not isinstance(each, list) or len(each) != len(names) for each in rows):
        raise NotTyped
    return Named([dict(zip(names, each, strict=True)) for each in rows])


def _turned(value: Any) -> Any:
    """A column turned into a row."""
    if isinstance(value, dict):
        return Named([value])
    raise NotTyped


_READERS: Final[Mapping[type[ast.expr], Callable[[Reader, Any, int], Any]]] = {
    ast.Constant: Reader.constant,
    ast.UnaryOp: Reader.signed,
    ast.List: Reader.elements,
    ast.Tuple: Reader.elements,
    ast.Dict: Reader.pairs,
    ast.Name: Reader.name,
    ast.Attribute: Reader.attribute,
    ast.Subscript: Reader.subscript,
    ast.Call: Reader.call,
}
_CALLS: Final[Mapping[str, Callable[[Reader, ast.Call, int], Any]]] = {
    "DataFrame": Reader.table,
    "from_dict": Reader.table,
    "json_normalize": Reader.table,
    "Series": Reader.series,
    "dict": Reader.words,
    "values": Reader.values,
    **dict.fromkeys(("int", "float", "str"), Reader.converted),
    "to_numpy": Reader.to_numpy,
    "transpose": Reader.turned,
    "atleast_2d": Reader.one_row,
    "expand_dims": Reader.one_row,
    "reshape": Reader.reshaped,
    "transform": Reader.transformed,
    **dict.fromkeys(_LIKE_LISTS, Reader.like_list),
    **dict.fromkeys(_SAME, Reader.same),
}

"""Rewrites a statement that failed, where its error says what changed in a library since it was written."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unshelve.notebook.drift_table import drift_table
from unshelve.notebook.editing import Edit, edited, tail, text_of
from unshelve.notebook.old_folds import told_rows_today
from unshelve.notebook.paths import NearbyFiles
from unshelve.notebook.rewriting import KEEPS_LENGTH, Note, keyword_text

_REDUCTIONS: Final = frozenset(
    {"corr", "cov", "mean", "median", "std", "var", "skew", "kurt", "kurtosis", "sem", "quantile", "corrwith", "sum"}
)
_SEABORN_ORDER: Final = ("x", "y", "hue", "data")
_SEABORN_DATA_THIRD: Final = frozenset({"lmplot", "jointplot", "regplot", "residplot"})
_KEYWORD_ONLY_SINCE: Final = frozenset({"sklearn", "pandas", "imblearn", "scipy", "numpy", "statsmodels", "xgboost"})
_READERS: Final = re.compile(r"^(read_\w+|open|loadtxt|genfromtxt|load|imread)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A statement that failed, the line of its text on which it did (from 1), and the names there were."""

    source: str
    error: BaseException
    line: int
    names: Mapping[str, object]

    @property
    def message(self) -> str:
        return str(self.error)

    def calls(self) -> list[ast.Call]:
        """The calls on the line that failed, outer ones first."""
        tree = ast.parse(self.source)
        return [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and node.lineno <= self.line <= (node.end_lineno or node.lineno)
        ]

    def value_of(self, node: ast.expr) -> object:
        """What a name with attributes stands for; None for all else, as nothing is called here."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self.value_of(node.value), node.attr, None)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A new text for a statement, and why."""

    rule: str
    message: str
    source: str


def mended(failure: Failure) -> Change | None:
    """The statement as it has to be written today; None where no rule knows its error."""
    for pattern, rule in _RULES:
        found = re.search(pattern, f"{type(failure.error).__name__}: {failure.message}", re.DOTALL)
        if found is None:
            continue
        notes: list[Note] = []
        new = edited(failure.source, list(rule(failure, found, notes)))
        if new != failure.source and notes:
            return Change(rule=notes[0].rule, message=notes[0].message, source=new)
    return None


def _positional(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """Arguments that must be named today: in the order of the signature, which has stayed."""
    parts = found["name"].split(".")
    name = parts[-2] if parts[-1] == "__init__" and len(parts) > 1 else parts[-1]
    for call in failure.calls():
        called = failure.value_of(call.func)
        if tail(call.func) != name and getattr(called, "__name__", "") != name:
            continue
        if _module_of(called).startswith("seaborn"):
            yield from _seaborn(failure, call, 0 if "takes 0" in found[0] else 1, notes)
            continue
        called = called if called is not None else _by_qualified_name(parts)
        method = len(parts) > 1
        allowed = int(found["most"]) - method
        if _module_of(called).split(".")[0] not in _KEYWORD_ONLY_SINCE or len(call.args) <= allowed:
            continue
        order = [each for each in _parameters(called) if each != "self"][allowed:]
        yield from _named(failure, call, allowed, order, notes)


def _folds(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`KFold(n, k)`, where k turns out to be a number: what is second today is True or False."""
    for call in failure.calls():
        if not _module_of(failure.value_of(call.func)).startswith("sklearn") or len(call.args) != 2:
            continue
        new = told_rows_today(call, failure.source, failure.value_of(call.args[1]))
        if new is not None:
            notes.append(Note(rule="N204", message=f"{tail(call.func)} is told the rows by split() today"))
            yield Edit(call, new)


def _seaborn_twice(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`sns.countplot("c", data=df)`: the first argument was x, and is data today."""
    for call in failure.calls():
        if _module_of(failure.value_of(call.func)).startswith("seaborn") and call.args:
            yield from _seaborn(failure, call, 0, notes)


def _seaborn(failure: Failure, call: ast.Call, allowed: int, notes: list[Note]) -> Iterator[Edit]:
    del allowed  # data is the only one that may be positional, and it never came first
    order = ("x", "y", "data") if tail(call.func) in _SEABORN_DATA_THIRD else _SEABORN_ORDER
    yield from _named(failure, call, 0, list(order), notes)


def _named(failure: Failure, call: ast.Call, allowed: int, order: list[str], notes: list[Note]) -> Iterator[Edit]:
    source, given = failure.source, {keyword.arg for keyword in call.keywords}
    extra = call.args[allowed:]
    if len(extra) > len(order) or any(isinstance(each, ast.Starred) for each in call.args):
        return
    if given & set(order[: len(extra)]):
        return
    texts = [text_of(source, each) for each in call.args[:allowed]]
    texts += [f"{name}={text_of(source, each)}" for name, each in zip(order, extra, strict=False)]
    texts += [keyword_text(source, each) for each in call.keywords]
    named = ", ".join(order[: len(extra)])
    notes.append(Note(rule="N207", message=f"{tail(call.func)} takes {named} by name only today"))
    yield Edit(call, f"{text_of(source, call.func)}({', '.join(texts)})")


def _keyword(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """A parameter that is named otherwise today, or gone."""
    table, source = drift_table(), failure.source
    for call in failure.calls():
        name = tail(call.func)
        for keyword in call.keywords:
            if keyword.arg != found["keyword"]:
                continue
            value = text_of(source, keyword.value)
            drift = next(
                (each for each in table.keywords if each.old == keyword.arg and _is_for(each.of, name)
                 and (not each.only or value.replace('"', "'") in each.only)),
                None,
            )  # fmt: skip
            if drift is None and keyword.arg not in table.dropped.names:
                continue
            texts = [text_of(source, each) for each in call.args]
            for each in call.keywords:
                if each is not keyword:
                    texts.append(keyword_text(source, each))
                elif drift is not None and drift.new is not None:
                    texts.append(f"{drift.new}={drift.value or value}")
            said = f"is {drift.new}= today" if drift is not None and drift.new else "is gone, and changed nothing"
            notes.append(Note(rule="N204", message=f"{keyword.arg}={value[:40]} of {name} {said}"))
            yield Edit(call, f"{text_of(source, call.func)}({', '.join(texts)})")


def _filled_from_neighbours(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`fillna(method="ffill")` is `ffill()` today."""
    source = failure.source
    for call in failure.calls():
        method = next((each.value for each in call.keywords if each.arg == "method"), None)
        if (
            tail(call.func) != "fillna"
            or not isinstance(call.func, ast.Attribute)
            or not isinstance(method, ast.Constant)
        ):
            continue
        new = {"ffill": "ffill", "pad": "ffill", "bfill": "bfill", "backfill": "bfill"}.get(str(method.value))
        if new is not None:
            texts = [keyword_text(source, each) for each in call.keywords if each.arg != "method"]
            notes.append(Note(rule="N204", message=f"fillna(method={method.value!r}) is {new}() today"))
            yield Edit(call, f"{text_of(source, call.func.value)}.{new}({', '.join(texts)})")


def _boosting(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """What the `fit` of xgboost took until version 2 is a parameter of the model today."""
    source = failure.source
    for call in failure.calls():
        moved = [each for each in call.keywords if each.arg in ("eval_metric", "early_stopping_rounds")]
        if tail(call.func) != "fit" or not isinstance(call.func, ast.Attribute) or not moved:
            continue
        texts = [text_of(source, each) for each in call.args]
        texts += [keyword_text(source, each) for each in call.keywords if each not in moved]
        set_first = ", ".join(keyword_text(source, each) for each in moved)
        notes.append(Note(rule="N204", message=f"{found['keyword']}= of fit is a parameter of the model today"))
        yield Edit(call, f"{text_of(source, call.func.value)}.set_params({set_first}).fit({', '.join(texts)})")


def _numeric_only(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`df.corr()` left text columns out by itself until pandas 2."""
    for call in failure.calls():
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _REDUCTIONS:
            continue
        if any(each.arg == "numeric_only" for each in call.keywords):
            continue
        if _module_of(failure.value_of(call.func.value)).split(".")[0] == "numpy":
            continue
        texts = [text_of(failure.source, each) for each in call.args]
        texts += [*(keyword_text(failure.source, each) for each in call.keywords), "numeric_only=True"]
        notes.append(Note(rule="N208", message=f"{call.func.attr}() leaves text columns out only if it is told to"))
        yield Edit(call, f"{text_of(failure.source, call.func)}({', '.join(texts)})")


def _attribute(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    new = drift_table().attributes.get(found["name"])
    if new is None:
        return
    tree = ast.parse(failure.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == found["name"]:
            notes.append(Note(rule="N206", message=f".{node.attr} is .{new} today"))
            yield Edit(node, f"{text_of(failure.source, node.value)}.{new}")


def _pandas_function(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """`pd.value_counts(s)`: the functions that are methods only today."""
    for call in failure.calls():
        if not isinstance(call.func, ast.Attribute) or call.func.attr != found["name"] or not call.args:
            continue
        if failure.value_of(call.func.value) is not sys.modules.get("pandas"):
            continue
        first, *rest = call.args
        mine = text_of(failure.source, first)
        if not isinstance(first, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
            continue
        texts = [text_of(failure.source, each) for each in rest]
        texts += [keyword_text(failure.source, each) for each in call.keywords]
        notes.append(Note(rule="N206", message=f"pd.{found['name']} is a method of the series today"))
        yield Edit(call, f"{mine}.{found['name']}({', '.join(texts)})")


def _append(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    pandas = next((name for name, value in failure.names.items() if value is sys.modules.get("pandas")), None)
    for call in failure.calls():
        if pandas is None or not isinstance(call.func, ast.Attribute) or call.func.attr != "append" or not call.args:
            continue
        source, added = failure.source, call.args[0]
        text = text_of(source, added)
        if isinstance(added, ast.Dict) or isinstance(failure.value_of(added), dict):
            text = f"{pandas}.DataFrame([{text}])"
        elif isinstance(added, ast.List) or isinstance(failure.value_of(added), list):
            text = f"*{text}"
        elif type(failure.value_of(added)).__name__ == "Series" and found["kind"] == "DataFrame":
            text = f"{text}.to_frame().T"
        options = "".join(f", {keyword_text(source, each)}" for each in call.keywords)
        notes.append(Note(rule="N209", message=f"{found['kind']}.append is pd.concat today"))
        yield Edit(call, f"{pandas}.concat([{text_of(source, call.func.value)}, {text}]{options})")


def _style(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    for node in ast.walk(ast.parse(failure.source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("seaborn"):
            new = node.value.replace("seaborn", "seaborn-v0_8", 1)
            notes.append(Note(rule="N206", message=f"the style {node.value} is {new} today"))
            yield Edit(node, repr(new))


def _text_cast(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """A value of another type written into a column: pandas 3 wants the column to be of a type that holds both."""
    for node in ast.walk(ast.parse(failure.source)):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not node.lineno <= failure.line:
            continue
        if failure.line > (node.end_lineno or node.lineno):
            continue
        column = _column_written(failure.source, node.targets[0])
        if column is not None:
            indent = " " * node.col_offset
            notes.append(Note(rule="N202", message=f"{column} holds values of two types, which it must be told"))
            one = f"{column} = {column}.astype(object)"
            whole = isinstance(ast.parse(failure.source).body[0], ast.Assign)
            text = text_of(failure.source, node)
            rows = _rows_by_truth(failure, node)
            if rows is not None:
                value = text_of(failure.source, node.value)
                yield Edit(node, f"{column} = {column}.astype(object).mask({rows}, {value})")
                continue
            # One statement stays one: the cast is made in an `if` that is always true.
            yield Edit(node, f"if True:\n    {one}\n    {text}" if whole else f"{one}\n{indent}{text}")


def _chained(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """What pandas 3 would write into a copy: `df["c"].fillna(v, inplace=True)`, `df["c"][rows] = v`."""
    source = failure.source
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.stmt) or not node.lineno <= failure.line <= (node.end_lineno or node.lineno):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if not isinstance(call.func, ast.Attribute) or not any(each.arg == "inplace" for each in call.keywords):
                continue
            receiver = text_of(source, call.func.value)
            if not _names_column(failure, call.func.value) or call.func.attr not in KEEPS_LENGTH:
                continue
            texts = [text_of(source, each) for each in call.args]
            texts += [keyword_text(source, each) for each in call.keywords if each.arg != "inplace"]
            notes.append(Note(rule="N202", message=f"pandas 3 loses what `{text_of(source, node)[:80]}` does"))
            yield Edit(node, f"{receiver} = {text_of(source, call.func)}({', '.join(texts)})")
        elif isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            new = _direct(failure, target)
            if new is not None:
                notes.append(Note(rule="N202", message=f"pandas 3 loses what `{text_of(source, node)[:80]}` does"))
                yield Edit(target, new)


def _names_column(failure: Failure, node: ast.expr) -> bool:
    """Whether it is one column of a table: `df["c"]`, `df[c]` with a text in c, `df.c`."""
    if isinstance(node, ast.Subscript):
        column = node.slice.value if isinstance(node.slice, ast.Constant) else failure.value_of(node.slice)
        return isinstance(column, (str, int)) and not isinstance(column, bool)
    return isinstance(node, ast.Attribute) and node.attr not in ("loc", "iloc", "T", "values", "str")


def _direct(failure: Failure, target: ast.expr) -> str | None:
    """`df["c"][rows]` and `df.c.loc[rows]` as `df.loc[rows, "c"]`; slices of places as iloc."""
    source = failure.source
    if not isinstance(target, ast.Subscript):
        return None
    inner, accessor = target.value, "loc"
    if isinstance(inner, ast.Attribute) and inner.attr in ("loc", "iloc", "at", "iat"):
        accessor, inner = inner.attr, inner.value
    elif isinstance(target.slice, ast.Slice):
        accessor = "iloc"
    if not _names_column(failure, inner):
        return None
    if isinstance(inner, ast.Subscript):
        frame, column = text_of(source, inner.value), text_of(source, inner.slice)
    elif isinstance(inner, ast.Attribute):
        frame, column = text_of(source, inner.value), repr(inner.attr)
    else:
        return None
    rows = text_of(source, target.slice)
    if accessor in ("iloc", "iat"):
        column = f"{frame}.columns.get_loc({column})"
    return f"{frame}.{accessor}[{rows}, {column}]"


def _rows_by_truth(failure: Failure, node: ast.Assign) -> str | None:
    """The rows that `df.loc[rows, "c"] = constant` writes, where they are told by True and False."""
    target = node.targets[0]
    if not isinstance(target, ast.Subscript) or not isinstance(target.slice, ast.Tuple):
        return None
    if not isinstance(node.value, ast.Constant | ast.UnaryOp) or not isinstance(target.value, ast.Attribute):
        return None
    rows = target.slice.elts[0]
    if isinstance(rows, ast.Slice) or any(isinstance(each, ast.Call) for each in ast.walk(rows)):
        return None
    text = text_of(failure.source, rows)
    found = eval(text, dict(failure.names))  # noqa: S307 - the notebook's own expression, which was just computed
    return text if str(getattr(found, "dtype", "")) in ("bool", "boolean") and hasattr(found, "index") else None


def _filled(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`df.fillna(0)` over text columns: these become columns of any values first."""
    source = failure.source
    for node in ast.walk(ast.parse(source)):
        call = node.value if isinstance(node, ast.Expr) else node
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        if call.func.attr not in ("fillna", "replace", "where", "mask") or not call.lineno <= failure.line:
            continue
        receiver = call.func.value
        mine = text_of(source, receiver)
        texts = [text_of(source, each) for each in call.args]
        in_place = any(each.arg == "inplace" for each in call.keywords)
        texts += [keyword_text(source, each) for each in call.keywords if each.arg != "inplace"]
        if type(failure.value_of(receiver)).__name__ == "DataFrame":
            cast = f'{mine}.astype(dict.fromkeys({mine}.select_dtypes("str"), object))'
        else:
            cast = f"{mine}.astype(object)"
        new = f"{cast}.{call.func.attr}({', '.join(texts)})"
        if in_place and isinstance(node, ast.Expr) and isinstance(receiver, ast.Name | ast.Subscript):
            yield Edit(node.value, f"{mine} = {new}")
        elif not in_place:
            yield Edit(call, new)
        else:
            continue
        notes.append(Note(rule="N202", message=f"{mine} gets values of another type than text, which it must be told"))


def _by_place(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`row[0]`: a number was a place where no label is a number; today it is `row.iloc[0]`."""
    tree = ast.parse(failure.source)
    subscripts = [node for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    for node in subscripts:
        series = failure.value_of(node.value)
        if type(series).__name__ != "Series" or not isinstance(node.slice, ast.Constant | ast.UnaryOp | ast.Name):
            continue
        place = failure.value_of(node.slice) if isinstance(node.slice, ast.Name) else ast.literal_eval(node.slice)
        labels = getattr(getattr(series, "index", None), "dtype", None)
        if type(place) is int and getattr(labels, "kind", "O") not in "iuf":
            mine = text_of(failure.source, node.value)
            notes.append(Note(rule="N206", message=f"`{text_of(failure.source, node)}` is a label today, not a place"))
            yield Edit(node.value, f"{mine}.iloc")


def _to_numpy(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`.values` of a text column is no numpy array in pandas 3."""
    for node in ast.walk(ast.parse(failure.source)):
        if isinstance(node, ast.Attribute) and node.attr == "values" and node.lineno <= failure.line:
            notes.append(Note(rule="N206", message=".values of a text column is .to_numpy(dtype=object) today"))
            yield Edit(node, f"{text_of(failure.source, node.value)}.to_numpy(dtype=object)")


def _column_written(source: str, target: ast.expr) -> str | None:
    """The column that `df.loc[rows, "c"] = …`, `df.at[…]` or `df["c"][…] = …` writes into."""
    if not isinstance(target, ast.Subscript):
        return None
    inner = target.value
    if isinstance(inner, ast.Attribute) and inner.attr in ("loc", "at") and isinstance(target.slice, ast.Tuple):
        column = target.slice.elts[-1]
        if isinstance(column, ast.Constant | ast.Name) and len(target.slice.elts) == 2:
            return f"{text_of(source, inner.value)}[{text_of(source, column)}]"
    return text_of(source, inner) if isinstance(inner, ast.Subscript) else None


def _file(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:
    """A path put together from parts, whose last part is the name of a file beside the notebook."""
    missing = getattr(failure.error, "filename", None) or found["path"]
    nearby = NearbyFiles(Path.cwd()).meant(str(missing))
    for call in failure.calls():
        if nearby is not None and _READERS.match(tail(call.func)) and call.args:
            notes.append(Note(rule="N200", message=f"{str(missing)!r} is {nearby!r} beside the notebook"))
            yield Edit(call.args[0], repr(nearby))
            return


def _is_for(classes: tuple[str, ...], name: str) -> bool:
    return not classes or any(name.startswith(each) or name.endswith(each) for each in classes)


def _module_of(value: object) -> str:
    return str(getattr(value, "__module__", "") or "")


def _by_qualified_name(parts: list[str]) -> object:
    found: object = sys.modules.get("pandas")
    for part in parts:
        found = getattr(found, part, None)
    return found


def _parameters(called: object) -> list[str]:
    if not callable(called):
        return []
    try:
        return [
            each.name
            for each in inspect.signature(called).parameters.values()
            if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        ]
    except (TypeError, ValueError):
        return []


def _star(failure: Failure, found: re.Match[str], notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`from sklearn.model_selection import *` fails over the names that it announces and does not have yet."""
    for node in ast.walk(ast.parse(failure.source)):
        if not isinstance(node, ast.ImportFrom) or node.names[0].name != "*" or node.module not in sys.modules:
            continue
        module = sys.modules[node.module]
        names = [name for name in getattr(module, "__all__", ()) if name in vars(module)]
        if names:
            notes.append(Note(rule="N201", message=f"`{ast.unparse(node)}` names what {node.module} has today"))
            yield Edit(node, f"from {node.module} import {', '.join(names)}")


_Rule = Callable[[Failure, re.Match[str], list[Note]], Iterator[Edit]]
_RULES: Final[tuple[tuple[str, _Rule], ...]] = (
    (r"(KFold|ShuffleSplit)\.__init__\(\) takes", _folds),
    (r"(?P<name>[\w.]+)\(\) takes (from \d+ to )?(?P<most>\d+) positional arguments? but \d+", _positional),
    (r"multiple values for argument 'data'", _seaborn_twice),
    (r"fillna\(\) got an unexpected keyword argument 'method'", _filled_from_neighbours),
    (r"XGB\w+\.fit\(\) got an unexpected keyword argument '(?P<keyword>\w+)'", _boosting),
    (r"unexpected keyword argument '(?P<keyword>\w+)'", _keyword),
    (r"Invalid parameter '(?P<keyword>\w+)' for estimator", _keyword),
    (r"[Ss]etting a (?P<keyword>random_state) has no effect", _keyword),
    (r"'(?P<kind>DataFrame|Series)' object has no attribute 'append'", _append),
    (r"module 'pandas' has no attribute '(?P<name>value_counts)'", _pandas_function),
    (r"(Arrow)?String(Array|Dtype)", _to_numpy),
    (r"has no attribute '(?P<name>\w+)'", _attribute),
    (r"not a valid package style", _style),
    (r"ChainedAssignmentError", _chained),
    (r"^KeyError: -?\d+", _by_place),
    (r"ImportError: \w+ is experimental", _star),
    (r"Invalid value .* for dtype", _text_cast),
    (r"Invalid value .* for dtype", _filled),
    (r"(could not convert string|does not support (reduction|operation)|Cannot perform reduction|agg function failed"
     r"|Could not convert|unsupported operand type|with string dtype|not supported for dtype|no numeric data)",
     _numeric_only),
    (r"(FileNotFoundError|NotADirectoryError|OutsideScratch|NetworkIsOff|URLError).*?"
     r"['\"]?(?P<path>[^'\"\s]+\.\w+)['\"]?", _file),
)  # fmt: skip

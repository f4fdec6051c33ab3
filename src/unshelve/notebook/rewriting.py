"""Rewrites that need no run: moved modules, removed names, paths, writes that pandas 3 loses, tests for text."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Final

from unshelve.notebook.drift_table import DriftTable
from unshelve.notebook.editing import Edit, edited, tail, text_of
from unshelve.notebook.environment_table import is_older
from unshelve.notebook.import_names import modules_of, root_and_path
from unshelve.notebook.old_folds import as_written_today, is_told_rows, names_of_folds
from unshelve.notebook.paths import NearbyFiles, base_name

KEEPS_LENGTH: Final = frozenset({"fillna", "replace", "clip", "ffill", "bfill", "interpolate", "mask", "where"})
_NO_FILES: Final = frozenset(
    {
        "print",
        "display",
        "title",
        "xlabel",
        "ylabel",
        "set_title",
        "suptitle",
        "Markdown",
        "HTML",
        "system",
        "popen",
        "getoutput",
        "check_output",
        "check_call",
    }
)
_WRITERS: Final = re.compile(r"^(to_\w+|dump|save\w*|savefig|urlretrieve|write\w*|export_graphviz|mkdir|makedirs)$")
_PATTERN: Final = re.compile(r"\\[dDwWsS]|\[[^\]]+\]|\.[*+]")
"""What makes a text a pattern beyond doubt."""
_ROOT: Final = "root_mean_squared_error"
_KNOWN_NAMES: Final = {  # an import, or the module to import the name from
    "pd": "import pandas as pd",
    "np": "import numpy as np",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
    **dict.fromkeys(("train_test_split", "cross_val_score", "GridSearchCV"), "sklearn.model_selection"),
    **dict.fromkeys(
        ("accuracy_score", "confusion_matrix", "classification_report", "roc_auc_score"), "sklearn.metrics"
    ),
    **dict.fromkeys(("mean_squared_error", "mean_absolute_error", "r2_score"), "sklearn.metrics"),
    **dict.fromkeys(("StandardScaler", "MinMaxScaler", "LabelEncoder", "OneHotEncoder"), "sklearn.preprocessing"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing that was changed: the number of its finding, and what."""

    rule: str
    message: str


@dataclass(slots=True, kw_only=True)
class Rewriter:
    """Rewrites the statements of one notebook, in order; it remembers which files the notebook itself makes."""

    table: DriftTable
    files: NearbyFiles
    made: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    displays: set[str] = field(default_factory=set)
    """Functions that draw, that were imported by name and are classes today."""
    folds: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """What makes folds, by how it is called: its class, and whether it is an old one."""
    modules: dict[str, str] = field(default_factory=dict)
    """What names stand for that imports bound: "pd" for "pandas", "preprocessing" for "sklearn.preprocessing"."""
    needed: list[str] = field(default_factory=list)
    """Imports that the statement needs which is being rewritten."""
    roots: bool = False
    """Whether a call was rewritten to the root of the mean squared error."""

    def rewrite(self, source: str) -> tuple[list[str], list[Note]]:
        """The texts of the statements that stand for one, and what was changed. Mostly it is the one, unchanged."""
        tree = ast.parse(source)
        notes: list[Note] = []
        before = self._missing_imports(tree, notes)
        texts = self._imports(tree.body[0], notes) if tree.body else None
        bound = _bound_names(tree)
        self.folds = {called: what for called, what in self.folds.items() if called.split(".")[0] not in bound}
        for each in tree.body:
            self.folds.update(names_of_folds(each))
        if texts is None:
            edits = [edit for rule in _RULES for edit in rule(self, tree, source, notes)]
            texts = [edited(source, edits) if edits else source]
            before += [*self._root_import("".join(texts)), *dict.fromkeys(self.needed)]
            self.needed.clear()
        self.made.update(written_names(tree))
        self.bound |= bound
        self.modules = {name: path for name, path in self.modules.items() if name not in bound}
        if isinstance(tree.body[0], ast.Import | ast.ImportFrom):
            self.modules |= modules_of(ast.parse("\n".join(texts)))
        return [*before, *texts], notes

    def _missing_imports(self, tree: ast.Module, notes: list[Note]) -> list[str]:
        """Imports under their usual names that the author's session had and the notebook has not."""
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        missing = [name for name in _KNOWN_NAMES if name in used - self.bound - _bound_names(tree)]
        if not missing or isinstance(tree.body[0], ast.FunctionDef | ast.ClassDef):
            return []
        self.bound.update(missing)
        imports = [
            home if home.startswith("import ") else f"from {home} import {name}"
            for name, home in ((name, _KNOWN_NAMES[name]) for name in missing)
        ]
        notes.extend(Note(rule="N210", message=f"`{each}` was missing") for each in imports)
        return imports

    def _root_import(self, text: str) -> list[str]:
        """The import of the function that a rewritten call takes, where it is called by its bare name."""
        if not self.roots or _ROOT in self.bound or not re.search(rf"(?<![.\w]){_ROOT}\(", text):
            return []
        self.bound.add(_ROOT)
        return [f"from sklearn.metrics import {_ROOT}"]

    def _imports(self, statement: ast.stmt, notes: list[Note]) -> list[str] | None:
        """An import of what has moved, as one statement for each module it is in now."""
        if isinstance(statement, ast.Import):
            names = [(alias, self._moved(alias.name)) for alias in statement.names]
            if all(new == alias.name for alias, new in names):
                return None
            parts = [new if alias.asname is None else f"{new} as {alias.asname}" for alias, new in names]
            notes.append(Note(rule="N201", message=f"`{ast.unparse(statement)}` is `import {', '.join(parts)}` today"))
            return [f"import {', '.join(parts)}"]
        if not isinstance(statement, ast.ImportFrom) or statement.level or statement.module is None:
            return None
        homes: dict[str, list[str]] = {}
        for alias in statement.names:
            full = self._moved(f"{statement.module}.{alias.name}")
            home, _, name = full.rpartition(".")
            if statement.module.startswith("sklearn") and name in self.table.displays:
                self.displays.add(alias.asname or name)
                name = self.table.displays[name]
            changed = name != alias.name and alias.name not in self.table.displays
            asname = alias.asname or (alias.name if changed else None)
            homes.setdefault(home, []).append(f"{name} as {asname}" if asname and asname != name else name)
        texts = [_import_text(home, names) for home, names in homes.items()]
        if texts == [_import_text(statement.module, [_alias_text(alias) for alias in statement.names])]:
            return None
        notes.append(Note(rule="N201", message=f"`{ast.unparse(statement)}` is `{'`, `'.join(texts)}` today"))
        return texts

    def today(self, node: ast.expr) -> str | None:
        """What a module, or a name in one, is called today that has moved and is used by its dots; None for others."""
        root, path = root_and_path(node)
        if root not in self.modules:
            return None
        full = f"{self.modules[root]}{path}"
        if full not in self.table.modules:
            return None
        new = self._moved(full)
        if new.startswith(f"{self.modules[root]}."):
            return root + new.removeprefix(self.modules[root])
        home, _, name = new.rpartition(".")
        if name in self.bound and self.modules.get(name) != new:
            return None
        if name not in self.bound:
            self.needed.append(_import_text(home, [name]))
            self.bound.add(name)
            self.modules[name] = new
        return name

    def _moved(self, name: str) -> str:
        """The name it has today: by itself, or by the longest module above it that moved."""
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            new = self.table.modules.get(".".join(parts[:end]))
            if new is not None:
                return self._moved(".".join([new, *parts[end:]]))
        return name


def _paths(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    for call in _calls(tree):
        name = tail(call.func)
        if name in _NO_FILES or _WRITERS.match(name) or _opens_to_write(call):
            continue
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
            if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
                continue
            text = argument.value
            if len(text) > 500 or "\n" in text or base_name(text) in rewriter.made or rewriter.files.exists(text):
                continue
            if "://" in text and not name.startswith(("read_", "urlopen", "load", "get")):
                continue
            found = rewriter.files.meant(text)
            if found is not None and found != text:
                notes.append(Note(rule="N200", message=f"{text!r} is {found!r} beside the notebook"))
                yield Edit(argument, repr(found))


@functools.cache
def _is_older_here(distribution: str, version: str) -> bool:
    """Whether a library is here in an older version than that: then what it took away later is still there."""
    try:
        return is_older(metadata.version(distribution), version)
    except metadata.PackageNotFoundError:
        return False


def _numpy_names(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"):
            new = rewriter.table.numpy.get(node.attr)
            if new == "np.trapezoid" and _is_older_here("numpy", "2"):
                continue
            if new is not None and isinstance(node.ctx, ast.Load):
                new = new.replace("np.", node.value.id + ".")
                notes.append(Note(rule="N206", message=f"`{text_of(source, node)}` is `{new}` today"))
                yield Edit(node, new)


def _displays(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:
    for call in _calls(tree):
        new = rewriter.table.displays.get(tail(call.func))
        if new is None or (isinstance(call.func, ast.Name) and call.func.id not in rewriter.displays):
            continue
        before = text_of(source, call.func.value) + "." if isinstance(call.func, ast.Attribute) else ""
        notes.append(Note(rule="N206", message=f"`{tail(call.func)}` is `{new}.from_estimator` today"))
        yield Edit(call.func, f"{before}{new}.from_estimator")


def _values(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    for call in _calls(tree):
        name = tail(call.func)
        for keyword in call.keywords:
            value = keyword.value
            for drift in rewriter.table.values:
                if drift.since and _is_older_here("scikit-learn", drift.since):
                    continue
                if drift.keyword != keyword.arg or not isinstance(value, ast.Constant) or value.value != drift.old:
                    continue
                if any(name.startswith(of) or name.endswith(of) for of in drift.of):
                    notes.append(Note(rule="N204", message=f"{keyword.arg}={drift.old!r} is {drift.new} today"))
                    yield Edit(value, drift.new)


def _axis_beside_columns(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`drop(columns="a", axis=1)`: pandas passed over the axis until version 3, and refuses both today."""
    for call in _calls(tree):
        named = {keyword.arg for keyword in call.keywords}
        if tail(call.func) != "drop" or call.args or "axis" not in named or not named & {"columns", "index"}:
            continue
        given = [
            f"{each.arg}={text_of(source, each.value)}" for each in call.keywords if each.arg and each.arg != "axis"
        ]
        notes.append(Note(rule="N204", message="drop takes columns= or axis=, not both, today"))
        yield Edit(call, f"{text_of(source, call.func)}({', '.join(given)})")


def _chained(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`df["c"].fillna(v, inplace=True)`: pandas 3 changes a copy, and says nothing."""
    loops = {
        node.target.id for node in ast.walk(tree) if isinstance(node, ast.For) and isinstance(node.target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            continue
        call = node.value
        if tail(call.func) not in KEEPS_LENGTH or not isinstance(call.func, ast.Attribute) or not _in_place(call):
            continue
        column = call.func.value
        if isinstance(column, ast.Subscript) and isinstance(column.value, ast.Name) and _is_column(column.slice, loops):
            new = without_in_place(source, call)
            notes.append(Note(rule="N202", message=f"pandas 3 loses what `{text_of(source, call)[:80]}` does"))
            yield Edit(node, f"{text_of(source, column)} = {new}")


def _text_columns(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`df[c].dtype == "object"`: text columns have a type of their own in pandas 3."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        left, right, operator = node.left, node.comparators[0], node.ops[0]
        if _says_object(left):
            left, right = right, left
        if not _asks_type(left):
            continue
        mine = text_of(source, left)
        if isinstance(operator, ast.Eq | ast.NotEq) and _says_object(right):
            sign, join = ("==", "|") if isinstance(operator, ast.Eq) else ("!=", "&")
            new = f'(({mine} {sign} "object") {join} ({mine} {sign} "str"))'
        elif isinstance(operator, ast.In | ast.NotIn) and isinstance(right, ast.List | ast.Tuple | ast.Set):
            if not any(_says_object(each) for each in right.elts):
                continue
            sign = "in" if isinstance(operator, ast.In) else "not in"
            new = f'{mine} {sign} ({", ".join(text_of(source, each) for each in right.elts)}, "str")'
        else:
            continue
        notes.append(Note(rule="N203", message=f"`{text_of(source, node)[:80]}` misses the text columns of pandas 3"))
        yield Edit(node, new)


def _root_error(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:
    """`mean_squared_error(…, squared=False)`: the root has a function of its own, so that it is what is measured."""
    if _is_older_here("scikit-learn", "1.4"):
        return
    for call in _calls(tree):
        squared = [each for each in call.keywords if each.arg == "squared"]
        if tail(call.func) != "mean_squared_error" or not squared or not isinstance(squared[0].value, ast.Constant):
            continue
        texts = [text_of(source, each) for each in call.args]
        texts += [f"{each.arg}={text_of(source, each.value)}" for each in call.keywords if each is not squared[0]]
        function = text_of(source, call.func)
        if squared[0].value.value:
            notes.append(Note(rule="N204", message="mean_squared_error has no squared= today"))
        else:
            rewriter.roots = True
            function = function.removesuffix("mean_squared_error") + _ROOT
            notes.append(Note(rule="N204", message=f"mean_squared_error(squared=False) is {_ROOT} today"))
        yield Edit(call, f"{function}({', '.join(texts)})")


def _folds(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:
    for call in _calls(tree):
        kind, old = rewriter.folds.get(ast.unparse(call.func), ("", False))
        if kind and (old or is_told_rows(call, kind)):
            module = rewriter.today(call.func.value) if isinstance(call.func, ast.Attribute) else None
            new = as_written_today(call, source, kind, f"{module}.{kind}" if module else None)
            if new is not None:
                notes.append(Note(rule="N204", message=f"{kind} is told the rows by split() today"))
                yield Edit(call, new)


def _moved_uses(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:
    """`preprocessing.Imputer()`, `sklearn.cross_validation.KFold`: what moved, used by its dots."""
    for node in ast.walk(tree):
        new = rewriter.today(node) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) else None
        if new is not None and isinstance(node, ast.Attribute):
            notes.append(Note(rule="N201", message=f"`{text_of(source, node)}` is `{new}` today"))
            yield Edit(node, new)


def _patterns(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`.str.replace(r"\\D", "")` took its first argument for a pattern until pandas 2."""
    for call in _calls(tree):
        function = call.func
        if not isinstance(function, ast.Attribute) or function.attr != "replace" or len(call.args) != 2:
            continue
        if not isinstance(function.value, ast.Attribute) or function.value.attr != "str" or call.keywords:
            continue
        pattern = call.args[0]
        if isinstance(pattern, ast.Constant) and isinstance(pattern.value, str) and _PATTERN.search(pattern.value):
            notes.append(Note(rule="N204", message=f"str.replace takes {pattern.value!r} as plain text today"))
            yield Edit(pattern, text_of(source, pattern))
            yield Edit(call.args[1], f"{text_of(source, call.args[1])}, regex=True")


def _numbers_for_texts(rewriter: Rewriter, tree: ast.Module, source: str, notes: list[Note]) -> Iterator[Edit]:  # noqa: ARG001
    """`replace({"Yes": 1, "No": 0})` gave a column of numbers until pandas 3, and gives one of any values today."""
    if isinstance(tree.body[0], ast.FunctionDef | ast.ClassDef):
        return
    for node in ast.walk(tree):
        call = node.value if isinstance(node, ast.Expr) else node
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "replace":
            continue
        if not _gives_numbers(call):
            continue
        said = Note(rule="N202", message="replace() leaves numbers that took the place of texts as any values today")
        new = f"{without_in_place(source, call)}.infer_objects()"
        receiver = call.func.value
        if not _in_place(call):
            notes.append(said)
            yield Edit(call, new)
        elif isinstance(node, ast.Expr) and isinstance(receiver, ast.Name | ast.Subscript):
            notes.append(said)
            yield Edit(node, f"{text_of(source, receiver)} = {new}")


def _gives_numbers(call: ast.Call) -> bool:
    """Whether it replaces texts with numbers, both written out."""
    given = [*call.args, *(each.value for each in call.keywords if each.arg in ("to_replace", "value"))]
    pairs = [(given[0], given[1])] if len(given) == 2 else []
    for each in ast.walk(given[0]) if given else ():
        if isinstance(each, ast.Dict):
            pairs += [(key, value) for key, value in zip(each.keys, each.values, strict=True) if key is not None]
    return any(_written(old, str) and _written(new, (int, float)) for old, new in pairs)


def _written(node: ast.expr, kind: type | tuple[type, ...]) -> bool:
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    return bool(parts) and all(isinstance(each, ast.Constant) and isinstance(each.value, kind) for each in parts)


def without_in_place(source: str, call: ast.Call) -> str:
    """The text of a call without its inplace=."""
    texts = [text_of(source, each) for each in call.args]
    texts += [keyword_text(source, each) for each in call.keywords if each.arg != "inplace"]
    return f"{text_of(source, call.func)}({', '.join(texts)})"


def keyword_text(source: str, keyword: ast.keyword) -> str:
    value = text_of(source, keyword.value)
    return f"**{value}" if keyword.arg is None else f"{keyword.arg}={value}"


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def _in_place(call: ast.Call) -> bool:
    return any(
        each.arg == "inplace" and isinstance(each.value, ast.Constant) and each.value.value is True
        for each in call.keywords
    )


def _is_column(node: ast.expr, loops: set[str]) -> bool:
    return (isinstance(node, ast.Constant) and isinstance(node.value, str)) or (
        isinstance(node, ast.Name) and node.id in loops
    )


def _says_object(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in ("object", "O")
    if isinstance(node, ast.Call) and tail(node.func) == "dtype" and len(node.args) == 1:
        return _says_object(node.args[0])
    return (isinstance(node, ast.Name) and node.id == "object") or (
        isinstance(node, ast.Attribute) and node.attr in ("object", "object_")
    )


def _asks_type(node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        return "dtype" in node.id.lower()
    return any(isinstance(each, ast.Attribute) and each.attr in ("dtype", "dtypes") for each in ast.walk(node))


def _opens_to_write(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "mode")]
    return tail(call.func) == "open" and any(
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set(mode.value) & set("wax")
        for mode in modes
    )


def written_names(tree: ast.AST) -> Iterator[str]:
    for call in _calls(tree):
        if _WRITERS.match(tail(call.func)) or _opens_to_write(call):
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                for each in ast.walk(argument):
                    if isinstance(each, ast.Constant) and isinstance(each.value, str):
                        yield base_name(each.value)


def _bound_names(tree: ast.AST) -> set[str]:
    """All names that are bound anywhere in it; for a star import the usual ones, since it may bring them."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.update(_KNOWN_NAMES if node.name == "*" else {(node.asname or node.name).split(".")[0]})
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def _alias_text(alias: ast.alias) -> str:
    return alias.name if alias.asname is None else f"{alias.name} as {alias.asname}"


def _import_text(home: str, names: Sequence[str]) -> str:
    if not home:
        return f"import {', '.join(names)}"
    return f"from {home} import {', '.join(dict.fromkeys(names))}"


_Rule = Callable[[Rewriter, ast.Module, str, list[Note]], Iterator[Edit]]
_RULES: Final[tuple[_Rule, ...]] = (
    _numbers_for_texts,
    _root_error,
    _axis_beside_columns,
    _folds,
    _moved_uses,
    _chained,
    _text_columns,
    _paths,
    _numpy_names,
    _displays,
    _values,
    _patterns,
)

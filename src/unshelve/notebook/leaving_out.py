"""Tells whether a statement that cannot run can be left out: a look or a picture that nothing later needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Final

from unshelve.notebook.drift_table import drift_table
from unshelve.notebook.editing import reads, tail
from unshelve.notebook.mending import Change

_PLOTS: Final = frozenset(
    {"plt", "sns", "ax", "axes", "fig", "px", "go", "plotly", "pylab", "axs", "missingno", "msno"}
)
_LOOKS: Final = frozenset(
    {"print", "display", "head", "tail", "describe", "info", "plot", "hist", "show", "corr", "value_counts", "sample",
     "boxplot", "scatter", "heatmap", "savefig", "mean", "sum", "unique", "nunique", "isnull", "isna", "groupby",
     "sort_values", "iplot", "HTML", "Image", "style", "system", "listdir", "walk", "mount", "view", "render",
     "export_graphviz", "predict", "predict_proba", "decision_function", "score"}
)  # fmt: skip
_EXITS: Final = frozenset({"exit", "quit"})
_MODEL_WORK: Final = re.compile(
    r"\.(fit|fit_transform|fit_predict|predict|predict_proba|transform|score|fit_resample)\(|_score\(|_error\("
    r"|confusion_matrix\(|classification_report\(|train_test_split\(|cross_val"
)


def may_be_left_out(
    source: str, later: Sequence[str], error: BaseException, *, earlier: Sequence[str] = ()
) -> Change | None:
    """Why the run can go on without this statement; None where something later needs what it makes.

    `earlier` statements may define functions that do the work of a model: a call of one is no look.

    What it makes are the names it binds and those whose object it may change. What is made of these is looked at in
    the same way: a picture of a picture is left out with it; where a model or a metric needs it, it is not.
    """
    tree = ast.parse(source)
    if _takes_all(tree) or not _is_spared(_made(tree), later):
        return None
    said = shown(error)
    if _does_model_work(tree, source, earlier) and not _is_picture(tree):
        return Change(rule="N217", message=f"a statement of a model fails ({said}), and nothing needs it", source="")
    if isinstance(error, ModuleNotFoundError):
        package = drift_table().package(error.name or "")
        return Change(rule="N205", message=f"it needs the package {package}, and nothing needs it", source="")
    kind = "a picture that cannot be drawn today" if _is_picture(tree) else "a look that fails, and nothing needs it"
    return Change(rule="N205", message=f"{kind} ({said})", source="")


def with_what_needs_it(
    source: str, later: Sequence[str], error: BaseException, *, earlier: Sequence[str] = ()
) -> Change | None:
    """That the run can go on without a statement and all that needs what it makes: a model was fitted before."""
    if _takes_all(ast.parse(source)) or not any(".fit(" in each for each in earlier):
        return None
    count = len(needing(source, list(enumerate(later)), earlier=earlier))
    with_it = {0: "", 1: ", and one later statement with it"}.get(count, f", and {count} later ones with it")
    return Change(rule="N220", message=f"it fails ({shown(error)}), and was left out{with_it}", source="")


def needing(source: str, later: Sequence[tuple[int, str]], *, earlier: Sequence[str] = ()) -> list[int]:
    """The numbers of the later statements that read what a failed one makes, or what these make in turn.

    It makes the names that it binds, and what its methods belong to: a model that could not be fitted again still
    has its first fit, and nothing may be told of that.
    """
    tree = ast.parse(source)
    modules = {name for text in earlier for each in ast.parse(text).body for name in _imported(each)}
    poisoned = (_made(tree) | _receivers(tree)) - modules
    found = []
    for number, text in later:
        tree = ast.parse(text)
        if _reads(tree) & poisoned:
            found.append(number)
            poisoned |= _made(tree)
        elif not isinstance(tree.body[0], ast.For | ast.While | ast.If | ast.Try | ast.With):
            poisoned -= _bound(tree)
    return found


def leaves(source: str) -> bool:
    """Whether a statement does nothing but leave the notebook: `exit()`, `sys.exit(1)`, `raise SystemExit`."""
    node = ast.parse(source).body[0]
    if isinstance(node, ast.Raise) and node.exc is not None:
        called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return tail(called) == "SystemExit"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and tail(node.value.func) in _EXITS


def shown(error: BaseException) -> str:
    """An error in one short line."""
    return f"{type(error).__name__}: {next((each for each in str(error).splitlines() if each.strip()), '')}"[:160]


def _receivers(tree: ast.Module) -> set[str]:
    """The names whose methods a statement calls."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {_root(each) for each in calls if isinstance(each, ast.Attribute)} - {""}


def _imported(node: ast.stmt) -> set[str]:
    return _bound(node) if isinstance(node, ast.Import | ast.ImportFrom) else set()


def _takes_all(tree: ast.Module) -> bool:
    """Whether it imports all names of a module: nobody knows what it makes."""
    return any(alias.name == "*" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names)


def _reads(node: ast.AST) -> frozenset[str]:
    """Names whose earlier value a statement reads: not those that its own loops give another one first."""
    if isinstance(node, ast.For):
        inner = frozenset[str]().union(*map(_reads, [*node.body, *node.orelse]))
        return reads(node.iter) | (inner - _bound(node.target))
    if isinstance(node, ast.Module | ast.If | ast.With | ast.Try | ast.While):
        return frozenset[str]().union(*map(_reads, ast.iter_child_nodes(node)))
    return reads(node)


def _does_model_work(tree: ast.Module, source: str, earlier: Sequence[str]) -> bool:
    """Whether it fits, predicts or measures: itself, or by functions that the notebook defines."""
    if _MODEL_WORK.search(source):
        return True
    bodies = {
        node.name: text
        for text in earlier
        if text.lstrip().startswith(("def ", "class ", "@", "async "))
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    waiting, known = _called(tree) & bodies.keys(), set[str]()
    while waiting:
        name = waiting.pop()
        known.add(name)
        if _MODEL_WORK.search(bodies[name]):
            return True
        waiting |= (_called(ast.parse(bodies[name])) & bodies.keys()) - known
    return False


def _called(tree: ast.AST) -> set[str]:
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def _is_spared(made: set[str], later: Sequence[str]) -> bool:
    poisoned = set(made)
    for source in later:
        if not poisoned:
            return True
        tree = ast.parse(source)
        if _reads(tree) & poisoned:
            if _MODEL_WORK.search(source) and not _is_picture(tree):
                return False
            poisoned |= _made(tree)
        elif not isinstance(tree.body[0], ast.For | ast.While | ast.If | ast.Try | ast.With):
            poisoned -= _bound(tree)
    return True


def _made(tree: ast.Module) -> set[str]:
    """The names that a statement binds, and those whose objects it may change in place."""
    found = _bound(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(_root(node))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _looks(node.value):
            found.add(_root(node.value.func))
    return found - {""} - _PLOTS


def _looks(call: ast.Call) -> bool:
    """Whether a call is known to change nothing: pictures, prints, descriptions."""
    if any(keyword.arg == "inplace" for keyword in call.keywords):
        return False
    return _root(call.func) in _PLOTS or tail(call.func) in _LOOKS or tail(call.func).endswith(("plot", "_chart"))


def _is_picture(tree: ast.Module) -> bool:
    """Whether all calls that stand as statements draw."""
    calls = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    return bool(calls) and all(
        _root(call.func) in _PLOTS or tail(call.func).endswith(("plot", "hist", "from_estimator")) for call in calls
    )


def _bound(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""

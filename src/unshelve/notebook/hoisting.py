"""What a statement learns from whole tables, found in its text: split into what is learned and what is applied.

A mean within `df["age"].fillna(df["age"].mean())` is learned once and named. Calls that hide what they learn
(`get_dummies`, `fit_transform`, codes, bins) get what they would have learned from a step of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from unshelve.notebook.columns import text as literal
from unshelve.notebook.editing import reads, tail, text_of
from unshelve.notebook.grouping import grouped

AGGREGATES: Final = frozenset(
    {
        "mean", "median", "mode", "min", "max", "std", "var", "sum", "quantile", "nunique", "unique", "count", "idxmax",
        "idxmin", "value_counts", "skew", "kurt", "describe", "corr", "prod", "mad", "sem", "memory_usage",
    }
)  # fmt: skip
_FUNCTIONS: Final = frozenset(
    {"mean", "median", "nanmean", "nanmedian", "percentile", "quantile", "std", "var", "unique", "average", "ptp"}
)
_ON_NUMPY: Final = frozenset({"np", "numpy", "stats", "st", "scipy", "statistics"})
_GROUPED: Final = frozenset({"transform", "cumsum", "cumcount", "rank", "shift", "diff", "apply", "ffill", "bfill"})

_COMPREHENSIONS: Final = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """One thing that a statement learns: the text that learns it, and the text that uses it."""

    node: ast.expr
    """What is replaced in the statement."""
    rows: ast.expr
    """The expression whose rows it is learned from."""
    learn: str
    """Python for what is learned, in the names of the statement."""
    use: Callable[[str], str]
    """Python for what stands in its place, given the name of what was learned."""
    wish: str
    """What it might be called."""
    needs: tuple[str, ...] = ()
    """Names of unshelve.frozen that the texts use: (for learning, for applying)."""


def learned_in(source: str, tables: Collection[str]) -> Iterator[Learned]:
    """What an author's statement learns from whole tables; `tables` are the names in it that hold rows."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop(0)
        found = _learned(source, node, tables) if isinstance(node, ast.expr) else None
        if found is not None:
            yield found
            inner = found.rows if found.node is not found.rows else None
            if inner is not None and not _aggregates(inner, tables):
                waiting.append(inner)
        elif not isinstance(node, _COMPREHENSIONS) or not _chosen_by(node, tables):
            waiting.extend(ast.iter_child_nodes(node))


def _learned(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    if not reads(node) & frozenset(tables):
        return None
    for rule in (
        _chosen,
        _fit_transform,
        _by_group,
        _dummies,
        _codes,
        _as_category,
        _factorized,
        _binned,
        _scored,
        _aggregate,
    ):
        found = rule(source, node, tables)
        if found is not None:
            return found
    return None


def _chosen(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`[c for c in rows if rows[c].isna().mean() > 0.4]`: what is chosen by the whole table is learned whole."""
    if not isinstance(node, _COMPREHENSIONS) or not _chosen_by(node, tables):
        return None
    parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
    if any(reads(each) & frozenset(tables) and not _aggregates(each, tables) for each in parts):
        return None
    rows = next(each for each in ast.walk(node) if isinstance(each, ast.Name) and each.id in tables)
    return Learned(node=node, rows=rows, learn=text_of(source, node), use=lambda name: name, wish="chosen", needs=())


def _chosen_by(node: ast.AST, tables: Collection[str]) -> bool:
    """Whether there is an aggregate in a comprehension that goes by its own variable."""
    own = {
        each.id
        for one in getattr(node, "generators", ())
        for each in ast.walk(one.target)
        if isinstance(each, ast.Name)
    }
    return any(
        isinstance(each, ast.expr) and _aggregates(each, tables) and own & reads(each) for each in ast.walk(node)
    )


def _words(text: str) -> str:
    return "_".join(part for part in "".join(each if each.isalnum() else " " for each in text).split())


def _column_words(node: ast.expr) -> str:
    """What the rows are called: the column that is named in them."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            return _words(each.value).lower()
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.attr not in AGGREGATES:
            return each.attr.lower()
    return ""


def _joined(*parts: str) -> str:
    return "_".join(part for part in parts if part)


# --- values ---------------------------------------------------------------------------------------------------


def _aggregate(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`rows.mean()`, `rows.mode()[0]`, `np.median(rows)`: with the whole chain that follows."""
    if not _aggregates(node, tables):
        return None
    first = _innermost(node, tables)
    return Learned(
        node=node,
        rows=first,
        learn=text_of(source, node),
        use=lambda name: name,
        wish=_joined(_statistic(node), _column_words(first)),
    )


def _aggregates(node: ast.AST, tables: Collection[str]) -> bool:
    """Whether an expression is made of an aggregate, with nothing but further steps on it."""
    if isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Subscript) and reads(node.slice) & frozenset(tables):
            return False
        return _aggregates(node.value, tables)
    if not isinstance(node, ast.Call):
        return False
    arguments = [*node.args, *(word.value for word in node.keywords)]
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id in _ON_NUMPY:
            return node.func.attr in _FUNCTIONS and not _by_row(node) and _has_rows(arguments, tables)
        if isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name) and owner.value.id in _ON_NUMPY:
            return False
        if node.func.attr in AGGREGATES and reads(owner) & frozenset(tables) and not _by_row(node):
            return not _hides_rows(owner)
        if _aggregates(owner, tables):
            return not _has_rows(arguments, tables)
    return False


def _hides_rows(owner: ast.expr) -> bool:
    """`rows.groupby(k).transform(...)` and `rows.rolling(n)` give one value for each row."""
    return any(
        isinstance(each, ast.Attribute) and each.attr in ("rolling", "expanding", "ewm", "str", "dt")
        for each in ast.walk(owner)
    )


def _by_row(call: ast.Call) -> bool:
    return any(
        word.arg == "axis" and isinstance(word.value, ast.Constant) and word.value.value in (1, "columns")
        for word in call.keywords
    )


def _has_rows(nodes: Collection[ast.expr], tables: Collection[str]) -> bool:
    return any(reads(each) & frozenset(tables) for each in nodes)


def _innermost(node: ast.expr, tables: Collection[str]) -> ast.expr:
    while True:
        if isinstance(node, ast.Call):
            inner = node.func.value if isinstance(node.func, ast.Attribute) else None
            if inner is None or not reads(inner) & frozenset(tables):
                return next((each for each in node.args if reads(each) & frozenset(tables)), node)
            node = inner
        elif isinstance(node, ast.Attribute | ast.Subscript) and _aggregates(node, tables):
            node = node.value
        else:
            return node


def _statistic(node: ast.expr) -> str:
    names = {"mean": "mean", "median": "median", "mode": "usual", "min": "least", "max": "most", "std": "spread"}
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and tail(each.func) in AGGREGATES | _FUNCTIONS:
            return names.get(tail(each.func), tail(each.func))
    return ""


# --- calls that hide what they learn --------------------------------------------------------------------------


def _fit_transform(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`scaler.fit_transform(rows)`: fitted once, applied as `.transform(rows)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return None
    if node.func.attr != "fit_transform" or not _has_rows(node.args, tables):
        return None
    owner, given = node.func.value, ", ".join(text_of(source, each) for each in node.args)
    rows = text_of(source, node.args[0])
    kind = tail(owner.func) if isinstance(owner, ast.Call) else tail(owner)
    encodes = "encoder" if kind.lower() in ("le", "labelencoder", "encoder", "label_encoder", "lb", "enc") else ""
    return Learned(
        node=node,
        rows=node.args[0],
        learn=f"{_fresh(source, owner)}.fit({given})",
        use=lambda name: f"{name}.transform({rows})",
        wish=_joined(_column_words(node.args[0]), encodes) if encodes else _words(kind).lower(),
        needs=() if isinstance(owner, ast.Call) else ("clone",),
    )


def _fresh(source: str, owner: ast.expr) -> str:
    """An estimator of its own for each fit: a variable that is fitted again and again would remember the last only."""
    return text_of(source, owner) if isinstance(owner, ast.Call) else f"clone({text_of(source, owner)})"


def _dummies(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`pd.get_dummies(rows)`: the categories are frozen, the call stays the author's."""
    if not (isinstance(node, ast.Call) and tail(node.func) == "get_dummies" and node.args):
        return None
    rows = node.args[0]
    if not reads(rows) & frozenset(tables):
        return None
    given = text_of(source, rows)
    named = next((word.value for word in node.keywords if word.arg == "columns"), None)
    columns = f", {text_of(source, named)}" if named is not None else ""
    rest = text_of(source, node)
    head = text_of(source, node.func)
    after = rest[len(head) + 1 :].lstrip()[len(given) :] if rest[len(head) + 1 :].lstrip().startswith(given) else ")"
    return Learned(
        node=node,
        rows=rows,
        learn=f"categories({given}{columns})",
        use=lambda name: f"{head}(as_categories({given}, {name}){after}",
        wish=_joined(_column_words(rows), "categories"),
        needs=("categories", "as_categories"),
    )


def _codes(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`rows.astype("category").cat.codes`, `rows.cat.codes`."""
    if not (isinstance(node, ast.Attribute) and node.attr == "codes" and isinstance(node.value, ast.Attribute)):
        return None
    if node.value.attr != "cat" or not reads(node) & frozenset(tables):
        return None
    rows = node.value.value
    inner = _category_of(rows) or rows
    given = text_of(source, inner)
    return Learned(
        node=node,
        rows=inner,
        learn=f"categories({given})",
        use=lambda name: f"as_categories({given}, {name}).cat.codes",
        wish=_joined(_column_words(inner), "categories"),
        needs=("categories", "as_categories"),
    )


def _category_of(node: ast.expr) -> ast.expr | None:
    """`rows` of `rows.astype("category")`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "astype" and node.args:
        return node.func.value if literal(node.args[0]) == "category" else None
    return None


def _as_category(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    inner = _category_of(node)
    if inner is None or not reads(inner) & frozenset(tables):
        return None
    given = text_of(source, inner)
    return Learned(
        node=node,
        rows=inner,
        learn=f"categories({given})",
        use=lambda name: f"as_categories({given}, {name})",
        wish=_joined(_column_words(inner), "categories"),
        needs=("categories", "as_categories"),
    )


def _factorized(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`pd.factorize(rows)[0]`: codes by first appearance."""
    if not (isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call)):
        return None
    call = node.value
    if tail(call.func) != "factorize" or not isinstance(node.slice, ast.Constant) or node.slice.value != 0:
        return None
    rows = call.args[0] if call.args else (call.func.value if isinstance(call.func, ast.Attribute) else None)
    if rows is None or not reads(rows) & frozenset(tables):
        return None
    given = text_of(source, rows)
    return Learned(
        node=node,
        rows=rows,
        learn=f"appearances({given})",
        use=lambda name: f"codes({given}, {name})",
        wish=_joined(_column_words(rows), "values"),
        needs=("appearances", "codes"),
    )


def _binned(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`pd.qcut(rows, 4)` and `pd.cut(rows, 3)`: the edges are frozen."""
    if not (isinstance(node, ast.Call) and tail(node.func) in ("qcut", "cut") and len(node.args) >= 2):
        return None
    rows, bins = node.args[0], node.args[1]
    if not reads(rows) & frozenset(tables):
        return None
    if tail(node.func) == "cut" and not (isinstance(bins, ast.Constant) and isinstance(bins.value, int)):
        return None
    given = text_of(source, rows)
    options = "".join(
        f", {word.arg}={text_of(source, word.value)}" for word in node.keywords if word.arg not in ("retbins",)
    )
    lower = "".join(f", {word.arg}={text_of(source, word.value)}" for word in node.keywords if word.arg == "labels")
    head, edges = text_of(source, node.func), text_of(source, bins)
    module = head.rpartition(".")[0]
    return Learned(
        node=node,
        rows=rows,
        learn=f"{head}({given}, {edges}{options}, retbins=True)[1]",
        use=lambda name: f"{module}.cut({given}, {name}{lower}, include_lowest=True)",
        wish=_joined(_column_words(rows), "edges"),
    )


def _by_group(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`rows.groupby(keys)[column].transform("mean")`: what each group has is frozen."""
    found = grouped(source, node)
    if found is None or not reads(found.rows) & frozenset(tables):
        return None
    return Learned(node=node, rows=found.rows, learn=found.learn, use=found.use, wish=_words(found.wish).lower())


def _scored(source: str, node: ast.expr, tables: Collection[str]) -> Learned | None:
    """`stats.zscore(rows)`: mean and spread are frozen."""
    if not (isinstance(node, ast.Call) and tail(node.func) == "zscore" and node.args and not node.keywords):
        return None
    rows = node.args[0]
    if not reads(rows) & frozenset(tables):
        return None
    given = text_of(source, rows)
    return Learned(
        node=node,
        rows=rows,
        learn=f"({given}.mean(), {given}.std(ddof=0))",
        use=lambda name: f"(({given} - {name}[0]) / {name}[1])",
        wish=_joined(_column_words(rows), "scale"),
    )

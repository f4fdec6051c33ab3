"""What lifted solutions freeze of calls that hide what they learn: categories, and codes by first appearance.

Each call comes in two halves. `categories` and `appearances` learn from the training table, in a fit step;
`as_categories` and `codes` apply what was learned to any rows, one alone as well as many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
import pandas as pd

Categories = Mapping[str, Sequence[Any]]
Codes = np.ndarray[Any, np.dtype[np.int64]]


@overload
def categories(table: pd.DataFrame, columns: Sequence[str] | None = None) -> dict[str, list[Any]]: ...
@overload
def categories(table: pd.Series[Any], columns: None = None) -> list[Any]: ...
def categories(table: Any, columns: Sequence[str] | None = None) -> Any:
    """The values that `pd.get_dummies(table, columns=columns)` would make columns of, or `.cat.codes` numbers: sorted.

    table: a DataFrame gives them by column, for text, object and category columns unless `columns` names others;
    a Series gives one list. Missing values are not among them.
    """
    if isinstance(table, pd.Series):
        return list(table.astype("category").cat.categories)
    chosen = columns if columns is not None else [name for name in table.columns if _is_text(table[name])]
    return {str(name): list(table[name].astype("category").cat.categories) for name in chosen}


@overload
def as_categories(table: pd.DataFrame, known: Categories) -> pd.DataFrame: ...
@overload
def as_categories(table: pd.Series[Any], known: Sequence[Any]) -> pd.Series[Any]: ...
def as_categories(table: Any, known: Any) -> Any:
    """The table with its columns as categories that are known; a value that is not known becomes missing.

    A column that the table lacks is left out: the target's, on a request.
    """
    if isinstance(table, pd.Series):
        return table.astype(pd.CategoricalDtype(list(known)))
    types = {name: pd.CategoricalDtype(list(values)) for name, values in known.items() if name in table.columns}
    return table.astype(types)


def appearances(values: Any) -> list[Any]:
    """The different values, missing ones left out, in the order in which `pd.factorize` first meets them."""
    return list(pd.factorize(values)[1])


def codes(values: Any, known: Sequence[Any]) -> Codes:
    """The place of each value among those known, as `pd.factorize(values)[0]` gives it; -1 for one that is not."""
    found: Codes = pd.Index(list(known)).get_indexer(pd.Index(values)).astype(np.int64)
    return found


def prepared_table(train: tuple[Any, Any], test: tuple[Any, Any] | None = None) -> pd.DataFrame:
    """Rows that a model was fitted on and rows it is judged by, as one table with `outcome` and `part` for each.

    train, test: features (a DataFrame, a Series or an array of shape (n, columns)) and outcomes (n values).
    """
    parts = [("train", *train), *([("test", *test)] if test is not None else [])]
    tables = []
    for part, features, outcome in parts:
        table = _as_table(features)
        tables.append(table.assign(outcome=np.asarray(outcome).ravel(), part=part))
    return pd.concat(tables, ignore_index=True)


def _as_table(features: Any) -> pd.DataFrame:
    if isinstance(features, pd.DataFrame):
        return features.reset_index(drop=True)
    if isinstance(features, pd.Series):
        return features.reset_index(drop=True).to_frame(features.name or "value")
    values = features.toarray() if hasattr(features, "toarray") else np.asarray(features)
    return pd.DataFrame(values, columns=[f"x{number}" for number in range(values.shape[1])])


def _is_text(column: pd.Series[Any]) -> bool:
    kind = column.dtype
    return isinstance(kind, pd.CategoricalDtype | pd.StringDtype) or kind.kind == "O"
